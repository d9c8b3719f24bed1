import { z } from 'zod';
import { checksumAddress } from '../lib/address.ts';
import { fromHex } from '../lib/bytes.ts';
import { messageOf, UsageError } from '../lib/errors.ts';
import { describeJsonError } from '../lib/json.ts';
import { HASH_LENGTH } from '../lib/lengths.ts';
import { describeFault, matchSchema } from '../lib/match-schema.ts';
import { ETH_MIN_WALLET_BALANCE_GWEI, ethereum, NETWORK_NAMES, PUBLIC_IPFS_GATEWAYS } from './built-in.ts';
import { parseIpfsGateway } from './ipfs-gateway.ts';
import type { Network } from './network.ts';

const address = z.string().transform((text, context) => attempt(context, () => checksumAddress(text)));
const bytes = (length: number) =>
  z
    .string()
    .regex(/^0x/i, 'must begin with 0x')
    .transform((text, context) => attempt(context, () => fromHex(text, length)));
const count = z.int().min(0);
const GWEI_PER_ETHER = 1_000_000_000;

const networkFileSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9 and "-"')
    .refine(
      name => !NETWORK_NAMES.some(known => known === name),
      'must not be the name of a built-in network',
    ),
  chainId: z.int().min(1),
  currency: z.string().min(1),
  secondsPerSlot: z.int().min(1),
  slotsPerEpoch: z.int().min(1),
  genesisTimestamp: count,
  genesisForkVersion: bytes(4),
  genesisValidatorsRoot: bytes(HASH_LENGTH),
  capellaForkVersion: bytes(4),
  capellaForkEpoch: count,
  contracts: z.strictObject({
    keeper: address,
    keeperGenesisBlock: count,
    keeperCheckpoint: z
      .strictObject({ block: count, configUpdatedBlock: count })
      .refine(
        ({ block, configUpdatedBlock }) => configUpdatedBlock <= block,
        'has an event after its last block',
      )
      .optional(),
    depositContract: address,
    depositContractGenesisBlock: count,
    vaultsRegistry: address,
    sharedMevEscrow: address,
    multicall: address,
    depositDataRegistry: address.optional(),
    genesisVault: address.optional(),
    v2Pool: address.optional(),
    v2PoolEscrow: address.optional(),
    validatorsChecker: address.optional(),
    consolidationsChecker: address.optional(),
    withdrawalRequests: address.optional(),
    consolidationRequests: address.optional(),
    osTokenRedeemer: address.optional(),
    osTokenVaultController: address.optional(),
  }),
  minWalletBalanceGwei: count.default(Number(ETH_MIN_WALLET_BALANCE_GWEI)).transform(BigInt),
  maxFeePerGasGwei: z.int().min(1).default(Number(ethereum.maxFeePerGasGwei)).transform(BigInt),
  minPriorityFeeGwei: count.transform(BigInt).optional(),
  ipfsGateways: z
    .array(z.string().transform((text, context) => attempt(context, () => parseIpfsGateway(text))))
    .default(PUBLIC_IPFS_GATEWAYS),
  genesisValidatorsIpfsHash: z.string().default(''),
  maxValidatorBalanceGwei: z
    .int()
    .min(32 * GWEI_PER_ETHER)
    .max(2048 * GWEI_PER_ETHER)
    .transform(BigInt)
    .optional(),
  vaultValidatorsDump: z.strictObject({ ipfsHash: z.string().min(1), block: count }).optional(),
});

/**
 * A network file's content.
 * @param file - named in errors
 * @throws UsageError naming the field and the file
 */
export function parseNetworkFile(text: string, file: string): Network {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      'invalid-network-file',
      `Network file ${file} is not JSON: ${describeJsonError(error)}`,
    );
  }
  const checked = matchSchema(networkFileSchema, document);
  if (checked.success) return checked.data;
  throw new UsageError('invalid-network-file', `Network file ${file}: ${describeFault(checked.fault)}`);
}

function attempt<T>(context: z.RefinementCtx, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
    return z.NEVER;
  }
}
