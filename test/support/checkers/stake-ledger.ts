import { Interface } from 'ethers/abi';
import { toQuantity } from 'ethers/utils';
import type { Deposit } from '../../devnet/deposit-data.ts';
import type { Devnet } from '../../devnet/devnet.ts';
import type { ElectraState, VoidRequest } from '../../devnet/electra-state.ts';
import { hex } from '../../devnet/exit-signature.ts';
import { REQUEST_QUEUES } from '../../devnet/protocol.ts';

/** What an operator's transaction does with a validator. */
type Role = 'registered' | 'topped up' | 'partially withdrawn' | 'exited';

/** One entry of one of its transactions. */
interface Deed {
  readonly role: Role;
  /** 0x hex, lower case. */
  readonly publicKey: string;
  readonly wei: bigint;
  /** Place in the order of all that has happened. */
  readonly at: number;
}

/** What the ledger holds a vault and its operator to. */
export interface Account {
  readonly deeds: readonly Deed[];
  /** Rules that were broken, in words; none where all is well. */
  readonly faults: readonly string[];
}

interface LedgerOptions {
  readonly vault: string;
  readonly wallet: string;
  /** 0x hex of all keys that the operator may register. */
  readonly keys: readonly string[];
  /** What a validator is filled up to. */
  readonly maxValidatorGwei: bigint;
}

/** What of a vault's assets osToken redemptions need at least. */
type ReadReserve = () => bigint;

const GWEI = 10n ** 9n;
const DEPOSIT_WEI = 32n * 10n ** 18n;

const events = new Interface([
  'event ValidatorRegistered(bytes publicKey)',
  'event V2ValidatorRegistered(bytes publicKey, uint256 amount)',
  'event ValidatorFunded(bytes publicKey, uint256 amount)',
  'event ValidatorWithdrawalSubmitted(bytes publicKey, uint256 amount, uint256 feePaid)',
  'event ValidatorConsolidationSubmitted(bytes fromPublicKey, bytes toPublicKey, uint256 feePaid)',
  'event Deposited(address indexed caller, address indexed receiver, uint256 assets, uint256 shares, address referrer)',
  'event Redeemed(address indexed owner, address indexed receiver, uint256 assets, uint256 shares)',
  'event ExitedAssetsClaimed(address indexed receiver, uint256 prevPositionTicket, uint256 newPositionTicket, uint256 withdrawnAssets)',
]);

interface Log {
  readonly topics: string[];
  readonly data: string;
  readonly transactionHash: string;
}

/** What is read of the chains at once. */
interface Reading {
  readonly state: ElectraState;
  readonly logs: readonly Log[];
  readonly vaultWei: bigint;
  readonly walletWei: bigint;
  readonly walletNonce: number;
  readonly queuesWei: bigint;
}

/**
 * Books of a vault of version 5, kept from the logs and balances of both chains, and from nothing that its operator says: all wei that
 * came in are somewhere, all that the wallet has paid is gas or a fee, no validator has two roles, and nothing was asked for in vain.
 */
export class StakeLedger {
  readonly #devnet: Devnet;
  readonly #vault: string;
  readonly #wallet: string;
  /** 0x hex of the operator's own keys. */
  readonly #keys: ReadonlySet<string>;
  readonly #maxValidatorGwei: bigint;
  readonly #readReserve: ReadReserve;
  #readTo: number;
  #clock = 0;
  #knownVoid: number;
  readonly #deeds: Deed[] = [];
  readonly #misfortunes = new Map<string, number>();
  readonly #gifts: Deposit[] = [];
  readonly #paidFor = new Set<string>();
  #holdersWei = 0n;
  #earnedWei = 0n;
  #feesWei = 0n;
  #gasWei = 0n;
  #strangersFeesWei = 0n;
  readonly #begun: Reading;
  /** Requests that were paid for in vain though nothing had happened to the validator meanwhile. */
  voidRequests = 0;
  /** Requests that a slashing or a penalty has made void after they were made. */
  overtakenRequests = 0;
  /** What is left when everything that is known is taken away: of the vault, and of the wallet. */
  unaccountedWei = 0n;

