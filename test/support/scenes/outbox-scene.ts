import { type JsonRpcProvider, Transaction, Wallet } from 'ethers';
import { connectExecutionNode, type ExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import type { WalletSigner } from '../../../src/clients/signer/wallet-signer.ts';
import { type Database, openDatabase } from '../../../src/db/database.ts';
import { fromHex, type Hex } from '../../../src/lib/bytes.ts';
import type { Logger } from '../../../src/lib/logger.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import { holdLease, type Lease } from '../../../src/transactions/lease.ts';
import { createOutbox, type Outbox, type OutboxOptions } from '../../../src/transactions/outbox.ts';
import type {
  OnTransactionBlock,
  OnTransactionPending,
  TransactionIntent,
} from '../../../src/transactions/transaction.ts';
import { localMac } from './local-mac.ts';

/** Where an operator of these tests works: everything that it needs to be started in a process of its own. */
export interface OutboxPlace {
  readonly databaseUrl: string;
  readonly rpcUrl: string;
  readonly chainId: number;
  /** 20 bytes of hex, any: it is the name under which the lease is held. */
  readonly vault: string;
  readonly secretKey: string;
}

export interface TestOperator extends AsyncDisposable {
  readonly database: Database;
  readonly node: ExecutionNode;
  readonly lease: Lease;
  readonly outbox: Outbox;
  /** The lines that it logged. */
  readonly lines: readonly string[];
  /** What it was told that calls wait for, a kind and a reason each, or `kind goes on`; the same in a row is there once. */
  readonly blocks: readonly string[];
  /** Since when it was told that a transaction of a kind is under way, in ms since 1970; undefined when that has ended. */
  readonly pending: readonly (readonly [kind: string, sinceMs: number | undefined])[];
}

const silent = () => undefined;

const VAULT_VALIDATORS = {
  VaultValidators: [
    { name: 'validatorsRegistryRoot', type: 'bytes32' },
    { name: 'validators', type: 'bytes' },
  ],
};

/** The hot wallet in this process: the signer's own tests are elsewhere. */
export function localSigner(secretKey: string): WalletSigner {
  const wallet = new Wallet(secretKey);
  return {
    address: wallet.address,
    signTransaction: async unsigned =>
      (await wallet.signTransaction(
        Transaction.from({
          type: 2,
          chainId: unsigned.chainId,
          nonce: unsigned.nonce,
          to: unsigned.to,
          data: unsigned.data,
          value: unsigned.valueWei ?? 0n,
          gasLimit: unsigned.gasLimit,
          maxFeePerGas: unsigned.maxFeePerGasWei,
          maxPriorityFeePerGas: unsigned.maxPriorityFeePerGasWei,
        }),
      )) as Hex,
    async signVaultValidators({ chainId, vault, ...message }) {
      const domain = { name: 'VaultValidators', version: '1', chainId, verifyingContract: vault };
      return fromHex(await wallet.signTypedData(domain, VAULT_VALIDATORS, message), 65);
    },
    macRecord: localMac(secretKey),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Takes the lease and opens the outbox, as `start` does. */
export async function startTestOperator(
  place: OutboxPlace,
  options: Partial<OutboxOptions> & { readonly holder?: string; readonly signer?: WalletSigner } = {},
): Promise<TestOperator> {
  const { holder = 'test', signer = localSigner(place.secretKey), ...outboxOptions } = options;
  await using stack = new AsyncDisposableStack();
  const lines: string[] = [];
  const note = (fields: unknown, text: string) => {
    lines.push(`${text} ${JSON.stringify(fields)}`);
  };
  const log = { info: note, warn: note } as unknown as Logger;
  const database = stack.use(await openDatabase({ url: place.databaseUrl }));
  const { chainId, vault, rpcUrl } = place;
  const node = stack.use(
    await connectExecutionNode(
      { log: { debug: silent } },
      { endpoints: [rpcUrl], chainId, timeoutMs: 5_000, retryTimeoutMs: 5_000 },
    ),
  );
  const lease = stack.use(await holdLease({ database, log }, { chainId, vault, holder, renewMs: 3_000 }));
  const blocks: string[] = [];
  const onBlock: OnTransactionBlock = (kind, block) => {
    const told = `${kind} ${block ?? 'goes on'}`;
    if (blocks.at(-1) !== told) blocks.push(told);
  };
  const pending: [string, number | undefined][] = [];
  const onPending: OnTransactionPending = (kind, sinceMs) => {
    if (pending.at(-1)?.[1] !== sinceMs) pending.push([kind, sinceMs]);
  };
  const outbox = createOutbox(
    { database, node, signer, lease, log, onBlock, onPending },
    { chainId, vault, maxFeePerGasWei: 100n * GWEI, pollMs: 20, stuckAfterMs: 60_000, ...outboxOptions },
  );
  const open = stack.move();
  return {
    database,
    node,
    lease,
    outbox,
    lines,
    blocks,
    pending,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Where the counter is. */
export const COUNTER = '0x00000000000000000000000000000000000c0de0';
/** PUSH0 CALLDATALOAD DUP1 ISZERO PUSH1 15 JUMPI DUP1 SLOAD PUSH1 1 ADD SWAP1 SSTORE STOP JUMPDEST PUSH0 DUP1 REVERT */
export const COUNTER_CODE = '0x5f358015600f5780546001019055005b5f80fd';

/** Puts a contract there that counts, in the storage slot that a call names, how often it was called; it reverts for slot 0. */
export async function deployCounter(provider: JsonRpcProvider): Promise<void> {
  await provider.send('anvil_setCode', [COUNTER, COUNTER_CODE]);
}

/** Slot `number` of the counter as call data. */
function slotData(number: number): Hex {
  return `0x${number.toString(16).padStart(64, '0')}`;
}

export function intentOf(slot: number, more: Partial<TransactionIntent> = {}): TransactionIntent {
  return { kind: 'harvest', key: `slot-${slot}`, to: COUNTER, data: slotData(slot), ...more };
}

export async function countOf(provider: JsonRpcProvider, slot: number): Promise<number> {
  return Number(await provider.getStorage(COUNTER, slot));
}
