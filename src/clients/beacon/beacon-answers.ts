import { z } from 'zod';
import { VALIDATOR_STATUSES } from '../../domain/consensus/validator-state.ts';
import { fromHex } from '../../lib/bytes.ts';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';

const MAX_UINT64 = 2n ** 64n - 1n;
const uint64 = z
  .string()
  .regex(/^\d{1,20}$/, 'must be a decimal number')
  .transform(BigInt)
  .refine(value => value <= MAX_UINT64, 'must be below 2^64');
const bytes = (length: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * length}}$`), `must be 0x and ${length} bytes of hex`)
    .transform(text => fromHex(text, length));

// Answers of the beacon node API (ethereum/beacon-APIs), the members in use.

export const genesisAnswer = z.object({ data: z.object({ genesis_validators_root: bytes(HASH_LENGTH) }) });

export const depositContractAnswer = z.object({
  data: z.object({
    chain_id: z
      .string()
      .regex(/^\d{1,15}$/, 'must be a decimal number')
      .transform(Number),
    address: z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address'),
  }),
});

export const syncingAnswer = z.object({
  data: z.object({
    head_slot: uint64,
    sync_distance: uint64,
    is_syncing: z.boolean(),
    // Of older nodes: absent.
    is_optimistic: z.boolean().default(false),
    el_offline: z.boolean().default(false),
  }),
});

export const validatorsAnswer = z.object({
  execution_optimistic: z.boolean().default(false),
  data: z.array(
    z.object({
      index: uint64,
      status: z.enum(VALIDATOR_STATUSES),
      validator: z.object({
        pubkey: bytes(PUBLIC_KEY_LENGTH),
        withdrawal_credentials: bytes(HASH_LENGTH),
        activation_epoch: uint64,
        exit_epoch: uint64,
      }),
    }),
  ),
});

export const pendingPartialWithdrawalsAnswer = z.object({
  data: z.array(z.object({ validator_index: uint64 })),
});

export const pendingDepositsAnswer = z.object({
  execution_optimistic: z.boolean().default(false),
  data: z.array(
    z.object({
      pubkey: bytes(PUBLIC_KEY_LENGTH),
      withdrawal_credentials: bytes(HASH_LENGTH),
      amount: uint64,
      signature: bytes(SIGNATURE_LENGTH),
    }),
  ),
});

/** How nodes word a refusal. */
export const refusalAnswer = z.object({
  message: z.string().min(1),
  stacktraces: z.array(z.string()).catch([]),
});
