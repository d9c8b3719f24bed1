import { secp256k1 } from '@noble/curves/secp256k1.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { hex, unhex } from '../../devnet/exit-signature.ts';
import type { OracleServer } from '../../devnet/oracle-server.ts';
import {
  addressOf,
  checksumOf,
  recoverSigner,
  registrationDigest,
  rotationDigest,
} from '../../devnet/typed-data.ts';
import {
  buildRegistration,
  buildShares,
  buildTree,
  createValidator,
  signAsManager,
  type TestValidator,
} from './oracle-request-builder.ts';

let devnet: Devnet;
let vault: string;
let validators: readonly TestValidator[];
let tree: ReturnType<typeof buildTree>;
beforeAll(async () => {
  devnet = await startDevnet({ oracles: 4, threshold: 3, oracleServers: { replicas: 2 } });
  ({ vault } = devnet.addresses);
  validators = [0, 1, 2].map(seed => createValidator(vault, seed));
  tree = buildTree(vault, validators);
  await devnet.setDepositDataRoot(tree.root);
  await devnet.depositEther(96);
});
afterAll(() => devnet.stop());

interface Approval {
  readonly ipfs_hash: string;
  readonly signature: string;
  readonly deadline: number;
}

async function post(url: string, body: unknown) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Approval & { message?: string } };
}

function urlOf(server: OracleServer | undefined, replica = 0): string {
  return server?.replicas[replica]?.url ?? '';
}

const postAll = (body: unknown, path = '/') =>
  Promise.all(devnet.oracles.servers.map(server => post(`${urlOf(server)}${path}`, body)));

/** The request for validators of a version 1 vault. */
async function buildRequest(selected: number[], first: number) {
  const chosen = selected.map(index => validators[index] as TestValidator);
  const { proof, proofFlags, order } = tree.prove(selected);
  const registration = await buildRegistration(devnet, vault, chosen, first);
  return { ...registration, proof, proof_flags: proofFlags, proof_indexes: order };
}

function signersOf(
  answers: readonly { body: Approval }[],
  request: { validators_root: string },
  validators: string,
) {
  const domain = { chainId: devnet.chainId, keeper: devnet.addresses.keeper };
  return answers.map(({ body }) =>
    recoverSigner(
      registrationDigest(domain, {
        validatorsRegistryRoot: unhex(request.validators_root),
        vault,
        validators: unhex(validators),
        exitSignaturesIpfsHash: body.ipfs_hash,
        deadline: BigInt(body.deadline),
      }),
      unhex(body.signature),
    ),
  );
}

