import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BeaconNodeOptions, connectBeaconNode } from '../../../../src/clients/beacon/beacon-node.ts';
import { exitSigningRoot } from '../../../../src/domain/consensus/exit-message.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import {
  type BeaconClient,
  type BeaconNode as DevnetNode,
  startBeaconNode,
} from '../../../devnet/beacon-node.ts';
import { sign } from '../../../devnet/exit-signature.ts';
import { EXIT_CHAIN, testSecretKey } from '../../../support/scenes/signing-fixtures.ts';

let node: DevnetNode;
let other: DevnetNode;
beforeEach(async () => {
  [node, other] = await Promise.all([startBeaconNode(EXIT_CHAIN), startBeaconNode(EXIT_CHAIN)]);
});
afterEach(() => Promise.all([node[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]));

function connect(options: Partial<BeaconNodeOptions> = {}) {
  return connectBeaconNode(
    {},
    {
      endpoints: [`${node.url}/`],
      slotsPerEpoch: 32,
      timeoutMs: 1_500,
      retryTimeoutMs: 0,
      genesisValidatorsRoot: EXIT_CHAIN.genesisValidatorsRoot,
      ...options,
    },
  );
}

const keys = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const key = new Uint8Array(48).fill(i & 0xff);
    key[1] = i >> 8;
    return key;
  });
const paths = (asked: DevnetNode) =>
  asked.requests.map(({ method, path }) => `${method} ${path.slice(0, 50)}`);

describe('validators', () => {
  it('fetchValidators asks by POST in batches of 1,000 and finds validators by their key', async () => {
    const publicKeys = keys(2_500);
    for (const publicKey of publicKeys.slice(0, 2_400)) node.addValidator(publicKey);
    const client = await connect();
    const found = await client.fetchValidators(publicKeys);
    expect(found.size).toBe(2_400);
    expect(found.get(toHex(publicKeys[7] ?? new Uint8Array()))).toMatchObject({
      index: 107n,
      status: 'active_ongoing',
      activationEpoch: 0n,
    });
    const sizes = node.requests
      .filter(({ method }) => method === 'POST')
      .map(({ body }) => (JSON.parse(body) as { ids: string[] }).ids.length);
    expect(sizes).toEqual([1_000, 1_000, 500]);
  });

  it('fetchValidators asks by GET, 64 keys at a time, where a node has no POST, and remembers it', async () => {
    node.fault = 'no-post';
    const publicKeys = keys(130);
    for (const publicKey of publicKeys) node.addValidator(publicKey);
    const client = await connect();
    expect((await client.fetchValidators(publicKeys)).size).toBe(130);
    expect((await client.fetchValidators(publicKeys)).size).toBe(130);
    const asked = paths(node).filter(path => path.includes('/validators'));
    expect(asked.filter(path => path.startsWith('POST'))).toHaveLength(1);
    expect(asked.filter(path => path.startsWith('GET'))).toHaveLength(6);
  });

  it('fetchValidatorsByIndex finds validators by their index, by POST and by GET', async () => {
    const publicKeys = keys(3);
    for (const publicKey of publicKeys) node.addValidator(publicKey);
    const client = await connect();
    for (const fault of [undefined, 'no-post'] as const) {
      node.fault = fault;
      const found = await client.fetchValidatorsByIndex([102n, 100n, 102n, 999n]);
      expect([...found.keys()].sort()).toEqual([100n, 102n]);
      expect(found.get(102n)?.publicKey).toEqual(publicKeys[2]);
    }
    expect((await client.fetchValidatorsByIndex([])).size).toBe(0);
  });

  it('fetchValidators asks nothing for an empty list, which would mean the whole chain', async () => {
    node.addValidator(new Uint8Array(48));
    const client = await connect();
    expect((await client.fetchValidators([])).size).toBe(0);
    expect(paths(node).some(path => path.includes('/validators'))).toBe(false);
  });
});

