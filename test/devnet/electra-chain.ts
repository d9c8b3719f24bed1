import { toQuantity } from 'ethers/utils';
import type { Deposit } from './deposit-data.ts';
import { type DepositLog, parseDeposit } from './deposit-log.ts';
import { type ElectraOptions, ElectraState, type Payout, type VoidRequest } from './electra-state.ts';
import { type Protocol, REQUEST_QUEUES } from './protocol.ts';
import {
  EMPTY_QUEUE,
  endBlock,
  parseConsolidation,
  parseWithdrawal,
  type QueueName,
  type QueueState,
  storageOf,
} from './request-queues.ts';

/** A block of both chains, and what they are after it. */
export interface ElectraBlock {
  readonly number: number;
  readonly hash: string;
  readonly timestamp: number;
  readonly slot: number;
  readonly state: ElectraState;
}

/** A beacon chain over the execution chain of a devnet. */
export interface ElectraChain {
  /** Everything up to the head; {@link ElectraChain.sync} first. */
  readonly head: ElectraBlock;
  /**
   * Takes the blocks that are new, and does what a real chain does with each: its requests leave the queues and are taken by the
   * consensus rules, and what the beacon chain withdraws is paid.
   */
  sync(): Promise<ElectraBlock>;
  /** The last block that is not after a slot; undefined for one that is not kept any more, or is not there yet. */
  blockAt(slot: number): ElectraBlock | undefined;
  blockOf(hash: string): ElectraBlock | undefined;
  /** Changes the state after the head, as a test wants it; a reorganisation of the head undoes it. */
  change<T>(change: (state: ElectraState) => T): Promise<T>;
  /**
   * Has the execution chain go on from that block once more, while nothing is written to it: the blocks in place of those after it may be
   * the same to the hash, but what was written between them is gone.
   */
  goBackTo(number: number, reorganise: () => Promise<void>): Promise<void>;
  /** Sets the excess of a request queue, which its fee follows. */
  setExcess(queue: QueueName, excess: bigint): Promise<void>;
  /** Everything that was paid for in vain so far, or what of it an address has asked for. */
  listVoidRequests(sourceAddress?: string): Promise<readonly VoidRequest[]>;
}

interface Kept extends ElectraBlock {
  state: ElectraState;
  queues: Readonly<Record<QueueName, QueueState>>;
  readonly payouts: readonly Payout[];
  /** The head when they were paid: what a reorganisation below it has undone. */
  paidAt: number | undefined;
}

interface Log {
  readonly address: string;
  readonly topics: string[];
  readonly data: string;
  readonly blockNumber: string;
}

interface Header {
  readonly number: string;
  readonly hash: string;
  readonly timestamp: string;
}

const KEPT_BLOCKS = 4096;
const HEADERS_AT_ONCE = 64;
const NAMES: readonly QueueName[] = ['withdrawals', 'consolidations'];

interface ChainOptions {
  readonly genesisTimestamp: number;
  readonly secondsPerSlot: number;
  readonly slotsPerEpoch: number;
  readonly rules?: ElectraOptions;
}

/** Begins a beacon chain at block 0 of the execution chain. */
export async function followElectra(
  protocol: Protocol,
  deposits: DepositLog,
  options: ChainOptions,
): Promise<ElectraChain> {
  const chain = new RunningChain(protocol, deposits, options);
  await chain.sync();
  return chain;
}

class RunningChain implements ElectraChain {
  readonly #protocol: Protocol;
  readonly #deposits: DepositLog;
  readonly #options: ChainOptions;
  #blocks: Kept[] = [];
  /** One at a time: each follows the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(protocol: Protocol, deposits: DepositLog, options: ChainOptions) {
    this.#protocol = protocol;
    this.#deposits = deposits;
    this.#options = options;
  }

  get head(): Kept {
    const head = this.#blocks.at(-1);
    if (head === undefined) throw new Error('the beacon chain has not begun');
    return head;
  }

  sync(): Promise<ElectraBlock> {
    return this.#inTurn(() => this.#follow());
  }

  blockAt(slot: number): ElectraBlock | undefined {
    return slot > this.head.slot ? undefined : this.#blocks.findLast(block => block.slot <= slot);
  }

  blockOf(hash: string): ElectraBlock | undefined {
    return this.#blocks.findLast(block => block.hash === hash);
  }

  change<T>(change: (state: ElectraState) => T): Promise<T> {
    return this.#inTurn(async () => {
      await this.#follow();
      const { head } = this;
      // Whoever reads the state of before keeps it.
      head.state = head.state.clone();
      return change(head.state);
    });
  }

  goBackTo(number: number, reorganise: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#follow();
      await reorganise();
      this.#drop(block => block.number > number);
      await this.#follow();
      await this.#writeQueues(NAMES);
    });
  }

  setExcess(queue: QueueName, excess: bigint): Promise<void> {
    return this.#inTurn(async () => {
      await this.#follow();
      const { head } = this;
      head.queues = { ...head.queues, [queue]: { ...head.queues[queue], excess } };
      await this.#writeQueues(NAMES);
    });
  }

  async listVoidRequests(sourceAddress?: string): Promise<readonly VoidRequest[]> {
    const { voidRequests } = (await this.sync()).state;
    if (sourceAddress === undefined) return voidRequests;
    return voidRequests.filter(request => request.sourceAddress === sourceAddress.toLowerCase());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #follow(): Promise<ElectraBlock> {
    for (;;) {
      const head = await this.#header('latest');
      if (this.#blocks.at(-1)?.hash === head.hash) return this.head;
      const isReorganised = await this.#leaveAbandoned(Number(head.number));
      const busy = await this.#takeBlocks(Number(head.number));
      await this.#pay();
      // A block that was mined meanwhile makes another turn, which writes everything anew.
      await this.#writeQueues(isReorganised ? NAMES : busy);
    }
  }

  /** Drops the blocks that a reorganisation has replaced. @returns whether there were any */
  async #leaveAbandoned(headNumber: number): Promise<boolean> {
    for (const last of this.#blocks.toReversed()) {
      const isThere =
        last.number <= headNumber && (await this.#header(toQuantity(last.number))).hash === last.hash;
      if (isThere) return this.#drop(block => block.number > last.number);
    }
    return this.#drop(() => true);
  }

