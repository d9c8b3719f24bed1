import type { Assignment } from '../domain/fleet/assignment.ts';
import type { SignedStatement } from '../domain/fleet/statement.ts';
import type { OracleSet } from '../domain/protocol/oracle-config.ts';
import type { AssignedKeys } from './assignments.ts';
import type { AuditEntry } from './audit-log.ts';
import type { NewDepositData } from './deposit-data.ts';
import type { NewKeypair } from './keypairs.ts';
import type { SealedSigningKey } from './statements.ts';
import type { VisibleFacts } from './visible-facts.ts';

/** What the manifest's MAC begins with. */
export interface ManifestHead {
  readonly counter: bigint;
  readonly depositDataRoot: Uint8Array | null;
}

/** A MAC over what comes page by page. */
interface RunningMac {
  update(page: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** What an upload's statement is made of. */
export interface FactsToSign {
  /** What was signed last; nothing is proven of it. */
  readonly before: SignedStatement | undefined;
  /** Digests over the plan's rows as they were and as they are now; null without a plan. */
  readonly planBefore: Uint8Array | null;
  readonly planAfter: Uint8Array | null;
  readonly manifestCounter: bigint;
  readonly depositDataRoot: Uint8Array | null;
  readonly facts: VisibleFacts;
}

/** What a proof of an upload is made of. */
interface FactsToProve {
  readonly manifestCounter: bigint;
  readonly manifestMac: Uint8Array;
  readonly depositDataRoot: Uint8Array | null;
  readonly rowsDigest: Uint8Array;
  readonly documentDigest: Uint8Array;
}

export interface UploadActivation {
  readonly vaultId: number;
  /** The counter that was read when the upload began; another one means that somebody else has changed the vault since. */
  readonly expectedManifestCounter: bigint;
  /** The uploaded validators, complete for this oracle set: public keys of 48 bytes, one after another. */
  readonly publicKeys: Uint8Array;
  readonly oracleSet: OracleSet;
  /** Uploaded validators whose stored rows are not what was written: these rows take their place. */
  readonly replacements?: readonly NewKeypair[] | undefined;
  /** SHA-256 over all rows that readers will see, by validator, each of which was proven; other rows are not sealed. */
  readonly rowsDigest?: Uint8Array | undefined;
  /** Deposit data in place of the stored one, which stays when this is left out. */
  readonly depositData?: NewDepositData | undefined;
  /** Begins the MAC over the manifest's entries. What it throws undoes everything; it must not use the database. */
  readonly startManifest: (head: ManifestHead) => RunningMac;
  /** A signing key that the vault is to have from now on. */
  readonly freshSigningKey?: SealedSigningKey | undefined;
  /** Signs what readers see now. What it throws undoes everything; it must not use the database. */
  readonly signFacts?: ((facts: FactsToSign) => SignedStatement) | undefined;
  /** The MAC of what was proven of the rows of `rowsDigest` and of the deposit data; it must not use the database. */
  readonly sealProof?: ((facts: FactsToProve) => Uint8Array) | undefined;
  /** Clients for the active keys that the stored plan lacks, in public-key order. Called only when there is a plan. */
  readonly assignNewKeys: (plan: AssignedKeys, newKeys: readonly Uint8Array[]) => readonly Assignment[];
  readonly audit: AuditEntry;
}
