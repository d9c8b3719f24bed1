import { createHash } from 'node:crypto';
import { Interface } from 'ethers/abi';
import { CID } from 'multiformats/cid';
import { create as createDigest } from 'multiformats/hashes/digest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectBeaconNode } from '../../../../../src/clients/beacon/beacon-node.ts';
import { openSignerClient, type SignerClient } from '../../../../../src/clients/signer/signer-client.ts';
import { publicKeyOf } from '../../../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../../../src/domain/keys/key-share.ts';
import { oracleSetHash } from '../../../../../src/domain/protocol/oracle-config.ts';
import { fromHex, type Hex, toHex } from '../../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../../src/networks/resolve-network.ts';
import {
  type RotateExitSignaturesDeps,
  type RotateExitSignaturesOptions,
  rotateExitSignatures,
} from '../../../../../src/services/exits/rotation/rotate-exit-signatures.ts';
import type { TransactionIntent, TransactionOutcome } from '../../../../../src/transactions/transaction.ts';
import { type BeaconNode, startBeaconNode } from '../../../../devnet/beacon-node.ts';
import { type Keymanager, startKeymanager } from '../../../../devnet/keymanager.ts';
import { recoverSigner, rotationDigest, signDigest } from '../../../../devnet/typed-data.ts';
import { readOracleRequests, recordedOracleKey } from '../../../../support/recorded/recorded-oracles.ts';
import { type RecordingLog, recordingLog } from '../../../../support/recording-log.ts';
import {
  credentialsOf,
  EXIT_CHAIN,
  TEST_VAULT,
  testSecretKey,
} from '../../../../support/scenes/signing-fixtures.ts';
import { type Handler, startServer, type TestServer } from '../../../../support/servers/http-server.ts';
import { waitUntil } from '../../../../support/wait-until.ts';

const OTHER_VAULT = `0x${'22'.repeat(20)}`;
const SLOT_SECONDS = 0.05;
const recorded = readOracleRequests('rotatelocal').config;
const network = { ...resolveNetwork('mainnet'), ...EXIT_CHAIN, secondsPerSlot: SLOT_SECONDS };
const domain = { chainId: network.chainId, keeper: network.contracts.keeper };
const NOW_MS = 1_795_000_000_000;
const DEADLINE = NOW_MS / 1000 + 3_600;
const keeperAbi = new Interface([
  'function updateExitSignatures(address vault, uint256 deadline, string exitSignaturesIpfsHash, bytes oraclesSignatures)',
]);

interface RotationBody {
  readonly vault_address: string;
  readonly public_keys: readonly string[];
  readonly public_key_shards: readonly (readonly string[])[];
  readonly exit_signature_shards: readonly (readonly string[])[];
  readonly deadline: number;
}

let beacon: BeaconNode;
let keys: Keymanager;
let signer: SignerClient;
let servers: TestServer[];
/** What an oracle does instead of what it should. */
let faults: Map<number, Handler>;
let outdated: bigint[];
let lastUpdateBlock: number | null;
/** What the oracles have seen, and what they take for the keeper's nonce. */
let seenBlock: number | null;
let seenNonce: () => bigint;
let nonce: bigint;
let intents: TransactionIntent[];
let outcome: TransactionOutcome | undefined;
let recording: RecordingLog;
const warned = new Set<string>();

beforeEach(async () => {
  [beacon, keys] = await Promise.all([startBeaconNode(EXIT_CHAIN), startKeymanager(EXIT_CHAIN)]);
  signer = openSignerClient({ urls: [keys.url], timeoutMs: 5_000 });
  servers = await Promise.all(
    recorded.oracles.map((_, i) =>
      startServer((request, response) => (faults.get(i) ?? honest(i))(request, response)),
    ),
  );
  [faults, outdated, intents] = [new Map(), [], []];
  recording = recordingLog();
  [lastUpdateBlock, seenBlock, nonce, outcome] = [null, null, 0n, undefined];
  seenNonce = () => nonce;
  warned.clear();
});
afterEach(async () => {
  await signer[Symbol.asyncDispose]();
  await Promise.all([beacon, keys, ...servers].map(one => one[Symbol.asyncDispose]()));
});

