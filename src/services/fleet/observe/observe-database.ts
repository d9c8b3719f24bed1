import { listAuditEntries, type StoredAuditEntry } from '../../../db/audit-log.ts';
import { type Database, inSnapshot } from '../../../db/database.ts';
import { findLease } from '../../../db/leases.ts';
import { checkSchema } from '../../../db/migrator.ts';
import { listTransactions, type StoredTransaction } from '../../../db/transactions.ts';
import type {
  ClientRows,
  DatabaseFacts,
  LastChange,
  LeaseFacts,
  Observation,
  Seen,
  TransactionFacts,
} from '../../../domain/fleet/observation/observation.ts';
import { toHex } from '../../../lib/bytes.ts';
import { foreignText } from '../../../lib/foreign-text.ts';
import { currentHash } from '../../../transactions/list-transactions.ts';
import { summarizeLease } from '../../remote-db/read-log.ts';
import { type VaultRef, vaultContext } from '../../remote-db/vault-ref.ts';
import { ask, notAsked } from './ask.ts';
import type { FleetKeys } from './fleet-keys.ts';
import { readFleet } from './read-fleet.ts';

/** Transactions that are shown. */
const NEWEST = 10;

export interface DatabaseToObserve {
  /** Opens a connection that ends by itself within the time: what nobody waits for any more must not keep the program alive. */
  readonly open: (limitMs: number) => Promise<Database>;
  readonly ref: VaultRef;
  readonly programVersion: string;
  readonly limitMs: number;
  /** Whether anybody asks what signers should have. */
  readonly withShares: boolean;
}

export type ObservedDatabase = Pick<
  Observation,
  'database' | 'clients' | 'lease' | 'transactions' | 'lastChange'
>;

/** What is read of a database that has answered. */
interface Read {
  readonly facts: DatabaseFacts;
  readonly clients: ClientRows;
  readonly keys: FleetKeys;
  readonly lease: Seen<LeaseFacts>;
  readonly transactions: Seen<TransactionFacts>;
  readonly lastChange: Seen<LastChange>;
}

/** A database that nobody named. */
export function noDatabase(): { observed: Promise<ObservedDatabase>; keys: Promise<undefined> } {
  const missing = notAsked<never>('--db-url names no database');
  const observed = {
    database: missing,
    clients: missing,
    lease: missing,
    transactions: missing,
    lastChange: missing,
  };
  return { observed: Promise.resolve(observed), keys: Promise.resolve(undefined) };
}

/**
 * Reads what the database has: of the vault in one state of it, and what the role may read of operators.
 * @returns what was observed, and the keys that all others are compared with; undefined when they could not be read
 */
export function observeDatabase(target: DatabaseToObserve): {
  observed: Promise<ObservedDatabase>;
  keys: Promise<FleetKeys | undefined>;
} {
  const asked = ask(target.limitMs, ({ limitMs }) => readAll(target, limitMs));
  return {
    observed: asked.then(describe),
    keys: asked.then(seen => (seen.answer === 'answered' ? seen.facts.keys : undefined)),
  };
}

async function readAll(target: DatabaseToObserve, limitMs: number): Promise<Read> {
  const { ref, programVersion, withShares } = target;
  await using database = await target.open(limitMs);
  await checkSchema(database, { programVersion });
  const { chainId, vault } = vaultContext(ref);
  const read = await inSnapshot(database, session => readFleet(session, ref, { withShares }));
  const may = <F>(step: () => Promise<F>) => ask(limitMs, step).then(orNotPermitted);
  const [lease, transactions, lastChange] = await Promise.all([
    may(async () => describeLease(await findLease(database, { chainId, vault }))),
    may(async () => describeTransactions(await listTransactions(database, { chainId, vault }, NEWEST))),
    may(() => listAuditEntries(database, { network: ref.network.name, vault }, { limit: 1 })),
  ]);
  return { ...read, lease, transactions, lastChange: describeLastChange(lastChange) };
}

function describe(seen: Seen<Read>): ObservedDatabase {
  if (seen.answer !== 'answered')
    return { database: seen, clients: seen, lease: seen, transactions: seen, lastChange: seen };
  const { latencyMs, facts: read } = seen;
  const { lease, transactions, lastChange } = read;
  return {
    database: { answer: 'answered', latencyMs, facts: read.facts },
    clients: { answer: 'answered', latencyMs, facts: read.clients },
    lease,
    transactions,
    lastChange,
  };
}

/** Roles have what their commands need: what one may not read is no fault of the fleet. */
function orNotPermitted<F>(seen: Seen<F>): Seen<F> {
  if (seen.answer !== 'failed' || seen.fault.code !== 'db-permission-denied') return seen;
  return notAsked('the role of --db-url may not read it');
}

function describeLease(lease: Awaited<ReturnType<typeof findLease>>): LeaseFacts {
  return lease === undefined ? { holder: '', epoch: 0, held: false } : summarizeLease(lease);
}

function describeTransactions(newest: readonly StoredTransaction[]): TransactionFacts {
  return {
    open: newest.filter(({ state }) => state === 'intended' || state === 'sent').length,
    newestTransactions: newest.map(one => {
      const hash = currentHash(one);
      return {
        id: Number(one.id),
        kind: foreignText(one.kind),
        state: one.state,
        nonce: Number(one.nonce),
        hash: hash && toHex(hash),
        reason: one.reason === undefined ? undefined : foreignText(one.reason),
        createdAt: one.createdAt.toISOString(),
        updatedAt: one.updatedAt.toISOString(),
      };
    }),
  };
}

function describeLastChange(seen: Seen<readonly StoredAuditEntry[]>): Seen<LastChange> {
  if (seen.answer !== 'answered') return seen;
  const [entry] = seen.facts;
  if (entry === undefined) return notAsked('the audit log has no entry of this vault');
  return {
    ...seen,
    facts: {
      command: foreignText(entry.command),
      actor: foreignText(entry.actor),
      changedAt: entry.at.toISOString(),
    },
  };
}
