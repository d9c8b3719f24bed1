import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BeaconNode } from '../../../../src/clients/beacon/beacon-node.ts';
import { BUILT_IN } from '../../../../src/networks/built-in.ts';
import {
  type Beside,
  expectBeside,
  expectOutcome,
  type Outcome,
  openAgent,
  withTitles,
} from '../../../support/scenes/far-rpc.ts';
import {
  type FarAnswer,
  type FarNodes,
  type FarRequest,
  openFarNodes,
} from '../../../support/servers/far-nodes.ts';

const MAKERS = ['Lighthouse', 'Teku', 'Prysm', 'Nimbus', 'Lodestar'];

/** Answers by method and last part of the path; undefined: as a node in order does. */
type BeaconAnswers = Readonly<Record<string, (request: FarRequest) => FarAnswer | undefined>>;

interface BeaconQuirk {
  readonly maker: string;
  readonly does: string;
  readonly so: string;
  readonly source: string;
  readonly endpoint: string;
  readonly answers: BeaconAnswers;
  readonly ask: (node: BeaconNode) => Promise<unknown>;
  readonly alone: Outcome;
  readonly beside: Beside;
}

const SECOND = 'https://ethereum-beacon-api.publicnode.com';
const ROOT = '0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95';
const KEYS = Array.from({ length: 130 }, (_, i) => new Uint8Array(48).fill(i + 1));
const JSON_TYPE = { 'content-type': 'application/json' };

function json(status: number, body: string): () => FarAnswer {
  return () => ({ status, headers: JSON_TYPE, body });
}

/** How many of the keys the chain knows. */
function validators(count: number) {
  return async (node: BeaconNode) => (await node.fetchValidators(KEYS.slice(0, count))).size;
}

const exit = (node: BeaconNode) =>
  node.submitVoluntaryExit({ epoch: 194_048n, validatorIndex: 7n, signature: new Uint8Array(96) });
const epoch = (node: BeaconNode) => node.fetchCurrentEpoch();
const withdrawals = (node: BeaconNode) => node.fetchPendingPartialWithdrawals();

