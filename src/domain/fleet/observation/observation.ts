import type { z } from 'zod';
import type { clients, keymanagerFacts } from './client-schema.ts';
import type { someKeys } from './observation-members.ts';
import type {
  consensusFacts,
  contractFacts,
  databaseFacts,
  executionFacts,
  lastChange,
  localFacts,
  OBSERVATION,
  oracleFacts,
  signerFacts,
  validatorFacts,
} from './observation-schema.ts';
import type { operatorFacts, transactions, wallet } from './operator-schema.ts';

/** What each counterpart of a fleet says of a vault's keys, at one time: plain data, in the form of docs/schemas/status.json. */
export type Observation = Unchanging<z.infer<typeof OBSERVATION>>;

/** What one counterpart has said: its facts, why there are none, or that it was not asked. */
export type Seen<F> =
  | { readonly answer: 'answered'; readonly latencyMs: number; readonly facts: F }
  | { readonly answer: 'failed'; readonly latencyMs: number; readonly fault: Fault }
  | { readonly answer: 'not-asked'; readonly reason: string };

/** Why a counterpart has said nothing. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Some keys: how many, and the first of them by name. */
export type SomeKeys = Unchanging<z.infer<ReturnType<typeof someKeys>>>;

export type LocalFacts = Unchanging<z.infer<typeof localFacts>>;
export type DatabaseFacts = Unchanging<z.infer<typeof databaseFacts>>;
export type LastChange = Unchanging<z.infer<typeof lastChange>>;
export type ExecutionFacts = Unchanging<z.infer<typeof executionFacts>>;
export type ConsensusFacts = Unchanging<z.infer<typeof consensusFacts>>;
export type ContractFacts = Unchanging<z.infer<typeof contractFacts>>;
export type ValidatorFacts = Unchanging<z.infer<typeof validatorFacts>>;
export type OracleFacts = Unchanging<z.infer<typeof oracleFacts>>;
export type SignerFacts = Unchanging<z.infer<typeof signerFacts>>;
export type ClientRows = FactsOf<Unchanging<z.infer<typeof clients>>>;
export type KeymanagerFacts = Unchanging<z.infer<typeof keymanagerFacts>>;
export type OperatorFacts = Unchanging<z.infer<typeof operatorFacts>>;
export type LeaseFacts = FactsOf<Observation['lease']>;
export type WalletFacts = FactsOf<Unchanging<z.infer<typeof wallet>>>;
export type TransactionFacts = FactsOf<Unchanging<z.infer<typeof transactions>>>;

type FactsOf<S> = Extract<S, { readonly answer: 'answered' }> extends { readonly facts: infer F } ? F : never;

type Unchanging<T> = T extends readonly (infer E)[]
  ? readonly Unchanging<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Unchanging<T[K]> }
    : T;

/** How many keys of exited validators are retired, wherever they are left out so far; 0 where nothing is known. */
export function countRetired(stored: Pick<DatabaseFacts, 'retired'> | undefined): number {
  const { outOfSigners = 0, outOfClients = 0, outOfRotation = 0 } = stored?.retired ?? {};
  return outOfSigners + outOfClients + outOfRotation;
}

/** What a counterpart has said; undefined when it has said nothing. */
export function factsOf<F>(seen: Seen<F>): F | undefined {
  return seen.answer === 'answered' ? seen.facts : undefined;
}
