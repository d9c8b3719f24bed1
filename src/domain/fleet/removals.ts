import { DifferencesError } from '../../lib/errors.ts';
import { nameList } from '../../lib/name-list.ts';

/** What to do when a run would remove suspiciously many keys from a signer. */
export const REMOVAL_POLICIES = ['refuse', 'keep', 'allow'] as const;
export type RemovalPolicy = (typeof REMOVAL_POLICIES)[number];

export interface Removals {
  /** Keys that the directory holds now. */
  readonly before: number;
  /** How many of these keys the run would remove. */
  readonly removed: number;
  readonly policy: RemovalPolicy;
  /** Public keys of the removed ones, for the message. */
  readonly named?: readonly string[] | undefined;
  /** What they are removed from, for the message. */
  readonly from?: string | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
}

/**
 * The brake on removals: a wrong database or an interrupted upload looks just like "most keys are gone". Up to a tenth
 * of the keys go without question, but never all of them.
 * @returns 'remove', or 'keep' when the removed keys are to stay beside the new ones
 * @throws DifferencesError 'too-many-removals' with the counts (exit 3) under the policy 'refuse'
 */
export function decideRemovals({ before, removed, policy, named, from, hint }: Removals): 'remove' | 'keep' {
  const suspicious = removed > 0 && (removed * 10 > before || removed === before);
  if (!suspicious || policy === 'allow') return 'remove';
  if (policy === 'keep') return 'keep';
  const list = named === undefined ? '' : ` They are ${nameList(named)}.`;
  throw new DifferencesError(
    'too-many-removals',
    `This run would remove ${removed} of ${before} keys from ${from ?? "the signer's directory"}; nothing was changed.${list}`,
    {
      hint:
        hint ??
        'Check that this is the right database and vault, then repeat with --removals keep (adds only) or --removals allow.',
    },
  );
}
