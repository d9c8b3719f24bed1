import { data, refusal } from './beacon-node.ts';
import type { ElectraBlock, ElectraChain } from './electra-chain.ts';
import { type ElectraState, type ElectraValidator, FAR_FUTURE } from './electra-state.ts';
import { type ExitChain, exitSigningRoot, hex, isSignedBy, unhex } from './exit-signature.ts';
import { type Answer, type ReceivedRequest, startServer } from './http-server.ts';

/**
 * What the node does wrong: `down` cuts every connection, `hanging` never answers, `garbage` is no JSON, `no-post` knows the query
 * form of validators only, `before-electra` serves no pending deposits, partial withdrawals and consolidations, `half` knows every
 * other validator, `reorganising` has lost the block that it named as its head when it is asked for what is in its state.
 */
type ElectraFault =
  | 'down'
  | 'hanging'
  | 'garbage'
  | 'failing'
  | 'syncing'
  | 'optimistic'
  | 'el-offline'
  | 'other-network'
  | 'no-post'
  | 'before-electra'
  | 'half'
  | 'reorganising';

export interface ElectraNode extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  readonly chain: ElectraChain;
  fault: ElectraFault | undefined;
  /** How far its head is behind the chain's. */
  behindSlots: number;
}

interface NodeOptions {
  readonly port?: number;
  readonly exitChain: ExitChain;
  readonly genesisTimestamp: number;
  readonly slotsPerEpoch: number;
  readonly chainId: number;
  readonly depositContract: string;
}

/** What the node knows at the moment: the chain up to its own head. */
interface View {
  readonly node: ElectraNode;
  readonly options: NodeOptions;
  readonly head: ElectraBlock;
}

/**
 * A beacon node on loopback over a chain with Electra's rules. States and blocks are those of `head`, `finalized`, `justified`, a
 * slot or a root; a slot without a block has the state of the block before it, and no block.
 */