describe('a node', () => {
  it.each([
    ['syncing', 'beacon-node-not-ready', '12345 slots behind'],
    ['optimistic', 'beacon-node-not-ready', 'optimistic'],
    ['el-offline', 'beacon-node-not-ready', 'execution node is offline'],
    ['other-network', 'wrong-network', 'genesis validators root 0xeeee'],
    ['garbage', 'invalid-answer', 'JSON'],
    ['down', 'unreachable', 'cannot be reached'],
    ['hanging', 'timeout', 'did not answer within 1.5 s'],
    ['failing', 'http-status', '500'],
  ] as const)('connectBeaconNode refuses a node with the fault "%s"', async (fault, code, message) => {
    node.fault = fault;
    await expect(connect()).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
      exitCode: 1,
    });
  });

  it.each(['syncing', 'down', 'hanging', 'garbage', 'failing'] as const)(
    'connectBeaconNode takes another endpoint for a node with the fault "%s"',
    async fault => {
      node.fault = fault;
      const publicKey = new Uint8Array(48);
      other.addValidator(publicKey);
      const client = await connect({ endpoints: [node.url, other.url] });
      expect((await client.fetchValidators([publicKey])).size).toBe(1);
      expect(client.endpoint).toBe(other.url);
    },
  );

  it('connectBeaconNode refuses a node of another network, though another endpoint would do', async () => {
    node.fault = 'other-network';
    await expect(connect({ endpoints: [node.url, other.url] })).rejects.toMatchObject({
      code: 'wrong-network',
    });
  });

  it('connectBeaconNode waits for a node that comes back', async () => {
    node.fault = 'syncing';
    setTimeout(() => {
      node.fault = undefined;
    }, 200);
    await expect(connect({ retryTimeoutMs: 5_000 })).resolves.toBeDefined();
  });

  it('the beacon client tells the current epoch, and pending partial withdrawals if the node serves them', async () => {
    node.headEpoch = 4_321n;
    node.addValidator(new Uint8Array(48));
    node.addValidator(new Uint8Array(48).fill(1), { hasPendingPartialWithdrawal: true });
    const client = await connect();
    expect(await client.fetchCurrentEpoch()).toBe(4_321n);
    expect(await client.fetchPendingPartialWithdrawals()).toEqual(new Set([101n]));
    node.fault = 'before-electra';
    expect(await client.fetchPendingPartialWithdrawals()).toBeUndefined();
  });

  it('the beacon client tells the pending deposits if the node serves them', async () => {
    const deposit = {
      publicKey: new Uint8Array(48).fill(1),
      withdrawalCredentials: new Uint8Array(32).fill(2),
      amountGwei: 32_000_000_000n,
      signature: new Uint8Array(96).fill(3),
    };
    node.pendingDeposits.push(deposit);
    const client = await connect();
    expect(await client.fetchPendingDeposits()).toEqual([deposit]);
    node.fault = 'before-electra';
    expect(await client.fetchPendingDeposits()).toBeUndefined();
  });

  it('connectBeaconNode needs an endpoint', async () => {
    await expect(connect({ endpoints: [] })).rejects.toMatchObject({ code: 'no-consensus-endpoint' });
  });
});

describe('exits', () => {
  const secretKey = testSecretKey(1);
  const message = { epoch: 0n, validatorIndex: 100n };
  const signature = () => sign(secretKey, exitSigningRoot(message, EXIT_CHAIN));

  it('submitVoluntaryExit sends an exit to the pool of the node with numbers as decimal strings', async () => {
    node.addValidator(publicKeyOf(secretKey));
    const client = await connect();
    expect(await client.submitVoluntaryExit({ ...message, signature: signature() })).toEqual({
      kind: 'accepted',
    });
    expect(node.pool).toEqual(new Set([100n]));
    expect(JSON.parse(node.requests.at(-1)?.body ?? '')).toMatchObject({
      message: { epoch: '0', validator_index: '100' },
    });
  });

  it.each<[BeaconClient, inPool: string, onChain: string]>([
    ['lighthouse', 'accepted', 'accepted'],
    ['teku', 'accepted', 'accepted'],
    ['prysm', 'accepted', 'already'],
    ['lodestar', 'already', 'already'],
    ['nimbus', 'already', 'already'],
  ])(
    'submitVoluntaryExit reads the answer of %s to an exit that is in the pool or on the chain already',
    async (kind, inPool, onChain) => {
      node.client = kind;
      node.addValidator(publicKeyOf(secretKey));
      const client = await connect();
      const submit = async () => {
        const answer = await client.submitVoluntaryExit({ ...message, signature: signature() });
        return answer.kind === 'refused' && answer.isAlreadyKnown ? 'already' : answer.kind;
      };
      expect(await submit()).toBe('accepted');
      expect(await submit()).toBe(inPool);
      node.includeExits();
      expect(await submit()).toBe(onChain);
    },
  );

  it('submitVoluntaryExit gives the node’s reason for an exit that the rules forbid', async () => {
    node.addValidator(publicKeyOf(secretKey), { activationEpoch: 900n });
    const client = await connect();
    const answer = await client.submitVoluntaryExit({ ...message, signature: signature() });
    expect(answer).toEqual({
      kind: 'refused',
      reason: 'validator has not been active long enough to exit',
      isAlreadyKnown: false,
    });
    expect(await client.submitVoluntaryExit({ ...message, signature: new Uint8Array(96) })).toMatchObject({
      reason: 'invalid signature',
    });
  });
});
