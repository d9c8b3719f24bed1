import type { RetirementStage } from '../../../domain/fleet/retired-keys.ts';

/** A part of the fleet of which nothing proves that it has let the retired keys go. */
export interface UnprovenPart {
  /** The stage that its keys stay at until it is proven. */
  readonly stage: Exclude<RetirementStage, 'rotation'>;
  /** The part, as messages call it. */
  readonly where: string;
  /** What it has, or why nobody knows: a sentence without its subject's name. */
  readonly what: string;
  /** What to run, and where. */
  readonly remedy: string;
}
