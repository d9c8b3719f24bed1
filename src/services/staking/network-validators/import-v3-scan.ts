import type { BeaconNode } from '../../../clients/beacon/beacon-node.ts';
import { fetchHead, fetchHeader } from '../../../clients/execution/block-headers.ts';
import { walkDeposits } from '../../../clients/execution/contracts/deposit-contract.ts';
import { fetchDepositCount } from '../../../clients/execution/contracts/deposit-root.ts';
import { insertDepositCursor } from '../../../db/network-validators.ts';
import type { V3Scan } from '../../../db/v3-operator-file.ts';
import type { Deposit } from '../../../domain/consensus/deposit.ts';
import { toHex } from '../../../lib/bytes.ts';
import { DifferencesError, ExternalError } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { nameList } from '../../../lib/name-list.ts';
import { countOf } from '../../../lib/plural.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { createDepositVerifier, type DepositVerifier } from '../../../workers/deposit-verifier.ts';
import { depositsMissing, followIndexes } from './deposit-sequence.ts';
import {
  findCursor,
  findValidatorsSnapshot,
  registryOf,
  type SyncDeps,
  type SyncOptions,
} from './sync-network-validators.ts';

export interface ImportScanDeps extends SyncDeps {
  readonly beacon: Pick<BeaconNode, 'endpoint' | 'fetchValidatorsByIndex' | 'fetchPendingDeposits'>;
  readonly progress: ProgressReporter;
  /** Is told what there is to say of an interruption from now on. */
  readonly whenInterrupted?: ((kept: string) => void) | undefined;
}

export interface ImportScanOptions extends SyncOptions {
  readonly scan: V3Scan;
  /** Proves everything and stores nothing. */
  readonly isDryRun: boolean;
  /** Blocks before the rows' last one whose deposits are read again. Default: of about a week on Ethereum. */
  readonly readAgainBlocks?: number | undefined;
}

export type ScanImport =
  /** The database has validators up to this block: nothing was proven or stored. */
  | { readonly status: 'known'; readonly syncedBlock: number }
  | {
      readonly status: 'proven' | 'stored';
      /** How many of the validators the network's snapshot has. */
      readonly inSnapshot: number;
    };

const READ_AGAIN_BLOCKS = 50_000;
const SNAPSHOT_TIMEOUT_MS = 600_000;
/** Validators that are asked for at once. */
const PAGE = 1_000;
/** More validators than are deposited in months: whoever tells of so many that are in no row would fill the memory. */
const MAX_LATE = 500_000;

/**
 * Begins with what the Python operator has read, in place of reading the deposits of years from the chain again. These rows decide
 * which keys count as used and which index the next validator has, so none of them is believed, and none may be missing:
 *
 * 1. Each validator of the network's snapshot, whose bytes its CID proves, must be among them.
 * 2. Each other row must be a validator of the beacon chain, or a pending deposit with a valid signature.
 * 3. Each validator of the beacon chain behind those of the snapshot, and each valid pending deposit, must be among the rows, or a
 *    deposit after the last block of them that the execution node tells of, without a gap in the contract's numbers.
 * 4. Each valid deposit of the week before that block must be among the rows.
 *
 * The beacon chain applies every valid deposit, in the order of the contract, so 2 and 3 say that the rows are those of all deposits
 * up to their last block. That is wrong only where file and beacon node err in the same keys: the one cannot hide a deposit that the
 * other has.
 * @throws DifferencesError 'operator-db-differs'; ExternalError 'pending-deposits-not-served', 'deposits-missing', what nodes and database
 *   failed with
 */
export async function importV3Scan(deps: ImportScanDeps, options: ImportScanOptions): Promise<ScanImport> {
  const { scan, network, isDryRun } = options;
  const known = await findKnown(deps, options);
  if (known !== undefined) return known;
  const finalized = await fetchHeader(deps.node, 'finalized');
  if (finalized === null || scan.lastBlock > finalized.number) {
    throw differs(
      `its last block ${scan.lastBlock} is not final: the execution node has finalized ${finalized === null ? 'none' : `block ${finalized.number}`}`,
    );
  }
  await using verifier = createDepositVerifier({ ...network, threads: options.threads });
  const proof = new RowsProof(scan.publicKeys);
  const inSnapshot = await proveBySnapshot(deps, options, proof);
  await proveByBeaconChain(deps, verifier, proof, inSnapshot);
  const unknown = proof.listUnproven();
  if (unknown.length > 0) {
    throw differs(
      `${countOf(unknown.length, 'row')} of it ${unknown.length === 1 ? 'is no validator' : 'are no validators'} that ${deps.beacon.endpoint} knows: ${nameList(unknown)}`,
    );
  }
  const position = await readLastDeposits(deps, options, verifier, proof);
  if (isDryRun) return { status: 'proven', inSnapshot };
  deps.whenInterrupted?.('Either all validators were stored or none. Run it again.');
  const isBeginning = await insertDepositCursor(deps.database, registryOf(network), {
    syncedBlock: scan.lastBlock,
    publicKeys: pagesOf(scan.publicKeys),
    position,
  });
  // An operator may have begun meanwhile.
  const other = isBeginning ? undefined : await findKnown(deps, options);
  return other ?? { status: 'stored', inSnapshot };
}