export async function startElectraNode(chain: ElectraChain, options: NodeOptions): Promise<ElectraNode> {
  const server = await startServer(
    async request => {
      if (node.fault === 'down') return 'reset';
      if (node.fault === 'hanging') return 'hang';
      if (node.fault === 'garbage') return { status: 200, body: '<html>' };
      if (node.fault === 'failing') return refusal(500, 'internal error');
      const synced = await chain.sync();
      const head =
        node.behindSlots === 0 ? synced : chain.blockAt(Math.max(synced.slot - node.behindSlots, 0));
      if (head === undefined) return refusal(503, 'no state so far behind');
      return await route({ node, options, head }, request);
    },
    options.port === undefined ? {} : { port: options.port },
  );
  const node: ElectraNode = {
    url: server.url,
    requests: server.requests,
    chain,
    fault: undefined,
    behindSlots: 0,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return node;
}

async function route(view: View, { method, path, body }: ReceivedRequest): Promise<Answer> {
  const url = new URL(path, 'http://node');
  const state = /^\/eth\/v1\/beacon\/states\/([^/]+)\/(\w+)$/.exec(url.pathname);
  if (state !== null)
    return answerOfState(view, { method, url, body, id: state[1] ?? '', what: state[2] ?? '' });
  const block = /^\/eth\/(v1\/beacon\/headers|v1\/beacon\/blinded_blocks|v2\/beacon\/blocks)\/([^/]+)$/.exec(
    url.pathname,
  );
  if (block !== null && method === 'GET') return answerOfBlock(view, block[2] ?? '', block[1] ?? '');
  if (method === 'POST' && url.pathname === '/eth/v1/beacon/pool/voluntary_exits')
    return await takeExit(view, body);
  return method === 'GET' ? answerOfNode(view, url.pathname) : refusal(404, 'not found');
}

function answerOfNode({ node, options, head }: View, path: string): Answer {
  const { fault } = node;
  switch (path) {
    case '/eth/v1/beacon/genesis':
      return data({
        genesis_time: String(options.genesisTimestamp),
        genesis_validators_root:
          fault === 'other-network' ? `0x${'ee'.repeat(32)}` : hex(options.exitChain.genesisValidatorsRoot),
        genesis_fork_version: '0x10000038',
      });
    case '/eth/v1/config/deposit_contract': {
      const chainId = fault === 'other-network' ? options.chainId + 1 : options.chainId;
      return data({ chain_id: String(chainId), address: options.depositContract });
    }
    case '/eth/v1/node/version':
      return data({ version: 'devnet/1.0.0' });
    case '/eth/v1/node/syncing':
      return data({
        head_slot: String(head.slot),
        sync_distance: fault === 'syncing' ? '12345' : String(node.behindSlots),
        is_syncing: fault === 'syncing',
        is_optimistic: fault === 'optimistic',
        el_offline: fault === 'el-offline',
      });
    default:
      return refusal(404, 'not found');
  }
}

// --- which block ---

function findBlock({ node, head, options }: View, id: string): ElectraBlock | undefined {
  const { chain } = node;
  const wanted = slotOf(id, head, options.slotsPerEpoch);
  if (wanted !== undefined) return wanted > head.slot ? undefined : chain.blockAt(wanted);
  const block = chain.blockOf(id);
  return block === undefined || block.number > head.number ? undefined : block;
}

/** The slot that an identifier names; undefined for a root. */
function slotOf(id: string, { slot, state }: ElectraBlock, slotsPerEpoch: number): number | undefined {
  switch (id) {
    case 'head':
      return slot;
    case 'finalized':
      return state.finalizedEpoch * slotsPerEpoch;
    case 'justified':
      return Math.min((state.finalizedEpoch + 1) * slotsPerEpoch, slot);
    case 'genesis':
      return 0;
    default:
      return /^\d+$/.test(id) ? Number(id) : undefined;
  }
}

function answerOfBlock(view: View, id: string, route: string): Answer {
  const { node } = view;
  const block = findBlock(view, id);
  // A slot between two blocks has none.
  const isNone = block === undefined || (/^\d+$/.test(id) && block.slot !== Number(id));
  if (isNone || isLost(view, id, block)) return refusal(404, 'block not found');
  const message = {
    slot: String(block.slot),
    proposer_index: '0',
    parent_root: node.chain.blockAt(block.slot - 1)?.hash ?? `0x${'00'.repeat(32)}`,
    state_root: block.hash,
  };
  const signature = `0x${'00'.repeat(96)}`;
  if (route.endsWith('headers')) {
    const header = { message: { ...message, body_root: block.hash }, signature };
    return answered(node, { root: block.hash, canonical: true, header });
  }
  const payload = {
    block_number: String(block.number),
    block_hash: block.hash,
    timestamp: String(block.timestamp),
  };
  const isBlinded = route.endsWith('blinded_blocks');
  const body = isBlinded ? { execution_payload_header: payload } : { execution_payload: payload };
  return answered(node, { message: { ...message, body }, signature }, { version: 'electra' });
}

/** Whether it is the head that the node has named and does not find any more: it knows its root, but not at its slot. */
function isLost({ node, head }: View, id: string, block: ElectraBlock): boolean {
  return node.fault === 'reorganising' && /^\d+$/.test(id) && block === head;
}

// --- what is in a state ---

interface StateRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
  readonly id: string;
  readonly what: string;
}

function answerOfState(view: View, request: StateRequest): Answer {
  const { node } = view;
  const { id, what, method } = request;
  const block = findBlock(view, id);
  if (block === undefined || isLost(view, id, block)) return refusal(404, `state ${id} not found`);
  if (what === 'validators') {
    if (method === 'POST' && node.fault === 'no-post') return refusal(405, 'Method not allowed');
    return listValidators(node, block.state, idsOf(request));
  }
  if (method !== 'GET') return refusal(405, 'Method not allowed');
  if (what === 'finality_checkpoints') return answered(node, checkpointsOf(block.state));
  const pending = pendingOf(block.state, what);
  if (pending === undefined) return refusal(404, 'not found');
  if (node.fault === 'before-electra') return refusal(400, 'state is not electra');
  return answered(node, pending, { version: 'electra' });
}

function checkpointsOf({ finalizedEpoch }: ElectraState) {
  const checkpoint = (epoch: number) => ({ epoch: String(epoch), root: `0x${'00'.repeat(32)}` });
  return {
    previous_justified: checkpoint(finalizedEpoch),
    current_justified: checkpoint(finalizedEpoch + 1),
    finalized: checkpoint(finalizedEpoch),
  };
}

