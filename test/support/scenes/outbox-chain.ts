import { rejects } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { JsonRpcProvider, parseEther, Wallet } from 'ethers';
import type { LeaseScope } from '../../../src/db/leases.ts';
import { listOpenTransactions } from '../../../src/db/transactions.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { startAnvil } from '../../devnet/anvil.ts';
import { createTestDatabase, runSql } from '../postgres/postgres.ts';
import { waitUntil } from '../wait-until.ts';
import {
  deployCounter,
  intentOf,
  type OutboxPlace,
  startTestOperator,
  type TestOperator,
} from './outbox-scene.ts';

/** A chain with the counter and a database: where the operators of these tests work. */
export interface OutboxChain extends AsyncDisposable {
  readonly chain: JsonRpcProvider;
  /** A vault and a wallet of its own with some ether. */
  newPlace(): Promise<OutboxPlace>;
  /** Transactions of the place's wallet that are in blocks. */
  nonceOf(place: OutboxPlace): Promise<number>;
  mine(): Promise<void>;
  /** Mines a block, and others as long as they are waited for: what was read between two of them is looked at again behind the next. */
  mineUntil<T>(work: Promise<T>): Promise<T>;
  setAutomine(isOn: boolean): Promise<void>;
  /** Waits until the transaction under way has so many forms and the chain has the last. */
  untilPending(operator: TestOperator, place: OutboxPlace, forms?: number): Promise<void>;
  /** Leaves the call of a slot waiting for a block, on a chain that mines no more, and its operator stopped. */
  leaveWaiting(place: OutboxPlace, slot: number): Promise<void>;
}

const CHAIN_ID = 31337;

export async function startOutboxChain(): Promise<OutboxChain> {
  await using stack = new AsyncDisposableStack();
  const anvil = stack.use(await startAnvil({ chainId: CHAIN_ID, slotsPerEpoch: 4 }));
  const database = stack.use(await createTestDatabase());
  const chain = new JsonRpcProvider(anvil.rpcUrl, CHAIN_ID, { staticNetwork: true, cacheTimeout: -1 });
  stack.defer(() => chain.destroy());
  await deployCounter(chain);

  const setAutomine: OutboxChain['setAutomine'] = async isOn => {
    await chain.send('evm_setAutomine', [isOn]);
  };

  const untilPending: OutboxChain['untilPending'] = async (operator, place, forms = 1) => {
    let seen: unknown;
    await waitUntil(
      `the chain to have ${forms} forms of a transaction`,
      async () => {
        const [row] = await listOpenTransactions(operator.database, scopeOf(place));
        const last = row?.attempts.at(-1);
        const pending = last === undefined ? null : await chain.getTransaction(toHex(last.hash));
        seen = {
          state: row?.state,
          forms: row?.attempts.map(({ hash, purpose }) => `${purpose} ${toHex(hash)}`),
          isLastOnChain: pending !== null,
          lines: operator.lines,
        };
        return row !== undefined && row.attempts.length >= forms && pending !== null;
      },
      { lastSeen: () => seen },
    );
  };

  const open = stack.move();
  return {
    chain,
    async newPlace() {
      const wallet = new Wallet(toHex(randomBytes(32)));
      await chain.send('anvil_setBalance', [wallet.address, `0x${parseEther('10').toString(16)}`]);
      return {
        databaseUrl: database.url,
        rpcUrl: anvil.rpcUrl,
        chainId: CHAIN_ID,
        vault: toHex(randomBytes(20)),
        secretKey: wallet.privateKey,
      };
    },
    nonceOf: place => chain.getTransactionCount(addressOf(place)),
    async mine() {
      await chain.send('evm_mine', []);
    },
    async mineUntil(work) {
      let isDone = false;
      const done = work.finally(() => {
        isDone = true;
      });
      // What it is rejected with is the caller's, when no block is mined any more.
      done.catch(() => undefined);
      await waitUntil(
        'what blocks are mined for',
        async () => {
          if (!isDone) await chain.send('evm_mine', []);
          return isDone;
        },
        { everyMs: 200 },
      );
      return done;
    },
    setAutomine,
    untilPending,
    async leaveWaiting(place, slot) {
      await setAutomine(false);
      const stop = new AbortController();
      await using operator = await startTestOperator(place);
      const sent = operator.outbox.send(intentOf(slot), { signal: stop.signal });
      await untilPending(operator, place);
      stop.abort();
      await rejects(sent);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** The vault of a place, as the database names it. */
export function scopeOf({ chainId, vault }: OutboxPlace): LeaseScope {
  return { chainId, vault: fromHex(vault, 20) };
}

/** The wallet of a place. */
export function addressOf({ secretKey }: OutboxPlace): string {
  return new Wallet(secretKey).address;
}

/** Waits until an operator has logged a line that begins so. */
export async function untilLogged({ lines }: TestOperator, beginning: string): Promise<void> {
  await waitUntil(`a line “${beginning}…”`, () => lines.some(line => line.startsWith(beginning)), {
    lastSeen: () => lines.join('\n'),
  });
}

/** What the loss of an embedded database leaves: nothing. */
export async function loseDatabase({ databaseUrl }: OutboxPlace): Promise<void> {
  const tables = ['transaction_attempts', 'transactions', 'operator_leases', 'wallet_turns'];
  for (const table of tables) await runSql(databaseUrl, `delete from stakewise_operator.${table}`);
}
