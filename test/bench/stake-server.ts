// A node of the execution chain, one of the beacon chain and the oracles of a vault with many validators of type 0x02, all in
// memory and in a process of its own: node test/bench/stake-server.ts COUNT. Prints its address as a line, ends with stdin.
import { AbiCoder, Interface } from 'ethers/abi';
import { id } from 'ethers/hash';
import { parseEther, toBeHex } from 'ethers/utils';
import { type Answer, type ReceivedRequest, startServer } from '../devnet/http-server.ts';
import { BEACON_CHAIN } from '../devnet/network-file.ts';
import {
  HEAD_BLOCK,
  HEAD_SLOT,
  hashOf,
  MISSING_ETHER,
  REGISTERED_BLOCK,
  STAKE_VAULT,
  stakeGwei,
  stakeKey,
} from './stake-inputs.ts';

/** What waits on the beacon chain, of other vaults. */
const PENDING_DEPOSITS = 5_000;
const PENDING_PARTIALS = 1_000;
const PENDING_CONSOLIDATIONS = 100;
const OTHERS_FIRST_INDEX = 1_000_000;
const ZERO = hashOf('0');
const BLOCK_HASH = hashOf('b');
const STATE_ROOT = hashOf('5');
const BLOCK_ROOT = hashOf('c');
const TIMESTAMP = 1_800_000_000;
const REGISTERED = id('V2ValidatorRegistered(bytes,uint256)');