describe('approvals of a vault of version 1', () => {
  it('a devnet oracle refuses a request that is not exactly as the protocol has it', async () => {
    const request = await buildRequest([0, 1], 0);
    const [server] = devnet.oracles.servers;
    const spoilt = (text: string | undefined) => `${text?.slice(0, -2)}${text?.endsWith('00') ? '01' : '00'}`;
    const cases: readonly [Record<string, unknown>, string][] = [
      [{ amounts: null }, 'amounts'],
      [{ validators_manager_signature: null }, 'validators_manager_signature'],
      [{ proof: null }, 'proof'],
      [{ vault_address: vault.toLowerCase() }, 'checksummed'],
      [{ vault_address: devnet.addresses.keeper }, 'unknown vault'],
      [{ public_keys: request.public_keys.map(key => key.toUpperCase().replace('0X', '0x')) }, 'lower-case'],
      [{ public_keys: request.public_keys.map(key => key.slice(2)) }, '0x'],
      [{ validator_index: '0' }, 'validator_index'],
      [{ validator_index: 1 }, 'the next one is 0'],
      [{ validators_root: `0x${'00'.repeat(32)}` }, 'validators_root'],
      [{ deposit_signatures: request.deposit_signatures.toReversed() }, 'proof'],
      [{ proof_indexes: request.proof_indexes.map(index => index + 1) }, 'proof_indexes'],
      [{ proof: [...request.proof.slice(1), spoilt(request.proof[0])] }, 'proof'],
      [{ deadline: 1 }, 'deadline'],
      [{ deadline: request.deadline + 10 ** 6 }, 'too far'],
      [{ public_key_shards: request.public_key_shards.slice(1) }, 'different lengths'],
      [{ public_key_shards: request.public_key_shards.map(list => list.slice(1)) }, 'shards for'],
      [{ exit_signature_shards: request.exit_signature_shards.toReversed() }, 'good shards'],
    ];
    for (const [change, reason] of cases) {
      const { status, body } = await post(urlOf(server), { ...request, ...change });
      expect([status, body.message]).toEqual([400, expect.stringContaining(reason)]);
    }
    const [exact] = request.exit_signature_shards;
    const wrongShard = request.exit_signature_shards.map((list, i) =>
      i === 0 ? [spoilt(exact?.[0]), ...list.slice(1)] : list,
    );
    const answers = await postAll({ ...request, exit_signature_shards: wrongShard });
    expect(answers.map(({ status }) => status)).toEqual([400, 200, 200, 200]);
  });

  it('the devnet’s oracles sign what the keeper takes, all the same document', async () => {
    const request = await buildRequest([0, 1], 0);
    const { validators, contractIndexes, proof, proofFlags } = tree.prove([0, 1]);
    const answers = await postAll(request);
    expect(new Set(answers.map(({ body }) => body.ipfs_hash)).size).toBe(1);
    expect(signersOf(answers, request, validators)).toEqual(
      devnet.oracleSet.oracles.map(({ address }) => address),
    );

    const signers = devnet.oracleSet.oracles
      .map(({ address }, i) => ({ address, signature: answers[i]?.body.signature ?? '' }))
      .slice(0, 3)
      .sort((a, b) => (a.address < b.address ? -1 : 1));
    const params = {
      validatorsRegistryRoot: request.validators_root,
      deadline: answers[0]?.body.deadline,
      validators,
      signatures: `0x${signers.map(({ signature }) => signature.slice(2)).join('')}`,
      exitSignaturesIpfsHash: answers[0]?.body.ipfs_hash,
    };
    const contract = devnet.protocol.at('VaultV1', vault);
    await devnet.protocol.send(contract, 'registerValidators', params, contractIndexes, proofFlags, proof);
    const log = await devnet.readVaultLog();
    expect(log).toMatchObject({ registered: request.public_keys, registrations: 1, rotations: [] });
    const again = await post(urlOf(devnet.oracles.servers[0]), request);
    expect(again).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('validators_root') },
    });
  });

  it('a devnet oracle lies, and is slow, silent or down, each when told to', async () => {
    const request = await buildRequest([2], 2);
    const { validators } = tree.prove([2]);
    const [first, second, third, fourth] = devnet.oracles.servers;
    if (first === undefined || second === undefined || third === undefined || fourth === undefined)
      throw new Error();
    first.faults.lies = 'signature';
    second.faults.lies = 'other-oracle';
    third.faults.lies = 'ipfs-hash';
    fourth.faults.lies = 'deadline';
    const answers = await postAll(request);
    const signers = signersOf(answers, request, validators);
    const addresses = devnet.oracleSet.oracles.map(({ address }) => address);
    expect(addresses).not.toContain(signers[0]);
    expect(signers.slice(1)).toEqual([addresses[0], addresses[2], addresses[3]]);
    expect(new Set(answers.map(({ body }) => body.ipfs_hash)).size).toBe(2);
    expect(answers.map(({ body }) => body.deadline - request.deadline)).toEqual([0, 0, 0, 1]);

    Object.assign(first.faults, { lies: 'no-signature' });
    expect(signersOf([await post(urlOf(first), request)], request, validators)).toEqual([undefined]);
    Object.assign(first.faults, { lies: undefined, status: 503 });
    expect((await post(urlOf(first), request)).status).toBe(503);
    Object.assign(first.faults, { status: undefined, slowMs: 100 });
    const started = performance.now();
    expect((await post(urlOf(first), request)).status).toBe(200);
    expect(performance.now() - started).toBeGreaterThan(90);
    Object.assign(first.faults, { slowMs: undefined, silent: true });
    await expect(fetch(urlOf(first), { signal: AbortSignal.timeout(100) })).rejects.toThrow();
    Object.assign(first.faults, { silent: undefined, down: true });
    await expect(post(urlOf(first, 1), request)).rejects.toThrow();
    first.faults.down = false;
    Object.assign(first.replicas[0] ?? {}, { isDown: true });
    await expect(post(urlOf(first), request)).rejects.toThrow();
    expect((await post(urlOf(first, 1), request)).status).toBe(200);
    Object.assign(first.replicas[0] ?? {}, { isDown: false });
    for (const server of devnet.oracles.servers) delete server.faults.lies;
  });
});

