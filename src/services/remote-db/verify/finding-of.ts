import { OperatorError } from '../../../lib/errors.ts';

/** The message of what a check throws; empty when it passes. */
export async function findingOf(check: () => unknown): Promise<string[]> {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return [error.message];
  }
}
