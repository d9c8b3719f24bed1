import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { activateUpload } from '../../src/db/activate-upload.ts';
import { openDatabase } from '../../src/db/database.ts';
import { insertKeypairs, type NewKeypair } from '../../src/db/keypairs.ts';
import { insertOracleSet } from '../../src/db/oracle-sets.ts';
import {
  type DepositEntry,
  depositDataRoot,
  depositMessageRoot,
  depositOfVault,
} from '../../src/domain/consensus/deposit.ts';
import { depositTextOf } from '../../src/domain/consensus/deposit-text.ts';
import { buildDepositTree } from '../../src/domain/protocol/deposit-tree.ts';
import { oracleSetHash } from '../../src/domain/protocol/oracle-config.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { setupVault } from '../../src/services/remote-db/setup-vault.ts';
import { unlockVault } from '../../src/services/remote-db/unlock-vault.ts';
import { activationOf } from '../support/scenes/stored-keys.ts';
import type { StepResult } from './child-process.ts';
import type { FillOptions } from './database-steps.ts';
import { fixedBytes, NETWORK, type Scheme, VAULT } from './inputs.ts';
import { check, measure } from './measure.ts';
import { withClient } from './with-client.ts';

const network = resolveNetwork(NETWORK);
const vaultAddress = fromHex(VAULT, 20);
const BATCH = 500;
const bare = (bytes: Uint8Array) => toHex(bytes).slice(2);

/** Entries with all members, of keys that nobody has: nothing here verifies a signature. */
function benchEntries(count: number): DepositEntry[] {
  return Array.from({ length: count }, (_, i) => ({
    publicKey: fixedBytes(`public key ${i}`, 48),
    signature: fixedBytes(`signature ${i}`, 96),
  }));
}

/** The entries as Python's json.dumps writes them. */
function documentOf(entries: readonly DepositEntry[]): string {
  const members = entries.map(entry => {
    const deposit = depositOfVault(entry, vaultAddress);
    const { publicKey, signature, withdrawalCredentials } = deposit;
    return [
      `"pubkey": "${bare(publicKey)}", "withdrawal_credentials": "${bare(withdrawalCredentials)}"`,
      `"amount": ${deposit.amountGwei}, "signature": "${bare(signature)}"`,
      `"deposit_message_root": "${bare(depositMessageRoot(deposit))}"`,
      `"deposit_data_root": "${bare(depositDataRoot(deposit))}"`,
      `"fork_version": "${bare(network.genesisForkVersion)}", "network_name": "${NETWORK}"`,
      '"deposit_cli_version": "2.4.0"',
    ].join(', ');
  });
  return `[${members.map(each => `{${each}}`).join(', ')}]`;
}

/** Writes deposit data, as one file and as two halves. The root is OpenZeppelin's. */
export async function writeDepositDataStep({
  directory,
  count,
}: {
  directory: string;
  count: number;
}): Promise<StepResult> {
  const { cost, value } = await measure(() => {
    const entries = benchEntries(count);
    writeFileSync(join(directory, 'all.json'), documentOf(entries));
    writeFileSync(join(directory, 'even.json'), documentOf(entries.filter((_, i) => i % 2 === 0)));
    writeFileSync(join(directory, 'odd.json'), documentOf(entries.filter((_, i) => i % 2 === 1)));
    const tree = buildDepositTree(entries, vaultAddress);
    const leaves = entries.map((_, i): [string, bigint] => [toHex(tree.validatorAt(i)), BigInt(i)]);
    return StandardMerkleTree.of(leaves, ['bytes', 'uint256']).root;
  });
  return { cost, figures: { root: value } };
}

/** Bare: both halves parsed by JSON.parse, and as much text written by JSON.stringify. */
export async function mergeBare({ directory }: { directory: string }): Promise<StepResult> {
  return measure(() => {
    const [even, odd] = ['even', 'odd'].map(name =>
      JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')),
    );
    writeFileSync(join(directory, 'bare.json'), JSON.stringify([...even, ...odd]));
  });
}

/** A vault as an upload leaves it, with deposit data, of keys that nobody has: setup-operator opens none of them. */
export async function fillOperatorStep(options: FillOptions): Promise<StepResult> {
  const { url, encryptKey, count, oracles, threshold } = options;
  const { cost } = await measure(async () => {
    await using database = await openDatabase({ url, statementTimeoutMs: 0 });
    const ref = { network, address: VAULT };
    await setupVault(database, { ref, programVersion: '1.0.0', encryptKey, ifNeeded: true });
    using unlocked = await unlockVault(database, ref, encryptKey);
    const { vault } = unlocked;
    const publicKeys = Array.from({ length: oracles }, (_, i) => fixedBytes(`oracle ${i}`, 64));
    const hash = oracleSetHash({
      exitSignatureRecoverThreshold: threshold,
      oracles: publicKeys.map(publicKey => ({ publicKey })),
    });
    const oracleSet = { hash, configIpfsHash: 'bench', threshold, publicKeys };
    await insertOracleSet(database, vault.vaultId, oracleSet);
    const entries = benchEntries(count);
    for (let from = 0; from < count; from += BATCH) {
      const keypairs = entries.slice(from, from + BATCH).map(entry => keypairOf(entry, oracles));
      const { vaultId, dataKeyId } = vault;
      await insertKeypairs(database, { vaultId, oracleSetHash: hash, dataKeyId, keypairs });
    }
    const { root } = buildDepositTree(entries, vaultAddress);
    const keys = entries.map(({ publicKey }) => publicKey);
    const depositData = { root, text: depositTextOf([Buffer.from(documentOf(entries))]), entryCount: count };
    await activateUpload(database, activationOf(vault, keys, oracleSet, { depositData }));
  });
  return { cost };
}

function keypairOf({ publicKey }: DepositEntry, oracles: number): NewKeypair {
  const secret = { nonce: new Uint8Array(12), ciphertext: new Uint8Array(48) };
  const shares = Array.from({ length: oracles }, (_, oracle) => ({
    publicKey: fixedBytes(`share ${oracle} of ${bare(publicKey)}`, 48),
    ...secret,
  }));
  return { publicKey, secret, shares };
}

/** Compares both files with the rows, past the program. */
export async function checkOperatorFilesStep({
  url,
  directory,
  count,
  oracles,
}: Scheme & { url: string; directory: string }): Promise<StepResult> {
  const { cost } = await measure(() =>
    withClient(url, async client => {
      const read = (name: string) => readFileSync(join(directory, name), 'utf8');
      const { rows } = await client.query(
        'select parent_public_key, public_key from stakewise_operator.key_shares order by 1, share_index',
      );
      const written = Object.entries(
        JSON.parse(read('remote_signer_config.json')).pubkeys_to_shares as Record<string, string[]>,
      ).flatMap(([parent, shares]) => shares.map(share => `${parent} ${share}`));
      check(rows.length === count * oracles && written.length === rows.length, `${written.length} shares`);
      check(
        rows.every((row, i) => written[i] === `${toHex(row.parent_public_key)} ${toHex(row.public_key)}`),
        'the shares in the file',
      );
      const stored = await client.query('select document from stakewise_operator.deposit_data');
      check(stored.rows[0]?.document === read('deposit_data.json'), 'the deposit data in the file');
    }),
  );
  return { cost };
}
