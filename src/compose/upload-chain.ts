import { fetchDepositDataPlace, fetchDepositDataRoot } from '../clients/execution/contracts/vault.ts';
import type { ExecutionNode } from '../clients/execution/execution-node.ts';
import type { ProxySettings } from '../clients/proxy-rules.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { RecordTable } from '../lib/record-table.ts';
import { fetchOracleSet } from '../services/oracles/fetch-oracle-set.ts';
import type { VaultRef } from '../services/remote-db/unlock-vault.ts';
import type { UploadDeps } from '../services/remote-db/upload-keypairs.ts';
import { findLatelyUsedKeys } from '../services/staking/network-validators/find-used-keys.ts';
import type { IpfsSettings, NodeSettings } from '../settings/node-settings.ts';
import { ipfsOptions, openExecutionNode, openHttp, openVoters } from './nodes.ts';

interface UploadChainSettings {
  readonly execution: NodeSettings;
  readonly ipfs: IpfsSettings;
  readonly proxies: ProxySettings;
  readonly oracleSetHash: Uint8Array | undefined;
  readonly verbose: boolean;
}

/** What an upload asks of the chain. */
interface UploadChain extends AsyncDisposable {
  readonly asks: Pick<
    UploadDeps,
    'fetchDepositDataRoot' | 'fetchDepositDataPlace' | 'isRegistered' | 'fetchOracleSet'
  >;
}

/**
 * The chain as an upload asks it. A node is opened only when it is asked: a wrong encryption key or password is told of first, also
 * where no node answers.
 */
export function openUploadChain(
  { network, address: vault }: VaultRef,
  settings: UploadChainSettings,
  { warn, hint }: { readonly warn: (line: string) => void; readonly hint: (line: string) => void },
): UploadChain {
  const { execution, proxies } = settings;
  const ipfs = ipfsOptions(settings.ipfs, network, warn);
  const outward = { proxies, endpoints: execution.endpoints, gateways: ipfs.gateways };
  const http = openHttp(settings, outward, hint);
  const resources = new AsyncDisposableStack();
  let node: Promise<ExecutionNode> | undefined;
  const openNode = () => {
    node ??= openExecutionNode(http, execution, network).then(it => resources.use(it));
    return node;
  };
  return {
    asks: {
      fetchDepositDataRoot: async () => fetchDepositDataRoot(await openNode(), vault, network.contracts),
      fetchDepositDataPlace: async () => fetchDepositDataPlace(await openNode(), vault, network.contracts),
      isRegistered: async publicKey => {
        const publicKeys = RecordTable.of(publicKey, PUBLIC_KEY_LENGTH);
        const used = await findLatelyUsedKeys(await openNode(), { vault, network, publicKeys });
        return used.length > 0;
      },
      fetchOracleSet: async accepted => {
        const { voters } = resources.use(await openVoters(http, execution, network));
        const { set } = await fetchOracleSet(
          { node: await openNode(), voters, http, accepted, warn, error: warn },
          { contracts: network.contracts, ipfs, pinnedHash: settings.oracleSetHash },
        );
        return set;
      },
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
