import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  ALL_LOGS,
  ASK,
  ATTEMPTS,
  answerRpc,
  connectRpc,
  expectOutcomes,
  openAgent,
  type RpcQuirk,
  says,
  takesBlocks,
  withTitles,
} from '../../../support/scenes/far-rpc.ts';
import { type FarNodes, openFarNodes } from '../../../support/servers/far-nodes.ts';

const MAKERS = ['Geth', 'Nethermind', 'Besu', 'Erigon', 'Reth'];

/** A revert with the reason "some error". */
const REVERT_DATA = `0x08c379a0${'0'.repeat(62)}20${'0'.repeat(63)}a${'736f6d65206572726f72'.padEnd(64, '0')}`;
const ACCEPTED = { status: 'accepted' };

const GETH: readonly RpcQuirk[] = [
  {
    maker: 'Geth',
    does: 'still builds its index of transactions',
    so: 'is passed over when a receipt is asked for, and quoted when there is no other',
    source: 'ethereum/go-ethereum internal/ethapi/errors.go',
    endpoint: 'http://geth:8545',
    answers: {
      eth_getTransactionReceipt: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"transaction indexing is in progress","data":"transaction indexing is in progress"}}',
      ),
    },
    ask: ASK.attempts,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          'http://geth:8545 refused eth_getTransactionReceipt: transaction indexing is in progress (-32000).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: ATTEMPTS },
  },
  {
    maker: 'Geth',
    does: 'calls a batch too large in an answer to its first request only',
    so: 'is asked one by one',
    source: 'ethereum/go-ethereum rpc/handler.go',
    endpoint: 'http://geth-of-few:8545',
    answers: {
      batch: says('[{"jsonrpc":"2.0","id":ID,"error":{"code":-32600,"message":"batch too large"}}]'),
    },
    ask: ASK.account,
    alone: { value: ACCOUNT },
    beside: { by: 'first' },
  },
  {
    maker: 'Geth',
    does: 'has pruned the state of a block',
    so: 'is passed over, and quoted when there is no other',
    source: 'ethereum/go-ethereum#20874',
    endpoint: 'http://geth-pruned:8545',
    answers: {
      eth_getTransactionCount: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"missing trie node ef7df5d88cb1614dc3f143879a653cd90717ee42e967c5fabbcd7505a968f314 (path )"}}',
      ),
    },
    ask: ASK.oldNonce,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          'http://geth-pruned:8545 refused eth_getTransactionCount: missing trie node ef7df5d88cb1614dc3f143879a653cd90717ee42e967c5fabbcd7505a968f314 (path ) (-32000).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: '0x5' },
  },
  {
    maker: 'Geth',
    does: 'has the transaction already',
    so: 'counts as one that took it',
    source: 'ethereum/go-ethereum core/txpool/errors.go',
    endpoint: 'http://geth-knows:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"already known"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: ACCEPTED },
    beside: { by: 'second' },
  },
  {
    maker: 'Geth',
    does: 'wants a higher fee for a replacement',
    so: 'is believed at once, and no other is asked',
    source: 'ethereum/go-ethereum#23081',
    endpoint: 'http://geth-replaces:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"replacement transaction underpriced"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: { status: 'underpriced' } },
    beside: { by: 'first' },
  },
  {
    maker: 'Geth',
    does: 'gives a revert’s data with code 3',
    so: 'is believed, with the contract’s words',
    source: 'besu-eth/besu#1207',
    endpoint: 'http://geth-reverts:8545',
    answers: {
      eth_estimateGas: says(
        `{"jsonrpc":"2.0","id":ID,"error":{"code":3,"message":"execution reverted: some error","data":"${REVERT_DATA}"}}`,
      ),
    },
    ask: ASK.estimate,
    alone: { value: { status: 'reverts', reason: 'some error', data: REVERT_DATA } },
    beside: { by: 'first' },
  },
];

