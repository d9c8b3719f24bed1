import { parseEther } from 'ethers/utils';
import { credentialsOf, encodeWithdrawal } from '../../devnet/deposit-data.ts';
import { type ElectraState, type ElectraValidator, FAR_FUTURE } from '../../devnet/electra-state.ts';
import { unhex } from '../../devnet/exit-signature.ts';
import { REQUEST_QUEUES } from '../../devnet/protocol.ts';
import type { QueueName } from '../../devnet/request-queues.ts';
import type { StakeLedger } from '../../support/checkers/stake-ledger.ts';
import type { StakingWorld } from '../../support/scenes/staking-world.ts';
import type { Chance } from './chance.ts';
import { type Holders, OTHER_VAULT } from './holders.ts';

const ETH = 10n ** 18n;
/** Epochs that a validator is active before it may leave. */
const YOUTH = 256;
/** Above it, requests cost more than anybody has; no fee that an operator pays is near. */
const DEAR_EXCESS = 2_000n;

/** Makes things happen to a vault, its validators, its oracles and the queues. What cannot happen now says so. */
export class Happenings {
  readonly #world: StakingWorld;
  readonly #ledger: StakeLedger;
  readonly #chance: Chance;
  readonly #undo: (() => Promise<void> | void)[] = [];
  /** Whether a request to withdraw costs more than anybody has. */
  #isDear = false;
  readonly #holders: Holders;
  #told: readonly number[] = [];

  constructor(world: StakingWorld, ledger: StakeLedger, chance: Chance, holders: Holders) {
    this.#world = world;
    this.#ledger = ledger;
    this.#chance = chance;
    this.#holders = holders;
  }

