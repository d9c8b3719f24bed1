import { example } from '../cli/examples.ts';
import { KEYSTORE_PASSWORD_OPTIONS, keystoresDir } from '../cli/flags/keystores.ts';
import {
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  executionSettings,
  proxySettings,
  verbose,
} from '../cli/flags/nodes.ts';
import { poolSize } from '../cli/flags/pool-size.ts';
import { checkFlag } from '../cli/flags/preview.ts';
import { optionalDbUrl, REMOTE_DB_OPTIONS } from '../cli/flags/remote-db.ts';
import { checkSignerTls, REMOTE_SIGNER_URL, SIGNER_CONNECTION_OPTIONS } from '../cli/flags/signer.ts';
import { networkOfVault, newDataDir, vault } from '../cli/flags/vault.ts';
import { vaultPublicKey } from '../cli/flags/vault-public-key.ts';
import { assertUnchanged, fileLine } from '../cli/flags/written-files.ts';
import { keystoreLocation } from '../cli/keystore-location.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { flag, optional, type Resolved, repeated } from '../cli/options/option.ts';
import { file } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/deposit-data.ts';
import { signerConnection } from '../cli/signer-connection.ts';
import { openSignerClient } from '../clients/signer/signer-client.ts';
import { openExecutionNode, openHttp } from '../compose/nodes.ts';
import { openRemoteDb } from '../compose/remote-db.ts';
import { canSign, knownShares } from '../domain/fleet/signing-ability.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { createCommandLogger } from '../lib/logger.ts';
import { countOf } from '../lib/plural.ts';
import { RecordTable } from '../lib/record-table.ts';
import { readStoredDeposits } from '../services/fleet/deposit-data/read-stored-deposits.ts';
import { writeUnusedDeposits } from '../services/fleet/deposit-data/write-unused-deposits.ts';
import { findRemoteSignerConfig } from '../services/fleet/remote-signer/remote-signer-config-file.ts';
import {
  type DepositDataFile,
  depositDataPath,
  findDepositDataPath,
  readDepositData,
} from '../services/local-keys/deposit-data-file.ts';
import { lockVaultsOf } from '../services/local-keys/lock-vault.ts';
import { findUsedKeys } from '../services/staking/network-validators/find-used-keys.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import { resolveVaultNetwork } from '../settings/vault-network.ts';
import { createWorkerPool } from '../workers/pool.ts';

const OPTIONS = {
  vault: vault('Enter the vault address'),
  executionEndpoints,
  ...EXECUTION_TIMEOUTS,
  depositDataFile: repeated({
    description:
      'Path to a deposit data file with entries of the vault; may be given several times. Default is the file generated with "create-keys" command, if there is one.',
    char: 'd',
    value: file({ exists: true }),
  }),
  outputFile: optional({
    description:
      'Path of the file that is written. Default is ~/.stakewise/<vault>/deposit_data.json, whose content of before is kept beside it.',
    char: 'm',
    value: file({ exists: false }),
  }),
  force: flag({
    description:
      'Replaces the file also when it has entries that no deposit has used and that the new deposit data would not have.',
  }),
  check: checkFlag('Writes nothing; exits with 3 when the file would change.'),
  keystoresDir,
  ...KEYSTORE_PASSWORD_OPTIONS,
  dbUrl: optionalDbUrl,
  dbSchema: REMOTE_DB_OPTIONS.dbSchema,
  waitForDb: REMOTE_DB_OPTIONS.waitForDb,
  vaultPublicKey,
  remoteSignerUrl: optional(REMOTE_SIGNER_URL),
  ...SIGNER_CONNECTION_OPTIONS,
  network: networkOfVault,
  dataDir: newDataDir,
  poolSize,
  verbose,
};

type Given = Resolved<typeof OPTIONS>;

const check = (given: Given): void => checkSignerTls(given);