const NETHERMIND: readonly RpcQuirk[] = [
  {
    maker: 'Nethermind',
    does: 'calls a nonce that is used "OldNonce"',
    so: 'is understood: another transaction has it',
    source: 'NethermindEth/nethermind src/Nethermind/Nethermind.TxPool/AcceptTxResult.cs',
    endpoint: 'http://nethermind:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","error":{"code":-32010,"message":"OldNonce, Current nonce: 22, nonce of rejected tx: 17"},"id":ID}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: { status: 'nonce-taken' } },
    beside: { by: 'second', value: ACCEPTED },
  },
  {
    maker: 'Nethermind',
    does: 'calls a transaction that it has "AlreadyKnown"',
    so: 'counts as one that took it',
    source: 'NethermindEth/nethermind src/Nethermind/Nethermind.TxPool/AcceptTxResult.cs',
    endpoint: 'http://nethermind-knows:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","error":{"code":-32010,"message":"AlreadyKnown"},"id":ID}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: ACCEPTED },
    beside: { by: 'second' },
  },
  {
    maker: 'Nethermind',
    does: 'is syncing and takes no transaction',
    so: 'is passed over, and quoted when there is no other',
    source: 'NethermindEth/nethermind src/Nethermind/Nethermind.TxPool/TxPoolErrorMessages.cs',
    endpoint: 'http://nethermind-syncs:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","error":{"code":-32010,"message":"node is syncing"},"id":ID}',
      ),
    },
    ask: ASK.broadcast,
    alone: {
      value: {
        status: 'refused',
        reason: 'http://nethermind-syncs:8545 refused eth_sendRawTransaction: node is syncing (-32010).',
      },
    },
    beside: { by: 'second', value: ACCEPTED },
  },
  {
    maker: 'Nethermind',
    does: 'has pruned the receipts of a range of logs',
    so: 'is passed over, and quoted when there is no other',
    source: 'NethermindEth/nethermind#12090',
    endpoint: 'http://nethermind-pruned:8545',
    answers: {
      eth_getLogs: says(
        '{"jsonrpc":"2.0","error":{"code":4444,"message":"pruned history unavailable"},"id":ID}',
      ),
    },
    ask: ASK.logs,
    alone: {
      error: {
        code: 'rpc-error',
        message: 'http://nethermind-pruned:8545 refused eth_getLogs: pruned history unavailable (4444).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: ALL_LOGS },
  },
  {
    maker: 'Nethermind',
    does: 'says "Internal error" of a call for whose block it has no state',
    so: 'is passed over: that is no revert',
    source: 'NethermindEth/nethermind#13603',
    endpoint: 'http://nethermind-without-state:8545',
    answers: {
      eth_call: says('{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":ID}'),
    },
    ask: ASK.vault,
    alone: {
      error: {
        code: 'rpc-error',
        message: 'http://nethermind-without-state:8545 refused eth_call: Internal error (-32603).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: '0x3333333333333333333333333333333333333333' },
  },
  {
    maker: 'Nethermind',
    does: 'writes a revert’s data behind the word "Reverted"',
    so: 'is believed, with the contract’s error',
    source: 'graphprotocol/graph-node chain/ethereum/src/ethereum_adapter.rs',
    endpoint: 'http://nethermind-reverts:8545',
    answers: {
      eth_estimateGas: says(
        '{"jsonrpc":"2.0","error":{"code":-32015,"message":"VM execution error.","data":"Reverted 0x7a933234"},"id":ID}',
      ),
    },
    ask: ASK.estimate,
    alone: { value: { status: 'reverts', reason: 'custom error 0x7a933234', data: '0x7a933234' } },
    beside: { by: 'first' },
  },
];

const BESU: readonly RpcQuirk[] = [
  {
    maker: 'Besu',
    does: 'takes smaller batches only, and says so without an id',
    so: 'is asked one by one',
    source:
      'besu-eth/besu ethereum/api/src/main/java/org/hyperledger/besu/ethereum/api/jsonrpc/internal/response/RpcErrorType.java',
    endpoint: 'http://besu:8545',
    answers: {
      batch: says(
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"Number of requests exceeds max batch size"}}',
      ),
    },
    ask: ASK.account,
    alone: { value: ACCOUNT },
    beside: { by: 'first' },
  },
  {
    maker: 'Besu',
    does: 'limits the range of logs',
    so: 'is passed over, and asked for less when there is no other',
    source:
      'besu-eth/besu ethereum/api/src/main/java/org/hyperledger/besu/ethereum/api/jsonrpc/internal/response/RpcErrorType.java',
    endpoint: 'http://besu-of-short-ranges:8545',
    answers: takesBlocks(
      5_000,
      says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32005,"message":"Requested range exceeds maximum RPC range limit"}}',
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'second' },
  },
  {
    maker: 'Besu',
    does: 'knows no eth_maxPriorityFeePerGas',
    so: 'gets along with one gwei, and no other is asked',
    source: '0xPolygon/polygon-edge#1997',
    endpoint: 'http://besu-of-2023:8545',
    answers: {
      eth_maxPriorityFeePerGas: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32601,"message":"Method not found"}}',
      ),
    },
    ask: ASK.account,
    alone: { value: Object.assign({}, ACCOUNT, { priorityFeeWei: 1_000_000_000n }) },
    beside: { by: 'first' },
  },
  {
    maker: 'Besu',
    does: 'gives a revert’s data with code -32000',
    so: 'is believed, with the contract’s words',
    source: 'besu-eth/besu#1730',
    endpoint: 'http://besu-reverts:8545',
    answers: {
      eth_estimateGas: says(
        `{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"Execution reverted","data":"${REVERT_DATA}"}}`,
      ),
    },
    ask: ASK.estimate,
    alone: { value: { status: 'reverts', reason: 'some error', data: REVERT_DATA } },
    beside: { by: 'first' },
  },
  {
    maker: 'Besu',
    does: 'says "Internal error" of a call that reverts',
    so: 'is passed over: it cannot tell',
    source: 'besu-eth/besu#1207',
    endpoint: 'http://besu-of-2020:8545',
    answers: {
      eth_estimateGas: says('{"jsonrpc":"2.0","id":ID,"error":{"code":-32603,"message":"Internal error"}}'),
    },
    ask: ASK.estimate,
    alone: {
      error: {
        code: 'rpc-error',
        message: 'http://besu-of-2020:8545 refused eth_estimateGas: Internal error (-32603).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: { status: 'passes', gas: 21_000n } },
  },
  {
    maker: 'Besu',
    does: 'calls a nonce that is used "Nonce too low" with a code of its own',
    so: 'is understood: another transaction has it',
    source:
      'besu-eth/besu ethereum/api/src/main/java/org/hyperledger/besu/ethereum/api/jsonrpc/internal/response/RpcErrorType.java',
    endpoint: 'http://besu-nonce:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32001,"message":"Nonce too low"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: { status: 'nonce-taken' } },
    beside: { by: 'first' },
  },
  {
    maker: 'Besu',
    does: 'calls a transaction that it has "Known transaction"',
    so: 'counts as one that took it',
    source:
      'besu-eth/besu ethereum/api/src/main/java/org/hyperledger/besu/ethereum/api/jsonrpc/internal/response/RpcErrorType.java',
    endpoint: 'http://besu-knows:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"Known transaction"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: ACCEPTED },
    beside: { by: 'second' },
  },
];

const ERIGON: readonly RpcQuirk[] = [
  {
    maker: 'Erigon',
    does: 'says "could not replace existing tx" of a replacement that pays too little',
    so: 'is understood: a higher fee is wanted',
    source: 'erigontech/erigon#5214',
    endpoint: 'http://erigon:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"INTERNAL_ERROR: could not replace existing tx"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: { status: 'underpriced' } },
    beside: { by: 'second', value: ACCEPTED },
  },
  {
    maker: 'Erigon',
    does: 'calls a transaction that it has an "existing txn with same hash"',
    so: 'counts as one that took it',
    source: 'erigontech/erigon txnprovider/txpool/txpoolcfg/txpoolcfg.go',
    endpoint: 'http://erigon-knows:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"INTERNAL_ERROR: existing txn with same hash"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: ACCEPTED },
    beside: { by: 'second' },
  },
  {
    maker: 'Erigon',
    does: 'says "ALREADY_EXISTS" of a transaction that it has',
    so: 'counts as one that took it',
    source: 'erigontech/erigon#20826',
    endpoint: 'http://erigon-exists:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"ALREADY_EXISTS: already known"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: { value: ACCEPTED },
    beside: { by: 'second' },
  },
  {
    maker: 'Erigon',
    does: 'refuses a batch above its limit by one error without an id',
    so: 'is asked one by one',
    source: 'erigontech/erigon#17245',
    endpoint: 'http://erigon-of-few:8545',
    answers: {
      batch: says(
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"batch limit 100 exceeded (can increase by --rpc.batch.limit). Requested batch of size: 401"}}',
      ),
    },
    ask: ASK.account,
    alone: { value: ACCOUNT },
    beside: { by: 'first' },
  },
  {
    maker: 'Erigon',
    does: 'refuses a batch above its limit with HTTP status 413',
    so: 'is asked one by one',
    source: 'blockscout/blockscout#8551',
    endpoint: 'http://erigon-of-413:8545',
    answers: {
      batch: {
        status: 413,
        headers: { 'content-type': 'application/json' },
        body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"batch limit 1000 exceeded (can increase by --rpc.batch.limit). Requested batch of size: 1062"}}',
      },
    },
    ask: ASK.account,
    alone: { value: ACCOUNT },
    beside: { by: 'first' },
  },
  {
    maker: 'Erigon',
    does: 'has pruned what a range of logs needs',
    so: 'is passed over, and quoted when there is no other',
    source: 'erigontech/erigon#13198',
    endpoint: 'http://erigon-pruned:8545',
    answers: {
      eth_getLogs: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"state transitaion failed: seek with txNum=1962853355 but data before txNum=2662500000 is not available: blockNum=16999999, txNum=1962853355, seek with txNum=1962853355 but data before txNum=2662500000 is not available"}}',
      ),
    },
    ask: ASK.logs,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          /^http:\/\/erigon-pruned:8545 refused eth_getLogs: state transitaion failed: seek with txNum=1962853355 but data before txNum=2662500000 is not available: .*… \(-32000\)\.$/,
        retryable: true,
      },
    },
    beside: { by: 'second', value: ALL_LOGS },
  },
];