const status = (indexes: readonly bigint[], block = seenBlock) =>
  JSON.stringify({
    exit_signature_block_number: block,
    validators: indexes.map(index => ({ index: Number(index) })),
  });

/** The content identifier of a document with these keys. */
function nameOf(publicKeys: readonly string[]): string {
  const sha256 = createDigest(0x12, createHash('sha256').update(publicKeys.join()).digest());
  return CID.createV1(0x55, sha256).toString();
}

function honest(oracle: number): Handler {
  return ({ method, path, body }) => {
    if (method === 'GET') {
      return path === `/signatures/${TEST_VAULT}` ? { body: status(outdated) } : { status: 404 };
    }
    const { public_keys, deadline } = JSON.parse(body) as RotationBody;
    const exitSignaturesIpfsHash = nameOf(public_keys);
    const message = {
      vault: TEST_VAULT,
      exitSignaturesIpfsHash,
      nonce: seenNonce(),
      deadline: BigInt(deadline),
    };
    const signature = toHex(signDigest(recordedOracleKey(oracle), rotationDigest(domain, message)));
    return { body: JSON.stringify({ ipfs_hash: exitSignaturesIpfsHash, signature, deadline }) };
  };
}

/** The keeper: takes an update that three oracles have signed, in ascending order. */
function updateExitSignatures({ to, data }: TransactionIntent): TransactionOutcome {
  const [vault, deadline, exitSignaturesIpfsHash, given] = keeperAbi.decodeFunctionData(
    'updateExitSignatures',
    data,
  ) as unknown as [string, bigint, string, Hex];
  const signatures = fromHex(given, 3 * 65);
  const digest = rotationDigest(domain, { vault, exitSignaturesIpfsHash, nonce, deadline });
  const signers = [0, 1, 2].map(i => recoverSigner(digest, signatures.subarray(65 * i, 65 * (i + 1))));
  expect([to, vault]).toEqual([domain.keeper, TEST_VAULT]);
  expect(signers).toEqual([...signers].sort());
  for (const one of signers)
    expect(recorded.oracles.map(({ address }) => address.toLowerCase())).toContain(one);
  nonce++;
  return { status: 'confirmed', hash: '0x01', blockNumber: 100 };
}

/** Validators with outdated exit signatures, whose keys are in the signer. */
function addValidators(count: number, { vault = TEST_VAULT, first = 1, isLoaded = true } = {}) {
  return Array.from({ length: count }, (_, i) => {
    const secretKey = testSecretKey(first + i);
    const publicKey = publicKeyOf(secretKey);
    if (isLoaded) keys.addKey(toHex(publicKey), { secretKey, path: '', isReadOnly: false });
    const { index } = beacon.addValidator(publicKey, { withdrawalCredentials: credentialsOf(vault) });
    outdated.push(index);
    return { index, publicKey: toHex(publicKey) };
  });
}

async function rotate(
  changes: Partial<RotateExitSignaturesOptions> = {},
  otherDeps: Partial<RotateExitSignaturesDeps> = {},
) {
  const node = await connectBeaconNode(
    {},
    { ...EXIT_CHAIN, endpoints: [beacon.url], slotsPerEpoch: 32, timeoutMs: 2_000, retryTimeoutMs: 0 },
  );
  const outbox = {
    send: async (intent: TransactionIntent) => {
      intents.push(intent);
      return outcome ?? updateExitSignatures(intent);
    },
  };
  const oracles = recorded.oracles.map((oracle, i) => ({ ...oracle, endpoints: [servers[i]?.url ?? ''] }));
  return rotateExitSignatures(
    {
      http: {},
      beacon: node,
      signer,
      outbox,
      log: recording.log,
      warned,
      now: () => NOW_MS,
      fetchFinalizedBlock: async () => 60,
      fetchNonce: async () => nonce,
      readKeeper: async () => ({ configIpfsHash: 'QmNow', nonce }),
      ...otherDeps,
    },
    {
      vault: TEST_VAULT,
      network,
      threshold: 3,
      isCollateralized: true,
      lastUpdateBlock,
      nonce,
      configIpfsHash: 'QmNow',
      oracles: { ...recorded, oracles, validatorsExitRotationBatchLimit: 2 },
      exitShards: { mode: 'auto', config: undefined },
      oracleTimeoutMs: 3_000,
      signal: new AbortController().signal,
      ...changes,
    },
  );
}

