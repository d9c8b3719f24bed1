import type { Transferable } from 'node:worker_threads';
import type { ErrorCode } from '../lib/error-codes.ts';
import type { ExitCode } from '../lib/errors.ts';

/** What threads do, by name: what goes in, what comes out. Both must be what the structured clone algorithm can copy. */
export type JobTable<Jobs> = { [N in keyof Jobs]: { readonly input: unknown; readonly output: unknown } };

/** What does the jobs, in the thread. */
export type JobHandlers<Jobs extends JobTable<Jobs>> = {
  readonly [N in keyof Jobs]: (input: Jobs[N]['input']) => Jobs[N]['output'] | Promise<Jobs[N]['output']>;
};

/** What a thread is told. */
export interface JobMessage {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

/** What it answers. */
export type AnswerMessage =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: ErrorFacts };

/** An error without its class, which does not survive the way between threads. */
export interface ErrorFacts {
  readonly operator: boolean;
  readonly code: ErrorCode;
  readonly exitCode: ExitCode;
  /** Whether the step is worth another try, as an ExternalError says; undefined for any other error. */
  readonly retryable: boolean | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

/**
 * The value with every byte array copied into a buffer of its own, and these buffers, to be handed over: a view would take
 * the whole buffer behind it along, other keys included. Shared memory stays shared.
 */
export function copyBytes(value: unknown): { readonly copy: unknown; readonly buffers: Transferable[] } {
  const buffers: Transferable[] = [];
  const copyOf = (part: unknown): unknown => {
    if (part instanceof Uint8Array) {
      const bytes = Uint8Array.from(part);
      buffers.push(bytes.buffer);
      return bytes;
    }
    if (Array.isArray(part)) return part.map(copyOf);
    if (typeof part !== 'object' || part === null || part instanceof SharedArrayBuffer) return part;
    return Object.fromEntries(Object.entries(part).map(([name, item]) => [name, copyOf(item)]));
  };
  return { copy: copyOf(value), buffers };
}

/** The byte arrays of a value. */
export function bytesOf(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(bytesOf);
}