const SYNCING: readonly RpcQuirk[] = [
  {
    maker: 'Erigon',
    does: 'tells of its stages while it is syncing',
    so: 'is quoted with its blocks, since each endpoint is asked for itself',
    source: 'erigontech/erigon#6250',
    endpoint: 'http://erigon-syncs:8545',
    answers: {
      eth_syncing: says(
        '{"jsonrpc":"2.0","id":ID,"result":{"currentBlock":"0x0","highestBlock":"0x14d805f","stages":[{"stage_name":"Snapshots","block_number":"0x148105f"},{"stage_name":"Headers","block_number":"0x14d805f"},{"stage_name":"Execution","block_number":"0x0"}]}}',
      ),
    },
    ask: ASK.synced,
    alone: {
      error: {
        code: 'execution-node-syncing',
        message: 'http://erigon-syncs:8545 is syncing: block 0 of 21856351, 21856351 behind.',
        retryable: true,
      },
    },
    beside: { by: 'first' },
  },
];

const RETH: readonly RpcQuirk[] = [
  {
    maker: 'Reth',
    does: 'finds too many logs, and advises the range that it was asked for',
    so: 'is asked for half of it until it answers',
    source: 'base/base#2421',
    endpoint: 'http://reth:8545',
    answers: takesBlocks(
      10_000,
      says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"query exceeds max results 20000, retry with the range 25766988-25775072"}}',
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'first' },
  },
  {
    maker: 'Reth',
    does: 'does not have a block',
    so: 'is passed over, and no finder of a nonce when there is no other',
    source: 'paradigmxyz/reth crates/rpc/rpc-eth-types/src/error/mod.rs',
    endpoint: 'http://reth-behind:8545',
    answers: {
      eth_getTransactionCount: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32001,"message":"block not found: 0x186a0"}}',
      ),
    },
    ask: ASK.nonceTaker,
    alone: { value: undefined },
    beside: { by: 'second' },
  },
  {
    maker: 'Reth',
    does: 'has no place in its pool',
    so: 'is passed over, and quoted when there is no other',
    source: 'paradigmxyz/reth crates/rpc/rpc-eth-types/src/error/mod.rs',
    endpoint: 'http://reth-full:8545',
    answers: {
      eth_sendRawTransaction: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32003,"message":"txpool is full"}}',
      ),
    },
    ask: ASK.broadcast,
    alone: {
      value: {
        status: 'refused',
        reason: 'http://reth-full:8545 refused eth_sendRawTransaction: txpool is full (-32003).',
      },
    },
    beside: { by: 'second', value: ACCEPTED },
  },
  {
    maker: 'Reth',
    does: 'has a server that takes no batches',
    so: 'is asked one by one',
    source: 'paritytech/jsonrpsee types/src/error.rs',
    endpoint: 'http://reth-without-batches:8545',
    answers: {
      batch: says(
        '{"jsonrpc":"2.0","error":{"code":-32005,"message":"Batched requests are not supported by this server"},"id":null}',
      ),
    },
    ask: ASK.account,
    alone: { value: ACCOUNT },
    beside: { by: 'first' },
  },
  {
    maker: 'Reth',
    does: 'has pruned the receipts that a range of logs needs',
    so: 'is passed over, and quoted when there is no other',
    source: 'paradigmxyz/reth#27002',
    endpoint: 'http://reth-pruned:8545',
    answers: {
      eth_getLogs: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":4444,"message":"pruned history unavailable"}}',
      ),
    },
    ask: ASK.logs,
    alone: {
      error: {
        code: 'rpc-error',
        message: 'http://reth-pruned:8545 refused eth_getLogs: pruned history unavailable (4444).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: ALL_LOGS },
  },
];

