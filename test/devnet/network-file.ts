import { writeFile } from 'node:fs/promises';
import type { ProtocolAddresses } from './protocol.ts';

export interface NetworkFacts {
  readonly name: string;
  readonly chainId: number;
  readonly secondsPerSlot: number;
  readonly slotsPerEpoch: number;
  /** Unix seconds. */
  readonly genesisTimestamp: number;
  readonly contracts: ProtocolAddresses;
  readonly ipfsGateways: readonly string[];
}

/** The `--network` file of a devnet; its beacon chain facts are made up, and Capella from the start. */
function describeNetwork(facts: NetworkFacts): Record<string, unknown> {
  return {
    name: facts.name,
    chainId: facts.chainId,
    currency: 'ETH',
    secondsPerSlot: facts.secondsPerSlot,
    slotsPerEpoch: facts.slotsPerEpoch,
    genesisTimestamp: facts.genesisTimestamp,
    genesisForkVersion: '0x10000038',
    genesisValidatorsRoot: `0x${'d3'.repeat(32)}`,
    capellaForkVersion: '0x40000038',
    capellaForkEpoch: 0,
    contracts: facts.contracts,
    minWalletBalanceGwei: 30_000_000,
    maxFeePerGasGwei: 100,
    ipfsGateways: facts.ipfsGateways,
    genesisValidatorsIpfsHash: '',
  };
}

/** Writes the network file as readable JSON. */
export async function writeNetworkFile(path: string, facts: NetworkFacts): Promise<void> {
  await writeFile(path, `${JSON.stringify(describeNetwork(facts), null, 2)}\n`);
}