describe('exit signatures', () => {
  it('the devnet’s oracles call exit signatures outdated with another oracle set, until the keeper has the new ones', async () => {
    const status = async (server = devnet.oracles.servers[0]) =>
      (await (await fetch(`${urlOf(server)}/signatures/${vault}`)).json()) as Record<string, unknown>;
    expect(await status()).toEqual({ exit_signature_block_number: expect.any(Number), validators: [] });
    const removed = devnet.oracles.servers[3];
    await devnet.updateOracles({ count: 3, threshold: 2 });
    await expect(fetch(urlOf(removed))).rejects.toThrow();
    expect(await status()).toMatchObject({ validators: [{ index: 0 }, { index: 1 }] });

    const chosen = validators.slice(0, 2);
    const request = buildShares(devnet, vault, chosen, [0, 1]);
    const wrongIndexes = buildShares(devnet, vault, chosen, [1, 0]);
    const [first] = devnet.oracles.servers;
    expect((await post(`${urlOf(first)}/signatures`, wrongIndexes)).status).toBe(400);
    const stranger = buildShares(devnet, vault, validators.slice(2), [0]);
    expect((await post(`${urlOf(first)}/signatures`, stranger)).body.message).toContain(
      'no validator of vault',
    );
    const answers = await postAll(request, '/signatures');
    const [{ ipfs_hash: exitSignaturesIpfsHash, deadline } = { ipfs_hash: '', deadline: 0 }] = answers.map(
      ({ body }) => body,
    );
    const digest = rotationDigest(
      { chainId: devnet.chainId, keeper: devnet.addresses.keeper },
      { vault, exitSignaturesIpfsHash, nonce: 0n, deadline: BigInt(deadline) },
    );
    const signed = answers
      .map(({ body }) => ({
        signer: recoverSigner(digest, unhex(body.signature)) ?? '',
        signature: body.signature,
      }))
      .sort((a, b) => (a.signer < b.signer ? -1 : 1));
    const keeper = devnet.protocol.at('Keeper', devnet.addresses.keeper);
    const signatures = `0x${signed.map(({ signature }) => signature.slice(2)).join('')}`;
    await devnet.protocol.send(
      keeper,
      'updateExitSignatures',
      vault,
      deadline,
      exitSignaturesIpfsHash,
      signatures,
    );
    const { rotations } = await devnet.readVaultLog();
    expect(rotations).toMatchObject([{ nonce: 0n, exitSignaturesIpfsHash }]);
    expect(await status()).toEqual({
      exit_signature_block_number: rotations[0]?.blockNumber,
      validators: [],
    });
    Object.assign(first?.faults ?? {}, { exitSignatureBlock: null, outdatedIndexes: [7] });
    expect(await status()).toEqual({ exit_signature_block_number: null, validators: [{ index: 7 }] });
    Object.assign(first?.faults ?? {}, { exitSignatureBlock: undefined, outdatedIndexes: undefined });
  });

  it('the devnet’s oracles count validators that were registered by hand, too, also by the hundred', async () => {
    const other = await devnet.createVault(1);
    const many = Array.from({ length: 100 }, (_, i) => ({ publicKey: new Uint8Array(48).fill(i) }));
    await devnet.registerDirectly(many, other);
    expect(await devnet.readHarvestState(other)).toMatchObject({ isCollateralized: true });
    await devnet.updateOracles({ count: 3, threshold: 3 });
    const answer = await fetch(`${urlOf(devnet.oracles.servers[0])}/signatures/${other}`);
    const { validators: outdated } = (await answer.json()) as { validators: { index: number }[] };
    expect(outdated.map(({ index }) => index)).toEqual(many.map((_, i) => i + 2));
  });
});

describe('approvals of vaults with a validators manager', () => {
  it.each([2, 5])(
    'a devnet oracle wants the validators manager’s signature for a vault of version %i',
    async version => {
      const managed = await devnet.createVault(version);
      const { secretKey, publicKey } = secp256k1.keygen();
      const manager = checksumOf(addressOf(secp256k1.Point.fromBytes(publicKey).toBytes(false).subarray(1)));
      await devnet.setValidatorsManager(manager, managed);
      const own = [createValidator(managed, 5)];
      const first = (await devnet.deposits.listValidators()).length;
      const registration = await buildRegistration(devnet, managed, own, first);
      const extra =
        version === 5 ? { amounts: null } : { proof: null, proof_flags: null, proof_indexes: null };
      const sign = (key: Uint8Array) => signAsManager(devnet, key, managed, registration, own);
      const request = { ...registration, ...extra, validators_manager_signature: sign(secretKey) };
      const [server] = devnet.oracles.servers;
      expect(await post(urlOf(server), request)).toMatchObject({ status: 200 });
      const others = {
        foreign: { ...request, validators_manager_signature: sign(new Uint8Array(32).fill(1)) },
        missing: { ...request, validators_manager_signature: null },
        otherVersion: { ...registration, validators_manager_signature: request.validators_manager_signature },
      };
      for (const other of Object.values(others)) expect((await post(urlOf(server), other)).status).toBe(400);
    },
  );

  it('a devnet oracle wants a proof for a vault of version 3 while the registry is its manager', async () => {
    const managed = await devnet.createVault(3);
    const own = [createValidator(managed, 6), createValidator(managed, 7)];
    const ownTree = buildTree(managed, own);
    await devnet.setDepositDataRoot(ownTree.root, managed);
    const first = (await devnet.deposits.listValidators()).length;
    const registration = await buildRegistration(devnet, managed, own.slice(0, 1), first);
    const { proof, proofFlags, order } = ownTree.prove([0]);
    const request = { ...registration, proof, proof_flags: proofFlags, proof_indexes: order };
    const [server] = devnet.oracles.servers;
    expect((await post(urlOf(server), request)).status).toBe(400);
    expect((await post(urlOf(server), { ...request, validators_manager_signature: null })).status).toBe(200);
    expect(devnet.oracles.decisions.at(-1)).toEqual({ oracle: 0, path: '/', status: 200 });
  });
});

it('a devnet oracle tells its health, and nothing below another path than its own', async () => {
  const [server] = devnet.oracles.servers;
  expect(await (await fetch(urlOf(server))).json()).toMatchObject({ nonce: 0, root: `0x${'00'.repeat(32)}` });
  expect((await fetch(`${urlOf(server)}/elsewhere`)).status).toBe(404);
  expect(hex(unhex('0x00'))).toBe('0x00');
});
