import { describe, expect, it } from 'vitest';
import {
  type ApprovalRequestOptions,
  createApprovalRequest,
  registrationDigest,
} from '../../../../src/domain/protocol/approval.ts';
import { recoverSigner } from '../../../../src/domain/protocol/recovered-signer.ts';
import { createRotationRequest, rotationDigest } from '../../../../src/domain/protocol/signature-rotation.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { type RecordedCase, readOracleRequests } from '../../../support/recorded/recorded-oracles.ts';

interface RecordedBody {
  readonly validator_index: number;
  readonly vault_address: string;
  readonly validators_root: string;
  readonly public_keys: readonly string[];
  readonly deposit_signatures: readonly string[];
  readonly public_key_shards: readonly (readonly string[])[];
  readonly exit_signature_shards: readonly (readonly string[])[];
  readonly deadline: number;
  readonly proof: readonly string[];
  readonly proof_flags: readonly boolean[];
  readonly proof_indexes: readonly number[];
}

const unhex = (texts: readonly string[] = []) => texts.map(text => fromHex(text));
const REGISTRATIONS: readonly RecordedCase[] = ['local3', 'harvest', 'remote2'];

function shardsOf(body: RecordedBody) {
  return body.public_keys.map((publicKey, i) => ({
    publicKey: fromHex(publicKey, 48),
    publicKeyShards: unhex(body.public_key_shards[i]),
    encryptedShards: unhex(body.exit_signature_shards[i]),
  }));
}

/** What the recorded request was made of. */
function optionsOf(body: RecordedBody) {
  return {
    vault: body.vault_address,
    vaultVersion: 1,
    validatorIndex: BigInt(body.validator_index),
    validatorsRegistryRoot: fromHex(body.validators_root, 32),
    validators: shardsOf(body).map((shards, i) => ({
      ...shards,
      depositSignature: fromHex(body.deposit_signatures[i] ?? '', 96),
    })),
    deadline: BigInt(body.deadline),
    authority: {
      kind: 'proof' as const,
      proof: unhex(body.proof),
      proofFlags: body.proof_flags,
      proofIndexes: body.proof_indexes,
    },
  } satisfies ApprovalRequestOptions;
}

describe('the request of a registration', () => {
  it.each(REGISTRATIONS)(
    'createApprovalRequest gives member for member the recorded request of a registration: %s',
    name => {
      const { posts } = readOracleRequests(name);
      expect(posts).toHaveLength(4);
      for (const { body_raw } of posts) {
        const recorded = JSON.parse(body_raw ?? '') as RecordedBody;
        const body = createApprovalRequest(optionsOf(recorded));
        expect(body).toEqual(recorded);
        expect(Object.keys(body)).toEqual(Object.keys(recorded));
        expect(JSON.parse(JSON.stringify(body))).toEqual(recorded);
      }
    },
  );

  const [post] = readOracleRequests('local3').posts;
  const options = optionsOf(JSON.parse(post?.body_raw ?? '') as RecordedBody);
  const common = [
    'validator_index',
    'vault_address',
    'validators_root',
    'public_keys',
    'deposit_signatures',
    'public_key_shards',
    'exit_signature_shards',
    'deadline',
  ];
  const proof = ['proof', 'proof_flags', 'proof_indexes'];
  const manager = { kind: 'manager-signature', signature: new Uint8Array(65).fill(0xab) } as const;

  it.each([2, 3, 4, 5])(
    'createApprovalRequest writes no manager signature and no amounts for a vault of version %i with deposit data',
    vaultVersion => {
      const body = createApprovalRequest({ ...options, vaultVersion });
      expect(Object.keys(body)).toEqual([...common, ...proof, 'validators_manager_signature']);
      expect(body.validators_manager_signature).toBeNull();
      expect(body.proof_indexes).toEqual(options.authority.proofIndexes);
    },
  );

  it.each([2, 3, 4])(
    'createApprovalRequest writes no proof for a vault of version %i with a validators manager',
    vaultVersion => {
      const body = createApprovalRequest({ ...options, vaultVersion, authority: manager });
      expect(Object.keys(body)).toEqual([...common, ...proof, 'validators_manager_signature']);
      expect([body.proof, body.proof_flags, body.proof_indexes]).toEqual([null, null, null]);
      expect(body.validators_manager_signature).toBe(toHex(manager.signature));
    },
  );

  it('createApprovalRequest writes amounts for version 5, null for 32 ETH each, and no members of a proof', () => {
    const body = createApprovalRequest({ ...options, vaultVersion: 5, authority: manager });
    expect(Object.keys(body)).toEqual([...common, 'validators_manager_signature', 'amounts']);
    expect(body.amounts).toBeNull();
  });

  it('createApprovalRequest writes the amounts of validators with 0x02 credentials for managers of version 5 only', () => {
    const amountsGwei = [32_000_000_000n];
    const request = createApprovalRequest({ ...options, vaultVersion: 5, authority: manager, amountsGwei });
    expect(request.amounts).toEqual([32_000_000_000]);
    const refusal = expect.objectContaining({ code: 'approval-not-possible' });
    expect(() =>
      createApprovalRequest({ ...options, vaultVersion: 4, authority: manager, amountsGwei }),
    ).toThrow(refusal);
    expect(() => createApprovalRequest({ ...options, vaultVersion: 5, amountsGwei })).toThrow(refusal);
  });

  it('createApprovalRequest refuses a request for which the oracles have no members', () => {
    expect(() => createApprovalRequest({ ...options, authority: manager })).toThrow(
      expect.objectContaining({ code: 'approval-not-possible' }),
    );
  });
});