  /** Drops the last blocks, and forgets what was paid after those that stay. @returns whether there were any */
  #drop(isGone: (block: Kept) => boolean): boolean {
    const kept = this.#blocks.filter(block => !isGone(block));
    if (kept.length === this.#blocks.length) return false;
    const last = kept.at(-1)?.number ?? -1;
    for (const block of kept) if (block.paidAt !== undefined && block.paidAt > last) block.paidAt = undefined;
    this.#blocks = kept;
    return true;
  }

  /** @returns the queues in which something has happened */
  async #takeBlocks(headNumber: number): Promise<readonly QueueName[]> {
    const first = (this.#blocks.at(-1)?.number ?? -1) + 1;
    const logs = await this.#readLogs(first, headNumber);
    const busy = new Set<QueueName>(first === 0 ? NAMES : []);
    for (let number = first; number <= headNumber; number += HEADERS_AT_ONCE) {
      const count = Math.min(HEADERS_AT_ONCE, headNumber - number + 1);
      const headers = await Promise.all(
        Array.from({ length: count }, (_, i) => this.#header(toQuantity(number + i))),
      );
      for (const header of headers) this.#takeBlock(header, logs.get(Number(header.number)) ?? [], busy);
    }
    this.#blocks = this.#blocks.slice(-KEPT_BLOCKS);
    return [...busy];
  }

  #takeBlock(header: Header, logs: readonly Log[], busy: Set<QueueName>): void {
    const before = this.#blocks.at(-1);
    const timestamp = Number(header.timestamp);
    const { genesisTimestamp, secondsPerSlot } = this.#options;
    // Blocks of one second would be blocks of one slot: each takes the next one, ahead of the clock.
    const clock = Math.floor((timestamp - genesisTimestamp) / secondsPerSlot);
    const slot = before === undefined ? 0 : Math.max(clock, before.slot + 1);
    const queues: Record<QueueName, QueueState> = {
      withdrawals: EMPTY_QUEUE,
      consolidations: EMPTY_QUEUE,
      ...before?.queues,
    };
    const taken: Record<QueueName, readonly string[]> = { withdrawals: [], consolidations: [] };
    for (const name of NAMES) {
      const address = REQUEST_QUEUES[name].address.toLowerCase();
      const added = logs.filter(log => log.address === address).map(({ data }) => data.slice(2));
      const { excess, entries } = queues[name];
      if (excess > 0n || entries.length > 0 || added.length > 0) busy.add(name);
      const ended = endBlock(name, queues[name], added);
      queues[name] = ended.after;
      taken[name] = ended.taken;
    }
    const depositContract = this.#protocol.addresses.depositContract.toLowerCase();
    const deposits = logs.filter(log => log.address === depositContract).map(parseDeposit);
    const state = before?.state.clone() ?? this.#createState();
    state.advanceTo(slot);
    const payouts = state.takeBlock({
      deposits,
      withdrawals: taken.withdrawals.map(parseWithdrawal),
      consolidations: taken.consolidations.map(parseConsolidation),
    });
    const block = {
      number: Number(header.number),
      hash: header.hash,
      timestamp,
      slot,
      state,
      queues,
      payouts,
    };
    this.#blocks.push({ ...block, paidAt: undefined });
  }

  #createState(): ElectraState {
    const { slotsPerEpoch, rules } = this.#options;
    const isDepositSigned = (deposit: Deposit) => this.#deposits.isSigned(deposit);
    return new ElectraState({ slotsPerEpoch, isDepositSigned, ...rules });
  }

  /** Pays what blocks withdraw, and has not been paid on this chain. */
  async #pay(): Promise<void> {
    const owed = new Map<string, bigint>();
    const { number } = this.head;
    for (const block of this.#blocks) {
      if (block.paidAt !== undefined) continue;
      for (const { address, amountGwei } of block.payouts) {
        owed.set(address, (owed.get(address) ?? 0n) + amountGwei * 10n ** 9n);
      }
      block.paidAt = number;
    }
    const { provider } = this.#protocol;
    for (const [address, wei] of owed) await provider.send('anvil_addBalance', [address, toQuantity(wei)]);
  }

  async #writeQueues(names: readonly QueueName[]): Promise<void> {
    const { provider } = this.#protocol;
    for (const name of names) {
      const { address } = REQUEST_QUEUES[name];
      for (const [slot, value] of storageOf(name, this.head.queues[name])) {
        const word = `0x${value.toString(16).padStart(64, '0')}`;
        await provider.send('anvil_setStorageAt', [address, toQuantity(slot), word]);
      }
    }
  }

  async #readLogs(from: number, to: number): Promise<ReadonlyMap<number, readonly Log[]>> {
    const address = [
      this.#protocol.addresses.depositContract,
      ...NAMES.map(name => REQUEST_QUEUES[name].address),
    ];
    const filter = { address, fromBlock: toQuantity(from), toBlock: toQuantity(to) };
    const logs: Log[] = await this.#protocol.provider.send('eth_getLogs', [filter]);
    return Map.groupBy(logs, ({ blockNumber }) => Number(blockNumber));
  }

  async #header(block: string): Promise<Header> {
    return await this.#protocol.provider.send('eth_getBlockByNumber', [block, false]);
  }
}
