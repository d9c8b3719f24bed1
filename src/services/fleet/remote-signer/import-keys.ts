import { setTimeout as sleep } from 'node:timers/promises';
import {
  importEntryBytes,
  type KeymanagerClient,
  MAX_KEYMANAGER_BODY_BYTES,
} from '../../../clients/keymanager.ts';
import { encryptTransportKeystore } from '../../../domain/keys/keystore.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import type { ErrorCode } from '../../../lib/error-codes.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';

/** A key to be imported. */
export interface TransportKey {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes; wiped by whoever made it. */
  readonly secretKey: Uint8Array;
  /** Goes into the keystore, for people. */
  readonly path: string;
}

export interface ImportKeysDeps {
  readonly keymanager: KeymanagerClient;
  readonly progress: ProgressReporter;
  readonly warn: (message: string) => void;
}

export interface ImportedKeys {
  readonly imported: number;
  /** Were loaded before. */
  readonly present: number;
}

/** Requests are sized to take this long: Web3Signer cuts them after 30 s by default. */
const TARGET_REQUEST_MS = 5_000;
const FIRST_BATCH = 50;
const MAX_BATCH = 1_000;
/** Far below the server's limit, so that a proxy before it has no reason to refuse. */
const MAX_BODY_BYTES = MAX_KEYMANAGER_BODY_BYTES / 4;
/** Cut connections in a row without a key gained between them. */
const MAX_FRUITLESS_CUTS = 3;

/**
 * Imports keys through a signer's key manager, in batches bounded by bytes and time. What is loaded already is not sent
 * again. After a cut connection the signer goes on with the import behind it: its list is then read until it stands
 * still, and only what is missing is sent again.
 * @param options.settleMs - how long a list must stand still
 * @throws ExternalError 'import-failed' naming the first key that the signer refused; those of the connection
 */
export async function importKeys(
  deps: ImportKeysDeps,
  options: { readonly keys: readonly TransportKey[]; readonly settleMs?: number | undefined },
): Promise<ImportedKeys> {
  const { keymanager, progress } = deps;
  const loaded = new Set((await keymanager.listKeystores()).keys());
  let missing = options.keys.filter(key => !loaded.has(toHex(key.publicKey)));
  const present = options.keys.length - missing.length;
  const bar = progress.start('Importing keys into remote signer\t', options.keys.length, {
    done: present,
  });
  let size = FIRST_BATCH;
  let fruitlessCuts = 0;
  while (missing.length > 0) {
    const batch = await encryptBatch(missing.slice(0, size));
    const began = performance.now();
    try {
      assertImported(batch.keys, await keymanager.importKeystores(batch));
      missing = missing.slice(batch.keys.length);
      bar.advance(batch.keys.length);
      size = nextSize(batch.keys.length, performance.now() - began);
      fruitlessCuts = 0;
    } catch (error) {
      if (isTooLarge(error) && batch.keys.length > 1) {
        size = Math.floor(batch.keys.length / 2);
        continue;
      }
      if (!isCut(error)) throw error;
      const before = missing.length;
      const listed = await waitForStandstill(deps, options.settleMs ?? 2_000);
      missing = missing.filter(key => !listed.has(toHex(key.publicKey)));
      bar.advance(before - missing.length);
      fruitlessCuts = missing.length < before ? 0 : fruitlessCuts + 1;
      if (fruitlessCuts >= MAX_FRUITLESS_CUTS) throw error;
      size = Math.max(1, Math.floor(batch.keys.length / 2));
      deps.warn(
        `${messageOf(error)} ${before - missing.length} keys had arrived; going on with less at a time.`,
      );
    }
  }
  bar.finish();
  return { imported: options.keys.length - present, present };
}

interface Batch {
  readonly keys: readonly TransportKey[];
  readonly keystores: readonly string[];
  readonly passwords: readonly string[];
}

async function encryptBatch(candidates: readonly TransportKey[]): Promise<Batch> {
  const batch = { keys: [] as TransportKey[], keystores: [] as string[], passwords: [] as string[] };
  let bytes = 0;
  for (const key of candidates) {
    const { text, password } = await encryptTransportKeystore(key);
    bytes += importEntryBytes(text, password);
    if (bytes > MAX_BODY_BYTES && batch.keys.length > 0) break;
    batch.keys.push(key);
    batch.keystores.push(text);
    batch.passwords.push(password);
  }
  return batch;
}

function assertImported(
  keys: readonly TransportKey[],
  results: readonly { readonly status: string; readonly message: string }[],
): void {
  const failed = results.flatMap(({ status, message }, i) => {
    const key = keys[i];
    return status === 'error' && key !== undefined ? [{ publicKey: toHex(key.publicKey), message }] : [];
  });
  const [first] = failed;
  if (first === undefined) return;
  throw new ExternalError(
    'import-failed',
    `The remote signer refused ${failed.length} of ${keys.length} keys, the first ${first.publicKey}: ${first.message || 'no reason given'}.`,
    { hint: 'No keystore was removed. Run the command again: keys that arrived are not sent twice.' },
  );
}

function nextSize(count: number, tookMs: number): number {
  const fitting = Math.floor((count * TARGET_REQUEST_MS) / Math.max(tookMs, 1));
  // Not more than doubled: the first request of a fresh signer is no measure.
  return Math.max(1, Math.min(MAX_BATCH, 2 * count, fitting));
}

/** A proxy may allow less than the signer. */
function isTooLarge(error: unknown): boolean {
  return error instanceof ExternalError && error.code === 'body-too-large';
}

/** Codes of a connection that ended before its answer came. */
const CUTS: ReadonlySet<ErrorCode> = new Set(['connection-reset', 'timeout', 'unreachable']);

function isCut(error: unknown): boolean {
  return error instanceof ExternalError && CUTS.has(error.code);
}

/** The signer's keys, once two readings in a row are the same. */
async function waitForStandstill(
  { keymanager }: ImportKeysDeps,
  settleMs: number,
): Promise<ReadonlySet<Hex>> {
  let before: ReadonlySet<Hex> | undefined;
  for (;;) {
    const now = new Set((await keymanager.listKeystores()).keys());
    if (before !== undefined && now.size === before.size) return now;
    before = now;
    await sleep(settleMs);
  }
}
