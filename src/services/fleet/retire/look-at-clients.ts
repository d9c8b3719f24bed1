import { findAssignmentPlan, type StoredPlan } from '../../../db/assignments.ts';
import type { Session } from '../../../db/database.ts';
import { listWrittenKeySets, type StoredKeySet } from '../../../db/written-key-sets.ts';
import { validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import type { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { equalBytes, type Hex, toHex } from '../../../lib/bytes.ts';
import { foreignText } from '../../../lib/foreign-text.ts';
import { countOf } from '../../../lib/plural.ts';
import type { UnprovenPart } from './unproven-part.ts';

/** What the database has of the validator clients. */
export interface StoredClients {
  readonly plan: StoredPlan | undefined;
  readonly written: readonly StoredKeySet[];
}

/** @throws OperatorError 'assignments-incomplete' */
export async function readClients(session: Session, vaultId: number): Promise<StoredClients> {
  return {
    plan: await findAssignmentPlan(session, vaultId),
    written: await listWrittenKeySets(session, vaultId),
  };
}

/** What the files of validator clients have of retired keys. */
export interface ClientsWithKeys {
  /** Whether the files of the client of the key were written without it since it was retired; true when no client has it. */
  readonly haveLetGo: (publicKey: Uint8Array) => boolean;
  readonly missing: readonly UnprovenPart[];
}

/**
 * Compares what was written for each client with what would be written now. The record of written files is nobody's signature: a
 * forged one has a key leave the rotation before its client lets it go, and that of a validator which never signs again.
 */
export function lookAtClients({ plan, written }: StoredClients, retired: RetiredKeys): ClientsWithKeys {
  const assignments = plan?.assignments ?? [];
  const kept = new Map<number, Uint8Array[]>();
  const retiring = new Map<number, number>();
  const clientOf = new Map<Hex, number>();
  for (const { publicKey, clientIndex } of assignments) {
    if (!retired.isTakenFrom('clients', publicKey)) {
      const keys = kept.get(clientIndex) ?? [];
      keys.push(publicKey);
      kept.set(clientIndex, keys);
    } else if (!retired.isTakenFrom('rotation', publicKey)) {
      retiring.set(clientIndex, (retiring.get(clientIndex) ?? 0) + 1);
      clientOf.set(toHex(publicKey), clientIndex);
    }
  }
  const byIndex = new Map(written.map(one => [one.clientIndex, one]));
  const isCurrent = (index: number) => {
    const files = byIndex.get(index);
    return files !== undefined && equalBytes(files.digest, validatorsDigest(kept.get(index) ?? []));
  };
  const outdated = [...retiring.keys()].filter(index => !isCurrent(index)).sort((a, b) => a - b);
  return {
    haveLetGo(publicKey) {
      const index = clientOf.get(toHex(publicKey));
      return index === undefined || !outdated.includes(index);
    },
    missing: outdated.map(index =>
      describe(index, plan?.totalClients ?? index + 1, byIndex.get(index), retiring),
    ),
  };
}

function describe(
  index: number,
  totalClients: number,
  files: StoredKeySet | undefined,
  retiring: ReadonlyMap<number, number>,
): UnprovenPart {
  const keys = countOf(retiring.get(index) ?? 0, 'retired key');
  return {
    stage: 'clients',
    where: `validator client #${index}${files === undefined ? '' : ` on ${foreignText(files.host)}`}`,
    what:
      files === undefined
        ? `has files that the database was not told of, and ${keys} by the plan`
        : `has files of before ${keys} ${retiring.get(index) === 1 ? 'was' : 'were'} retired, or of another plan`,
    remedy: `operator remote-db setup-validator --validator-index=${index} --total-validators=${totalClients} on its machine, then restart the client`,
  };
}