const posts = (oracle: number) =>
  (servers[oracle]?.seen ?? [])
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => JSON.parse(body) as RotationBody);

describe('rotations that are not due', () => {
  it('rotateExitSignatures asks nobody before the vault has registered a validator', async () => {
    expect(await rotate({ isCollateralized: false })).toMatchObject({ status: 'up-to-date', outdated: 0 });
    expect(servers.flatMap(({ seen }) => seen)).toEqual([]);
  });

  it('rotateExitSignatures sends nothing while the oracles name no validator', async () => {
    expect(await rotate()).toEqual({ status: 'up-to-date', outdated: 0, rotated: [], skipped: [] });
    expect(intents).toEqual([]);
  });

  it('rotateExitSignatures asks nobody while the last update is not final', async () => {
    addValidators(1);
    lastUpdateBlock = 61;
    expect(await rotate()).toMatchObject({
      status: 'waiting',
      outdated: null,
      waitsFor: expect.stringContaining('finalized'),
    });
    expect(servers.flatMap(({ seen }) => seen)).toEqual([]);
  });

  it('rotateExitSignatures waits while too few oracles have seen the last update', async () => {
    addValidators(1);
    [lastUpdateBlock, seenBlock] = [50, 50];
    faults.set(0, () => ({ body: status(outdated, 49) }));
    faults.set(3, () => ({ body: status(outdated, null) }));
    expect(await rotate()).toMatchObject({
      status: 'waiting',
      waitsFor: expect.stringMatching(/^3 oracles.*now 2/),
    });
    faults.delete(3);
    expect(await rotate()).toMatchObject({ status: 'rotated' });
  });
});

describe('exit signatures', () => {
  it('rotateExitSignatures rotates exit signatures batch by batch until none is outdated', async () => {
    const validators = addValidators(5);
    expect(await rotate()).toEqual({ status: 'rotated', outdated: 0, rotated: outdated, skipped: [] });
    expect(intents.map(({ kind, key }) => [kind, key])).toEqual(
      [0, 1, 2].map(i => ['update-exit-signatures', `update-exit-signatures ${i}`]),
    );
    expect(intents.map(({ deadline }) => deadline)).toEqual([DEADLINE, DEADLINE, DEADLINE].map(BigInt));
    const batches = [validators.slice(0, 2), validators.slice(2, 4), validators.slice(4)];
    const asked = [0, 1, 2, 3].map(posts);
    for (const bodies of asked) {
      expect(bodies.map(({ public_keys }) => public_keys)).toEqual(
        batches.slice(0, bodies.length).map(batch => batch.map(({ publicKey }) => publicKey)),
      );
      for (const body of bodies) {
        expect(Object.keys(body)).toEqual([
          'vault_address',
          'public_keys',
          'public_key_shards',
          'exit_signature_shards',
          'deadline',
        ]);
        expect(body.vault_address).toBe(TEST_VAULT);
        expect(body.deadline).toBe(DEADLINE);
        for (const shards of body.exit_signature_shards)
          expect(shards.map(one => one.length)).toEqual(Array(4).fill(2 + 2 * 193));
        for (const shards of body.public_key_shards)
          expect(shards.map(one => one.length)).toEqual(Array(4).fill(2 + 2 * 48));
      }
    }
  });

  it('rotateExitSignatures finds out that exit signatures have been rotated, by whoever it was', async () => {
    addValidators(1);
    outcome = { status: 'already-done' };
    expect(await rotate()).toMatchObject({ status: 'restarted', outdated: 1 });
    const [intent] = intents;
    expect(await intent?.isDone?.(0)).toBe(false);
    nonce++;
    expect(await intent?.isDone?.(0)).toBe(true);
  });

  it.each<[TransactionOutcome, string]>([
    [{ status: 'expired' }, 'expired'],
    [{ status: 'cancelled', hash: undefined }, 'cancelled'],
  ])(
    'rotateExitSignatures leaves all to the next round when its transaction ends as %o',
    async (given, reason) => {
      addValidators(3);
      outcome = given;
      expect(await rotate()).toMatchObject({
        status: 'restarted',
        outdated: 3,
        rotated: [],
        reason: expect.stringContaining(reason),
      });
      expect(intents).toHaveLength(1);
    },
  );

  it.each<TransactionOutcome>([
    { status: 'would-revert', reason: 'InvalidOracle', data: undefined },
    { status: 'reverted', hash: '0x01', reason: 'InvalidOracle' },
  ])(
    'rotateExitSignatures fails when the keeper refuses, and sends no other transaction at once: %o',
    async given => {
      addValidators(3);
      outcome = given;
      await expect(rotate()).rejects.toMatchObject({
        code: 'rotation-refused',
        retryable: true,
        message: expect.stringContaining('InvalidOracle'),
      });
      expect(intents).toHaveLength(1);
    },
  );

  it('rotateExitSignatures asks again for a later batch while oracles have not seen the batch before', async () => {
    addValidators(4);
    let asked = 0;
    seenNonce = () => {
      if (nonce === 0n) return nonce;
      return ++asked <= 5 ? nonce - 1n : nonce;
    };
    expect(await rotate()).toMatchObject({ status: 'rotated', outdated: 0 });
    expect(intents).toHaveLength(2);
  });

  it('rotateExitSignatures does not ask again for the first batch in the same pass', async () => {
    addValidators(1);
    for (const i of [0, 1])
      faults.set(i, request =>
        request.method === 'GET' ? { body: status(outdated) } : { status: 400, body: 'no' },
      );
    await expect(rotate()).rejects.toMatchObject({ code: 'not-enough-approvals', retryable: true });
    expect(posts(0)).toHaveLength(1);
  });
});