it('the request of a rotation is member for member the recorded one', () => {
  const { posts } = readOracleRequests('rotatelocal');
  expect(posts).toHaveLength(4);
  for (const { body_raw, path } of posts) {
    expect(path).toBe('/signatures');
    const recorded = JSON.parse(body_raw ?? '') as RecordedBody;
    const validators = shardsOf(recorded);
    const deadline = BigInt(recorded.deadline);
    expect(createRotationRequest({ vault: recorded.vault_address, validators, deadline })).toEqual(recorded);
  }
});

describe('what oracles sign', () => {
  it.each(REGISTRATIONS)('registrationDigest gives the recorded digest of a registration: %s', name => {
    const { approvals, domain, config } = readOracleRequests(name);
    expect(approvals).toHaveLength(4);
    for (const { digest, signature, oracle, typed_data } of approvals) {
      const { message } = typed_data;
      const own = registrationDigest(domain, {
        validatorsRegistryRoot: fromHex(String(message.validatorsRegistryRoot), 32),
        vault: String(message.vault),
        validators: fromHex(String(message.validators)),
        ipfsHash: String(message.exitSignaturesIpfsHash),
        deadline: BigInt(message.deadline ?? 0),
      });
      expect(toHex(own)).toBe(digest);
      expect(recoverSigner(own, fromHex(signature))).toEqual({
        address: config.oracles[oracle]?.address,
        signature: fromHex(signature),
      });
    }
  });

  it('rotationDigest gives the recorded digest of a rotation', () => {
    const { approvals, domain, config } = readOracleRequests('rotatelocal');
    for (const { digest, signature, oracle, typed_data } of approvals) {
      const { message } = typed_data;
      const own = rotationDigest(domain, {
        vault: String(message.vault),
        ipfsHash: String(message.exitSignaturesIpfsHash),
        nonce: BigInt(message.nonce ?? 0),
        deadline: BigInt(message.deadline ?? 0),
      });
      expect(toHex(own)).toBe(digest);
      expect(recoverSigner(own, fromHex(signature))?.address).toBe(config.oracles[oracle]?.address);
    }
  });

  const [{ digest, signature } = { digest: '', signature: '' }] = readOracleRequests('local3').approvals;
  const signed = fromHex(digest, 32);
  const own = fromHex(signature, 65);

  it('recoverSigner gives v of 27 or 28, as contracts take it, also for an oracle that counts from 0', () => {
    const fromZero = Uint8Array.from(own);
    fromZero[64] = (own[64] ?? 0) - 27;
    expect(recoverSigner(signed, fromZero)).toEqual(recoverSigner(signed, own));
  });

  it.each([
    ['too short', own.subarray(0, 64)],
    ['too long', new Uint8Array(66)],
    ['zeros', new Uint8Array(65)],
    ['no point', new Uint8Array(65).fill(0xff)],
    ['of a high s', highS(own)],
  ])('recoverSigner finds no signer of bytes that are %s', (_, bytes) => {
    expect(recoverSigner(signed, bytes)).toBeUndefined();
  });
});

/** The other signature of the same key over the same digest, which contracts refuse. */
function highS(signature: Uint8Array): Uint8Array {
  const order = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;
  const s = BigInt(toHex(signature.subarray(32, 64)));
  const other = Uint8Array.from(signature);
  other.set(fromHex((order - s).toString(16).padStart(64, '0')), 32);
  other[64] = 55 - (signature[64] ?? 0);
  return other;
}
