import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  ALL_LOGS,
  ASK,
  expectOutcomes,
  HEAD,
  type RpcQuirk,
  says,
  takesBlocks,
  withTitles,
} from '../../../support/scenes/far-rpc.ts';
import { type FarAnswer, type FarNodes, openFarNodes } from '../../../support/servers/far-nodes.ts';

const MAKERS = ['Infura', 'Alchemy', 'QuickNode', 'Ankr', 'dRPC', 'Cloudflare', 'Tenderly'];

const JSON_TYPE = { 'content-type': 'application/json' };

function status(
  code: number,
  body: string,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): FarAnswer {
  return { status: code, headers, body };
}

const INFURA: readonly RpcQuirk[] = [
  {
    maker: 'Infura',
    does: 'refuses more than 10,000 blocks of logs as wrong parameters',
    so: 'is asked for half as many until it answers',
    source: 'INFURA/infura#237',
    endpoint: 'https://mainnet.infura.io/v3/PROJECT-ID',
    answers: takesBlocks(
      10_000,
      says(
        `{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"range ${HEAD} exceeds limit of 10000"}}`,
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'first' },
  },
  {
    maker: 'Infura',
    does: 'has counted too many requests of a day',
    so: 'is passed over, and named as one to wait for when there is no other',
    source: 'gochain/web3#180',
    endpoint: 'https://linea-mainnet.infura.io/v3/PROJECT-ID',
    answers: {
      eth_blockNumber: status(
        429,
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32005,"message":"daily request count exceeded, request rate limited","data":{"rate":{"allowed_rps":1,"backoff_seconds":0,"current_rps":2.2},"see":"https://infura.io/dashboard"}}}',
      ),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'http-status',
        message: 'https://linea-mainnet.infura.io answered with HTTP status 429.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
  {
    maker: 'Infura',
    does: 'tells of its limit in an answer with status 200',
    so: 'is passed over, and quoted when there is no other',
    source: 'status-im/nimbus-eth2#1632',
    endpoint: 'https://goerli.infura.io/v3/PROJECT-ID',
    answers: {
      eth_blockNumber: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32005,"data":{"rate":{"allowed_rps":1,"backoff_seconds":30,"current_rps":1.266666666666667},"see":"https://infura.io/dashboard"},"message":"daily request count exceeded, request rate limited"}}',
      ),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          'https://goerli.infura.io refused eth_blockNumber: daily request count exceeded, request rate limited (-32005).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
];

const ALCHEMY: readonly RpcQuirk[] = [
  {
    maker: 'Alchemy',
    does: 'calls more than 500 blocks of logs an invalid request, and advises a range',
    so: 'is asked for half as many until it answers',
    source: 'risc0/risc0-ethereum#656',
    endpoint: 'https://eth-mainnet.g.alchemy.com/v2/API-KEY',
    answers: takesBlocks(
      500,
      says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32600,"message":"You can make eth_getLogs requests with up to a 500 block range. Based on your parameters, this block range should work: [0x1be4213, 0x1be4406]"}}',
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'first' },
  },
  {
    maker: 'Alchemy',
    does: 'has counted too many compute units of a second',
    so: 'is passed over, and named as one to wait for when there is no other',
    source: 'Synthetixio/kwenta#40',
    endpoint: 'https://eth-sepolia.g.alchemy.com/v2/API-KEY',
    answers: {
      eth_blockNumber: status(
        429,
        '{"jsonrpc": "2.0", "id": ID, "error": {"code": 429, "message": "Your app has exceeded its compute units per second capacity. If you have retries enabled, you can safely ignore this message. If not, check out https://docs.alchemyapi.io/guides/rate-limits"}}',
      ),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'http-status',
        message: 'https://eth-sepolia.g.alchemy.com answered with HTTP status 429.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
  {
    maker: 'Alchemy',
    does: 'forbids everything when a month’s units are used up',
    so: 'is passed over, also with several requests at once',
    source: 'xmtp/xmtpd#672',
    endpoint: 'https://eth-holesky.g.alchemy.com/v2/API-KEY',
    answers: {
      batch: status(
        403,
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32600,"message":"Monthly capacity limit exceeded. Visit https://dashboard.alchemyapi.io/settings/billing to upgrade your scaling policy for continued service."}}',
      ),
      eth_getBlockByNumber: status(
        403,
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32600,"message":"Monthly capacity limit exceeded. Visit https://dashboard.alchemyapi.io/settings/billing to upgrade your scaling policy for continued service."}}',
      ),
    },
    ask: ASK.account,
    alone: {
      error: {
        code: 'http-status',
        message: 'https://eth-holesky.g.alchemy.com answered with HTTP status 403.',
        retryable: false,
      },
    },
    beside: { by: 'second', value: ACCOUNT },
  },
];

