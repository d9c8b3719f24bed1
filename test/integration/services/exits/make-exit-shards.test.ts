import { randomBytes } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { decrypt } from 'eciesjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openSignerClient, type SignerClient } from '../../../../src/clients/signer/signer-client.ts';
import { signMessage, verifySignature } from '../../../../src/domain/consensus/bls.ts';
import { exitSigningRoot } from '../../../../src/domain/consensus/exit-message.ts';
import type { RemoteSignerConfig } from '../../../../src/domain/fleet/remote-signer-config.ts';
import { publicKeyOf } from '../../../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../../../src/domain/keys/key-share.ts';
import { oracleSetHash } from '../../../../src/domain/protocol/oracle-config.ts';
import { createPointCombiner, type PointCombiner } from '../../../../src/domain/protocol/point-combiner.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { type ExitShardsOptions, makeExitShards } from '../../../../src/services/exits/make-exit-shards.ts';
import { type Keymanager, startKeymanager } from '../../../devnet/keymanager.ts';
import { type RecordingLog, recordingLog } from '../../../support/recording-log.ts';
import { EXIT_CHAIN, TEST_VAULT, testSecretKey } from '../../../support/scenes/signing-fixtures.ts';

const THRESHOLD = 3;
const oracleKeys = Array.from({ length: 4 }, () => new Uint8Array(randomBytes(32)));
const oracles = {
  exitSignatureRecoverThreshold: THRESHOLD,
  oracles: oracleKeys.map(key => ({
    publicKey: secp256k1.getPublicKey(key, false).slice(1),
    address: '',
    endpoints: [],
  })),
};
const secretKeys = [testSecretKey(1), testSecretKey(2)];
const validators = secretKeys.map((key, i) => ({
  publicKey: publicKeyOf(key),
  validatorIndex: BigInt(50 + i),
}));

