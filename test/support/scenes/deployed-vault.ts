import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { createRolesDatabase, type RolesDatabase } from '../postgres/database-roles.ts';
import { runSql } from '../postgres/postgres.ts';
import { runCli } from '../programs/cli.ts';
import {
  type OperatorScene,
  type OperatorSceneOptions,
  startOperatorScene,
  WALLET_PASSWORD,
} from './operator-scene.ts';

/** A vault on a devnet whose keys are in a database with roles, as the admin leaves it to what is in deploy/. */
export interface DeployedVault extends AsyncDisposable {
  readonly scene: OperatorScene;
  readonly database: RolesDatabase;
  readonly encryptionKey: string;
  /** What signed facts are believed by. */
  readonly vaultPublicKey: string;
  readonly walletJson: string;
  readonly walletPassword: string;
  /** Variables that take the place of a deployment's own on the devnet. */
  readonly devnetEnv: Readonly<Record<string, string>>;
}

const setupResult = z.looseObject({ vaultPublicKey: z.string() });

/**
 * @param options.clients - for how many validator clients a plan is stored
 * @param options.isPlanSigned - whether the plan is believed by those that are given the vault's public key
 */
export async function deployVault({
  validators,
  clients,
  vaultVersion = 1,
  isPlanSigned = false,
}: {
  readonly validators: number;
  readonly clients: number;
  readonly vaultVersion?: NonNullable<OperatorSceneOptions['vaultVersion']>;
  readonly isPlanSigned?: boolean;
}): Promise<DeployedVault> {
  await using resources = new AsyncDisposableStack();
  const options = { validators, vaultVersion, hasEmbeddedDatabase: false };
  const scene = resources.use(await startOperatorScene(options));
  const database = resources.use(await createRolesDatabase({ migrated: false }));
  const encryptKeyFile = join(scene.folder, 'encrypt-key');
  const { vault, networkFile, dataDir, devnet } = scene;
  const group = ['remote-db', '--vault', vault, '--network', networkFile, '--data-dir', dataDir];
  const run = async (url: string, ...words: string[]) => {
    const env = { REMOTE_DB_URL: url, IPFS_FETCH_ENDPOINTS: devnet.ipfs.url };
    const { exitCode, stdout, stderr } = await runCli([...group, ...words], { env });
    if (exitCode !== 0) throw new Error(`${words[0]}: ${stderr}`);
    return stdout;
  };
  const key = ['--encrypt-key-file', encryptKeyFile];
  const { uploader } = database.urls;
  await run(database.ownerUrl, 'migrate');
  await runSql(database.ownerUrl, database.grants);
  const made = await run(uploader, 'setup', ...key, '--json');
  await run(uploader, 'upload-keypairs', ...key, '--execution-endpoints', devnet.rpcUrl);
  await run(uploader, 'assign', '--total-validators', String(clients), ...(isPlanSigned ? key : []));
  const owned = resources.move();
  return {
    scene,
    database,
    encryptionKey: readFileSync(encryptKeyFile, 'utf8'),
    vaultPublicKey: setupResult.parse(JSON.parse(made)).vaultPublicKey,
    walletJson: readFileSync(join(scene.vaultDir, 'wallet/wallet.json'), 'utf8'),
    walletPassword: WALLET_PASSWORD,
    devnetEnv: {
      NETWORK: networkFile,
      VAULT: vault,
      EXECUTION_ENDPOINTS: devnet.rpcUrl,
      CONSENSUS_ENDPOINTS: scene.beacon.url,
      IPFS_FETCH_ENDPOINTS: devnet.ipfs.url,
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
