import type { DepositList } from '../../domain/consensus/deposit-list.ts';
import { hashTree } from '../../domain/protocol/deposit-leaf.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { OperatorError } from '../../lib/errors.ts';
import { ADDRESS_LENGTH, HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import { nameList } from '../../lib/name-list.ts';
import { type RecordTable, sortRecords } from '../../lib/record-table.ts';
import { workAhead } from '../../lib/work-ahead.ts';
import type { CheckedDeposits } from '../../workers/jobs.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { assertDepositListOfVault, badDepositRoot } from './deposits-of-vault.ts';
import type { VaultRef } from './unlock-vault.ts';

/** Deposits that are checked together: some 60 ms of one thread. */
const BATCH = 128;
/** Batches that are under way for every thread, beside the one whose result is taken. */
const JOBS_PER_THREAD = 2;

/** What threads have found of all deposits. */
interface HashedDeposits {
  /** Number of the first one whose signature the beacon chain would not accept. */
  readonly invalid: number | undefined;
  /** Deposit data roots, and hashes of the tree's leaves, in the order of the entries. */
  readonly roots: Uint8Array;
  readonly leaves: Uint8Array;
}

/** Deposit data whose signatures are being verified. Disposing of it ends that. */
export interface DepositCheck extends Disposable {
  /**
   * Checks the deposit data, and returns the root of its tree.
   * @param onChain - root that the chain has for the vault, 32 bytes; null when none is set
   * @throws OperatorError those of {@link assertDepositListOfVault}, deposit-data-bad-signature, deposit-data-bad-root,
   *   deposit-data-empty, deposit-data-root-mismatch
   */
  rootOf(onChain: Uint8Array | null): Promise<Uint8Array>;
}

/**
 * Begins to check deposit data before it goes to the database: signatures in threads, while other things are done.
 * @param options.provenRoot - root of this very text, when all of it was found good for this vault and network before
 */
export function startDepositCheck(
  pool: WorkerPool,
  ref: VaultRef,
  { list, provenRoot }: { readonly list: DepositList; readonly provenRoot: Uint8Array | undefined },
): DepositCheck {
  const stopping = new AbortController();
  const checking =
    provenRoot === undefined ? checkAll(pool, ref, list, stopping.signal) : Promise.resolve(provenRoot);
  // It may fail, or be given up, before anybody waits for it.
  checking.catch(() => undefined);
  return {
    async rootOf(onChain) {
      const root = await checking;
      if (onChain === null || equalBytes(root, onChain)) return root;
      throw new OperatorError(
        'deposit-data-root-mismatch',
        `${list.path} has the validators root ${toHex(root)}, but the chain has ${toHex(onChain)} for vault ${ref.address}.`,
        {
          hint: 'Upload this deposit data to the vault first, or name the right file with --deposit-data-file.',
        },
      );
    },
    [Symbol.dispose]: () => stopping.abort(new Error('the deposit data need not be checked any more')),
  };
}

async function checkAll(
  pool: WorkerPool,
  ref: VaultRef,
  list: DepositList,
  signal: AbortSignal,
): Promise<Uint8Array> {
  assertDepositListOfVault(ref, list);
  const found = await hashDeposits(pool, ref, list, signal);
  if (found.invalid !== undefined) {
    throw new OperatorError(
      'deposit-data-bad-signature',
      `${list.path}: the deposit signature of ${toHex(list.publicKeys.at(found.invalid))} is not valid for vault ${ref.address} on ${ref.network.name}.`,
      { hint: 'Such a deposit would be lost. Create the deposit data again for this vault and network.' },
    );
  }
  for (let i = 0; i < list.length; i++) {
    const named = list.rootNamedBy(i);
    const root = found.roots.subarray(i * HASH_LENGTH, (i + 1) * HASH_LENGTH);
    if (named !== undefined && !equalBytes(named, root)) {
      throw badDepositRoot(ref, { path: list.path, publicKey: list.publicKeys.at(i) });
    }
  }
  return hashTree(sortRecords(found.leaves, HASH_LENGTH)).slice(0, HASH_LENGTH);
}

async function hashDeposits(
  pool: WorkerPool,
  ref: VaultRef,
  list: DepositList,
  signal: AbortSignal,
): Promise<HashedDeposits> {
  const { genesisForkVersion } = ref.network;
  const vault = fromHex(ref.address, ADDRESS_LENGTH);
  const publicKeys = list.publicKeys.flat();
  const starts = Array.from({ length: Math.ceil(list.length / BATCH) }, (_, i) => i * BATCH);
  const check = (firstIndex: number): Promise<CheckedDeposits> =>
    pool.checkDeposits(
      {
        publicKeys: publicKeys.subarray(
          firstIndex * PUBLIC_KEY_LENGTH,
          (firstIndex + BATCH) * PUBLIC_KEY_LENGTH,
        ),
        signatures: list.signatures.subarray(
          firstIndex * SIGNATURE_LENGTH,
          (firstIndex + BATCH) * SIGNATURE_LENGTH,
        ),
        firstIndex,
        vault,
        genesisForkVersion,
      },
      signal,
    );
  const roots = new Uint8Array(list.length * HASH_LENGTH);
  const leaves = new Uint8Array(list.length * HASH_LENGTH);
  let invalid: number | undefined;
  let done = 0;
  for await (const checked of workAhead(starts, check, { inFlight: JOBS_PER_THREAD * pool.size + 1 })) {
    roots.set(checked.roots, done);
    leaves.set(checked.leaves, done);
    done += checked.roots.length;
    invalid ??= checked.invalid[0];
  }
  return { invalid, roots, leaves };
}

/**
 * Checks that every key of the deposit data is at hand: the operator stops at the first one that is not.
 * @param publicKeys - the keys that are
 * @param noun - what the keys of the upload are called
 * @throws OperatorError 'deposit-data-other-keys'
 */
export function assertKeysAtHand(
  { path, publicKeys: listed }: DepositList,
  publicKeys: RecordTable,
  noun: string,
): void {
  const missing: Uint8Array[] = [];
  for (const publicKey of listed) if (!publicKeys.has(publicKey)) missing.push(publicKey);
  if (missing.length === 0) return;
  throw new OperatorError(
    'deposit-data-other-keys',
    `${path} does not match the ${noun}: ${missing.length} of its ${listed.length} public keys are neither among these nor in the remote db, first ${nameList(missing.map(toHex))}.`,
    { hint: 'Upload the missing keys, too, or name the right file with --deposit-data-file.' },
  );
}
