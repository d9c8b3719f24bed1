import { dirname, join } from 'node:path';
import { encryptKey } from '../../cli/encrypt-key-option.ts';
import { oclifFlags } from '../../cli/oclif-flags.ts';
import { flag, optional, required } from '../../cli/option.ts';
import { RemoteDbCommand } from '../../cli/remote-db-command.ts';
import { directory, file, httpUrls, integer } from '../../cli/value-kinds.ts';
import { fetchDepositDataRoot } from '../../clients/contracts/vault.ts';
import type { ExecutionNode } from '../../clients/execution-node.ts';
import { ipfsOptions, openExecutionNode, openHttp, openRemoteDb } from '../../compose.ts';
import { vaultDirectory } from '../../config.ts';
import { readDepositData } from '../../services/deposit-data-file.ts';
import { fetchOracleSet } from '../../services/fetch-oracle-set.ts';
import { uploadKeypairs } from '../../services/upload-keypairs.ts';
import { createWorkerPool } from '../../workers/pool.ts';

const OPTIONS = {
  encryptKey,
  executionEndpoints: required({
    description: 'Comma separated list of API endpoints for execution nodes.',
    env: 'EXECUTION_ENDPOINTS',
    value: httpUrls,
    prompt: 'Enter comma separated list of API endpoints for execution nodes',
  }),
  depositDataFile: optional({
    description:
      'Path to the deposit_data.json file. Default is the file generated with "create-keys" command.',
    env: 'DEPOSIT_DATA_FILE',
    value: file({ exists: true }),
  }),
  keystoresPasswordFile: optional({
    description:
      'Password of keystores that have no password file of their own. Default is password.txt beside them.',
    env: 'KEYSTORES_PASSWORD_FILE',
    value: file({ exists: true }),
  }),
  keystoresPasswordDir: optional({
    description:
      'Directory with one password file per keystore, <keystore name>.txt. Default is beside the keystores.',
    env: 'KEYSTORES_PASSWORD_DIR',
    value: directory({ exists: true }),
  }),
  poolSize: optional({
    description: 'Number of threads. Default is the number of cores, at most 4.',
    env: 'POOL_SIZE',
    value: integer({ min: 1, max: 256 }),
  }),
  pruneShares: flag({ description: 'Removes shares of oracle sets that no key uses any more.' }),
  allowUnverifiedIpfs: flag({
    description: 'Takes an oracle configuration that no gateway can prove. Not for mainnet.',
  }),
};

export default class RemoteDbUploadKeypairs extends RemoteDbCommand {
  static override summary = 'Generates shares for the local keypairs, updates configs in the remote DB.';
  static override usage = 'remote-db upload-keypairs [OPTIONS]';
  static override examples = [
    '<%= config.bin %> remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc upload-keypairs --encrypt-key-file ./encrypt-key --execution-endpoints http://localhost:8545',
  ];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const options = await this.resolveWithGroup(OPTIONS);
    await using remote = await openRemoteDb(options, this.config.version);
    const { network, address } = remote.ref;
    const vaultDir = vaultDirectory(options.dataDir, address);
    const keystoresDir = options.keystoresDir ?? join(vaultDir, 'keystores');
    const depositData = await readDepositData(vaultDir, options.depositDataFile);
    const ipfs = ipfsOptions(network, { allowUnverified: options.allowUnverifiedIpfs, warn: this.alert });
    const http = openHttp(options);
    await using resources = new AsyncDisposableStack();
    let node: Promise<ExecutionNode> | undefined;
    // Only when it is asked: a wrong encryption key or password is told of first, also where no node answers.
    const openNode = () => {
      node ??= openExecutionNode(http, options.executionEndpoints, network).then(it => resources.use(it));
      return node;
    };
    await using pool = createWorkerPool({ size: options.poolSize });
    const result = await uploadKeypairs(
      {
        ...{ database: remote.database, pool, progress: this.bars, say: this.say, warn: this.alert },
        fetchDepositDataRoot: async () => fetchDepositDataRoot(await openNode(), address, network.contracts),
        fetchOracleSet: async () =>
          (await fetchOracleSet({ node: await openNode(), http }, { keeper: network.contracts, ipfs })).set,
      },
      {
        ...{ ref: remote.ref, encryptKey: options.encryptKey, depositData, pruneShares: options.pruneShares },
        lockTimeoutMs: 10 * 60_000,
        keystores: {
          ...{ keystoresDir, passwordsDir: options.keystoresPasswordDir },
          passwordFiles: passwordFiles(options.keystoresPasswordFile, keystoresDir, vaultDir),
        },
      },
    );
    this.say(`Successfully uploaded keypairs and shares for the ${address} vault.`);
    this.advise(
      'Next: remote-db setup-web3signer, then setup-validator and setup-operator, wherever their files are used.',
    );
    return result;
  }
}

function passwordFiles(given: string | undefined, keystoresDir: string, vaultDir: string): string[] {
  if (given !== undefined) return [given];
  const own = join(keystoresDir, 'password.txt');
  const generated = join(vaultDir, 'keystores', 'password.txt');
  return dirname(own) === dirname(generated) ? [own] : [own, generated];
}