const QUIRKS = [GETH, NETHERMIND, BESU, ERIGON, SYNCING, RETH].flat();

let nodes: FarNodes;
beforeAll(() => {
  nodes = openFarNodes();
});
afterAll(() => nodes[Symbol.dispose]());

describe('execution nodes', () => {
  it.each(withTitles(QUIRKS))('an execution node of %s', async (_title, quirk) => {
    await expectOutcomes(nodes, quirk);
  });
});

it('An endpoint that has refused a batch, and answered one by one, gets no batch any more', async () => {
  const endpoint = 'http://erigon-of-none:8545';
  const batch = says(
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"batch limit 1 exceeded"}}',
  );
  const requests = nodes.answer(endpoint, request => answerRpc(request, { batch }));
  await using dispatcher = openAgent();
  using node = connectRpc(dispatcher, [endpoint]);
  await ASK.account(node);
  await ASK.account(node);
  expect(requests.filter(({ body }) => body.startsWith('['))).toHaveLength(1);
  const methods = requests.map(({ body }) => JSON.parse(body).method);
  // What is read later must not be older: the count of those that wait after the count of those in blocks.
  expect(methods.slice(-5)).toEqual([
    'eth_getBlockByNumber',
    'eth_maxPriorityFeePerGas',
    'eth_getTransactionCount',
    'eth_getTransactionCount',
    'eth_getBalance',
  ]);
});