const QUICKNODE: readonly RpcQuirk[] = [
  {
    maker: 'QuickNode',
    does: 'refuses more than 10,000 blocks of logs with HTTP status 413',
    so: 'is passed over, and asked for less when there is no other',
    source: 'OffchainLabs/arbitrum-sdk#609',
    endpoint: 'https://broken-icy-mountain.quiknode.pro/TOKEN/',
    answers: takesBlocks(
      10_000,
      status(
        413,
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32614,"message":"eth_getLogs is limited to a 10,000 range"}}',
        { 'content-type': 'application/json', vary: 'Accept-Encoding', 'x-node-id': 'ethereum_mainnet_fra' },
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'second' },
  },
  {
    maker: 'QuickNode',
    does: 'refuses all of a batch under the id "1", in text',
    so: 'is passed over, and quoted when there is no other',
    source: 'latticexyz/mud#1522',
    endpoint: 'https://side-light-vineyard.quiknode.pro/TOKEN/',
    answers: {
      batch: says(
        `[${Array(5).fill('{"jsonrpc":"2.0","id":"1","error":{"code":-32012,"message":"credits limited to 6000/sec"}}').join(',')}]`,
      ),
    },
    ask: ASK.account,
    alone: {
      error: {
        code: 'rpc-error',
        // Of five refusals, the first that is looked at.
        message:
          /^https:\/\/side-light-vineyard\.quiknode\.pro refused eth_\w+: credits limited to 6000\/sec \(-32012\)\.$/,
        retryable: true,
      },
    },
    beside: { by: 'second', value: ACCOUNT },
  },
  {
    maker: 'QuickNode',
    does: 'refuses a wide range in a short answer, without a node’s name',
    so: 'is passed over, and asked for less when there is no other',
    source: 'eternalsafe/wallet#57',
    endpoint: 'https://late-blue-meadow.quiknode.pro/TOKEN/',
    answers: takesBlocks(
      10_000,
      status(
        413,
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32614,"message":"eth_getLogs is limited to a 10,000 range"}}',
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'second' },
  },
];

const ANKR_UNAUTHORIZED =
  'Unauthorized: You must authenticate your request with an API key. Create an account on https://www.ankr.com/rpc/ and generate your personal API key for free.';

