import { example } from '../cli/examples.ts';
import {
  CONSENSUS_TIMEOUTS,
  consensusEndpoints,
  consensusSettings,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  executionSettings,
  IPFS_OPTIONS,
  ipfsSettings,
  proxySettings,
  verbose,
} from '../cli/flags/nodes.ts';
import { poolSize } from '../cli/flags/pool-size.ts';
import { dryRunFlag } from '../cli/flags/preview.ts';
import { START_OPTIONS } from '../cli/flags/start.ts';
import { TRANSACTION_OPTIONS, transactionStoreSettings } from '../cli/flags/transactions.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { required } from '../cli/options/option.ts';
import { file } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/import-operator-db.ts';
import { ipfsOptions, openBeaconNode, openExecutionNode, openHttp } from '../compose/nodes.ts';
import { openOperatorDatabase } from '../compose/transaction-store.ts';
import { readV3Scan } from '../db/v3-operator-file.ts';
import { countOf } from '../lib/plural.ts';
import { importV3Scan, type ScanImport } from '../services/staking/network-validators/import-v3-scan.ts';
import { resolveVaultNetwork } from '../settings/vault-network.ts';

const OPTIONS = {
  operatorDb: required({
    description:
      "Path of the Python operator's operator.db, in its vault's folder or its --database-dir. It is only read; that operator must have ended.",
    value: file({ exists: true }),
    prompt: 'Enter the path of operator.db',
  }),
  ...TRANSACTION_OPTIONS,
  executionEndpoints,
  ...EXECUTION_TIMEOUTS,
  consensusEndpoints: consensusEndpoints('Enter comma separated'),
  ...CONSENSUS_TIMEOUTS,
  ipfsFetchEndpoints: IPFS_OPTIONS.ipfsFetchEndpoints,
  genesisValidatorsIpfsTimeout: START_OPTIONS.genesisValidatorsIpfsTimeout,
  dryRun: dryRunFlag('Compares everything with the chain and stores nothing.'),
  poolSize,
  verbose,
};

export default class ImportOperatorDb extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary =
    "Takes over the network's validators that the Python operator has read, so that start need not read them again.";
  static override description =
    'No row is believed: each is compared with the validators of the beacon chain and its pending deposits, and so is each of these with the ' +
    'rows; those of the snapshot that StakeWise publishes, whose bytes its CID proves, must be among them, and so must the deposits of the last week. ' +
    'Exits with 3 when something differs, and stores nothing then. Run it before the first "start", with the same --db-url or --database-dir.';
  static override examples = [
    example(
      'import-operator-db --operator-db ./operator.db --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052',
    ),
  ];

  async run() {
    const options = await this.resolve();
    const whenInterrupted = this.beginWork();
    const network = await resolveVaultNetwork(options.network, options.dataDir, options.vault);
    const scan = readV3Scan(options.operatorDb, network.name);
    const { length: validators } = scan.publicKeys;
    await using resources = new AsyncDisposableStack();
    const database = resources.use(
      await openOperatorDatabase({ warn: this.warn }, transactionStoreSettings(options), this.config.version),
    );
    const { genesisValidatorsIpfsTimeout: snapshotTimeoutMs } = options;
    const ipfs = ipfsSettings({ ...options, ipfsTimeout: snapshotTimeoutMs });
    const { gateways } = ipfsOptions(ipfs, network, this.warn);
    const endpoints = [...options.executionEndpoints, ...options.consensusEndpoints];
    const http = openHttp(options, { proxies: proxySettings(), endpoints, gateways }, this.hint);
    const node = resources.use(await openExecutionNode(http, executionSettings(options), network));
    const beacon = await openBeaconNode(http, consensusSettings(options), network);
    const done = await importV3Scan(
      {
        database,
        node,
        beacon,
        http,
        log: { info: () => undefined, warn: this.warn },
        progress: this.progress('passing'),
        whenInterrupted,
      },
      {
        network: { ...network, ipfsGateways: gateways },
        scan,
        snapshotTimeoutMs,
        threads: options.poolSize,
        isDryRun: options.dryRun,
      },
    );
    this.say(tell(done, { validators, lastBlock: scan.lastBlock }));
    if (done.status === 'stored')
      this.hint(`Next: start, which goes on with the deposits after block ${scan.lastBlock}.`);
    return {
      dryRun: options.dryRun,
      validators,
      lastBlock: scan.lastBlock,
      imported: done.status === 'stored',
      ...(done.status === 'known' && { knownToBlock: done.syncedBlock }),
    };
  }
}

function tell(
  done: ScanImport,
  { validators, lastBlock }: { readonly validators: number; readonly lastBlock: number },
): string {
  const found = `${countOf(validators, 'validator')} of the network up to block ${lastBlock}`;
  switch (done.status) {
    case 'known':
      return `Nothing to import: the operator's database has the network's validators up to block ${done.syncedBlock} already.`;
    case 'proven':
      return `Compared ${found} with the chain: all are right, and none is missing. Nothing was stored.`;
    case 'stored':
      return `Successfully imported ${found}.`;
  }
}
