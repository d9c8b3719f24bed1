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
const hexOf = (length: number) =>
  z.string().regex(new RegExp(`^0x[0-9a-fA-F]{${2 * length}}$`), `must be 0x and ${length} bytes of hex`);
const bytes = (length: number) => hexOf(length).transform(text => fromHex(text, length));

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

const isOptimistic = z.boolean().default(false);

export const headerAnswer = z.object({
  execution_optimistic: isOptimistic,
  data: z.object({
    root: bytes(HASH_LENGTH),
    header: z.object({ message: z.object({ slot: uint64, state_root: bytes(HASH_LENGTH) }) }),
  }),
});

const executionPayload = z.object({
  block_number: uint64.transform(Number).pipe(z.int()),
  block_hash: bytes(HASH_LENGTH),
  timestamp: uint64.transform(Number).pipe(z.int()),
});

/** A block with its transactions, or blinded: without them. */
export const blockAnswer = z.object({
  execution_optimistic: isOptimistic,
  data: z.object({
    message: z.object({
      slot: uint64,
      state_root: bytes(HASH_LENGTH),
      body: z.union([
        z
          .object({ execution_payload_header: executionPayload })
          .transform(body => body.execution_payload_header),
        z.object({ execution_payload: executionPayload }).transform(body => body.execution_payload),
      ]),
    }),
  }),
});

/** Validators with their balances, of a state that is named by its slot. */
export const stateValidatorsAnswer = z.object({
  execution_optimistic: isOptimistic,
  data: z.array(
    z.object({
      index: uint64,
      balance: uint64,
      status: z.enum(VALIDATOR_STATUSES),
      validator: z.object({
        pubkey: bytes(PUBLIC_KEY_LENGTH),
        withdrawal_credentials: bytes(HASH_LENGTH),
        effective_balance: uint64,
        activation_epoch: uint64,
        exit_epoch: uint64,
      }),
    }),
  ),
});

/** How validators leave, of a state that is named by its slot. */
export const exitsAnswer = z.object({
  execution_optimistic: isOptimistic,
  data: z.array(
    z.object({
      validator: z.object({
        pubkey: bytes(PUBLIC_KEY_LENGTH),
        exit_epoch: uint64,
        withdrawable_epoch: uint64,
      }),
    }),
  ),
});

/** All deposits that wait, of everybody: what is not used of them is not read. */
export const pendingDepositsAnswer = z.object({
  execution_optimistic: isOptimistic,
  data: z.array(
    z.object({
      pubkey: hexOf(PUBLIC_KEY_LENGTH),
      withdrawal_credentials: hexOf(HASH_LENGTH),
      amount: uint64,
      signature: hexOf(SIGNATURE_LENGTH),
      slot: uint64,
    }),
  ),
});

/** Partial withdrawals that wait (EIP-7251), of everybody. */
export const waitingPartialsAnswer = z.object({
  execution_optimistic: isOptimistic,
  data: z.array(z.object({ validator_index: uint64, amount: uint64, withdrawable_epoch: uint64 })),
});

/** Consolidations that wait (EIP-7251), of everybody. */
export const pendingConsolidationsAnswer = z.object({
  execution_optimistic: isOptimistic,
  data: z.array(z.object({ source_index: uint64, target_index: uint64 })),
});

/** How nodes word a refusal. */
export const refusalAnswer = z.object({
  message: z.string().min(1),
  stacktraces: z.array(z.string()).catch([]),
});