const ANKR: readonly RpcQuirk[] = [
  {
    maker: 'Ankr',
    does: 'wants an API key, and says so with status 200 and no id',
    so: 'is passed over, and quoted when there is no other',
    source: 'lontivero/Explora#2',
    endpoint: 'https://rpc.ankr.com/eth',
    answers: {
      eth_chainId: says(
        `{"jsonrpc":"2.0","error":{"code":-32000,"message":"${ANKR_UNAUTHORIZED}"},"id":null}`,
      ),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'invalid-answer',
        message: `https://rpc.ankr.com does not tell its chain id: ${ANKR_UNAUTHORIZED} (-32000).`,
        retryable: false,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
  {
    maker: 'Ankr',
    does: 'forbids a chain to a key, in text that is no JSON',
    so: 'is passed over',
    source: 'wevm/viem#3476',
    endpoint: 'https://premium.ankr.com/eth/KEY',
    answers: {
      eth_chainId: status(
        403,
        'message: API key is not allowed to access blockchain, json-rpc code: -32052, rest code: 403',
        { 'content-type': 'text/plain' },
      ),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'http-status',
        message: 'https://premium.ankr.com answered with HTTP status 403.',
        retryable: false,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
  {
    maker: 'Ankr',
    does: 'limits the range of logs as an input',
    so: 'is passed over, and asked for less when there is no other',
    source: 'ponder-sh/ponder#1940',
    endpoint: 'https://archive.ankr.com/eth/KEY',
    answers: takesBlocks(
      10_000,
      says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"maximum [from, to] blocks distance: 10000"}}',
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'second' },
  },
];

const REST: readonly RpcQuirk[] = [
  {
    maker: 'dRPC',
    does: 'refuses more than three requests at once with HTTP status 500',
    so: 'is asked one by one',
    source: 'AmbireTech/ambire-common src/services/provider/getRpcProvider.ts',
    endpoint: 'https://eth.drpc.org',
    answers: {
      batch: status(
        500,
        '{"jsonrpc":"2.0","id":null,"error":{"code":31,"message":"Batch of more than 3 requests are not allowed on free tier, to use this feature register paid account at drpc.org"}}',
      ),
    },
    ask: ASK.account,
    alone: { value: ACCOUNT },
    beside: { by: 'first' },
  },
  {
    maker: 'dRPC',
    does: 'has no time for those who do not pay, and says so with status 200',
    so: 'is passed over, and quoted when there is no other',
    source: 'enviodev/hyperindex#715',
    endpoint: 'https://sei.drpc.org',
    answers: {
      eth_blockNumber: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"message":"Request timeout on the free tier, please upgrade your tier to the paid one","code":30}}',
      ),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          'https://sei.drpc.org refused eth_blockNumber: Request timeout on the free tier, please upgrade your tier to the paid one (30).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
  {
    maker: 'dRPC',
    does: 'does not serve a method to those who do not pay',
    so: 'is passed over, and quoted when there is no other',
    source: 'drpcorg/nodecore#159',
    endpoint: 'https://mantle.drpc.org',
    answers: {
      eth_getBlockByNumber: says(
        '{"id":ID,"jsonrpc":"2.0","error":{"message":"method is not available on freetier, please upgrade to paid tier","code":35}}',
      ),
    },
    ask: ASK.account,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          'https://mantle.drpc.org refused eth_getBlockByNumber: method is not available on freetier, please upgrade to paid tier (35).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: ACCOUNT },
  },
  {
    maker: 'Cloudflare',
    does: 'says "Internal error" of whatever it is asked',
    so: 'is passed over, and quoted when there is no other',
    source: 'reown-com/appkit#4059',
    endpoint: 'https://cloudflare-eth.com',
    answers: {
      eth_blockNumber: says('{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":ID}'),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'rpc-error',
        message: 'https://cloudflare-eth.com refused eth_blockNumber: Internal error (-32603).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
  {
    maker: 'Cloudflare',
    does: 'has no states of old blocks',
    so: 'is passed over, and quoted when there is no other',
    source: 'status-im/status-legacy#9633',
    endpoint: 'https://cloudflare-ethereum.com',
    answers: {
      eth_getTransactionCount: says(
        '{"jsonrpc":"2.0","id":ID,"error":{"code":-32000,"message":"missing trie node b797f6379be0aef61dbede470f6e6231e2cb26b5415548ed29e640f1252186e4 (path )"}}',
      ),
    },
    ask: ASK.oldNonce,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          'https://cloudflare-ethereum.com refused eth_getTransactionCount: missing trie node b797f6379be0aef61dbede470f6e6231e2cb26b5415548ed29e640f1252186e4 (path ) (-32000).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: '0x5' },
  },
  {
    maker: 'Cloudflare',
    does: 'calls a request for logs of old blocks invalid',
    so: 'is passed over, and quoted when there is no other',
    source: 'ethers-io/ethers.js#841',
    endpoint: 'https://cloudflare-eth.com',
    answers: {
      eth_getLogs: says(
        '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request. Requested data is older than 128 blocks."},"id":ID}',
      ),
    },
    ask: ASK.logs,
    alone: {
      error: {
        code: 'rpc-error',
        message:
          'https://cloudflare-eth.com refused eth_getLogs: Invalid Request. Requested data is older than 128 blocks. (-32600).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: ALL_LOGS },
  },
  {
    maker: 'Tenderly',
    does: 'writes the id as text beside its limit',
    so: 'is passed over, and named as one to wait for when there is no other',
    source: 'fluencelabs/dev-rewards#20',
    endpoint: 'https://mainnet.gateway.tenderly.co/KEY',
    answers: {
      eth_blockNumber: status(
        429,
        '{"id":"1709215671619515648","jsonrpc":"2.0","error":{"code":-32005,"message":"rate limit exceeded"}}',
      ),
    },
    ask: ASK.head,
    alone: {
      error: {
        code: 'http-status',
        message: 'https://mainnet.gateway.tenderly.co answered with HTTP status 429.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: HEAD },
  },
  {
    maker: 'Tenderly',
    does: 'calls a wide range invalid, and says why in the data only',
    so: 'is asked for half as many until it answers',
    source: 'bobanetwork/boba_legacy#827',
    endpoint: 'https://goerli.gateway.tenderly.co/KEY',
    answers: takesBlocks(
      2_000,
      says(
        '{"id":ID,"jsonrpc":"2.0","error":{"code":-32602,"message":"invalid params","data":{"error_id":"4ed94073-0317-4648-a167-107fba5f44b3","payload":"range 9009594 is bigger than range limit 2000"}}}',
      ),
    ),
    ask: ASK.logs,
    alone: { value: ALL_LOGS },
    beside: { by: 'first' },
  },
  {
    maker: 'Tenderly',
    does: 'may not simulate a call, and calls that an internal error with the reason in the data only',
    so: 'is passed over, and quoted when there is no other',
    source: 'Tenderly/tenderly-cli#92',
    endpoint: 'https://rpc.tenderly.co/fork/ID-OF-FORK',
    answers: {
      eth_estimateGas: says(
        `{"id":ID,"jsonrpc":"2.0","error":${JSON.stringify({
          code: -32603,
          message: 'internal error',
          data: 'EstimateGas: call simulate api: {"code":403,"id":"907cefbd-a69b-4819-9e25-2b22aa82238c","msg":"intent execution not allowed","slug":"intent_execution_not_allowed"}',
        })}}`,
      ),
    },
    ask: ASK.estimate,
    alone: {
      error: {
        code: 'rpc-error',
        message: 'https://rpc.tenderly.co refused eth_estimateGas: internal error (-32603).',
        retryable: true,
      },
    },
    beside: { by: 'second', value: { status: 'passes', gas: 21_000n } },
  },
];

const QUIRKS = [INFURA, ALCHEMY, QUICKNODE, ANKR, REST].flat();

let nodes: FarNodes;
beforeAll(() => {
  nodes = openFarNodes();
});
// Several rows have the same origin, where the first answer would stay.
beforeEach(() => nodes.forget());
afterAll(() => nodes[Symbol.dispose]());

describe('hosted services', () => {
  it.each(withTitles(QUIRKS))('a hosted service of %s', async (_title, quirk) => {
    await expectOutcomes(nodes, quirk);
  });
});

it.each(MAKERS)('the table of hosted services knows a way in which %s answers', maker => {
  expect(QUIRKS.filter(quirk => quirk.maker === maker)).not.toEqual([]);
});
