// Shards of exit signatures as an operator makes them: signed over HTTP by the built-in signer, verified, encrypted.
import { createECDH, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSignerClient } from '../../src/clients/signer/signer-client.ts';
import { socketUrl } from '../../src/clients/signer/signer-endpoint.ts';
import { renderKeyFiles } from '../../src/domain/fleet/web3signer-key-file.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { splitSecretKey } from '../../src/domain/keys/key-share.ts';
import { encryptEcies } from '../../src/domain/protocol/ecies.ts';
import { oracleSetHash } from '../../src/domain/protocol/oracle-config.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { makeExitShards } from '../../src/services/exits/make-exit-shards.ts';
import { spawnSigner } from '../../src/signer-process/spawn-signer.ts';

const VALIDATORS = 10;
const SCHEME = { threshold: 8, count: 11 };
const ROUNDS = 15;
const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const log = { info: () => undefined, warn: () => undefined, error: console.error };

/** Prints the figures. */
export async function benchExitShards(): Promise<void> {
  benchEcies();
  const directory = mkdtempSync(join(tmpdir(), 'stakewise-bench-'));
  try {
    await benchShards(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function benchEcies(): void {
  const { publicKey } = createOracle();
  const plaintext = new Uint8Array(96);
  const times = Array.from({ length: 500 }, () => {
    const began = performance.now();
    encryptEcies(publicKey, plaintext);
    return performance.now() - began;
  });
  console.log(`ECIES of one shard: ${median(times).toFixed(2)} ms (target 0.3)`);
}

async function benchShards(directory: string): Promise<void> {
  const network = resolveNetwork('mainnet');
  const oracles = {
    exitSignatureRecoverThreshold: SCHEME.threshold,
    oracles: Array.from({ length: SCHEME.count }, createOracle),
  };
  const secretKeys = Array.from({ length: VALIDATORS }, (_, i) => new Uint8Array(32).fill(i + 1));
  const shares = secretKeys.map(key => splitSecretKey(key, SCHEME));
  writeKeys(directory, [...secretKeys, ...shares.flat()]);
  await using signer = await spawnSigner(
    { log },
    { network: 'mainnet', keys: { kind: 'key-files', directory } },
  );
  await using client = openSignerClient({ urls: [socketUrl(signer.socketPath)], timeoutMs: 30_000 });
  const validators = secretKeys.map((key, i) => ({
    publicKey: publicKeyOf(key),
    validatorIndex: BigInt(1000 + i),
  }));
  const config = {
    validators: validators.map(({ publicKey }, i) => ({
      publicKey,
      shares: (shares[i] ?? []).map(publicKeyOf),
    })),
    oracleSet: { configHash: oracleSetHash(oracles), ipfsHash: 'Qm', threshold: SCHEME.threshold },
  };
  const deps = { signer: client, log };
  const loadedKeys = await client.listPublicKeys();
  for (const [mode, target] of [
    ['key-shares', 0.2],
    ['split', 0.15],
  ] as const) {
    const options = { vault: VAULT, validators, network, oracles, mode, config, loadedKeys };
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const began = performance.now();
      await makeExitShards(deps, options);
      times.push(performance.now() - began);
    }
    const figures = [median(times), Math.min(...times)].map(time => (time / 1000).toFixed(3));
    console.log(
      `shards of ${VALIDATORS} validators for ${SCHEME.count} oracles, ${mode}: median ${figures[0]} s, best ${figures[1]} s (target ${target} s; the Python operator 0.25 s in process, unverified)`,
    );
  }
}

function writeKeys(directory: string, secretKeys: readonly Uint8Array[]): void {
  mkdirSync(directory, { recursive: true });
  const keys = secretKeys.map(secretKey => ({ secretKey, publicKey: publicKeyOf(secretKey) }));
  const files = renderKeyFiles(keys, { network: 'mainnet', vault: VAULT, layout: 'buckets' });
  for (const [name, content] of files) writeFileSync(join(directory, name), content, { mode: 0o600 });
}

function createOracle() {
  const ecdh = createECDH('secp256k1');
  ecdh.setPrivateKey(randomBytes(32));
  return { publicKey: new Uint8Array(ecdh.getPublicKey()).slice(1), address: '', endpoints: [] };
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
}

if (import.meta.main) await benchExitShards();