  /** One thing, whichever. @returns what it was; undefined when it could not be */
  async happen(): Promise<string | undefined> {
    const happening = this.#chance.weighted<() => Promise<string | undefined>>([
      [14, () => this.#holders.deposit()],
      [12, () => this.#holders.leave()],
      [12, () => this.#holders.report()],
      [6, () => this.#holders.claim()],
      [12, () => this.#earn()],
      [6, () => this.#lose()],
      [2, () => this.#slash()],
      [5, () => this.#tellExits()],
      [4, () => this.#beginExit()],
      [3, () => this.#forgetExits()],
      [5, () => this.#spoilOracles()],
      [6, () => this.#giveAway()],
      [6, () => this.#fillQueues()],
      [3, () => this.#consolidate()],
      [5, () => this.#holders.redeem()],
      [5, () => this.#raiseFee()],
      [2, () => this.#spoilSigner()],
      [2, () => this.#delayBeacon()],
      [20, () => this.#passEpochs(1, 20)],
      [8, () => this.#passEpochs(120, 280)],
    ]);
    const what = await happening();
    await this.#world.devnet.beacon.sync();
    return what;
  }

  /** Ends what was only for one round. */
  async undo(): Promise<void> {
    for (const step of this.#undo.splice(0)) await step();
  }

  /** Keys of the validators that enough oracles call exiting, as long as enough answer. */
  toldKeys(): ReadonlySet<string> {
    const { validators } = this.#world.devnet.beacon.head.state;
    return new Set(this.#told.flatMap(index => validators[index]?.publicKey ?? []));
  }

  // --- validators ---

  async #earn() {
    const validator = this.#chance.one(this.#listOwn(one => one.balanceGwei > 0n));
    if (validator === undefined) return undefined;
    await this.#changeBalance(validator, this.#chance.gwei(0, 2));
    return 'validator earns';
  }

  async #lose() {
    const validator = this.#chance.one(this.#listOwn(one => one.balanceGwei > 0n));
    if (validator === undefined) return undefined;
    await this.#changeBalance(validator, -this.#chance.gwei(0, this.#chance.is(0.2) ? 8 : 1));
    return 'validator is penalised';
  }

  async #changeBalance({ index, publicKey, balanceGwei }: ElectraValidator, gwei: bigint): Promise<void> {
    const change = balanceGwei + gwei < 0n ? -balanceGwei : gwei;
    await this.#world.devnet.beacon.change(state =>
      state.change(index, { balanceGwei: balanceGwei + change }),
    );
    this.#takeEarned(publicKey, change);
  }

  async #slash() {
    const validator = this.#chance.one(this.#listOwn(isOngoing));
    if (validator === undefined) return undefined;
    const { index, publicKey, balanceGwei } = validator;
    const left = await this.#world.devnet.beacon.change(state => {
      state.slash(index);
      return state.validators[index]?.balanceGwei ?? 0n;
    });
    this.#takeEarned(publicKey, left - balanceGwei);
    this.#ledger.noteMisfortune(publicKey);
    return 'validator is slashed';
  }

  #takeEarned(publicKey: string, gwei: bigint): void {
    this.#ledger.noteEarned(publicKey, gwei);
    this.#holders.noteEarned(gwei);
  }

  // --- oracles ---

  async #tellExits() {
    const validator = this.#chance.one(this.#listOwn((one, state) => isOld(one, state)));
    if (validator === undefined || this.#told.includes(validator.index)) return undefined;
    this.#setTold([...this.#told, validator.index]);
    return 'oracles tell of an exit';
  }

  /** A signed exit is taken only of a validator without partial withdrawals that wait. */
  async #beginExit() {
    const { beacon } = this.#world.devnet;
    const { state } = beacon.head;
    const index = this.#chance.one(this.#told);
    const validator = index === undefined ? undefined : state.validators[index];
    if (validator === undefined || !isOld(validator, state)) return undefined;
    if (state.pendingBalanceOf(validator.index) > 0n || !(await this.#isQueueEmpty('withdrawals')))
      return undefined;
    await beacon.change(after => after.exit(validator.index));
    // A top-up that is on its way is sent back in the end.
    this.#ledger.noteMisfortune(validator.publicKey);
    return 'oracles’ exit begins';
  }

  async #forgetExits() {
    if (this.#told.length === 0) return undefined;
    this.#setTold(this.#told.slice(1));
    return 'oracles tell no more of an exit';
  }

  #setTold(indexes: readonly number[]): void {
    this.#told = indexes;
    this.#world.devnet.oracles.exiting = indexes;
  }

  async #spoilOracles() {
    const [first, second] = this.#world.devnet.oracles.servers;
    if (first === undefined || second === undefined) return undefined;
    const some = this.#listOwn(() => true).map(({ index }) => index);
    const isLying = this.#chance.is(0.5);
    if (isLying) {
      first.faults.exits = some.filter(() => this.#chance.is(0.3));
    } else {
      first.faults.exits = { status: 503 };
      second.faults.exits = 'garbage';
    }
    this.#undo.push(() => {
      for (const { faults } of [first, second]) delete faults.exits;
    });
    return isLying ? 'an oracle lies about exits' : 'too few oracles answer';
  }

  // --- strangers, and who else is there ---

  async #giveAway() {
    const { devnet, vault, place } = this.#world;
    const { publicKeys } = place;
    const registered = this.#listOwn(() => true).length;
    // Also the keys that are registered next.
    const key = this.#chance.one(publicKeys.slice(0, registered + 2)) ?? '';
    const withdrawalCredentials = this.#chance.weighted([
      [3, credentialsOf(vault, 2)],
      [1, credentialsOf(vault, 1)],
      [1, credentialsOf(OTHER_VAULT, 2)],
    ]);
    const deposit = {
      publicKey: unhex(key),
      withdrawalCredentials,
      amountGwei: this.#chance.gwei(1, 40),
      signature: Buffer.concat([Uint8Array.of(0xc0), Buffer.alloc(95)]),
    };
    this.#ledger.noteGift(deposit);
    await devnet.depositForKey(deposit);
    return 'stranger deposits for a key';
  }

  async #fillQueues() {
    const { devnet } = this.#world;
    const keys = this.#listOwn(() => true).map(({ publicKey }) => unhex(publicKey));
    const key = () => this.#chance.one(keys) ?? Buffer.alloc(48, 9);
    const count = this.#chance.between(1, 24);
    const amount = () => (this.#chance.is(0.5) ? 0n : this.#chance.gwei(1, 20));
    const isWithdrawal = this.#chance.is(0.7);
    if (isWithdrawal && this.#isDear) return undefined;
    const before = await this.#ledger.readQueues();
    if (isWithdrawal) {
      const entries = Array.from({ length: count }, () => encodeWithdrawal(key(), amount()));
      await devnet.sendRequests('withdrawals', entries);
    } else {
      const entries = Array.from({ length: 3 }, () => Buffer.concat([key(), key()]));
      await devnet.sendRequests('consolidations', entries);
    }
    this.#ledger.noteFeesOfOthers((await this.#ledger.readQueues()) - before);
    return `stranger requests ${isWithdrawal ? 'withdrawals' : 'consolidations'}`;
  }

  /** The vault's admin consolidates, and makes itself the manager for it. */
  async #consolidate() {
    const { devnet, wallet } = this.#world;
    const { state } = devnet.beacon.head;
    const isFree = ({ index }: ElectraValidator) =>
      !state.pendingConsolidations.some(one => one.sourceIndex === index || one.targetIndex === index) &&
      !this.#told.includes(index);
    const sources = this.#listOwn(
      one => isOld(one, state) && isFree(one) && state.pendingBalanceOf(one.index) === 0n,
    );
    const source = this.#chance.one(sources);
    const target = this.#chance.one(
      this.#listOwn(
        one =>
          isOngoing(one) && isFree(one) && one !== source && one.withdrawalCredentials.startsWith('0x02'),
      ),
    );
    if (source === undefined || target === undefined) return undefined;
    if (!(await this.#isQueueEmpty('withdrawals')) || !(await this.#isQueueEmpty('consolidations')))
      return undefined;
    const { protocol } = devnet;
    await devnet.setBalance(protocol.owner.address, parseEther('100000'));
    await devnet.setValidatorsManager(protocol.owner.address);
    const entry = Buffer.concat([unhex(source.publicKey), unhex(target.publicKey)]);
    await protocol.send(this.#vault(), 'consolidateValidators', entry, '0x', '0x', { value: ETH });
    await devnet.setValidatorsManager(wallet);
    // The source exits by it: a top-up that is on its way to it is sent back in the end, as above.
    this.#ledger.noteMisfortune(source.publicKey);
    return 'admin consolidates';
  }

  async #raiseFee() {
    const { beacon } = this.#world.devnet;
    const excess = this.#chance.one([2n, 60n, 150n, DEAR_EXCESS]) ?? 0n;
    await beacon.setExcess('withdrawals', excess);
    this.#isDear = excess === DEAR_EXCESS;
    this.#undo.push(async () => {
      this.#isDear = false;
      await beacon.setExcess('withdrawals', 0n);
    });
    return 'request fee rises';
  }

  async #spoilSigner() {
    const { signer } = this.#world;
    signer.fault = 'wrong-key';
    this.#undo.push(() => {
      signer.fault = undefined;
    });
    return 'signer signs with another key';
  }

  async #delayBeacon() {
    const { beacon } = this.#world;
    beacon.behindSlots = this.#chance.between(1, 3);
    this.#undo.push(() => {
      beacon.behindSlots = 0;
    });
    return 'beacon node is behind';
  }

  async #passEpochs(least: number, most: number) {
    await this.#world.devnet.passEpochs(this.#chance.between(least, most));
    return most > YOUTH ? 'many epochs pass' : 'epochs pass';
  }

  // --- what there is ---

  #vault() {
    return this.#world.devnet.protocol.at('VaultV5', this.#world.vault);
  }

  /** Validators of the vault that are so, by the beacon chain's head. */
  #listOwn(isSo: (validator: ElectraValidator, state: ElectraState) => boolean): readonly ElectraValidator[] {
    const { state } = this.#world.devnet.beacon.head;
    const own = this.#world.vault.slice(2).toLowerCase();
    return state.validators.filter(one => one.withdrawalCredentials.endsWith(own) && isSo(one, state));
  }

  async #isQueueEmpty(name: QueueName): Promise<boolean> {
    const { provider } = this.#world.devnet.protocol;
    const { address } = REQUEST_QUEUES[name];
    return (await provider.getStorage(address, 2)) === (await provider.getStorage(address, 3));
  }
}

function isOngoing({ exitEpoch, slashed, activationEpoch }: ElectraValidator): boolean {
  return exitEpoch === FAR_FUTURE && !slashed && activationEpoch !== FAR_FUTURE;
}

function isOld(validator: ElectraValidator, { epoch }: ElectraState): boolean {
  return isOngoing(validator) && validator.activationEpoch + YOUTH <= epoch;
}