async function findKnown(deps: ImportScanDeps, options: ImportScanOptions): Promise<ScanImport | undefined> {
  const cursor = await findCursor(deps, options);
  return cursor && { status: 'known', syncedBlock: cursor.syncedBlock };
}

/** Which rows others have confirmed, and which validators others know that are in no row. */
class RowsProof {
  readonly rows: RecordTable;
  /** Validators that no row has. */
  readonly late = new RecordTable(PUBLIC_KEY_LENGTH);
  readonly #isProven: Uint8Array;

  constructor(rows: RecordTable) {
    this.rows = rows;
    this.#isProven = new Uint8Array(rows.length);
  }

  /** Takes a validator that exists. */
  confirm(publicKey: Uint8Array): void {
    const place = this.rows.placeOf(publicKey);
    if (place !== undefined) this.#isProven[place] = 1;
    else this.late.add(publicKey);
    if (this.late.length > MAX_LATE)
      throw differs(`more than ${MAX_LATE} validators of the beacon chain are not among its rows`);
  }

  isConfirmed(publicKey: Uint8Array): boolean {
    const place = this.rows.placeOf(publicKey);
    return place === undefined ? this.late.has(publicKey) : this.#isProven[place] === 1;
  }

  listUnproven(): string[] {
    return Array.from(this.#isProven.entries())
      .filter(([, isProven]) => isProven === 0)
      .map(([place]) => toHex(this.rows.at(place)));
  }
}

/** @returns how many different validators the snapshot has; 0 where there is none */
async function proveBySnapshot(
  deps: ImportScanDeps,
  { network, scan, snapshotTimeoutMs: timeoutMs = SNAPSHOT_TIMEOUT_MS }: ImportScanOptions,
  proof: RowsProof,
): Promise<number> {
  const otherwise = 'every row is compared with the beacon chain';
  const snapshot = await findValidatorsSnapshot(deps, network, { timeoutMs, signal: undefined, otherwise });
  if (snapshot === undefined) return 0;
  if (snapshot.lastBlock > scan.lastBlock) {
    throw differs(
      `it ends at block ${scan.lastBlock}, and the network's snapshot, which "start" begins with, at block ${snapshot.lastBlock}`,
    );
  }
  const keys = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const piece of snapshot.publicKeys()) {
    for (const publicKey of piece) {
      keys.add(publicKey);
      proof.confirm(publicKey);
    }
  }
  const [missing] = proof.late;
  if (missing === undefined) return keys.length;
  throw differs(
    `${countOf(proof.late.length, 'validator')} of the network's snapshot are not among its rows, first ${toHex(missing)}`,
  );
}

/** The beacon chain numbers its validators in the order of their deposits: those of the snapshot come first. */
async function proveByBeaconChain(
  { beacon, progress }: ImportScanDeps,
  verifier: DepositVerifier,
  proof: RowsProof,
  firstIndex: number,
): Promise<void> {
  const bar = progress.start('Comparing with the beacon chain', Math.max(0, proof.rows.length - firstIndex));
  for (let from = firstIndex; ; from += PAGE) {
    const indexes = Array.from({ length: PAGE }, (_, i) => BigInt(from + i));
    const validators = await beacon.fetchValidatorsByIndex(indexes);
    for (const { publicKey } of validators.values()) proof.confirm(publicKey);
    bar.advance(validators.size);
    if (validators.size < PAGE) break;
  }
  bar.finish();
  const pending = await beacon.fetchPendingDeposits();
  if (pending === undefined) throw notServed(beacon.endpoint);
  const fresh = pending.filter(({ publicKey }) => !proof.isConfirmed(publicKey));
  for (const { publicKey } of await validOf(verifier, fresh)) proof.confirm(publicKey);
}

