// From a vault's assets in a block to its transaction: one pass of the registration, beside its bare primitives.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { createChainReader } from '../../src/clients/chain-snapshot.ts';
import { connectExecutionNode, type ExecutionNode } from '../../src/clients/execution-node.ts';
import { fetchIpfsDocument } from '../../src/clients/ipfs.ts';
import { openSignerClient, type SignerClient } from '../../src/clients/signer-client.ts';
import { socketUrl } from '../../src/clients/signer-endpoint.ts';
import { openDatabase } from '../../src/db/database.ts';
import { migrateDatabase } from '../../src/db/migrator.ts';
import { createDepositData, type DepositDataEntry } from '../../src/domain/consensus/deposit-data.ts';
import { exitSigningRoot } from '../../src/domain/consensus/exit-message.ts';
import { renderKeyFiles } from '../../src/domain/fleet/web3signer-key-file.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { buildDepositTree } from '../../src/domain/protocol/deposit-tree.ts';
import { encryptEcies } from '../../src/domain/protocol/ecies.ts';
import { type OracleConfig, parseOracleConfig } from '../../src/domain/protocol/oracle-config.ts';
import { createPointCombiner, splitSignature } from '../../src/domain/protocol/signature-share.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { type Network, resolveNetwork } from '../../src/networks.ts';
import { holdLease } from '../../src/operator/lease.ts';
import { createOutbox } from '../../src/operator/outbox.ts';
import { createNetworkValidators } from '../../src/services/network-validators.ts';
import { createValidatorRegistrar } from '../../src/services/register-validators.ts';
import { chooseRegistrationMode } from '../../src/services/registration/choose-registration-mode.ts';
import { spawnSigner } from '../../src/spawn-signer.ts';
import { localSigner } from '../support/outbox-scene.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import type { DevnetCall } from './registration-devnet.ts';

const SIZES = [1, 10, 50];
const ROUNDS = 3;
const ETHER = 10n ** 18n;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: console.error };

