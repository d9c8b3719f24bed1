import { writeFile } from 'node:fs/promises';
import { type DepositChain, type ExitChain, hex } from './exit-signature.ts';
import type { ElectraAddresses, ProtocolAddresses } from './protocol.ts';

export interface NetworkFacts {
  readonly name: string;
  readonly chainId: number;
  readonly secondsPerSlot: number;
  readonly slotsPerEpoch: number;
  /** Unix seconds. */
  readonly genesisTimestamp: number;
  readonly contracts: ProtocolAddresses;
  /** Named in the file only when they are there. */
  readonly electra?: ElectraAddresses;
  readonly ipfsGateways: readonly string[];
  /** 4 bytes; deposits are signed for it. */
  readonly genesisForkVersion: Uint8Array;
}

/** Made up; Capella from the start. */
export const BEACON_CHAIN: ExitChain & DepositChain = {
  genesisForkVersion: Uint8Array.of(0x10, 0, 0, 0x38),
  genesisValidatorsRoot: new Uint8Array(32).fill(0xd3),
  capellaForkVersion: Uint8Array.of(0x40, 0, 0, 0x38),
};
/** The epoch that exits are signed for. */
export const EXIT_EPOCH = 0n;

/** What mainnet has. */
const MAX_VALIDATOR_BALANCE_GWEI = 300_000_000_000;

/** The `--network` file of a devnet. */
function describeNetwork(facts: NetworkFacts): Record<string, unknown> {
  return {
    name: facts.name,
    chainId: facts.chainId,
    currency: 'ETH',
    secondsPerSlot: facts.secondsPerSlot,
    slotsPerEpoch: facts.slotsPerEpoch,
    genesisTimestamp: facts.genesisTimestamp,
    genesisForkVersion: hex(facts.genesisForkVersion),
    genesisValidatorsRoot: `0x${'d3'.repeat(32)}`,
    capellaForkVersion: '0x40000038',
    capellaForkEpoch: Number(EXIT_EPOCH),
    contracts: { ...facts.contracts, ...facts.electra },
    ...(facts.electra === undefined ? {} : { maxValidatorBalanceGwei: MAX_VALIDATOR_BALANCE_GWEI }),
    minWalletBalanceGwei: 30_000_000,
    maxFeePerGasGwei: 100,
    ipfsGateways: facts.ipfsGateways,
    genesisValidatorsIpfsHash: '',
  };
}

/** Writes the network file as readable JSON, with some members changed. */
export async function writeNetworkFile(
  path: string,
  facts: NetworkFacts,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await writeFile(path, `${JSON.stringify({ ...describeNetwork(facts), ...changes }, null, 2)}\n`);
}