/**
 * Reads the deposits of the last blocks: up to the rows' last block they must be among the rows, after it they explain the validators
 * that are in no row. One of them may be a top-up of a validator that the rows lack: the first sync reads it as well, and stores it.
 * @returns where the deposits go on after the rows' last block
 */
async function readLastDeposits(
  { node, progress }: ImportScanDeps,
  { network, scan, windowBlocks, readAgainBlocks = READ_AGAIN_BLOCKS }: ImportScanOptions,
  verifier: DepositVerifier,
  proof: RowsProof,
): Promise<{ readonly nextDepositIndex: bigint; readonly lastDepositBlock: number }> {
  const { depositContract, depositContractGenesisBlock } = network.contracts;
  const fromBlock = Math.max(depositContractGenesisBlock, scan.lastBlock - readAgainBlocks);
  // Before the head, and both after the beacon chain was asked: what it knows is in the blocks up to the head.
  const depositCount = await fetchDepositCount(node, depositContract);
  const { number: toBlock } = await fetchHead(node);
  const bar = progress.start('Reading the last deposits', Math.max(0, toBlock - fromBlock + 1));
  const explained = new RecordTable(PUBLIC_KEY_LENGTH);
  let next: bigint | null = null;
  let lastDepositBlock: number | null = null;
  let atLastBlock: bigint | undefined;
  let readTo = fromBlock - 1;
  for await (const window of walkDeposits(node, { depositContract, fromBlock, toBlock, windowBlocks })) {
    const { deposits } = window;
    next = await followIndexes(deposits, { nextDepositIndex: next, lastDepositBlock }, async () => undefined);
    lastDepositBlock = deposits.at(-1)?.blockNumber ?? lastDepositBlock;
    atLastBlock = deposits.findLast(one => one.blockNumber === scan.lastBlock)?.index ?? atLastBlock;
    const early = deposits.filter(one => one.blockNumber <= scan.lastBlock && !proof.rows.has(one.publicKey));
    const [missing] = await validOf(verifier, early);
    if (missing !== undefined)
      throw differs(
        `the deposit of ${toHex(missing.publicKey)} in block ${missing.blockNumber} is not among its rows`,
      );
    const late = deposits.filter(one => one.blockNumber > scan.lastBlock && proof.late.has(one.publicKey));
    for (const { publicKey } of await validOf(verifier, late)) explained.add(publicKey);
    bar.advance(window.toBlock - readTo);
    readTo = window.toBlock;
  }
  bar.finish();
  if (next !== null && next < depositCount) throw depositsMissing(depositCount, next);
  if (atLastBlock === undefined)
    throw differs(`${node.endpoint} knows no deposit in its last block ${scan.lastBlock}`);
  const missing = [...proof.late].filter(publicKey => !explained.has(publicKey)).map(toHex);
  if (missing.length > 0) {
    throw differs(
      `${countOf(missing.length, 'validator')} of the beacon chain are neither among its rows nor among the deposits after its last block ${scan.lastBlock}: ${nameList(missing)}`,
    );
  }
  return { nextDepositIndex: atLastBlock + 1n, lastDepositBlock: scan.lastBlock };
}

async function validOf<T extends Deposit>(
  verifier: DepositVerifier,
  deposits: readonly T[],
): Promise<readonly T[]> {
  const invalid = new Set(await verifier.findInvalid(deposits));
  return deposits.filter((_, place) => !invalid.has(place));
}

function* pagesOf(table: RecordTable): Generator<readonly Uint8Array[]> {
  for (let from = 0; from < table.length; from += PAGE) {
    const length = Math.min(PAGE, table.length - from);
    yield Array.from({ length }, (_, i) => table.at(from + i));
  }
}

function differs(what: string): DifferencesError {
  return new DifferencesError(
    'operator-db-differs',
    `The operator.db is not what the chain says: ${what}. Nothing was stored.`,
    {
      hint: 'Try again once where a deposit was made just now. Otherwise leave the import out: "start" reads the validators from the chain.',
    },
  );
}

function notServed(endpoint: string): ExternalError {
  return new ExternalError(
    'pending-deposits-not-served',
    `${endpoint} does not tell the pending deposits of the beacon chain, without which nobody knows that none is missing.`,
    { hint: 'Name another consensus node, or leave the import out.' },
  );
}