export default class DepositData extends operatorCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Writes the deposit data of the keys that no deposit has used yet.';
  static override description =
    'What a vault that takes validators in the order of its deposit data needs to grow: at each new root its contract begins ' +
    'again at the first entry, and stops at one that is registered already. The entries are those of the deposit data files, then what the remote ' +
    'database has beside them, then those of keystores that have none yet, which are signed. With a remote signer, entries whose keys it does not ' +
    'have are left out. Each entry is looked up in the deposit contract, and each signature is verified. ' +
    'Exits with 1 when every key has a deposit, and with 3 when the file that is there would lose an entry of another key.';
  static override examples = [
    example('deposit-data --vault 0x3320a...68 --execution-endpoints http://localhost:8545'),
    example(
      'deposit-data --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --db-url-file ./db-url --output-file ./deposit_data.json',
    ),
    example(
      'deposit-data --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --remote-signer-url http://signer:9000',
    ),
  ];

  async run() {
    const given = await this.resolve();
    const { vault, dataDir } = given;
    const vaultDir = vaultDirectory(dataDir, vault);
    const whenInterrupted = this.beginWork();
    const network = await resolveVaultNetwork(given.network, dataDir, vault);
    const ref = { network, address: vault };
    const outputFile = given.outputFile ?? depositDataPath(vaultDir);
    await using resources = new AsyncDisposableStack();
    // From reading what there is to replacing it: what another command appends meanwhile would be lost.
    const lock = resources.use(
      await lockVaultsOf(given.check ? [] : [outputFile, ...given.depositDataFile], this.warn),
    );
    const files = await readFiles(given, vaultDir);
    const { dbUrl } = given;
    const remote =
      dbUrl && resources.use(await openRemoteDb({ ...given, dbUrl, warn: this.warn }, this.config.version));
    const stored =
      remote && (await readStoredDeposits(remote.database, { ref, verifyingKey: given.vaultPublicKey }));
    const endpoints = given.executionEndpoints;
    const http = openHttp(given, { proxies: proxySettings(), endpoints }, this.hint);
    const node = resources.use(await openExecutionNode(http, executionSettings(given), network));
    const isAtHand = await this.askSigner(given, vaultDir);
    const pool = resources.use(createWorkerPool({ size: given.poolSize }));
    const progress = this.progress('passing');
    this.hint('Looking up which keys a deposit has used...');
    const written = await writeUnusedDeposits(
      {
        pool,
        progress,
        warn: this.warn,
        isAtHand,
        assertHeld: () => lock.assertHeld(),
        whenInterrupted,
        findUsedKeys: publicKeys =>
          findUsedKeys(
            { node, http, progress, warn: this.warn, database: remote?.database },
            { vault, network, publicKeys },
          ),
      },
      {
        ref,
        outputFile,
        sources: stored === undefined ? files : [...files, stored.file],
        storedKeys: stored?.publicKeys ?? new RecordTable(PUBLIC_KEY_LENGTH),
        keystores: keystoreLocation(given, vaultDir),
        force: given.force,
        check: given.check,
      },
    );
    const { previousFile, root, changes, ...counts } = written;
    const validators = countOf(counts.validators, 'validator');
    const what = `Deposit data of ${validators} that no deposit has used`;
    if (changes !== undefined)
      this.say(fileLine({ what, path: outputFile, isChanged: changes.isChanged }, given));
    else this.say(`${what} saved to ${outputFile} file`);
    this.say(`The validator deposit data Merkle tree root: ${root}`);
    if (counts.used > 0)
      this.hint(`Left out, since a deposit has used them already: ${countOf(counts.used, 'key')}.`);
    if (counts.signed > 0) this.hint(`Signed with keystores: ${countOf(counts.signed, 'entry', 'entries')}.`);
    if (changes !== undefined) {
      assertUnchanged(
        given,
        changes.isChanged,
        `${outputFile} would change: entries of ${countOf(changes.added, 'key')} would come, and of ${changes.removed} go.`,
      );
      return { vault, root, depositDataFile: outputFile, ...counts };
    }
    if (previousFile !== undefined)
      this.hint(
        `What stood there before is in ${previousFile}: an operator that is restarted before the new root is set needs it.`,
      );
    this.hint(
      'Next: the keys manager of the vault sets this root (setValidatorsRoot, setDepositDataRoot, or the web app); then remote-db upload-keypairs, where the keys are in a database.',
    );
    return { vault, root, depositDataFile: outputFile, previousFile, ...counts };
  }

  /** Whether the signer can sign exits with a key, or with the shares that it was given of it. */
  private async askSigner(
    given: Given,
    vaultDir: string,
  ): Promise<((publicKey: Uint8Array) => boolean) | undefined> {
    if (given.remoteSignerUrl === undefined) return undefined;
    const connection = await signerConnection(given);
    const log = createCommandLogger(given.verbose);
    await using signer = openSignerClient({ ...connection, urls: given.remoteSignerUrl, log });
    const loaded = await signer.listPublicKeys();
    const keys = { loaded, shares: knownShares(await findRemoteSignerConfig(vaultDir)) };
    return publicKey => canSign(keys, publicKey);
  }
}

/** The files that are named, else the vault's own, where there is one. */
async function readFiles({ depositDataFile }: Given, vaultDir: string): Promise<DepositDataFile[]> {
  const own = findDepositDataPath(vaultDir);
  const paths = depositDataFile.length > 0 || own === undefined ? depositDataFile : [own];
  return await Promise.all(paths.map(path => readDepositData(vaultDir, path)));
}