  private constructor(
    devnet: Devnet,
    options: LedgerOptions,
    readReserve: ReadReserve,
    begun: Reading,
    readTo: number,
  ) {
    this.#devnet = devnet;
    this.#vault = options.vault;
    this.#wallet = options.wallet;
    this.#keys = new Set(options.keys.map(key => key.toLowerCase()));
    this.#maxValidatorGwei = options.maxValidatorGwei;
    this.#readReserve = readReserve;
    this.#readTo = readTo;
    this.#begun = begun;
    const own = options.vault.slice(2).toLowerCase();
    for (const { publicKey, withdrawalCredentials, balanceGwei } of begun.state.validators) {
      if (!withdrawalCredentials.endsWith(own)) continue;
      this.#deeds.push({ role: 'registered', publicKey, wei: balanceGwei * GWEI, at: 0 });
    }
    this.#knownVoid = begun.state.voidRequests.length;
  }

  /**
   * Opens the books of a vault; what it has and has done before is taken for right.
   * @param readReserve - what of the vault's assets redemptions need at least, in wei
   */
  static async open(devnet: Devnet, options: LedgerOptions, readReserve: ReadReserve): Promise<StakeLedger> {
    const head = await readHead(devnet);
    const begun = await read(devnet, options, { from: head + 1, to: head });
    return new StakeLedger(devnet, options, readReserve, begun, head);
  }

  /** Something outside of the operator changed a validator's balance; a loss is a misfortune of it. */
  noteEarned(publicKey: string, gwei: bigint): void {
    this.#earnedWei += gwei * GWEI;
    if (gwei < 0n) this.noteMisfortune(publicKey);
  }

  /** Something happened to a validator that makes void what was asked for before. */
  noteMisfortune(publicKey: string): void {
    this.#misfortunes.set(publicKey.toLowerCase(), ++this.#clock);
  }

  /** Somebody else has deposited for one of the keys. */
  noteGift(deposit: Deposit): void {
    this.#gifts.push(deposit);
  }

  /** Somebody else has paid that much to the request queues. */
  noteFeesOfOthers(wei: bigint): void {
    this.#strangersFeesWei += wei;
  }

