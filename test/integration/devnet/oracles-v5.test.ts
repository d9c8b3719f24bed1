import { secp256k1 } from '@noble/curves/secp256k1.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credentialsOf, depositSigningRoot, encodeCompoundingEntry } from '../../devnet/deposit-data.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { hex, sign } from '../../devnet/exit-signature.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import type { OracleServer } from '../../devnet/oracle-server.ts';
import { addressOf } from '../../devnet/typed-data.ts';
import { buildRegistration, createValidator, type TestValidator } from './oracle-request-builder.ts';
import { ETH, keyOf, signForVault } from './vault-entries.ts';

const { secretKey, publicKey } = secp256k1.keygen();
const MANAGER = addressOf(secp256k1.Point.fromBytes(publicKey).toBytes(false).subarray(1));

let devnet: Devnet;
let vault: string;
beforeAll(async () => {
  devnet = await startDevnet({ oracles: 4, threshold: 3, vaultVersion: 5, oracleServers: {}, electra: true });
  ({ vault } = devnet.addresses);
  await devnet.setValidatorsManager(MANAGER);
  await devnet.depositEther(400);
});
afterAll(() => devnet.stop());

interface Body {
  readonly ipfs_hash: string;
  readonly signature: string;
  readonly deadline: number;
  readonly message?: string;
}

async function post(server: OracleServer | undefined, body: unknown) {
  const headers = { 'content-type': 'application/json' };
  const url = server?.replicas[0]?.url ?? '';
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Body };
}

async function getExits(server: OracleServer | undefined) {
  const response = await fetch(`${server?.replicas[0]?.url}/exits`);
  return { status: response.status, body: (await response.json()) as unknown };
}

/** A validator with 0x02 credentials whose deposit of so much is signed. */
function createCompounding(seed: number, amountGwei: bigint): TestValidator {
  const validator = createValidator(vault, seed);
  const withdrawalCredentials = credentialsOf(vault, 2);
  const deposit = { publicKey: validator.publicKey, withdrawalCredentials, amountGwei };
  const depositSignature = sign(validator.secretKey, depositSigningRoot(deposit, BEACON_CHAIN));
  return { ...validator, depositSignature };
}

function encode(validators: readonly TestValidator[], amounts: readonly bigint[]): Buffer {
  const entries = validators.map((one, i) =>
    encodeCompoundingEntry(vault, one.publicKey, one.depositSignature, amounts[i] ?? 0n),
  );
  return Buffer.concat(entries);
}

async function buildRequest(validators: readonly TestValidator[], amounts: readonly bigint[]) {
  const registration = await buildRegistration(devnet, vault, validators, 0);
  const message = { first: registration.validators_root, validators: encode(validators, amounts) };
  const signature = signForVault(devnet, secretKey, vault, message);
  return { ...registration, validators_manager_signature: hex(signature), amounts: amounts.map(Number) };
}