function pendingOf(state: ElectraState, what: string): readonly Record<string, string>[] | undefined {
  switch (what) {
    case 'pending_deposits':
      return state.pendingDeposits.map(deposit => ({
        pubkey: hex(deposit.publicKey),
        withdrawal_credentials: hex(deposit.withdrawalCredentials),
        amount: String(deposit.amountGwei),
        signature: hex(deposit.signature),
        slot: String(deposit.slot),
      }));
    case 'pending_partial_withdrawals':
      return state.pendingPartials.map(({ validatorIndex, amountGwei, withdrawableEpoch }) => ({
        validator_index: String(validatorIndex),
        amount: String(amountGwei),
        withdrawable_epoch: String(withdrawableEpoch),
      }));
    case 'pending_consolidations':
      return state.pendingConsolidations.map(({ sourceIndex, targetIndex }) => ({
        source_index: String(sourceIndex),
        target_index: String(targetIndex),
      }));
    default:
      return undefined;
  }
}

function idsOf({ method, url, body }: StateRequest): readonly string[] {
  if (method !== 'POST') return url.searchParams.getAll('id').flatMap(ids => ids.split(','));
  return (JSON.parse(body) as { ids?: string[] }).ids ?? [];
}

function listValidators(node: ElectraNode, state: ElectraState, ids: readonly string[]): Answer {
  if (ids.length > 50_000) return refusal(400, 'too many ids');
  const chosen = ids.length === 0 ? state.validators : chooseValidators(state, ids);
  const known = chosen.filter(({ index }) => node.fault !== 'half' || index % 2 === 0);
  // The order is nobody's to rely on.
  const listed = known.toReversed().map(validator => describeValidator(state, validator));
  return answered(node, listed);
}

function chooseValidators(state: ElectraState, ids: readonly string[]): readonly ElectraValidator[] {
  const found = ids.map(id => (id.startsWith('0x') ? state.find(id) : state.validators[Number(id)]));
  return [...new Set(found.filter(validator => validator !== undefined))];
}

function describeValidator(state: ElectraState, validator: ElectraValidator) {
  return {
    index: String(validator.index),
    balance: String(validator.balanceGwei),
    status: state.statusOf(validator),
    validator: {
      pubkey: validator.publicKey,
      withdrawal_credentials: validator.withdrawalCredentials,
      effective_balance: String(validator.effectiveBalanceGwei),
      slashed: validator.slashed,
      activation_eligibility_epoch: epochText(validator.activationEligibilityEpoch),
      activation_epoch: epochText(validator.activationEpoch),
      exit_epoch: epochText(validator.exitEpoch),
      withdrawable_epoch: epochText(validator.withdrawableEpoch),
    },
  };
}

function epochText(epoch: number): string {
  return epoch === FAR_FUTURE ? String(2n ** 64n - 1n) : String(epoch);
}

function answered(
  { fault }: ElectraNode,
  body: unknown,
  more: Readonly<Record<string, string>> = {},
): Answer {
  const envelope = { ...more, execution_optimistic: fault === 'optimistic', finalized: false };
  return { status: 200, body: { ...envelope, data: body } };
}

// --- exits ---

/** An exit that the rules allow is in the next block at once. */
async function takeExit({ node, options, head }: View, body: string): Promise<Answer> {
  const { message, signature } = JSON.parse(body) as {
    message: { epoch: string; validator_index: string };
    signature: string;
  };
  const validator = head.state.validators[Number(message.validator_index)];
  if (validator === undefined) return refusal(400, `unknown validator ${message.validator_index}`);
  const exit = { epoch: BigInt(message.epoch), validatorIndex: BigInt(message.validator_index) };
  const root = exitSigningRoot(exit, options.exitChain);
  if (!isSignedBy(unhex(validator.publicKey), root, unhex(signature)))
    return refusal(400, 'invalid signature');
  if (validator.exitEpoch !== FAR_FUTURE) return { status: 200, body: '' };
  const { state } = head;
  const status = state.statusOf(validator);
  if (status !== 'active_ongoing') return refusal(400, `validator is not active: ${status}`);
  if (Number(message.epoch) > state.epoch) return refusal(400, 'exit epoch is in the future');
  if (state.epoch < validator.activationEpoch + 256) return refusal(400, 'not active long enough to exit');
  if (state.pendingBalanceOf(validator.index) > 0n) return refusal(400, 'pending partial withdrawals');
  await node.chain.change(next => next.exit(validator.index));
  return { status: 200, body: '' };
}