  /** Balances of both request queues, in wei. */
  readQueues(): Promise<bigint> {
    return readQueuesWei(this.#devnet);
  }

  /**
   * Takes into the books what has happened since, and looks whether every rule still holds.
   * @param told - keys (0x hex) of the validators that enough oracles called exiting, while the operator planned
   */
  async settle(told: ReadonlySet<string> = new Set()): Promise<Account> {
    // What the beacon chain pays out is paid before balances are read.
    await this.#devnet.beacon.sync();
    const before = [...this.#deeds];
    const head = await readHead(this.#devnet);
    const options = { vault: this.#vault, wallet: this.#wallet };
    const reading = await read(this.#devnet, options, { from: this.#readTo + 1, to: head });
    this.#readTo = head;
    const deeds = await this.#takeLogs(reading.logs);
    const faults = [
      ...findClashes(deeds, before, told),
      ...this.#findOverfilled(deeds, reading.state),
      ...(await this.#findOverstaked(deeds, reading.vaultWei)),
      ...this.#findVoid(reading.state.voidRequests),
      ...this.#findUnaccounted(reading),
    ];
    return { deeds, faults };
  }

  async #takeLogs(logs: readonly Log[]): Promise<readonly Deed[]> {
    const deeds: Deed[] = [];
    const at = ++this.#clock;
    for (const log of logs) {
      const event = events.parseLog(log);
      if (event === null) continue;
      const { args } = event;
      const take = (role: Role, wei: bigint) => {
        deeds.push({ role, publicKey: String(args[0]).toLowerCase(), wei, at });
      };
      let isOperators = true;
      switch (event.name) {
        case 'ValidatorRegistered':
          take('registered', DEPOSIT_WEI);
          break;
        case 'V2ValidatorRegistered':
          take('registered', args.amount);
          break;
        case 'ValidatorFunded':
          take('topped up', args.amount);
          break;
        case 'ValidatorWithdrawalSubmitted':
          take(args.amount === 0n ? 'exited' : 'partially withdrawn', args.amount);
          this.#feesWei += args.feePaid;
          break;
        case 'ValidatorConsolidationSubmitted':
          // Sent by the vault's admin in these books, who has paid.
          this.#strangersFeesWei += args.feePaid;
          isOperators = false;
          break;
        default:
          isOperators = false;
          this.#holdersWei += assetsOf(event.name, args);
      }
      if (isOperators) await this.#payGas(log.transactionHash);
    }
    this.#deeds.push(...deeds);
    return deeds;
  }

  async #payGas(hash: string): Promise<void> {
    if (this.#paidFor.has(hash)) return;
    this.#paidFor.add(hash);
    const receipt = await this.#devnet.protocol.provider.send('eth_getTransactionReceipt', [hash]);
    this.#gasWei += BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
  }

  /** What is in the vault must be enough for all who leave, and for redemptions, whenever something was staked. */
  async #findOverstaked(deeds: readonly Deed[], vaultWei: bigint): Promise<string[]> {
    if (!deeds.some(({ role }) => role === 'registered' || role === 'topped up')) return [];
    const vault = this.#devnet.protocol.at('VaultV5', this.#vault);
    const queue = await vault.getFunction('getExitQueueData').staticCall();
    const queuedWei: bigint = await vault.getFunction('convertToAssets').staticCall(queue.queuedShares);
    const leavingWei: bigint = queuedWei + queue.unclaimedAssets + queue.totalExitingAssets;
    const reserveWei = this.#readReserve();
    if (vaultWei >= leavingWei + reserveWei) return [];
    return [
      `${vaultWei} wei are left in the vault after staking: those who leave need ${leavingWei}, redemptions ${reserveWei}`,
    ];
  }

  /** A top-up above the limit earns nothing: all that is on its way counts. */
  #findOverfilled(deeds: readonly Deed[], state: ElectraState): string[] {
    const faults: string[] = [];
    for (const { role, publicKey } of deeds) {
      if (role !== 'topped up') continue;
      const validator = state.find(publicKey);
      const sources = state.pendingConsolidations
        .filter(({ targetIndex }) => targetIndex === validator?.index)
        .flatMap(({ sourceIndex }) => state.validators[sourceIndex] ?? []);
      const comingGwei = sources.reduce((sum, { balanceGwei }) => sum + balanceGwei, 0n);
      const pending = state.pendingDeposits.filter(one => hex(one.publicKey) === publicKey);
      const gwei = (validator?.balanceGwei ?? 0n) + comingGwei + sumGwei(pending);
      if (gwei > this.#maxValidatorGwei) faults.push(`${publicKey} is topped up to ${gwei} gwei`);
    }
    return faults;
  }

  #findVoid(all: readonly VoidRequest[]): string[] {
    const faults: string[] = [];
    for (const request of all.slice(this.#knownVoid)) {
      const isOurs = request.sourceAddress === this.#vault.toLowerCase();
      if (!isOurs || request.kind === 'consolidation' || this.#isGift(request)) continue;
      const asked = this.#deeds.findLast(({ publicKey }) => publicKey === request.publicKey)?.at ?? 0;
      if ((this.#misfortunes.get(request.publicKey) ?? -1) > asked) {
        this.overtakenRequests++;
        continue;
      }
      this.voidRequests++;
      faults.push(
        `a ${request.kind} of ${request.amountGwei} gwei of ${request.publicKey} is void: ${request.reason}`,
      );
    }
    this.#knownVoid = all.length;
    return faults;
  }

  #isGift({ kind, publicKey, amountGwei }: VoidRequest): boolean {
    const isThis = (gift: Deposit) => hex(gift.publicKey) === publicKey && gift.amountGwei === amountGwei;
    return kind === 'deposit' && this.#gifts.some(isThis);
  }

  #findUnaccounted(reading: Reading): string[] {
    const { walletWei, walletNonce, queuesWei } = reading;
    const cameWei =
      this.#stockWei(this.#begun) + this.#holdersWei + this.#earnedWei + sumGwei(this.#gifts) * GWEI;
    const lackWei = cameWei - this.#stockWei(reading);
    const spentWei = this.#begun.walletWei - walletWei - this.#gasWei - this.#feesWei;
    const feesWei = queuesWei - this.#begun.queuesWei - this.#feesWei - this.#strangersFeesWei;
    this.unaccountedWei = absolute(lackWei) + absolute(spentWei) + absolute(feesWei);
    const sent = walletNonce - this.#begun.walletNonce;
    const faults: string[] = [];
    if (lackWei !== 0n) faults.push(`${lackWei} wei of ${cameWei} are neither in the vault nor staked`);
    if (spentWei !== 0n) faults.push(`the wallet has spent ${spentWei} wei beyond gas and fees`);
    if (feesWei !== 0n) faults.push(`the request queues have ${feesWei} wei more than was paid`);
    if (sent !== this.#paidFor.size) {
      faults.push(`the wallet has sent ${sent} transactions, of which ${this.#paidFor.size} did something`);
    }
    return faults;
  }

  /** Where the vault's ether is: with it, with its validators, on the way to them, and what strangers have thrown away. */
  #stockWei({ state, vaultWei }: Reading): bigint {
    const isOurs = (publicKey: string) => this.#keys.has(publicKey);
    const staked = state.validators.filter(({ publicKey }) => isOurs(publicKey));
    const pending = state.pendingDeposits.filter(({ publicKey }) => isOurs(hex(publicKey)));
    const lost = state.voidRequests.filter(
      ({ kind, publicKey, reason }) =>
        kind === 'deposit' && isOurs(publicKey) && reason.includes('the ether is lost'),
    );
    const stakedGwei = staked.reduce((sum, { balanceGwei }) => sum + balanceGwei, 0n);
    return vaultWei + (stakedGwei + sumGwei(pending) + sumGwei(lost)) * GWEI;
  }
}

function sumGwei(amounts: readonly { readonly amountGwei: bigint }[]): bigint {
  return amounts.reduce((sum, { amountGwei }) => sum + amountGwei, 0n);
}

/** What holders bring in, or take out. */
function assetsOf(name: string, args: Readonly<Record<string, unknown>>): bigint {
  if (name === 'Deposited') return args.assets as bigint;
  return name === 'Redeemed' ? -(args.assets as bigint) : -(args.withdrawnAssets as bigint);
}

/** A validator is in one transaction once, is registered once, and is left alone once its exit was asked for. */
function findClashes(deeds: readonly Deed[], before: readonly Deed[], told: ReadonlySet<string>): string[] {
  const faults: string[] = [];
  const roles = new Map<string, Role>();
  const had = (publicKey: string, role: Role) =>
    before.some(deed => deed.publicKey === publicKey && deed.role === role);
  for (const { publicKey, role } of deeds) {
    const other = roles.get(publicKey);
    if (other !== undefined) faults.push(`${publicKey} is ${other} and ${role} at once`);
    roles.set(publicKey, role);
    const isNew = role === 'registered';
    if (isNew && had(publicKey, role)) faults.push(`${publicKey} is registered once more`);
    if (!isNew && !had(publicKey, 'registered')) faults.push(`${publicKey} is ${role}, and not the vault’s`);
    if (had(publicKey, 'exited')) faults.push(`${publicKey} is ${role} after its exit was asked for`);
    const isWithdrawal = role === 'partially withdrawn' || role === 'exited';
    if (isWithdrawal && told.has(publicKey)) faults.push(`${publicKey} is ${role} while oracles exit it`);
  }
  return faults;
}

async function readHead({ protocol }: Devnet): Promise<number> {
  return Number(await protocol.provider.send('eth_blockNumber', []));
}

async function readQueuesWei({ protocol }: Devnet): Promise<bigint> {
  const { withdrawals, consolidations } = REQUEST_QUEUES;
  const read = async (address: string) =>
    BigInt(await protocol.provider.send('eth_getBalance', [address, 'latest']));
  return (await read(withdrawals.address)) + (await read(consolidations.address));
}

async function read(
  devnet: Devnet,
  { vault, wallet }: { readonly vault: string; readonly wallet: string },
  { from, to }: { readonly from: number; readonly to: number },
): Promise<Reading> {
  const { provider } = devnet.protocol;
  const filter = { address: vault, fromBlock: toQuantity(from), toBlock: toQuantity(to) };
  const [{ state }, logs, vaultWei, walletWei, walletNonce, queuesWei] = await Promise.all([
    devnet.beacon.sync(),
    from > to ? [] : provider.send('eth_getLogs', [filter]),
    provider.send('eth_getBalance', [vault, 'latest']),
    provider.send('eth_getBalance', [wallet, 'latest']),
    provider.send('eth_getTransactionCount', [wallet, 'latest']),
    readQueuesWei(devnet),
  ]);
  return {
    state,
    logs,
    vaultWei: BigInt(vaultWei),
    walletWei: BigInt(walletWei),
    walletNonce: Number(walletNonce),
    queuesWei,
  };
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}