const [count = 0] = process.argv.slice(2).map(Number);
const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`;
const credentials = `0x02${'0'.repeat(22)}${STAKE_VAULT.slice(2).toLowerCase()}`;
const epoch = String(2n ** 64n - 1n);

const validators = new Map(
  Array.from({ length: count }, (_, index) => {
    const pubkey = hex(stakeKey(index));
    const described = {
      index: String(index),
      balance: String(stakeGwei(index)),
      status: 'active_ongoing',
      validator: {
        pubkey,
        withdrawal_credentials: credentials,
        effective_balance: String(stakeGwei(index)),
        slashed: false,
        activation_eligibility_epoch: '1',
        activation_epoch: '10',
        exit_epoch: epoch,
        withdrawable_epoch: epoch,
      },
    };
    return [pubkey, described];
  }),
);
const deposits = Array.from({ length: PENDING_DEPOSITS }, (_, i) => ({
  pubkey: hex(stakeKey(OTHERS_FIRST_INDEX + i)),
  withdrawal_credentials: hashOf('7'),
  amount: '32000000000',
  signature: `0x${'a1'.repeat(96)}`,
  slot: String(HEAD_SLOT - 1),
}));
const partials = Array.from({ length: PENDING_PARTIALS }, (_, i) => ({
  validator_index: String(OTHERS_FIRST_INDEX + i),
  amount: '1000000000',
  withdrawable_epoch: '3000',
}));
const consolidations = Array.from({ length: PENDING_CONSOLIDATIONS }, (_, i) => ({
  source_index: String(OTHERS_FIRST_INDEX + i),
  target_index: String(OTHERS_FIRST_INDEX + PENDING_CONSOLIDATIONS + i),
}));
const logs = Array.from({ length: count }, (_, index) => ({
  address: STAKE_VAULT.toLowerCase(),
  topics: [REGISTERED],
  data: AbiCoder.defaultAbiCoder().encode(
    ['bytes', 'uint256'],
    [stakeKey(index), stakeGwei(index) * 1_000_000_000n],
  ),
  blockNumber: toQuantity(REGISTERED_BLOCK),
  blockHash: hashOf('d'),
  transactionHash: hashOf('e'),
  transactionIndex: '0x0',
  logIndex: toQuantity(index),
  removed: false,
}));

function toQuantity(value: number): string {
  return `0x${value.toString(16)}`;
}

// --- the beacon node ---

function beaconAnswer({ path, body }: ReceivedRequest): unknown {
  const [, version, group = '', ...rest] = path.split('?')[0]?.split('/').slice(1) ?? [];
  const what = [version, group, ...rest].join('/');
  const answered = (data: unknown) => ({ execution_optimistic: false, finalized: false, data });
  switch (what) {
    case 'v1/beacon/genesis':
      return { data: { genesis_validators_root: hex(BEACON_CHAIN.genesisValidatorsRoot) } };
    case 'v1/node/syncing':
      return { data: { head_slot: String(HEAD_SLOT), sync_distance: '0', is_syncing: false } };
    case 'v1/beacon/headers/head':
    case `v1/beacon/headers/${HEAD_SLOT}`:
      return answered({
        root: BLOCK_ROOT,
        header: { message: { slot: String(HEAD_SLOT), state_root: STATE_ROOT } },
      });
    case `v1/beacon/blinded_blocks/${BLOCK_ROOT}`: {
      const execution_payload_header = {
        block_number: String(HEAD_BLOCK),
        block_hash: BLOCK_HASH,
        timestamp: String(TIMESTAMP),
      };
      const message = { slot: String(HEAD_SLOT), state_root: STATE_ROOT, body: { execution_payload_header } };
      return answered({ message });
    }
    case `v1/beacon/states/${HEAD_SLOT}/validators`: {
      const { ids } = JSON.parse(body) as { ids: string[] };
      return answered(ids.flatMap(name => validators.get(name) ?? []));
    }
    case `v1/beacon/states/${HEAD_SLOT}/pending_deposits`:
      return answered(deposits);
    case `v1/beacon/states/${HEAD_SLOT}/pending_partial_withdrawals`:
      return answered(partials);
    case `v1/beacon/states/${HEAD_SLOT}/pending_consolidations`:
      return answered(consolidations);
    default:
      return undefined;
  }
}

// --- the execution node ---

interface RpcRequest {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

function rpcAnswer({ id: requestId, method, params }: RpcRequest): unknown {
  return { jsonrpc: '2.0', id: requestId, result: rpcResult(method, params) };
}

function rpcResult(method: string, params: readonly unknown[]): unknown {
  switch (method) {
    case 'eth_chainId':
      return '0x7a69';
    case 'eth_blockNumber':
      return toQuantity(HEAD_BLOCK);
    case 'eth_getBlockByNumber': {
      // The last finalized block is the head: nothing is registered behind it.
      const number = String(params[0]).startsWith('0x') ? String(params[0]) : toQuantity(HEAD_BLOCK);
      return { number, hash: BLOCK_HASH, parentHash: hashOf('a'), timestamp: toQuantity(TIMESTAMP) };
    }
    case 'eth_getCode':
      return '0x60';
    case 'eth_getStorageAt':
      return ZERO;
    case 'eth_call':
      return callResult((params[0] as { data: string }).data);
    case 'eth_getLogs':
      return findLogs(params[0] as LogFilter);
    default:
      throw new Error(`nobody answers ${method}`);
  }
}

const multicall = new Interface([
  'function aggregate((address target, bytes callData)[] calls) payable returns (uint256 blockNumber, bytes[] returnData)',
]);
const AMOUNT = toBeHex(parseEther(String(MISSING_ETHER)), 32);
const TRUE = toBeHex(1n, 32);

/** Every amount is the same, and every validator one of the vault. */
function callResult(data: string): string {
  if (!data.startsWith(multicall.getFunction('aggregate')?.selector ?? 'none')) return AMOUNT;
  const [calls] = multicall.decodeFunctionData('aggregate', data);
  const answers = Array.from({ length: calls.length }, () => TRUE);
  return multicall.encodeFunctionResult('aggregate', [HEAD_BLOCK, answers]);
}

interface LogFilter {
  readonly fromBlock: string;
  readonly toBlock: string;
  readonly topics: readonly (string | readonly string[] | null)[];
}

function findLogs({ fromBlock, toBlock, topics: [topic] }: LogFilter): readonly unknown[] {
  const isAsked = [topic ?? REGISTERED].flat().includes(REGISTERED);
  const isInRange = Number(fromBlock) <= REGISTERED_BLOCK && REGISTERED_BLOCK <= Number(toBlock);
  return isAsked && isInRange ? logs : [];
}

function answer(request: ReceivedRequest): Answer {
  if (request.path.startsWith('/eth/')) {
    const body = beaconAnswer(request);
    return body === undefined ? { status: 404, body: {} } : { status: 200, body };
  }
  if (request.path.endsWith('/exits')) return { status: 200, body: [] };
  const payload = JSON.parse(request.body) as RpcRequest | readonly RpcRequest[];
  return {
    status: 200,
    body: Array.isArray(payload) ? payload.map(rpcAnswer) : rpcAnswer(payload as RpcRequest),
  };
}

await using server = await startServer(answer);
console.log(server.url);
process.stdin.resume();
await new Promise(resolve => process.stdin.once('end', resolve));