it('An endpoint that refuses everything for a while is given batches again when it answers', async () => {
  const endpoint = 'http://behind-a-firewall:8545';
  const forbidden = { status: 403, headers: { 'content-type': 'text/html' }, body: '<h1>403 Forbidden</h1>' };
  let isForbidden = false;
  const requests = nodes.answer(endpoint, request => (isForbidden ? forbidden : answerRpc(request, {})));
  await using dispatcher = openAgent();
  using node = connectRpc(dispatcher, [endpoint]);
  await ASK.account(node);
  isForbidden = true;
  await expect(ASK.account(node)).rejects.toMatchObject({
    message: `${endpoint} answered with HTTP status 403.`,
  });
  isForbidden = false;
  await ASK.account(node);
  expect(requests.at(-1)?.body).toMatch(/^\[/);
});

it('An endpoint whose proxy shows a page is named by its status, not by the page', async () => {
  for (const status of [400, 413]) {
    const endpoint = `http://proxy-of-${status}:8545`;
    nodes.answer(endpoint, () => ({ status, body: '<h1>No</h1>' }));
    await using dispatcher = openAgent();
    using node = connectRpc(dispatcher, [endpoint]);
    await expect(ASK.head(node)).rejects.toMatchObject({
      code: 'http-status',
      message: `${endpoint} answered with HTTP status ${status}.`,
    });
  }
});

it.each(MAKERS)('the table of execution nodes knows at least three ways in which %s answers', maker => {
  expect(QUIRKS.filter(quirk => quirk.maker === maker).length).toBeGreaterThanOrEqual(3);
});