let combiner: PointCombiner;
let server: Keymanager;
let signer: SignerClient;
let shares: Uint8Array[][];
let recording: RecordingLog;
beforeAll(async () => {
  combiner = await createPointCombiner();
});
beforeEach(async () => {
  server = await startKeymanager(EXIT_CHAIN);
  signer = openSignerClient({ urls: [server.url], timeoutMs: 10_000 });
  shares = secretKeys.map(key => splitSecretKey(key, { threshold: THRESHOLD, count: 4 }));
  recording = recordingLog();
});
afterEach(async () => {
  await signer[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function load(...keys: Uint8Array[]): void {
  for (const secretKey of keys) {
    server.addKey(toHex(publicKeyOf(secretKey)), { secretKey, path: '', isReadOnly: false });
  }
}

function config(hash: Uint8Array | undefined = oracleSetHash(oracles)): RemoteSignerConfig {
  return {
    validators: validators.map(({ publicKey }, i) => ({
      publicKey,
      shares: (shares[i] ?? []).map(publicKeyOf),
    })),
    oracleSet: { configHash: hash, ipfsHash: 'Qm', threshold: THRESHOLD },
  };
}

async function make(
  options: Partial<ExitShardsOptions> = {},
  ownSigner: Pick<SignerClient, 'signExits'> = signer,
) {
  return makeExitShards(
    { signer: ownSigner, log: recording.log },
    {
      vault: TEST_VAULT,
      validators,
      network: EXIT_CHAIN,
      oracles,
      mode: 'auto',
      config: config(),
      loadedKeys: await signer.listPublicKeys(),
      ...options,
    },
  );
}

/** What the oracles do: decrypt, verify each, recombine any three. */
function expectRecoverable(result: Awaited<ReturnType<typeof make>>): void {
  for (const [i, { validatorIndex, publicKeyShards, encryptedShards }] of result.validators.entries()) {
    const message = exitSigningRoot({ validatorIndex, epoch: 0n }, EXIT_CHAIN);
    const signatures = encryptedShards.map((shard, oracle) => {
      expect(shard).toHaveLength(193);
      return new Uint8Array(decrypt(oracleKeys[oracle] ?? new Uint8Array(), shard));
    });
    for (const [oracle, signature] of signatures.entries()) {
      const publicKey = publicKeyShards[oracle] ?? new Uint8Array();
      expect(verifySignature({ publicKey, message, signature })).toBe(true);
    }
    const own = signMessage(secretKeys[i] ?? new Uint8Array(), message);
    for (const indexes of [
      [0, 1, 2],
      [3, 1, 2],
      [0, 1, 2, 3],
    ]) {
      const points = indexes.map(index => ({ index, point: signatures[index] ?? new Uint8Array() }));
      expect(combiner.combineSignatures(points)).toEqual(own);
    }
  }
}

describe('the mode', () => {
  it('makeExitShards in mode auto takes the shares of the current oracle set when the signer has them', async () => {
    load(...shares.flat());
    const result = await make();
    expect(result.mode).toBe('key-shares');
    expectRecoverable(result);
    const facts = recording.lines.filter(line => line.level === 'info').map(line => line.fields);
    expect(facts).toEqual([expect.objectContaining({ mode: 'key-shares', vault: TEST_VAULT })]);
    expect(server.signed).toHaveLength(8);
  });

  it.each([
    ['another oracle set', () => ({ config: config(new Uint8Array(32)) })],
    ['no configuration', () => ({ config: undefined })],
    ['a validator that the configuration lacks', () => ({ config: { ...config(), validators: [] } })],
    [
      'a share that is not loaded',
      async () => {
        const loaded = new Set(await signer.listPublicKeys());
        loaded.delete(toHex(publicKeyOf(shares[1]?.[3] ?? new Uint8Array())));
        return { loadedKeys: loaded };
      },
    ],
  ])('makeExitShards in mode auto splits all signatures of a batch with %s', async (_, change) => {
    load(...shares.flat(), ...secretKeys);
    const result = await make(await change());
    expect(result.mode).toBe('split');
    expectRecoverable(result);
    expect(server.signed).toHaveLength(2);
  });

  it('makeExitShards in mode key-shares never splits, and says what is missing', async () => {
    load(...secretKeys);
    await expect(make({ mode: 'key-shares' })).rejects.toMatchObject({
      code: 'shares-not-loaded',
      message: expect.stringContaining('4 of the 4 shares'),
    });
    await expect(make({ mode: 'key-shares', config: config(new Uint8Array(32)) })).rejects.toMatchObject({
      code: 'shares-outdated',
    });
  });

  it('makeExitShards in mode split takes the validator keys even where shares are at hand', async () => {
    load(...shares.flat(), ...secretKeys);
    const result = await make({ mode: 'split' });
    expect(result.mode).toBe('split');
    expectRecoverable(result);
  });

  it('makeExitShards makes nothing when the signer has only half the keys', async () => {
    load(secretKeys[0] ?? new Uint8Array());
    await expect(make()).rejects.toMatchObject({ code: 'exit-key-not-loaded' });
    expect(server.signed).toHaveLength(0);
  });
});

describe('shares and signers that do not fit', () => {
  it('makeExitShards gives nothing out when a share is of another polynomial, though its signature is valid', async () => {
    const foreign = splitSecretKey(secretKeys[0] ?? new Uint8Array(), { threshold: 3, count: 4 });
    shares[0]?.splice(3, 1, foreign[3] ?? new Uint8Array());
    load(...shares.flat());
    await expect(make()).rejects.toMatchObject({ code: 'shares-inconsistent' });
  });

  it('makeExitShards gives nothing out when shares stand in another order', async () => {
    shares[0]?.reverse();
    load(...shares.flat());
    await expect(make()).rejects.toMatchObject({ code: 'shares-inconsistent' });
  });

  it('makeExitShards gives nothing out when the shares have a higher threshold than the oracles’', async () => {
    shares = secretKeys.map(key => splitSecretKey(key, { threshold: 4, count: 4 }));
    load(...shares.flat());
    await expect(make()).rejects.toMatchObject({ code: 'shares-inconsistent' });
  });

  it.each([
    ['wrong-key', 'invalid-signature'],
    ['other-network', 'signer-refused-exit'],
    ['garbage', 'invalid-answer'],
    ['down', 'connection-reset'],
  ] as const)('makeExitShards gives nothing out when the signer has the fault "%s"', async (fault, code) => {
    load(...shares.flat(), ...secretKeys);
    const loadedKeys = await signer.listPublicKeys();
    server.fault = fault;
    await expect(make({ loadedKeys })).rejects.toMatchObject({ code });
    await expect(make({ loadedKeys, mode: 'split' })).rejects.toMatchObject({ code });
  });
});

describe('signatures of exits', () => {
  /** The signer, and every array that it has given out. */
  function observedSigner() {
    const given: Uint8Array[] = [];
    const observed = {
      signExits: async (...args: Parameters<SignerClient['signExits']>) => {
        const signatures = await signer.signExits(...args);
        for (const signature of signatures) given.push(signature);
        return signatures;
      },
    };
    return { given, observed };
  }
  const isOverwritten = (bytes: Uint8Array) => bytes.every(byte => byte === 0);

  it.each(['key-shares', 'split'] as const)(
    'makeExitShards overwrites all signatures when the shards are made: %s',
    async mode => {
      load(...shares.flat(), ...secretKeys);
      const { given, observed } = observedSigner();
      await make({ mode }, observed);
      expect(given).toHaveLength(mode === 'split' ? 2 : 8);
      expect(given.every(isOverwritten)).toBe(true);
    },
  );

  it.each(['key-shares', 'split'] as const)(
    'makeExitShards overwrites all signatures when it is ended, and when it fails: %s',
    async mode => {
      load(...shares.flat(), ...secretKeys);
      const end = new AbortController();
      const first = observedSigner();
      const ending = {
        signExits: async (...args: Parameters<SignerClient['signExits']>) => {
          const signatures = await first.observed.signExits(...args);
          end.abort(new Error('ended'));
          return signatures;
        },
      };
      await expect(make({ mode, signal: end.signal }, ending)).rejects.toThrow('ended');
      const second = observedSigner();
      const noPoint = oracles.oracles.map((one, i) =>
        i === 3 ? { ...one, publicKey: new Uint8Array(64) } : one,
      );
      const bad = { ...oracles, oracles: noPoint };
      const options = { mode, oracles: bad, config: config(oracleSetHash(bad)) };
      await expect(make(options, second.observed)).rejects.toThrow();
      for (const { given } of [first, second]) {
        expect(given).toHaveLength(mode === 'split' ? 2 : 8);
        expect(given.every(isOverwritten)).toBe(true);
      }
    },
  );

  it('makeExitShards asks for no signature when it is ended before', async () => {
    load(...shares.flat());
    await expect(make({ signal: AbortSignal.abort(new Error('ended')) })).rejects.toThrow('ended');
    expect(server.signed).toHaveLength(0);
  });
});