describe('approvals with amounts', () => {
  it('a devnet oracle refuses a registration with 0x02 credentials that is not exactly as the protocol has it', async () => {
    const amounts = [32n * ETH, 300n * ETH];
    const validators = amounts.map((amount, i) => createCompounding(i, amount));
    const request = await buildRequest(validators, amounts);
    const others = [33n * ETH, 300n * ETH];
    const legacy = [createValidator(vault, 0), createValidator(vault, 1)];
    const swapped = await buildRequest(legacy, amounts);
    const many = Array.from({ length: 22 }, (_, i) => hex(keyOf(i)));
    const lists = (length: number) => ({
      public_keys: many.slice(0, length),
      deposit_signatures: many.slice(0, length).map(() => request.deposit_signatures[0]),
      public_key_shards: many.slice(0, length).map(() => request.public_key_shards[0]),
      exit_signature_shards: many.slice(0, length).map(() => request.exit_signature_shards[0]),
      amounts: many.slice(0, length).map(() => 32_000_000_000),
    });
    const cases: readonly [Record<string, unknown>, string][] = [
      [{ amounts: null }, 'validators_manager_signature is not that'],
      [{ amounts: undefined }, 'amounts'],
      [{ amounts: ['32000000000', '300000000000'] }, 'amounts'],
      [{ amounts: [32_000_000_000, 2_048_000_000_001] }, 'amounts'],
      [{ amounts: [31_999_999_999, 300_000_000_000] }, 'amounts'],
      [{ amounts: [32_000_000_000] }, 'different lengths'],
      [{ amounts: others.map(Number) }, 'validators_manager_signature is not that'],
      [{ validators_manager_signature: null }, 'validators_manager_signature'],
      [{ proof: null }, 'proof'],
      [{ validator_index: 1 }, 'the next one is 0'],
      [swapped, 'the deposit signature of'],
      [await buildRequest(validators, others), 'the deposit signature of'],
      [lists(22), '22 entries are as long as'],
      [{ exit_signature_shards: request.exit_signature_shards.toReversed() }, 'good shards'],
    ];
    for (const [change, reason] of cases) {
      const { status, body } = await post(devnet.oracles.servers[0], { ...request, ...change });
      expect([status, body.message]).toEqual([400, expect.stringContaining(reason)]);
    }
  });

  it('the devnet’s oracles sign what a vault takes with 0x02 credentials, and lie when told to', async () => {
    const amounts = [32n * ETH, 300n * ETH];
    const validators = amounts.map((amount, i) => createCompounding(i, amount));
    const request = await buildRequest(validators, amounts);
    const [first] = devnet.oracles.servers;
    if (first === undefined) throw new Error('no oracle');
    first.faults.lies = 'ipfs-hash';
    const lie = await post(first, request);
    delete first.faults.lies;
    const answers = await Promise.all(devnet.oracles.servers.map(server => post(server, request)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(lie.body.ipfs_hash).not.toBe(answers[0]?.body.ipfs_hash);
    const signers = devnet.oracleSet.oracles
      .map(({ address }, i) => ({ address, signature: answers[i]?.body.signature ?? '' }))
      .slice(0, 3)
      .sort((a, b) => (a.address < b.address ? -1 : 1));
    const params = {
      validatorsRegistryRoot: request.validators_root,
      deadline: answers[0]?.body.deadline,
      validators: encode(validators, amounts),
      signatures: `0x${signers.map(({ signature }) => signature.slice(2)).join('')}`,
      exitSignaturesIpfsHash: answers[0]?.body.ipfs_hash,
    };
    const contract = devnet.protocol.at('VaultV5', vault);
    const { validators_manager_signature: signature } = request;
    await devnet.protocol.send(contract, 'registerValidators', params, signature);
    expect(await devnet.readVaultLog()).toMatchObject({ registered: request.public_keys, registrations: 1 });
    expect((await devnet.beacon.sync()).state.pendingDeposits.map(({ amountGwei }) => amountGwei)).toEqual(
      amounts,
    );
  });
});

describe('exits', () => {
  it('the devnet’s oracles tell which validators they exit, and some lie, refuse or are down', async () => {
    const { oracles } = devnet;
    oracles.exiting = [1, 77];
    const [first, second, third, fourth] = oracles.servers;
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) {
      throw new Error('too few oracles');
    }
    const honest = await getExits(first);
    expect(honest).toEqual({
      status: 200,
      body: [
        { index: 1, exit_signature_share: expect.stringMatching(/^0x[0-9a-f]{192}$/) },
        { index: 77, exit_signature_share: `0xc0${'00'.repeat(95)}` },
      ],
    });
    first.faults.exits = [3];
    second.faults.exits = { status: 503 };
    third.faults.exits = 'garbage';
    fourth.faults.down = true;
    expect((await getExits(first)).body).toMatchObject([{ index: 3 }]);
    expect((await getExits(second)).status).toBe(503);
    expect((await getExits(third)).body).toEqual({ exits: [1, 77] });
    await expect(getExits(fourth)).rejects.toThrow();
    // Only the exits of the second are down.
    expect((await fetch(second.replicas[0]?.url ?? '')).status).toBe(200);
    for (const { faults } of oracles.servers) {
      delete faults.exits;
      delete faults.down;
    }
    oracles.exiting = [];
    expect((await getExits(fourth)).body).toEqual([]);
  });
});
