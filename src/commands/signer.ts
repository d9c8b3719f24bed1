import { chooseKeySource } from '../cli/choose-key-source.ts';
import { example } from '../cli/examples.ts';
import { KEY_SOURCE_OPTIONS, rereadable } from '../cli/flags/key-sources.ts';
import { checkListener, LISTEN_OPTIONS } from '../cli/flags/listener.ts';
import { verbose } from '../cli/flags/nodes.ts';
import { optionalDbUrl, REMOTE_DB_OPTIONS } from '../cli/flags/remote-db.ts';
import { START_OPTIONS } from '../cli/flags/start.ts';
import { networkOfVault, newDataDir } from '../cli/flags/vault.ts';
import { listenSettings } from '../cli/listen-settings.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { flag, optional, type Resolved } from '../cli/options/option.ts';
import { address, directory, integer } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/signer.ts';
import { openSigner, untilStopped } from '../compose/signer.ts';
import { UsageError } from '../lib/errors.ts';
import { createLogProgress } from '../lib/log-progress.ts';
import { createServiceLogger } from '../lib/logger.ts';
import { type KeySourceSettings, noKeySource, type SecretSetting } from '../settings/signer-settings.ts';
import { readVaultConfig } from '../settings/vault-config.ts';

const OPTIONS = {
  vault: optional({ description: 'The address of the vault.', env: 'VAULT', value: address }),
  network: networkOfVault,
  dataDir: newDataDir,
  ...LISTEN_OPTIONS,
  keysDir: optional({
    description: 'Directory of Web3Signer key files, as "remote-db setup-web3signer" writes it.',
    value: directory({ exists: true }),
  }),
  signDeposits: flag({
    description:
      'Signs deposits, too: of 32 to 2,048 ETH, to the withdrawal credentials of the vault (--vault) and to no others.',
    env: 'SIGNER_SIGN_DEPOSITS',
  }),
  ...KEY_SOURCE_OPTIONS,
  dbUrl: optionalDbUrl,
  dbSchema: REMOTE_DB_OPTIONS.dbSchema,
  waitForDb: REMOTE_DB_OPTIONS.waitForDb,
  encryptKey: optional<SecretSetting>({
    description: 'The encryption key for the remote database.',
    env: 'REMOTE_DB_ENCRYPT_KEY',
    secret: true,
    hidden: true,
    value: rereadable,
  }),
  poolSize: optional({
    description: 'Number of signing threads. Default is the number of cores, at most 4.',
    env: 'POOL_SIZE',
    value: integer({ min: 1, max: 256 }),
  }),
  logFormat: START_OPTIONS.logFormat,
  verbose,
};

/** @throws UsageError for options that do not go together */
function checkSigner(given: Resolved<typeof OPTIONS>): void {
  checkListener(given);
  if (!given.signDeposits || given.vault !== undefined) return;
  throw new UsageError(
    'sign-deposits-without-vault',
    '--sign-deposits signs deposits of one vault only, and no --vault is named.',
  );
}

export default class Signer extends operatorCommand(OPTIONS, { check: checkSigner })<typeof RESULT> {
  static override summary =
    "Signs exits, and deposits of one vault where it is told to, and nothing else, over Web3Signer's HTTP API.";
  static override examples = [
    example('signer --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc'),
    example('signer --network mainnet --keys-dir ./web3signer --socket ./run/signer.sock'),
    example('signer --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --sign-deposits'),
  ];

  async run() {
    const given = await this.resolve();
    const keys = this.chooseKeys(given);
    const network = given.network ?? (await networkOf(given));
    const { poolSize, verbose, vault } = given;
    const deposits = given.signDeposits && vault !== undefined ? { vault } : undefined;
    const level = verbose ? 'DEBUG' : 'INFO';
    const log = createServiceLogger({ level, format: given.logFormat, scrub: line => line });
    const settings = { network, keys, poolSize, deposits, ...listenSettings(given) };
    await using signer = await openSigner(settings, {
      log,
      warn: this.warn,
      progress: createLogProgress(log),
    });
    // Listened for first: whoever reads the line may answer with SIGTERM at once.
    const stopped = untilStopped(['SIGTERM', 'SIGINT']);
    if (deposits !== undefined) this.say(`Signing deposits of vault ${deposits.vault}, too`);
    this.say(`Signing exits with ${signer.keyCount} keys on ${signer.address}`);
    await stopped;
    this.say('Stopping');
    return { keys: signer.keyCount };
  }

  /** A key directory before keystores before HashiCorp Vault before the remote database. */
  private chooseKeys(given: Resolved<typeof OPTIONS>): KeySourceSettings {
    const { keysDir, dbUrl, encryptKey, vault, network, dbSchema, waitForDb, dataDir } = given;
    if (keysDir !== undefined) return { kind: 'key-files', directory: keysDir };
    const keys = chooseKeySource(given, this.hint);
    if (keys !== undefined) {
      if (dbUrl !== undefined) this.hint('Keys of the remote database are not used.');
      return keys;
    }
    if (dbUrl !== undefined && encryptKey !== undefined && vault !== undefined)
      return { kind: 'remote-db', db: { vault, dbUrl, network, dbSchema, waitForDb, dataDir }, encryptKey };
    throw noKeySource(
      'Name one: --keystores-dir, --keys-dir, --hashi-vault-url, or --db-url-file with --encrypt-key-file and --vault.',
    );
  }
}

async function networkOf({ vault, dataDir }: Resolved<typeof OPTIONS>): Promise<string> {
  if (vault !== undefined) return (await readVaultConfig(dataDir, vault)).network;
  throw new UsageError('network-missing', 'Name the network with --network, or the vault with --vault.');
}
