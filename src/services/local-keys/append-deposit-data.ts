import { setImmediate as nextTurn } from 'node:timers/promises';
import { vaultCredentials } from '../../domain/consensus/deposit.ts';
import { assertNotCompounding } from '../../domain/consensus/deposit-claims.ts';
import {
  assertUniqueDeposits,
  type DepositDataEntry,
  formatDepositData,
} from '../../domain/consensus/deposit-data.ts';
import { createDepositData } from '../../domain/keys/signed-deposit.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { PUBLIC_FILE_MODE, writeFileAtomic } from '../../lib/files.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import type { ProgressReporter } from '../../lib/progress.ts';
import type { Network } from '../../networks/network.ts';
import { depositDataPath, findDepositDataPath, readDepositData } from './deposit-data-file.ts';
import type { Keypair } from './write-keystores.ts';

export interface AppendedDepositData {
  /** Number of keys that the file did not name yet. */
  readonly added: number;
  /** Number of other keys that the file named before. */
  readonly earlier: number;
  /** Writes the file; without new keys it is left as it is. */
  readonly write: () => Promise<void>;
}

/**
 * Signs the deposits of keys that a vault's deposit data does not name yet, to stand behind those that it has: their
 * order is the order of registration.
 * @throws OperatorError 'deposit-data-compounding'; 'deposit-data-mismatch' when the file is of another vault or network
 */
export async function appendDepositData(
  { progress }: { readonly progress: ProgressReporter },
  options: { readonly vault: string; readonly vaultDirectory: string; readonly network: Network },
  keypairs: readonly Keypair[],
): Promise<AppendedDepositData> {
  const vault = fromHex(options.vault, ADDRESS_LENGTH);
  const existing = await readExisting(options.vaultDirectory);
  assertOfVault(existing, options, vaultCredentials(vault));
  const named = new Set(existing.entries.map(({ publicKey }) => toHex(publicKey)));

  const bar = progress.start('Generating deposit data JSON\t\t', keypairs.length);
  const added: DepositDataEntry[] = [];
  for (const { publicKey, secretKey } of keypairs) {
    if (!named.has(toHex(publicKey)))
      added.push(createDepositData({ secretKey, vault, network: options.network }));
    bar.advance();
    // Signing holds up the thread: Ctrl-C is heard in between.
    await nextTurn();
  }
  bar.finish();

  const own = new Set(keypairs.map(({ publicKey }) => toHex(publicKey)));
  const path = depositDataPath(options.vaultDirectory);
  return {
    added: added.length,
    earlier: existing.entries.filter(({ publicKey }) => !own.has(toHex(publicKey))).length,
    write: async () => {
      if (added.length === 0 && existing.path === path) return;
      await writeFileAtomic(path, formatDepositData([...existing.entries, ...added]), {
        mode: PUBLIC_FILE_MODE,
      });
    },
  };
}

async function readExisting(vaultDirectory: string) {
  const path = findDepositDataPath(vaultDirectory);
  if (path === undefined) return { path, entries: [] };
  const file = await readDepositData(vaultDirectory, path);
  assertUniqueDeposits(file.entries, path);
  return file;
}

function assertOfVault(
  { path, entries }: { readonly path: string | undefined; readonly entries: readonly DepositDataEntry[] },
  { vault, network }: { readonly vault: string; readonly network: Network },
  credentials: Uint8Array,
): void {
  for (const { publicKey, json } of entries) {
    assertNotCompounding({ publicKey, json }, path ?? 'deposit data');
    const isOfVault = holds(json, 'withdrawal_credentials', credentials);
    const isOfNetwork = holds(json, 'fork_version', network.genesisForkVersion);
    if (isOfVault && isOfNetwork) continue;
    throw new OperatorError(
      'deposit-data-mismatch',
      `${path} has public key ${toHex(publicKey)} of another ${isOfVault ? `network than ${network.name}` : `vault than ${vault}`}.`,
      { hint: 'Move that file away, then run the command again.' },
    );
  }
}

/** Whether a member has these bytes; one that is left out says nothing. */
function holds(json: Readonly<Record<string, unknown>>, member: string, bytes: Uint8Array): boolean {
  const text = json[member];
  return typeof text !== 'string' || equalBytes(fromHex(text), bytes);
}