const LIGHTHOUSE: readonly BeaconQuirk[] = [
  {
    maker: 'Lighthouse',
    does: 'gives the reason for refusing an exit in its own types',
    so: 'is quoted, and no other is asked',
    source: 'gobitfly/eth2-beaconchain-explorer#2193',
    endpoint: 'http://lighthouse:5052',
    answers: {
      'POST voluntary_exits': json(
        400,
        '{"code":400,"message":"BAD_REQUEST: Invalid object: gossip verification failed: ExitValidationError(Invalid(NotActive(384413)))","stacktraces":[]}',
      ),
    },
    ask: exit,
    alone: {
      value: {
        kind: 'refused',
        reason:
          'BAD_REQUEST: Invalid object: gossip verification failed: ExitValidationError(Invalid(NotActive(384413)))',
        isAlreadyKnown: false,
      },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Lighthouse',
    does: 'has the exit already, or takes it, with an empty answer',
    so: 'has accepted it',
    source: 'sigp/lighthouse beacon_node/http_api/src/beacon/pool.rs',
    endpoint: 'http://lighthouse-knows:5052',
    answers: { 'POST voluntary_exits': json(200, 'null') },
    ask: exit,
    alone: { value: { kind: 'accepted' } },
    beside: { by: 'first' },
  },
  {
    maker: 'Lighthouse',
    does: 'allows no POST for validators',
    so: 'is asked by GET, 64 at a time',
    source: 'sigp/lighthouse common/warp_utils/src/reject.rs',
    endpoint: 'http://lighthouse-of-2023:5052',
    answers: {
      'POST validators': json(405, '{"code":405,"message":"METHOD_NOT_ALLOWED","stacktraces":[]}'),
    },
    ask: validators(130),
    alone: { value: 130 },
    beside: { by: 'first' },
  },
  {
    maker: 'Lighthouse',
    does: 'does not have the state',
    so: 'is passed over, and named when there is no other',
    source: 'sigp/siren#437',
    endpoint: 'http://lighthouse-without-state:5052',
    answers: {
      'POST validators': json(
        404,
        '{"code":404,"message":"NOT_FOUND: beacon state at slot 1677631","stacktraces":[]}',
      ),
      'GET validators': json(
        404,
        '{"code":404,"message":"NOT_FOUND: beacon state at slot 1677631","stacktraces":[]}',
      ),
    },
    ask: validators(3),
    alone: {
      error: {
        code: 'http-status',
        message: 'http://lighthouse-without-state:5052 answered with HTTP status 404.',
        retryable: false,
      },
    },
    beside: { by: 'second', value: 3 },
  },
  {
    maker: 'Lighthouse',
    does: 'fails to tell before genesis whether it is synced',
    so: 'is passed over, and named as one to wait for when there is no other',
    source: 'sigp/lighthouse#3078',
    endpoint: 'http://lighthouse-before-genesis:5052',
    answers: {
      'GET syncing': json(500, ''),
    },
    ask: epoch,
    alone: {
      error: {
        code: 'http-status',
        message: 'http://lighthouse-before-genesis:5052 answered with HTTP status 500.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: 312_500n },
  },
  {
    maker: 'Lighthouse',
    does: 'is syncing at the start of a chain',
    so: 'is passed over, and told of when there is no other',
    source: 'sigp/lighthouse#6425',
    endpoint: 'http://lighthouse-syncs:5052',
    answers: {
      'GET syncing': json(
        200,
        '{"data":{"is_syncing":true,"is_optimistic":false,"el_offline":false,"head_slot":"0","sync_distance":"4"}}',
      ),
    },
    ask: epoch,
    alone: {
      error: {
        code: 'beacon-node-not-ready',
        message: 'http://lighthouse-syncs:5052 is not ready: it is syncing, 4 slots behind.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: 312_500n },
  },
];

const TEKU: readonly BeaconQuirk[] = [
  {
    maker: 'Teku',
    does: 'has the exit already',
    so: 'is understood: it is not the first one',
    source:
      'Consensys/teku ethereum/statetransition/src/main/java/tech/pegasys/teku/statetransition/validation/VoluntaryExitValidator.java',
    endpoint: 'http://teku:5051',
    answers: {
      'POST voluntary_exits': json(
        400,
        '{"code":400,"message":"Exit is not the first one for validator 7."}',
      ),
    },
    ask: exit,
    alone: {
      value: {
        kind: 'refused',
        reason: 'Exit is not the first one for validator 7.',
        isAlreadyKnown: true,
      },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Teku',
    does: 'refuses an exit without saying why',
    so: 'is quoted: what the chain says of the validator counts',
    source:
      'Consensys/teku data/beaconrestapi/src/main/java/tech/pegasys/teku/beaconrestapi/handlers/v1/beacon/PostVoluntaryExit.java',
    endpoint: 'http://teku-of-2021:5051',
    answers: {
      'POST voluntary_exits': json(
        400,
        '{"code":400,"message":"Invalid voluntary exit, it will never pass validation so it\'s rejected"}',
      ),
    },
    ask: exit,
    alone: {
      value: {
        kind: 'refused',
        reason: "Invalid voluntary exit, it will never pass validation so it's rejected",
        isAlreadyKnown: false,
      },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Teku',
    does: 'is syncing and has no head to tell of',
    so: 'is passed over, and named as one to wait for when there is no other',
    source: 'Consensys-Incorporated/teku#6144',
    endpoint: 'http://teku-syncs:5051',
    answers: { 'POST validators': json(503, '{"code":503,"message":"Service unavailable"}') },
    ask: validators(3),
    alone: {
      error: {
        code: 'http-status',
        message: 'http://teku-syncs:5051 answered with HTTP status 503.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: 3 },
  },
  {
    maker: 'Teku',
    does: 'has no head state while the head’s slot is empty',
    so: 'is passed over, and named when there is no other',
    source: 'Consensys-Incorporated/teku#2945',
    endpoint: 'http://teku-of-2020:5051',
    answers: {
      'POST validators': json(404, ''),
      'GET validators': json(404, ''),
    },
    ask: validators(3),
    alone: {
      error: {
        code: 'http-status',
        message: 'http://teku-of-2020:5051 answered with HTTP status 404.',
        retryable: false,
      },
    },
    beside: { by: 'second', value: 3 },
  },
];

const PRYSM: readonly BeaconQuirk[] = [
  {
    maker: 'Prysm',
    does: 'knows of an exit that the chain has taken',
    so: 'is understood: it is there already',
    source: 'OffchainLabs/prysm beacon-chain/core/blocks/exit.go',
    endpoint: 'http://prysm:3500',
    answers: {
      'POST voluntary_exits': json(
        400,
        '{"message":"Invalid exit: validator with index 0 has already submitted an exit, which will take place at epoch: 10","code":400}',
      ),
    },
    ask: exit,
    alone: {
      value: {
        kind: 'refused',
        reason:
          'Invalid exit: validator with index 0 has already submitted an exit, which will take place at epoch: 10',
        isAlreadyKnown: true,
      },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Prysm',
    does: 'has no POST form of the validators query',
    so: 'is asked by GET, 64 at a time',
    source: 'OffchainLabs/prysm#13187',
    endpoint: 'http://prysm-of-2023:3500',
    answers: { 'POST validators': json(405, '') },
    ask: validators(130),
    alone: { value: 130 },
    beside: { by: 'first' },
  },
  {
    maker: 'Prysm',
    does: 'has a gateway to gRPC that calls POST not implemented',
    so: 'is asked by GET, 64 at a time',
    source: 'grpc-ecosystem/grpc-gateway runtime/errors.go',
    endpoint: 'http://prysm-gateway:3500',
    answers: {
      'POST validators': json(501, '{"code":12, "message":"Method Not Allowed", "details":[]}'),
    },
    ask: validators(130),
    alone: { value: 130 },
    beside: { by: 'first' },
  },
  {
    maker: 'Prysm',
    does: 'does not have the state',
    so: 'is passed over, and named when there is no other',
    source: 'OffchainLabs/prysm beacon-chain/rpc/eth/shared/errors.go',
    endpoint: 'http://prysm-without-state:3500',
    answers: {
      'POST validators': json(404, '{"message":"State not found","code":404}'),
      'GET validators': json(404, '{"message":"State not found","code":404}'),
    },
    ask: validators(3),
    alone: {
      error: {
        code: 'http-status',
        message: 'http://prysm-without-state:3500 answered with HTTP status 404.',
        retryable: false,
      },
    },
    beside: { by: 'second', value: 3 },
  },
  {
    maker: 'Prysm',
    does: 'answers that none of the keys is known',
    so: 'is believed, and no other is asked',
    source: 'OffchainLabs/prysm beacon-chain/rpc/eth/beacon/handlers_validator.go',
    endpoint: 'http://prysm-of-unknown-keys:3500',
    answers: {
      'POST validators': json(200, '{"execution_optimistic":false,"finalized":false,"data":[]}'),
    },
    ask: validators(3),
    alone: { value: 0 },
    beside: { by: 'first' },
  },
];

const NIMBUS: readonly BeaconQuirk[] = [
  {
    maker: 'Nimbus',
    does: 'says only in its "stacktraces" why it refuses an exit',
    so: 'is quoted whole, and understood: it is there already',
    source: 'status-im/nimbus-eth2 beacon_chain/gossip_processing/gossip_validation.nim',
    endpoint: 'http://nimbus:5052',
    answers: {
      'POST voluntary_exits': json(
        400,
        '{"code":400,"message":"Invalid voluntary exit, it will never pass validation so it\'s rejected","stacktraces":["VoluntaryExit: validator index already voluntarily exited"]}',
      ),
    },
    ask: exit,
    alone: {
      value: {
        kind: 'refused',
        reason:
          "Invalid voluntary exit, it will never pass validation so it's rejected: VoluntaryExit: validator index already voluntarily exited",
        isAlreadyKnown: true,
      },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Nimbus',
    does: 'writes its code as text',
    so: 'is quoted',
    source: 'status-im/nimbus-eth2 beacon_chain/spec/eth2_apis/eth2_rest_serialization.nim',
    endpoint: 'http://nimbus-of-2022:5052',
    answers: {
      'POST voluntary_exits': json(
        400,
        '{"code":"400","message":"Invalid voluntary exit, it will never pass validation so it\'s rejected","stacktraces":["VoluntaryExit: validator index too high"]}',
      ),
    },
    ask: exit,
    alone: {
      value: {
        kind: 'refused',
        reason:
          "Invalid voluntary exit, it will never pass validation so it's rejected: VoluntaryExit: validator index too high",
        isAlreadyKnown: false,
      },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Nimbus',
    does: 'is syncing and serves nothing of the head',
    so: 'is passed over, and named as one to wait for when there is no other',
    source: 'status-im/nimbus-eth2 beacon_chain/rpc/rest_constants.nim',
    endpoint: 'http://nimbus-syncs:5052',
    answers: {
      'POST validators': json(
        503,
        '{"code":503,"message":"Beacon node is currently syncing and not serving request on that endpoint"}',
      ),
    },
    ask: validators(3),
    alone: {
      error: {
        code: 'http-status',
        message: 'http://nimbus-syncs:5052 answered with HTTP status 503.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: 3 },
  },
  {
    maker: 'Nimbus',
    does: 'does not have the state that pending withdrawals stand in',
    so: 'is taken as one that does not serve them',
    source: 'status-im/nimbus-eth2 beacon_chain/rpc/rest_constants.nim',
    endpoint: 'http://nimbus-before-electra:5052',
    answers: {
      'GET pending_partial_withdrawals': json(404, '{"code":404,"message":"Could not get requested state"}'),
    },
    ask: withdrawals,
    alone: { value: undefined },
    beside: { by: 'first' },
  },
];

const LODESTAR: readonly BeaconQuirk[] = [
  {
    maker: 'Lodestar',
    does: 'makes a status 500 of an exit that it has',
    so: 'is understood: it is there already',
    source: 'ChainSafe/lodestar packages/beacon-node/src/chain/errors/voluntaryExitError.ts',
    endpoint: 'http://lodestar:9596',
    answers: {
      'POST voluntary_exits': json(
        500,
        '{"statusCode":500,"error":"Internal Server Error","message":"VOLUNTARY_EXIT_ERROR_ALREADY_EXISTS"}',
      ),
    },
    ask: exit,
    alone: {
      value: {
        kind: 'refused',
        reason: 'VOLUNTARY_EXIT_ERROR_ALREADY_EXISTS',
        isAlreadyKnown: true,
      },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Lodestar',
    does: 'calls an exit of a validator that has left invalid, with status 500',
    so: 'is quoted: what the chain says of the validator counts',
    source: 'ChainSafe/lodestar#6330',
    endpoint: 'http://lodestar-of-2024:9596',
    answers: {
      'POST voluntary_exits': json(
        500,
        '{"statusCode":500,"error":"Internal Server Error","message":"VOLUNTARY_EXIT_ERROR_INVALID"}',
      ),
    },
    ask: exit,
    alone: {
      value: { kind: 'refused', reason: 'VOLUNTARY_EXIT_ERROR_INVALID', isAlreadyKnown: false },
    },
    beside: { by: 'first' },
  },
  {
    maker: 'Lodestar',
    does: 'takes no line of a request above 16 KiB',
    so: 'is asked in shorter ones, where it has no POST',
    source: 'ChainSafe/lodestar#6537',
    endpoint: 'http://lodestar-of-2023:9596',
    answers: {
      'POST validators': json(
        404,
        '{"message":"Route POST:/eth/v1/beacon/states/head/validators not found","error":"Not Found","statusCode":404}',
      ),
      'GET validators': ({ url }) =>
        url.href.length < 16_384
          ? undefined
          : {
              status: 431,
              headers: JSON_TYPE,
              body: '{"error":"Request Header Fields Too Large","message":"Exceeded maximum allowed HTTP header size","statusCode":431}',
            },
    },
    ask: validators(130),
    alone: { value: 130 },
    beside: { by: 'first' },
  },
  {
    maker: 'Lodestar',
    does: 'waits for peers and calls that syncing',
    so: 'is passed over, and named as one to wait for when there is no other',
    source: 'ChainSafe/lodestar#4977',
    endpoint: 'http://lodestar-without-peers:9596',
    answers: {
      'POST validators': json(
        503,
        '{"statusCode":503,"error":"Service Unavailable","message":"Node is syncing - waiting for peers"}',
      ),
    },
    ask: validators(3),
    alone: {
      error: {
        code: 'http-status',
        message: 'http://lodestar-without-peers:9596 answered with HTTP status 503.',
        retryable: true,
      },
    },
    beside: { by: 'second', value: 3 },
  },
];

const QUIRKS = [LIGHTHOUSE, TEKU, PRYSM, NIMBUS, LODESTAR].flat();

let nodes: FarNodes;
beforeAll(() => {
  nodes = openFarNodes();
});
afterAll(() => nodes[Symbol.dispose]());

describe('beacon nodes', () => {
  it.each(withTitles(QUIRKS))('a beacon node of %s', async (_title, quirk) => {
    nodes.answer(quirk.endpoint, request => answerBeacon(request, quirk.answers));
    nodes.answer(SECOND, request => answerBeacon(request, {}));
    await using dispatcher = openAgent();
    const connect = (endpoints: readonly string[]) =>
      new BeaconNode(
        { dispatcher },
        {
          endpoints,
          genesisValidatorsRoot: BUILT_IN.mainnet.genesisValidatorsRoot,
          slotsPerEpoch: 32,
          timeoutMs: 10_000,
          retryTimeoutMs: 0,
        },
      );
    await expectOutcome(quirk.ask(connect([quirk.endpoint])), quirk.alone);
    const both = connect([quirk.endpoint, SECOND]);
    const value = await quirk.ask(both);
    expectBeside(quirk, { by: both.endpoint === SECOND ? 'second' : 'first', value });
  });
});

it('A beacon node that lacks a state for once is asked by POST again when it has it', async () => {
  const answers = new Map<string, () => FarAnswer>();
  for (const form of ['POST validators', 'GET validators']) {
    answers.set(form, json(404, ''));
  }
  const endpoint = 'http://teku-with-an-empty-slot:5051';
  const requests = nodes.answer(endpoint, request => answerBeacon(request, Object.fromEntries(answers)));
  await using dispatcher = openAgent();
  const node = new BeaconNode(
    { dispatcher },
    {
      endpoints: [endpoint],
      genesisValidatorsRoot: BUILT_IN.mainnet.genesisValidatorsRoot,
      slotsPerEpoch: 32,
      timeoutMs: 10_000,
      retryTimeoutMs: 0,
    },
  );
  await expect(node.fetchValidators(KEYS)).rejects.toMatchObject({ code: 'http-status' });
  answers.clear();
  expect((await node.fetchValidators(KEYS)).size).toBe(130);
  const last = requests.at(-1);
  expect([last?.method, last?.url.pathname]).toEqual(['POST', '/eth/v1/beacon/states/head/validators']);
});

it.each(MAKERS)('the table of beacon nodes knows at least three ways in which %s answers', maker => {
  expect(QUIRKS.filter(quirk => quirk.maker === maker).length).toBeGreaterThanOrEqual(3);
});

function answerBeacon(request: FarRequest, answers: BeaconAnswers): FarAnswer {
  const last = request.url.pathname.split('/').at(-1) ?? '';
  return answers[`${request.method} ${last}`]?.(request) ?? inOrder(last, request);
}

function inOrder(last: string, { method, url, body }: FarRequest): FarAnswer {
  const data: Readonly<Record<string, () => unknown>> = {
    genesis: () => ({
      genesis_time: '1606824023',
      genesis_validators_root: ROOT,
      genesis_fork_version: '0x00000000',
    }),
    syncing: () => ({
      head_slot: '10000000',
      sync_distance: '0',
      is_syncing: false,
      is_optimistic: false,
      el_offline: false,
    }),
    validators: () => {
      const ids: string[] =
        method === 'POST' ? JSON.parse(body).ids : (url.searchParams.get('id') ?? '').split(',');
      return ids.map((pubkey, index) => validatorOf(pubkey, index));
    },
    pending_partial_withdrawals: () => [],
  };
  return {
    headers: JSON_TYPE,
    body: JSON.stringify({ execution_optimistic: false, finalized: false, data: data[last]?.() }),
  };
}

function validatorOf(pubkey: string, index: number) {
  return {
    index: String(index),
    balance: '32000000000',
    status: 'active_ongoing',
    validator: {
      pubkey,
      withdrawal_credentials: `0x${'0'.repeat(64)}`,
      effective_balance: '32000000000',
      slashed: false,
      activation_eligibility_epoch: '0',
      activation_epoch: '0',
      exit_epoch: '18446744073709551615',
      withdrawable_epoch: '18446744073709551615',
    },
  };
}