describe('the batch that is made ahead', () => {
  /** An outbox whose first transaction ends when the signer has signed so many exits. */
  function outboxThatWaits(signed: number, end: (intent: TransactionIntent) => TransactionOutcome) {
    return {
      async send(intent: TransactionIntent) {
        intents.push(intent);
        if (intents.length > 1) return updateExitSignatures(intent);
        await waitUntil(`${signed} signed exits`, () => keys.signed.length >= signed);
        return end(intent);
      },
    };
  }

  it('rotateExitSignatures makes the next batch while the transaction of the last waits for its block', async () => {
    const validators = addValidators(5);
    const outbox = outboxThatWaits(4, updateExitSignatures);
    expect(await rotate({}, { outbox })).toMatchObject({ status: 'rotated', outdated: 0 });
    expect(intents).toHaveLength(3);
    // Each validator's exit is signed once: what was made ahead is what the oracles are asked to approve of.
    expect(keys.signed.map(one => one.publicKey)).toEqual(validators.map(one => one.publicKey));
    expect(posts(0).flatMap(({ public_keys }) => public_keys)).toEqual(
      validators.map(({ publicKey }) => publicKey),
    );
  });

  it.each<TransactionOutcome>([
    { status: 'expired' },
    { status: 'cancelled', hash: undefined },
    { status: 'already-done' },
    { status: 'reverted', hash: '0x01', reason: 'InvalidOracle' },
    { status: 'would-revert', reason: 'InvalidOracle', data: undefined },
  ])('rotateExitSignatures drops what it made ahead when the transaction ends as %o', async given => {
    addValidators(4);
    const outbox = outboxThatWaits(4, () => given);
    await rotate({}, { outbox }).then(
      found => expect(found).toMatchObject({ status: 'restarted', rotated: [] }),
      error => expect(error).toMatchObject({ code: 'rotation-refused' }),
    );
    expect(posts(0)).toHaveLength(1);
    const dropped = keys.signed.length;
    expect(await rotate()).toMatchObject({ status: 'rotated', outdated: 0 });
    // All of them are signed anew.
    expect(keys.signed).toHaveLength(dropped + 4);
  });

  it('rotateExitSignatures drops what it made ahead when the oracles were replaced meanwhile', async () => {
    const validators = addValidators(4);
    let configIpfsHash = 'QmNow';
    const outbox = outboxThatWaits(4, intent => {
      configIpfsHash = 'QmNext';
      return updateExitSignatures(intent);
    });
    const readKeeper = async () => ({ configIpfsHash, nonce });
    expect(await rotate({}, { outbox, readKeeper })).toMatchObject({
      status: 'restarted',
      reason: expect.stringContaining('the oracles were replaced'),
      outdated: 2,
      rotated: validators.slice(0, 2).map(({ index }) => index),
    });
    expect(posts(0)).toHaveLength(1);
  });

  it('rotateExitSignatures drops what it made ahead when somebody else has told the keeper of signatures', async () => {
    addValidators(4);
    const outbox = outboxThatWaits(4, intent => {
      const ended = updateExitSignatures(intent);
      nonce++;
      return ended;
    });
    expect(await rotate({}, { outbox })).toMatchObject({
      status: 'restarted',
      reason: expect.stringContaining('by another transaction'),
      outdated: 2,
    });
    expect(posts(0)).toHaveLength(1);
  });

  it('rotateExitSignatures uses what it made ahead although the keeper is seen as it was before the last batch', async () => {
    addValidators(4);
    const readKeeper = async () => ({ configIpfsHash: 'QmNow', nonce: 0n });
    expect(await rotate({}, { readKeeper })).toMatchObject({ status: 'rotated', outdated: 0 });
  });

  it('rotateExitSignatures ends the making of the next batch when it is told to stop', async () => {
    addValidators(4);
    const stop = new AbortController();
    const made = Promise.withResolvers<void>();
    const signed: Uint8Array[][] = [];
    const outbox = {
      async send(intent: TransactionIntent): Promise<TransactionOutcome> {
        intents.push(intent);
        await waitUntil('the exits of the next batch', () => signed.length === 2);
        stop.abort(new Error('told to stop'));
        made.resolve();
        throw stop.signal.reason;
      },
    };
    const holding = {
      listPublicKeys: () => signer.listPublicKeys(),
      signExits: async (...args: Parameters<SignerClient['signExits']>) => {
        const signatures = await signer.signExits(...args);
        signed.push(signatures);
        if (signed.length === 2) await made.promise;
        return signatures;
      },
    };
    await expect(rotate({ signal: stop.signal }, { outbox, signer: holding })).rejects.toThrow(
      'told to stop',
    );
    await waitUntil('overwritten signatures', () => signed[1]?.every(one => one.every(byte => byte === 0)));
    expect(posts(0)).toHaveLength(1);
  });

  it('rotateExitSignatures sees a transaction through while the signer fails at the next batch, and tells of it then', async () => {
    addValidators(4);
    const outbox = {
      async send(intent: TransactionIntent) {
        intents.push(intent);
        await waitUntil('the failure', () => calls === 2);
        return updateExitSignatures(intent);
      },
    };
    let calls = 0;
    const failing = {
      listPublicKeys: () => signer.listPublicKeys(),
      signExits: async (...args: Parameters<SignerClient['signExits']>) => {
        calls++;
        if (calls > 1) keys.fault = 'down';
        return signer.signExits(...args);
      },
    };
    await expect(rotate({}, { outbox, signer: failing })).rejects.toMatchObject({ code: 'connection-reset' });
    expect(recording.texts('info')).toContain('Successfully rotated exit signatures');
    expect(nonce).toBe(1n);
    keys.fault = undefined;
    expect(await rotate()).toMatchObject({ status: 'rotated' });
  });

  it('rotateExitSignatures tells of keys that it could not sign with ahead', async () => {
    const good = addValidators(2);
    const lost = addValidators(2, { first: 20, isLoaded: false });
    const listed = new Set([...(await signer.listPublicKeys()), ...lost.map(one => one.publicKey as Hex)]);
    const listing = {
      listPublicKeys: async () => listed,
      signExits: (...args: Parameters<SignerClient['signExits']>) => signer.signExits(...args),
    };
    const result = await rotate({}, { signer: listing });
    expect(result).toMatchObject({ status: 'rotated', rotated: good.map(({ index }) => index) });
    expect(result.skipped.map(one => one.validatorIndex)).toEqual(lost.map(({ index }) => index));
    expect(intents).toHaveLength(1);
  });
});