/** The devnet in its own process; its calls are those of a devnet. */
async function startWorld() {
  const child = fork(join(import.meta.dirname, 'registration-devnet.ts'), { serialization: 'advanced' });
  const waiting = new Map<number, (result: unknown) => void>();
  const [{ result: rpcUrl }] = (await once(child, 'message')) as [{ result: string }];
  child.on('message', ({ id, result }: { id: number; result: unknown }) => waiting.get(id)?.(result));
  let last = 0;
  return {
    rpcUrl,
    call(method: DevnetCall['method'], ...args: readonly unknown[]): Promise<unknown> {
      const id = ++last;
      const { promise, resolve } = Promise.withResolvers<unknown>();
      waiting.set(id, resolve);
      child.send({ id, method, args });
      return promise;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** Prints the figures. */
export async function benchRegistration(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'stakewise-bench-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const world = stack.use(await startWorld());
  const networkPath = join(directory, 'network.json');
  await world.call('writeNetworkFile', networkPath);
  const network = resolveNetwork(networkPath);
  const vault = String(await world.call('createVault', 1));
  const count = SIZES.reduce((sum, size) => sum + size * ROUNDS, 0);
  const secretKeys = Array.from({ length: count }, (_, i) => testKey(i));
  const entries = secretKeys.map(secretKey =>
    createDepositData({ secretKey, vault: fromHex(vault, 20), network }),
  );
  await world.call('setDepositDataRoot', buildDepositTree(entries, fromHex(vault, 20)).root, vault);
  writeKeys(join(directory, 'keys'), networkPath, vault, secretKeys);
  const spawned = stack.use(
    await spawnSigner(
      { log: silent },
      { network: networkPath, keys: { kind: 'key-files', directory: join(directory, 'keys') } },
    ),
  );
  const signer = stack.use(openSignerClient({ urls: [socketUrl(spawned.socketPath)], timeoutMs: 30_000 }));
  const endpoints = { endpoints: [world.rpcUrl], chainId: network.chainId };
  const node = stack.use(
    await connectExecutionNode({}, { ...endpoints, timeoutMs: 10_000, retryTimeoutMs: 0 }),
  );
  const server = stack.use(await startPostgresServer());
  const database = stack.use(await openDatabase({ url: server.url }));
  await migrateDatabase(database, { programVersion: 'bench' });
  const wallet = localSigner(`0x${'17'.repeat(32)}`);
  await world.call('setBalance', wallet.address, 100n * ETHER);
  const lease = stack.use(
    await holdLease({ database, log: silent }, { chainId: network.chainId, vault, holder: 'bench' }),
  );
  const outbox = createOutbox(
    { database, node, signer: wallet, lease, log: silent },
    { chainId: network.chainId, vault, maxFeePerGasWei: 100n * 10n ** 9n, pollMs: 50 },
  );
  const networkValidators = createNetworkValidators({ database, node, http: {} }, { network, threads: 1 });
  await networkValidators.sync();
  const chain = createChainReader(node, {
    ...{ contracts: network.contracts, vault, vaultVersion: 1, wallet: wallet.address, maxAgeMs: 0 },
  });
  const { vault: state, events } = await chain.readSnapshot();
  const mode = chooseRegistrationMode(
    { source: { name: 'deposit data', read: async () => entries }, wallet, now: Date.now },
    {
      ...{ vault, vaultVersion: 1, vaultId: new Uint8Array(32), network },
      validatorsManager: state.validatorsManager,
    },
  );
  const fetchOracleConfig = async (hash: string) =>
    parseOracleConfig(
      await fetchIpfsDocument({}, hash, { gateways: network.ipfsGateways, timeoutMs: 5_000 }),
    );
  const registrar = createValidatorRegistrar(
    {
      ...{ mode, chain, node, signer, networkValidators, outbox, fetchOracleConfig },
      ...{ http: {}, combiner: await createPointCombiner(), fetchHarvest: async () => null },
      ...{ log: silent, now: Date.now },
    },
    {
      ...{ vault, vaultVersion: 1, network, maxFeePerGasGwei: 100n, oraclesTimeoutMs: 10_000 },
      exitShards: { mode: 'split', config: undefined },
    },
  );
  const config = await fetchOracleConfig(events.config?.ipfsHash ?? '');
  await registrar.run(new AbortController().signal);

  let sentAt = 0;
  const send = node.send.bind(node);
  node.send = (method, params) => {
    if (method === 'eth_sendRawTransaction') sentAt = performance.now();
    return send(method, params);
  };
  let next = 0;
  for (const size of SIZES) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await world.call('setBalance', vault, 32n * ETHER * BigInt(size));
      await world.call('mine', 1);
      const began = performance.now();
      const outcome = await registrar.run(new AbortController().signal);
      if (outcome.status !== 'registered' || outcome.publicKeys.length !== size) {
        throw new Error(`not registered: ${JSON.stringify(outcome, (_, value) => String(value))}`);
      }
      times.push(sentAt - began);
    }
    const bare = await timeBare({ node, signer, network, config }, entries.slice(next, next + size));
    next += size * ROUNDS;
    console.log(
      `registration of ${size} validators × ${config.oracles.length} oracles, assets in a block to transaction sent: median ${seconds(median(times))} s, best ${seconds(Math.min(...times))} s; its bare primitives ${seconds(bare)} s`,
    );
  }
}

/** One signature per validator, split for the oracles, ECIES, one request per oracle at once, and as many calls of the node as a pass has. */
async function timeBare(
  {
    node,
    signer,
    network,
    config,
  }: { node: ExecutionNode; signer: SignerClient; network: Network; config: OracleConfig },
  entries: readonly DepositDataEntry[],
): Promise<number> {
  const began = performance.now();
  for (let call = 0; call < 9; call++) await node.getBlockNumber();
  await signer.listPublicKeys();
  const exits = entries.map(({ publicKey }, i) => ({
    ...{ publicKey, network, validatorIndex: BigInt(i), epoch: 0n },
  }));
  const signatures = await signer.signExits(exits);
  const scheme = { threshold: config.exitSignatureRecoverThreshold, count: config.oracles.length };
  const shards = signatures.map((signature, i) => {
    const exit = { validatorIndex: BigInt(i), epoch: 0n };
    const publicKey = entries[i]?.publicKey ?? new Uint8Array();
    const split = splitSignature({
      ...scheme,
      publicKey,
      signature,
      message: exitSigningRoot(exit, network),
    });
    return config.oracles.map((oracle, share) =>
      encryptEcies(oracle.publicKey, split.signatures[share] ?? new Uint8Array()),
    );
  });
  const body = JSON.stringify(shards.flat().map(shard => Buffer.from(shard).toString('hex')));
  await Promise.all(
    config.oracles.map(async ({ endpoints: [url = ''] }) => {
      const answer = await request(url, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      await answer.body.dump();
    }),
  );
  return performance.now() - began;
}

function testKey(number: number): Uint8Array {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(28, number + 1);
  return key;
}

function writeKeys(
  directory: string,
  network: string,
  vault: string,
  secretKeys: readonly Uint8Array[],
): void {
  mkdirSync(directory);
  const keys = secretKeys.map(secretKey => ({ secretKey, publicKey: publicKeyOf(secretKey) }));
  const { name } = resolveNetwork(network);
  for (const [file, content] of renderKeyFiles(keys, { network: name, vault, layout: 'buckets' })) {
    writeFileSync(join(directory, file), content, { mode: 0o600 });
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

if (import.meta.main) await benchRegistration();
