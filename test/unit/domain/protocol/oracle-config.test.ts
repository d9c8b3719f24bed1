import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { oracleSetHash } from '../../../../src/domain/protocol/oracle-config.ts';
import { parseOracleConfig } from '../../../../src/domain/protocol/oracle-document.ts';
import { OperatorError } from '../../../../src/lib/errors.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

interface RecordedInputs {
  readonly oracles: readonly { readonly public_key: string; readonly address: string }[];
  readonly config: {
    readonly oracles: readonly { readonly public_key: string; readonly endpoints: readonly string[] }[];
  };
}

const recorded = readRecordedJson<RecordedInputs>('03-remote-db/oracles_and_chain_inputs.json');

function encode(document: unknown): Uint8Array {
  return new TextEncoder().encode(typeof document === 'string' ? document : JSON.stringify(document));
}

/** The recorded configuration with some members changed; undefined leaves a member out. */
function configWith(changes: Record<string, unknown>): Uint8Array {
  return encode({ ...recorded.config, ...changes });
}

const [first, second] = recorded.config.oracles;
if (first === undefined || second === undefined)
  throw new Error('the recorded configuration has too few oracles');

describe('parseOracleConfig', () => {
  it('parseOracleConfig reads the recorded configuration, with the recorded addresses, in order', () => {
    const config = parseOracleConfig(configWith({}));
    expect(config.oracles.map(({ address }) => address)).toEqual(
      recorded.oracles.map(({ address }) => address),
    );
    expect(config.oracles[0]?.publicKey).toEqual(
      Uint8Array.from(Buffer.from(first.public_key.slice(2), 'hex')),
    );
    expect(config).toMatchObject({
      exitSignatureRecoverThreshold: 3,
      signatureValidityPeriodMs: 3_600_000,
      validatorsApprovalBatchLimit: 10,
      validatorsExitRotationBatchLimit: 10,
    });
  });

  it('parseOracleConfig takes the protocol’s own decisions where the document says nothing of them, or zero', () => {
    const decided = { forceWithdrawalsPeriodMs: 86_400_000, osTokenRedeemMultiplierBps: 10_023 };
    const silent = configWith({
      force_withdrawals_period: undefined,
      os_token_redeem_multiplier_bps: undefined,
      validator_min_active_epochs: undefined,
    });
    expect(parseOracleConfig(silent)).toMatchObject({ ...decided, validatorMinActiveEpochs: undefined });
    const zero = configWith({ force_withdrawals_period: 0, os_token_redeem_multiplier_bps: 0 });
    expect(parseOracleConfig(zero)).toMatchObject(decided);
    const said = configWith({
      force_withdrawals_period: 43_200,
      os_token_redeem_multiplier_bps: 10_500,
      validator_min_active_epochs: 0,
    });
    expect(parseOracleConfig(said)).toMatchObject({
      forceWithdrawalsPeriodMs: 43_200_000,
      osTokenRedeemMultiplierBps: 10_500,
      validatorMinActiveEpochs: 0,
    });
  });

  it('parseOracleConfig takes public keys without 0x and the legacy endpoint', () => {
    const oracle = { public_key: first.public_key.slice(2), endpoint: 'https://oracle.example/v1' };
    const config = parseOracleConfig(
      configWith({ oracles: [oracle, second], exit_signature_recover_threshold: 2 }),
    );
    expect(config.oracles[0]).toMatchObject({
      address: recorded.oracles[0]?.address,
      endpoints: ['https://oracle.example/v1'],
    });
  });

  it('parseOracleConfig takes a threshold of two and of all', () => {
    expect(
      parseOracleConfig(configWith({ exit_signature_recover_threshold: 2 })).exitSignatureRecoverThreshold,
    ).toBe(2);
    expect(
      parseOracleConfig(configWith({ exit_signature_recover_threshold: 4 })).exitSignatureRecoverThreshold,
    ).toBe(4);
  });

  const notOnCurve = `0x${'11'.repeat(64)}`;
  const refused: readonly (readonly [what: string, document: Uint8Array, code: string, message: RegExp])[] = [
    ['what is not JSON', encode('<html>'), 'oracle-config-unparsable', /is not JSON/],
    ['what is not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'oracle-config-unparsable', /is not JSON/],
    ['another JSON value', encode('null'), 'oracle-config-invalid', /the document/],
    ['no oracles member', configWith({ oracles: undefined }), 'oracle-config-invalid', /oracles: is missing/],
    ['an empty list', configWith({ oracles: [] }), 'oracle-config-invalid', /oracles: names no oracle/],
    [
      'no threshold',
      configWith({ exit_signature_recover_threshold: undefined }),
      'oracle-config-invalid',
      /exit_signature_recover_threshold: is missing/,
    ],
    [
      'a threshold of zero',
      configWith({ exit_signature_recover_threshold: 0 }),
      'oracle-config-invalid',
      /exit_signature_recover_threshold/,
    ],
    [
      'a fractional threshold',
      configWith({ exit_signature_recover_threshold: 1.5 }),
      'oracle-config-invalid',
      /exit_signature_recover_threshold/,
    ],
    [
      'a threshold above n',
      configWith({ exit_signature_recover_threshold: 5 }),
      'oracle-config-threshold',
      /asks for 5 shares.*only 4 oracles/,
    ],
    [
      'a negative period',
      configWith({ signature_validity_period: -1 }),
      'oracle-config-invalid',
      /signature_validity_period/,
    ],
    [
      'a short key',
      configWith({ oracles: [{ ...first, public_key: '0x00' }] }),
      'oracle-config-invalid',
      /oracles\[0\]\.public_key: must be 64 bytes of hex/,
    ],
    [
      'a key off the curve',
      configWith({ oracles: [{ ...first, public_key: notOnCurve }] }),
      'oracle-config-invalid',
      /oracles\[0\]\.public_key is not a point/,
    ],
    [
      'no endpoint',
      configWith({ oracles: [{ public_key: first.public_key }] }),
      'oracle-config-invalid',
      /oracles\[0\]\.endpoints: is missing/,
    ],
    [
      'an endpoint without scheme',
      configWith({ oracles: [{ ...first, endpoints: ['oracle.example'] }] }),
      'oracle-config-invalid',
      /oracles\[0\]\.endpoints\[0\]: must be a http or https URL/,
    ],
    [
      'a threshold of one',
      configWith({ exit_signature_recover_threshold: 1 }),
      'oracle-threshold-one',
      /has a threshold of 1 \(exit_signature_recover_threshold\)/,
    ],
    [
      'one key twice',
      configWith({
        oracles: [first, second, { ...first, public_key: first.public_key.toUpperCase().replace('0X', '') }],
      }),
      'oracle-config-duplicate-key',
      /oracles\[0\] and oracles\[2\] are both 0x2D9724B6/,
    ],
  ];
  it.each(refused)(
    'parseOracleConfig refuses %s and says what is wrong',
    (_what, document, code, message) => {
      const parse = () => parseOracleConfig(document);
      expect(parse).toThrowError(message);
      expect(parse).toThrowError(OperatorError);
      expect(parse).toThrowError(expect.objectContaining({ code, exitCode: 1 }));
    },
  );
});

describe('oracleSetHash', () => {
  const config = parseOracleConfig(configWith({}));

  it('oracleSetHash is SHA-256 over tag, threshold, number and keys in order', () => {
    const expected = createHash('sha256')
      .update('stakewise-operator/oracle-set/v1')
      .update(Buffer.from('0000000300000004', 'hex'));
    for (const { public_key } of recorded.oracles) expected.update(Buffer.from(public_key.slice(2), 'hex'));
    expect(Buffer.from(oracleSetHash(config)).toString('hex')).toBe(expected.digest('hex'));
  });

  it('oracleSetHash changes with threshold and order, not with endpoints', () => {
    const hash = oracleSetHash(config);
    expect(oracleSetHash({ ...config, exitSignatureRecoverThreshold: 2 })).not.toEqual(hash);
    expect(oracleSetHash({ ...config, oracles: config.oracles.toReversed() })).not.toEqual(hash);
    const moved = config.oracles.map(oracle => ({ ...oracle, endpoints: ['https://elsewhere.example'] }));
    expect(oracleSetHash({ ...config, oracles: moved })).toEqual(hash);
  });
});