describe('shards of one batch', () => {
  it('rotateExitSignatures parts a batch if the signer has only shares of one validator and the key of another', async () => {
    const threshold = recorded.exitSignatureRecoverThreshold;
    const [shared] = addValidators(1, { isLoaded: false });
    const [whole] = addValidators(1, { first: 2 });
    const shares = splitSecretKey(testSecretKey(1), { threshold, count: recorded.oracles.length });
    for (const secretKey of shares)
      keys.addKey(toHex(publicKeyOf(secretKey)), { secretKey, path: '', isReadOnly: false });
    const config = {
      validators: [{ publicKey: publicKeyOf(testSecretKey(1)), shares: shares.map(publicKeyOf) }],
      oracleSet: { configHash: oracleSetHash(recorded), ipfsHash: 'Qm', threshold },
    };
    const result = await rotate({ exitShards: { mode: 'auto', config } });
    expect(result).toMatchObject({ status: 'rotated', outdated: 0, skipped: [] });
    expect(posts(0).map(({ public_keys }) => public_keys)).toEqual([[shared?.publicKey], [whole?.publicKey]]);
    expect(keys.signed).toHaveLength(recorded.oracles.length + 1);
  });
});

describe('a validator that cannot be signed for', () => {
  it('rotateExitSignatures reports once a validator that cannot be signed for, and rotates the others', async () => {
    const [missing] = addValidators(1, { isLoaded: false });
    const good = addValidators(3, { first: 10 });
    const [foreign] = addValidators(1, { first: 20, vault: OTHER_VAULT });
    outdated.push(999_999n);
    const result = await rotate();
    expect(result).toMatchObject({ status: 'rotated', outdated: 3, rotated: good.map(({ index }) => index) });
    expect(result.skipped).toEqual([
      {
        validatorIndex: missing?.index,
        publicKey: missing?.publicKey,
        reason: 'the signer has not loaded its key',
      },
      {
        validatorIndex: foreign?.index,
        publicKey: foreign?.publicKey,
        reason: 'it does not withdraw to the vault',
      },
      { validatorIndex: 999_999n, publicKey: null, reason: 'the beacon node does not know it' },
    ]);
    expect(keys.signed.map(one => BigInt(one.validatorIndex))).toEqual(good.map(({ index }) => index));
    expect(recording.texts('warn')).toHaveLength(1);
    outdated = outdated.filter(index => !good.some(one => one.index === index));
    expect(await rotate()).toMatchObject({
      status: 'waiting',
      outdated: 3,
      rotated: [],
      waitsFor: expect.stringContaining('keys of 3 validators'),
    });
    expect(recording.texts('warn')).toHaveLength(1);
  });

  it('rotateExitSignatures says that it starts only when something starts, and names the remedy of what does not', async () => {
    addValidators(1, { isLoaded: false });
    addValidators(1, { first: 20, vault: OTHER_VAULT });
    outdated.push(999_999n);
    // In the signer's list, and not in the signer: found out when its shards are made.
    const [lost] = addValidators(1, { first: 30, isLoaded: false });
    const listed = new Set([lost?.publicKey as Hex]);
    const withLost = {
      signer: {
        signExits: (exits, options) => signer.signExits(exits, options),
        listPublicKeys: async () => listed,
      } satisfies RotateExitSignaturesDeps['signer'],
    };
    for (let pass = 0; pass < 3; pass++)
      expect(await rotate({}, withLost)).toMatchObject({ status: 'waiting', rotated: [] });
    expect(recording.texts('info')).toEqual([]);
    const [warning = '', ...others] = recording.texts('warn');
    expect(others).toEqual([]);
    for (const remedy of [/setup-web3signer/, /Check --vault and --network/, /--consensus-endpoints/])
      expect(warning).toMatch(remedy);
    const [good] = addValidators(1, { first: 10 });
    expect(await rotate({}, { signer })).toMatchObject({ status: 'rotated', rotated: [good?.index] });
    expect(recording.texts('info').filter(line => line.startsWith('Starting'))).toHaveLength(1);
  });

  it('rotateExitSignatures names twenty of many validators that it cannot sign for, and counts the others', async () => {
    const validators = addValidators(25, { isLoaded: false });
    const waiting = await rotate();
    const named = validators
      .slice(0, 20)
      .map(({ index }) => index)
      .join(', ');
    expect(waiting).toMatchObject({
      waitsFor: `keys of 25 validators with outdated exit signatures: validators ${named} and 5 more: the signer has not loaded its key`,
    });
  });

  it('rotateExitSignatures asks no oracle to approve while the wallet cannot pay, and signs nothing', async () => {
    addValidators(3);
    const expected: unknown[] = [];
    const outbox = {
      send: async () => expect.fail('nothing is to be sent'),
      findShortfall: async (call: unknown) => {
        expected.push(call);
        return { address: '0xWallet', balanceWei: 5n * 10n ** 14n };
      },
    };
    for (let pass = 0; pass < 2; pass++) {
      expect(await rotate({}, { outbox })).toEqual({
        status: 'waiting',
        outdated: 3,
        rotated: [],
        skipped: [],
        waitsFor:
          'more ETH in the wallet 0xWallet: the 0.0005 ETH that it holds do not pay for the transaction',
      });
    }
    expect(expected).toEqual([
      { kind: 'update-exit-signatures', validators: 2 },
      { kind: 'update-exit-signatures', validators: 2 },
    ]);
    expect(posts(0)).toEqual([]);
    expect(keys.signed).toEqual([]);
    expect(recording.texts('info')).toEqual([]);
  });

  it('rotateExitSignatures reports what it cannot sign for also when the others are not approved of', async () => {
    addValidators(1, { isLoaded: false });
    addValidators(1, { first: 10 });
    for (const i of [0, 1]) {
      faults.set(i, ({ method }) => (method === 'GET' ? { body: status(outdated) } : { status: 400 }));
    }
    await expect(rotate()).rejects.toMatchObject({ code: 'not-enough-approvals' });
    expect(recording.texts('warn').filter(line => line.includes('has not loaded its key'))).toHaveLength(1);
  });

  it('rotateExitSignatures finds the one of a batch whose key the signer lists but does not have', async () => {
    const [first, second] = addValidators(2);
    const lost = addValidators(1, { first: 20, isLoaded: false });
    const listed = new Set([...(await signer.listPublicKeys()), lost[0]?.publicKey as Hex]);
    const result = await rotate(
      {
        oracles: {
          ...recorded,
          oracles: recorded.oracles.map((one, i) => ({ ...one, endpoints: [servers[i]?.url ?? ''] })),
          validatorsExitRotationBatchLimit: 10,
        },
      },
      {
        signer: {
          signExits: (exits, options) => signer.signExits(exits, options),
          listPublicKeys: async () => listed,
        },
      },
    );
    expect(result).toMatchObject({ status: 'rotated', rotated: [first?.index, second?.index] });
    expect(result.skipped).toMatchObject([{ validatorIndex: lost[0]?.index }]);
    expect(intents).toHaveLength(1);
  });

  it('rotateExitSignatures takes a validator of the V2 pool for one of the genesis vault only', async () => {
    const { genesisVault, v2PoolEscrow } = resolveNetwork('mainnet').contracts;
    addValidators(1, { vault: v2PoolEscrow ?? '' });
    expect(await rotate()).toMatchObject({ status: 'waiting' });
    const genesis = { ...network, contracts: { ...network.contracts, genesisVault: TEST_VAULT } };
    expect(genesisVault).not.toBe(TEST_VAULT);
    expect(await rotate({ network: genesis })).toMatchObject({ status: 'rotated' });
  });
});

describe('an oracle with a fault', () => {
  it.each<[string, Handler]>([
    ['is silent', () => undefined],
    ['fails', () => ({ status: 500 })],
    [
      'hides what is outdated',
      request => (request.method === 'GET' ? { body: status([]) } : { status: 400 }),
    ],
    [
      'names all validators',
      request => (request.method === 'GET' ? { body: status([...outdated, 5n, 6n]) } : { body: '{}' }),
    ],
  ])('rotateExitSignatures loses no time when one oracle %s', async (_, handler) => {
    addValidators(2);
    faults.set(2, handler);
    const start = performance.now();
    expect(await rotate()).toEqual({ status: 'rotated', outdated: 0, rotated: outdated, skipped: [] });
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

it('rotateExitSignatures ends with the signal of the process', async () => {
  addValidators(1);
  for (const i of [0, 1, 2, 3]) faults.set(i, () => undefined);
  const end = new AbortController();
  setTimeout(() => end.abort(new Error('SIGTERM')), 50);
  await expect(rotate({ signal: end.signal })).rejects.toThrow('SIGTERM');
});
