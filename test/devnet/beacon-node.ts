import type { Deposit } from './deposit-data.ts';
import { type ExitChain, exitSigningRoot, hex, isSignedBy, unhex } from './exit-signature.ts';
import { type Answer, type ReceivedRequest, startServer } from './http-server.ts';

/** The client whose answers to a repeated exit are given. */
export type BeaconClient = 'lighthouse' | 'teku' | 'prysm' | 'lodestar' | 'nimbus';

/**
 * What the node does wrong: `down` cuts every connection, `hanging` never answers, `garbage` is no JSON, `no-post` knows
 * the query form of validators only, `before-electra` serves no pending withdrawals and deposits, `half` knows every other validator.
 */
type BeaconFault =
  | 'down'
  | 'hanging'
  | 'garbage'
  | 'syncing'
  | 'optimistic'
  | 'el-offline'
  | 'other-network'
  | 'no-post'
  | 'before-electra'
  | 'half'
  | 'failing';

interface BeaconValidator {
  readonly index: bigint;
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  status: string;
  activationEpoch: bigint;
  exitEpoch: bigint;
  withdrawableEpoch: bigint;
  withdrawalCredentials: Uint8Array;
  hasPendingPartialWithdrawal: boolean;
}

interface PendingDeposit {
  readonly publicKey: Uint8Array;
  readonly withdrawalCredentials: Uint8Array;
  readonly amountGwei: bigint;
  readonly signature: Uint8Array;
}

export interface BeaconNode extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  fault: BeaconFault | undefined;
  client: BeaconClient;
  headEpoch: bigint;
  /** Status of validators that a deposit makes: of a node that follows a chain. */
  newStatus: string;
  readonly validators: readonly BeaconValidator[];
  /** Deposits that the chain has taken and not applied yet; their signatures are not looked at. */
  readonly pendingDeposits: PendingDeposit[];
  /** Validators with a valid exit that is in no block yet. */
  readonly pool: ReadonlySet<bigint>;
  addValidator(
    publicKey: Uint8Array,
    facts?: Partial<Omit<BeaconValidator, 'publicKey' | 'index'>>,
  ): BeaconValidator;
  /** Reads the deposits of the chain that it follows. */
  refresh(): Promise<void>;
  /** Puts the exits of the pool on the chain. */
  includeExits(): void;
}

/** The execution chain whose deposits make the validators. */
interface FollowedChain {
  listValidators(): Promise<readonly Deposit[]>;
  /** Unix seconds of its head. */
  readTimestamp(): Promise<number>;
  readonly clock: {
    readonly genesisTimestamp: number;
    readonly secondsPerSlot: number;
    readonly slotsPerEpoch: number;
  };
}

interface BeaconNodeOptions {
  readonly firstIndex?: bigint;
  readonly port?: number;
  /** Then nobody adds validators, and the first one has index 0. */
  readonly follow?: FollowedChain;
}

const FAR_FUTURE = 2n ** 64n - 1n;
const SHARD_COMMITTEE_PERIOD = 256n;
const SLOTS_PER_EPOCH = 32n;

/**
 * A beacon node on loopback whose validators the test makes, or the deposits of a chain; it takes only exits that the
 * consensus rules allow.
 */
