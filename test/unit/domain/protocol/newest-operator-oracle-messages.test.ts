import { keccak256, SigningKey } from 'ethers/crypto';
import { describe, expect, it } from 'vitest';
import {
  createApprovalRequest,
  findLargestGroup,
  joinApprovals,
} from '../../../../src/domain/protocol/approval.ts';
import { parseOracleConfig, requireApprovable } from '../../../../src/domain/protocol/oracle-document.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readNewestVectors } from '../../../support/recorded/newest-vectors.ts';

interface RegistrationBody {
  readonly validator_index: number;
  readonly vault_address: string;
  readonly validators_root: string;
  readonly public_keys: readonly string[];
  readonly deposit_signatures: readonly string[];
  readonly public_key_shards: readonly (readonly string[])[];
  readonly exit_signature_shards: readonly (readonly string[])[];
  readonly validators_manager_signature: string;
  readonly deadline: number;
  readonly amounts: readonly number[] | null;
}

describe('oracle-request-bodies.json', () => {
  const all =
    readNewestVectors<
      readonly {
        readonly endpoint?: string;
        readonly network?: string;
        readonly validator_type?: string;
        readonly body: RegistrationBody;
      }[]
    >('oracle-request-bodies');
  // Consolidations have an endpoint of their own, which this program does not ask yet.
  const cases = all.filter(({ endpoint }) => endpoint === undefined);

  it.each(cases.map((one, place) => ({ ...one, place })))(
    'createApprovalRequest writes the recorded body of $validator_type on $network: case $place',
    one => {
      const { body } = one;
      const request = createApprovalRequest({
        vault: body.vault_address,
        vaultVersion: 5,
        validatorIndex: BigInt(body.validator_index),
        validatorsRegistryRoot: fromHex(body.validators_root, 32),
        validators: body.public_keys.map((publicKey, i) => ({
          publicKey: fromHex(publicKey, 48),
          publicKeyShards: (body.public_key_shards[i] ?? []).map(shard => fromHex(shard, 48)),
          encryptedShards: (body.exit_signature_shards[i] ?? []).map(shard => fromHex(shard, 193)),
          depositSignature: fromHex(body.deposit_signatures[i] ?? '', 96),
        })),
        deadline: BigInt(body.deadline),
        authority: {
          kind: 'manager-signature',
          signature: fromHex(body.validators_manager_signature, 65),
        },
        amountsGwei: body.amounts?.map(BigInt),
      });
      expect(JSON.parse(JSON.stringify(request))).toStrictEqual(body);
    },
  );
});

describe('oracle-approval-aggregation.json', () => {
  const cases = readNewestVectors<
    readonly {
      readonly threshold: number;
      readonly approvals: readonly {
        readonly oracle: string;
        readonly ipfs_hash: string;
        readonly deadline: number;
        readonly signature: string;
      }[];
      readonly result:
        | { readonly ipfs_hash: string; readonly deadline: number; readonly signatures: string }
        | { readonly error: string; readonly num_votes?: number };
      readonly tie: boolean;
    }[]
  >('oracle-approval-aggregation');

  it.each(cases.map((one, place) => ({ ...one, place })))(
    'approvals are grouped and joined so: case $place, threshold $threshold',
    one => {
      const votes = one.approvals.map(({ oracle, ipfs_hash, deadline, signature }) => ({
        oracle: { address: oracle },
        ipfsHash: ipfs_hash,
        deadline: BigInt(deadline),
        signature: fromHex(signature, 65),
      }));
      const group = findLargestGroup(votes);
      const approval = joinApprovals(group, one.threshold);
      if ('error' in one.result) {
        expect(approval).toBeUndefined();
        expect(group).toHaveLength(one.result.num_votes ?? 0);
        return;
      }
      if (one.tie) {
        // Which of two groups of one size counts is nobody's rule.
        expect(approval?.signatures).toHaveLength(65 * one.threshold);
        return;
      }
      expect(approval && { ...approval, signatures: toHex(approval.signatures) }).toEqual({
        ipfsHash: one.result.ipfs_hash,
        deadline: BigInt(one.result.deadline),
        signatures: one.result.signatures,
      });
    },
  );
});

describe('protocol-config.json', () => {
  interface Config {
    readonly oracles: readonly { readonly public_key: string; readonly endpoints: readonly string[] }[];
  }
  const cases =
    readNewestVectors<
      readonly {
        readonly name: string;
        readonly config: Config;
        readonly validators_threshold?: number;
        readonly parsed?: {
          readonly oracles: readonly { readonly endpoints: readonly string[] }[];
          readonly validators_threshold: number;
          readonly exit_signature_recover_threshold: number;
          readonly signature_validity_period: number;
          readonly validators_approval_batch_limit: number;
          readonly validators_exit_rotation_batch_limit: number;
          readonly validator_min_active_epochs: number;
          readonly force_withdrawals_period: number;
          readonly os_token_redeem_multiplier_bps: number;
        };
        readonly error?: string;
      }[]
    >('protocol-config');

  /** The recorded keys are no points of the curve, which the reference does not look at: each stands for a real one. */
  const withRealKeys = ({ oracles, ...rest }: Config) => ({
    ...rest,
    oracles: oracles.map(oracle => {
      const secret = keccak256(oracle.public_key);
      return { ...oracle, public_key: `0x${new SigningKey(secret).publicKey.slice(4)}` };
    }),
  });
  const read = (config: Config, threshold: number) => {
    const parsed = parseOracleConfig(new TextEncoder().encode(JSON.stringify(withRealKeys(config))));
    requireApprovable(parsed, threshold);
    return parsed;
  };

  it.each(cases)('the oracle configuration is read, or refused: $name', one => {
    if (one.parsed === undefined) {
      expect(one.error).toBeDefined();
      expect(() => read(one.config, one.validators_threshold ?? 0)).toThrow(
        expect.objectContaining({ code: 'oracle-config-threshold' }),
      );
      return;
    }
    const { parsed } = one;
    expect(read(one.config, parsed.validators_threshold)).toMatchObject({
      oracles: parsed.oracles.map(({ endpoints }) => ({ endpoints })),
      exitSignatureRecoverThreshold: parsed.exit_signature_recover_threshold,
      signatureValidityPeriodMs: parsed.signature_validity_period * 1000,
      validatorsApprovalBatchLimit: parsed.validators_approval_batch_limit,
      validatorsExitRotationBatchLimit: parsed.validators_exit_rotation_batch_limit,
      validatorMinActiveEpochs: parsed.validator_min_active_epochs,
      forceWithdrawalsPeriodMs: parsed.force_withdrawals_period * 1000,
      osTokenRedeemMultiplierBps: parsed.os_token_redeem_multiplier_bps,
    });
  });

  it('requireApprovable refuses more shares than approvals, which the number of oracles would allow', () => {
    const [one] = cases;
    if (one === undefined) throw new Error('there is no case');
    const config = { ...one.config, exit_signature_recover_threshold: 2 };
    expect(() => read(config, 2)).not.toThrow();
    expect(() => read(config, 1)).toThrow(/2 shares .*only 1 oracles/);
  });
});