export async function startBeaconNode(
  chain: ExitChain,
  { follow, firstIndex = follow === undefined ? 100n : 0n, port = 0 }: BeaconNodeOptions = {},
): Promise<BeaconNode> {
  const validators: BeaconValidator[] = [];
  const pool = new Set<bigint>();
  const server = await startServer(
    async request => {
      switch (node.fault) {
        case 'down':
          return 'reset';
        case 'hanging':
          return 'hang';
        case 'garbage':
          return { status: 200, body: '<html>' };
        case 'failing':
          return { status: 500, body: { code: 500, message: 'internal error' } };
        default:
          await node.refresh();
          return route(node, chain, request, await readClock(node, follow));
      }
    },
    { port },
  );
  const node: BeaconNode = {
    url: server.url,
    requests: server.requests,
    fault: undefined,
    client: 'lighthouse',
    headEpoch: 1000n,
    newStatus: 'active_ongoing',
    validators,
    pendingDeposits: [],
    pool,
    addValidator(publicKey, facts = {}) {
      const validator: BeaconValidator = {
        index: firstIndex + BigInt(validators.length),
        publicKey,
        status: 'active_ongoing',
        activationEpoch: 0n,
        exitEpoch: FAR_FUTURE,
        withdrawableEpoch: FAR_FUTURE,
        withdrawalCredentials: Buffer.alloc(32, 1),
        hasPendingPartialWithdrawal: false,
        ...facts,
      };
      validators.push(validator);
      return validator;
    },
    async refresh() {
      if (follow === undefined) return;
      const before = new Map(validators.map(one => [hex(one.publicKey), one]));
      const deposited = await follow.listValidators();
      validators.length = 0;
      for (const [i, { publicKey, withdrawalCredentials }] of deposited.entries()) {
        const index = BigInt(i);
        const known = before.get(hex(publicKey));
        // A reorganisation may have given a validator another index.
        if (known === undefined) {
          node.addValidator(publicKey, { withdrawalCredentials, status: node.newStatus });
        } else validators.push(known.index === index ? known : { ...known, index });
      }
    },
    includeExits() {
      for (const validator of validators.filter(one => pool.delete(one.index))) {
        validator.status = 'active_exiting';
        validator.exitEpoch = node.headEpoch + 5n;
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return node;
}

interface Clock {
  readonly genesisTimestamp: number;
  readonly headSlot: bigint;
  readonly finalizedEpoch: bigint;
  readonly slotsPerEpoch: bigint;
}

/** Slots of a followed chain are those of its head; else they are of the head epoch that the test says. */
async function readClock(node: BeaconNode, follow: FollowedChain | undefined): Promise<Clock> {
  if (follow === undefined) {
    const headSlot = node.headEpoch * SLOTS_PER_EPOCH;
    return {
      genesisTimestamp: 0,
      headSlot,
      finalizedEpoch: node.headEpoch - 2n,
      slotsPerEpoch: SLOTS_PER_EPOCH,
    };
  }
  const { genesisTimestamp, secondsPerSlot, slotsPerEpoch } = follow.clock;
  const age = Math.max((await follow.readTimestamp()) - genesisTimestamp, 0);
  const headSlot = BigInt(Math.floor(age / secondsPerSlot));
  const epoch = headSlot / BigInt(slotsPerEpoch);
  const finalizedEpoch = epoch < 2n ? 0n : epoch - 2n;
  return { genesisTimestamp, headSlot, finalizedEpoch, slotsPerEpoch: BigInt(slotsPerEpoch) };
}

function route(
  node: BeaconNode,
  chain: ExitChain,
  { method, path, body }: ReceivedRequest,
  clock: Clock,
): Answer {
  const url = new URL(path, 'http://node');
  // Every state has the same validators: those of the head.
  const pathname = url.pathname.replace(
    /^(\/eth\/v1\/beacon\/states\/)(?:finalized|\d+)(\/validators)$/,
    '$1head$2',
  );
  switch (`${method} ${pathname}`) {
    case 'GET /eth/v1/beacon/genesis': {
      const root =
        node.fault === 'other-network' ? Buffer.alloc(32, 0xee) : Buffer.from(chain.genesisValidatorsRoot);
      return data({
        genesis_time: String(clock.genesisTimestamp),
        genesis_validators_root: hex(root),
        genesis_fork_version: '0x10000038',
      });
    }
    case 'GET /eth/v1/node/syncing':
      return data({
        head_slot: String(clock.headSlot),
        sync_distance: node.fault === 'syncing' ? '12345' : '0',
        is_syncing: node.fault === 'syncing',
        is_optimistic: node.fault === 'optimistic',
        el_offline: node.fault === 'el-offline',
      });
    case 'GET /eth/v1/node/version':
      return data({ version: 'devnet/1.0.0' });
    case 'GET /eth/v1/beacon/headers/head':
      return data({ canonical: true, header: { message: { slot: String(clock.headSlot) } } });
    case 'GET /eth/v1/beacon/headers/finalized': {
      const root = `0x${'f1'.repeat(32)}`;
      const slot = String(clock.finalizedEpoch * clock.slotsPerEpoch);
      return data({ root, canonical: true, header: { message: { slot, state_root: root } } });
    }
    case 'GET /eth/v1/beacon/states/head/finality_checkpoints': {
      const checkpoint = (epoch: bigint) => ({ epoch: String(epoch), root: `0x${'00'.repeat(32)}` });
      const { finalizedEpoch } = clock;
      return data({
        previous_justified: checkpoint(finalizedEpoch),
        current_justified: checkpoint(finalizedEpoch + 1n),
        finalized: checkpoint(finalizedEpoch),
      });
    }
    case 'GET /eth/v1/beacon/states/head/validators':
      return listValidators(
        node,
        url.searchParams.getAll('id').flatMap(ids => ids.split(',')),
      );
    case 'POST /eth/v1/beacon/states/head/validators': {
      if (node.fault === 'no-post') return refusal(405, 'Method not allowed');
      const { ids } = JSON.parse(body) as { ids?: string[] };
      return listValidators(node, ids ?? []);
    }
    case 'GET /eth/v1/beacon/states/head/pending_partial_withdrawals': {
      if (node.fault === 'before-electra') return refusal(400, 'state is not electra');
      const pending = node.validators.filter(one => one.hasPendingPartialWithdrawal);
      return data(
        pending.map(({ index }) => ({
          validator_index: String(index),
          amount: '1000000000',
          withdrawable_epoch: String(node.headEpoch + 300n),
        })),
      );
    }
    case 'GET /eth/v1/beacon/states/head/pending_deposits':
      if (node.fault === 'before-electra') return refusal(400, 'state is not electra');
      return data(
        node.pendingDeposits.map(deposit => ({
          pubkey: hex(deposit.publicKey),
          withdrawal_credentials: hex(deposit.withdrawalCredentials),
          amount: String(deposit.amountGwei),
          signature: hex(deposit.signature),
          slot: String(clock.headSlot),
        })),
      );
    case 'POST /eth/v1/beacon/pool/voluntary_exits':
      return takeExit(node, chain, body);
    default:
      return refusal(404, 'not found');
  }
}

function listValidators(node: BeaconNode, ids: readonly string[]): Answer {
  if (ids.length > 16_384) return refusal(400, 'too many ids');
  const known = node.fault === 'half' ? node.validators.filter((_, i) => i % 2 === 0) : node.validators;
  // None means all, as the specification has it.
  const wanted = new Set(ids);
  const chosen = known.filter(
    one => wanted.size === 0 || wanted.has(hex(one.publicKey)) || wanted.has(String(one.index)),
  );
  const listed = chosen.toReversed().map(one => ({
    index: String(one.index),
    balance: '32000000000',
    status: one.status,
    validator: {
      pubkey: hex(one.publicKey),
      withdrawal_credentials: hex(one.withdrawalCredentials),
      effective_balance: '32000000000',
      slashed: one.status.endsWith('slashed'),
      activation_eligibility_epoch: '0',
      activation_epoch: String(one.activationEpoch),
      exit_epoch: String(one.exitEpoch),
      withdrawable_epoch: String(one.withdrawableEpoch),
    },
  }));
  return { status: 200, body: { execution_optimistic: false, finalized: false, data: listed } };
}

function takeExit(node: BeaconNode, chain: ExitChain, body: string): Answer {
  const { message, signature } = JSON.parse(body) as {
    message: { epoch: unknown; validator_index: unknown };
    signature: string;
  };
  const isDecimal = (value: unknown): value is string => typeof value === 'string' && /^\d+$/.test(value);
  if (!isDecimal(message.epoch) || !isDecimal(message.validator_index)) {
    return refusal(400, 'epoch and validator_index must be decimal strings');
  }
  const exit = { epoch: BigInt(message.epoch), validatorIndex: BigInt(message.validator_index) };
  const validator = node.validators.find(one => one.index === exit.validatorIndex);
  if (validator === undefined) return refusal(400, `unknown validator ${exit.validatorIndex}`);
  if (!isSignedBy(validator.publicKey, exitSigningRoot(exit, chain), unhex(signature))) {
    return refusal(400, 'invalid signature');
  }
  const repeated = answerToRepeated(node, validator);
  if (repeated !== undefined) return repeated;
  const reason = reasonAgainst(node, validator, exit.epoch);
  if (reason !== undefined) return refusal(400, reason);
  (node.pool as Set<bigint>).add(validator.index);
  return { status: 200, body: '' };
}

function reasonAgainst(node: BeaconNode, validator: BeaconValidator, epoch: bigint): string | undefined {
  if (validator.status !== 'active_ongoing') return `validator is not active: ${validator.status}`;
  if (epoch > node.headEpoch) return 'exit epoch is in the future';
  if (node.headEpoch < validator.activationEpoch + SHARD_COMMITTEE_PERIOD)
    return 'validator has not been active long enough to exit';
  if (validator.hasPendingPartialWithdrawal) return 'validator has pending partial withdrawals';
  return undefined;
}

/** Each client's answer to an exit that it knows; undefined when it is the first. */
function answerToRepeated(node: BeaconNode, { index, exitEpoch }: BeaconValidator): Answer | undefined {
  const isOnChain = exitEpoch !== FAR_FUTURE;
  if (!isOnChain && !node.pool.has(index)) return undefined;
  switch (node.client) {
    case 'lighthouse':
    case 'teku':
      return { status: 200, body: '' };
    case 'prysm':
      return isOnChain
        ? refusal(400, `Invalid exit: validator with index ${index} has already submitted an exit`)
        : { status: 200, body: '' };
    case 'lodestar':
      return refusal(500, 'VOLUNTARY_EXIT_ERROR_ALREADY_EXISTS');
    case 'nimbus':
      return refusal(400, 'Ignoring voluntary exit: already exists');
  }
}

/** An answer of the beacon API. */
export function data(body: unknown): Answer {
  return { status: 200, body: { data: body } };
}

/** A refusal of the beacon API. */
export function refusal(status: number, message: string): Answer {
  return { status, body: { code: status, message } };
}
