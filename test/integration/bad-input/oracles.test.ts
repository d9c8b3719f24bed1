import { cpSync, mkdirSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { GatewayFault } from '../../devnet/ipfs-gateway.ts';
import { describeOracleSet } from '../../devnet/oracle-set.ts';
import { type RpcFaults, startRpcProxy } from '../../devnet/rpc-proxy.ts';
import {
  type BadCase,
  encryptKey,
  expectRefusal,
  remoteDb,
  runInScene,
  type Scene,
  upload,
  withScene,
} from '../../support/scenes/bad-input/scene.ts';
import { itInWorkshop } from '../../support/scenes/bad-input/workshop.ts';

const it = itInWorkshop('set-up', { keys: 2 });

type Oracles = { public_key: string; endpoints: string[] }[];

const DOCUMENTS: BadCase[] = [
  document(
    'not JSON',
    () => 'oracles: none',
    'oracle-config-unparsable',
    /^The oracle configuration is not JSON: .*\.$/,
  ),
  document(
    'not UTF-8',
    () => Uint8Array.of(0x7b, 0xff, 0x7d),
    'oracle-config-unparsable',
    /^The oracle configuration is not JSON: /,
  ),
  document(
    'a list',
    () => '[]',
    'oracle-config-invalid',
    /^The oracle configuration is not valid: the document: .*object/,
  ),
  document(
    'no oracles',
    config => ({ ...config, oracles: [] }),
    'oracle-config-invalid',
    'The oracle configuration is not valid: oracles: names no oracle.',
  ),
  document(
    'no threshold',
    ({ exit_signature_recover_threshold: _, ...config }) => config,
    'oracle-config-invalid',
    'The oracle configuration is not valid: exit_signature_recover_threshold: is missing.',
  ),
  document(
    'a threshold of 0',
    config => ({ ...config, exit_signature_recover_threshold: 0 }),
    'oracle-config-invalid',
    /^The oracle configuration is not valid: exit_signature_recover_threshold: /,
  ),
  document(
    'a threshold of 1',
    config => ({ ...config, exit_signature_recover_threshold: 1 }),
    /^oracle-(config-)?threshold/,
    /threshold|1 share/,
  ),
  document(
    'a threshold above the number of oracles',
    config => ({ ...config, exit_signature_recover_threshold: 4 }),
    'oracle-config-threshold',
    'The oracle configuration asks for 4 shares (exit_signature_recover_threshold), but names only 3 oracles.',
  ),
  document(
    'one key twice',
    config => withOracles(config, ([first, , third]) => [first, first, third]),
    'oracle-config-duplicate-key',
    /^The oracle configuration names one public key twice: oracles\[0\] and oracles\[1\] are both 0x[0-9a-fA-F]{40}\.$/,
  ),
  document(
    'one key twice, written in two ways',
    config =>
      withOracles(config, ([first, , third]) => [
        first,
        first && { ...first, public_key: first.public_key.slice(2).toUpperCase() },
        third,
      ]),
    'oracle-config-duplicate-key',
    /^The oracle configuration names one public key twice: /,
  ),
  document(
    'a public key that is no point of the curve',
    config =>
      withOracles(config, ([first, second]) => [
        first,
        second && { ...second, public_key: `0x${'ab'.repeat(64)}` },
      ]),
    'oracle-config-invalid',
    'The oracle configuration is not valid: oracles[1].public_key is not a point of secp256k1.',
  ),
];

const IPFS: BadCase[] = [
  gateway(
    'down',
    'ipfs-unavailable',
    'could not be fetched: {gateway} cannot be reached: other side closed (UND_ERR_SOCKET).',
  ),
  gateway('slow', 'ipfs-unavailable', 'could not be fetched: {gateway}: no answer within 1 s.'),
  gateway('missing', 'ipfs-unavailable', 'could not be fetched: {gateway} answered with HTTP status 404.'),
  gateway(
    'wrong-bytes',
    'ipfs-document-unproven',
    'could not be proven: {gateway}: serves bytes that do not have this CID.',
  ),
  {
    name: 'a keeper that names no IPFS hash',
    args: scene => upload(scene),
    arrange: async scene => {
      scene.defer(restoreConfig(scene));
      await scene.workshop.devnet.publishConfigHash('../../etc/passwd');
    },
    exitCode: 1,
    code: 'invalid-ipfs-cid',
    message: 'Not an IPFS content identifier: "../../etc/passwd".',
  },
  {
    name: 'an IPFS timeout that is no number',
    args: scene => upload(scene),
    env: () => ({ IPFS_TIMEOUT: 'soon' }),
    exitCode: 2,
    code: 'invalid-timeout',
    message: "Invalid value for '--ipfs-timeout': 'soon' is not a number of seconds above 0.",
  },
];

const NODES: BadCase[] = [
  {
    name: 'no node at the endpoint',
    args: scene => upload(scene, '--execution-endpoints', 'http://user:hunter22@127.0.0.1:9'),
    arrange: () => ['hunter22'],
    exitCode: 1,
    code: 'unreachable',
    message: /^http:\/\/127\.0\.0\.1:9 /,
  },
  node(
    'a node of another chain',
    { chainId: 999 },
    'wrong-chain',
    /^http:\/\/127\.0\.0\.1:\d+ is a node of another chain: chain id 999 instead of 31337\.$/,
  ),
  node('a node that does not answer', { silent: true }, 'timeout', /^http:\/\/127\.0\.0\.1:\d+ /),
  node('a server that is no node', { garbage: '<html>' }, 'invalid-answer', /^http:\/\/127\.0\.0\.1:\d+ /),
  {
    name: 'an endpoint without a scheme',
    args: scene => upload(scene, '--execution-endpoints', 'localhost:8545'),
    exitCode: 2,
    code: 'invalid-url',
    message: "Invalid value for '--execution-endpoints': 'localhost:8545' is not an http or https URL.",
  },
  {
    name: 'a keeper without code',
    args: scene => upload(scene),
    arrange: scene =>
      scene.edit<{ contracts: Record<string, string> }>(scene.path('network.json'), network => {
        network.contracts.keeper = `0x${'12'.repeat(20)}`;
      }),
    exitCode: 1,
    code: 'contract-not-found',
    message: `There is no keeper contract at 0x${'12'.repeat(20)} on chain 31337 ({node}).`,
  },
];

const VAULTS: BadCase[] = [
  otherVault(
    'a vault without code',
    async () => `0x${'34'.repeat(20)}`,
    'contract-not-found',
    /^There is no vault contract at 0x(34){20} on chain 31337 \(\{node\}\)\.$/,
  ),
  otherVault(
    'a contract that is not registered as a vault',
    async ({ workshop: { devnet } }) => devnet.addresses.multicall,
    'vault-not-registered',
    /^0x[0-9a-fA-F]{40} is not a vault of the registry 0x[0-9a-fA-F]{40} on chain 31337\.$/,
  ),
  otherVault(
    'a vault of a version to come',
    async ({ workshop: { devnet } }) => devnet.createVault(6),
    'unsupported-vault-version',
    /^The vault 0x[0-9a-fA-F]{40} has version 6; versions 1 to 5 are supported\.$/,
  ),
];

/** A case whose keeper points at this document. */
function document(
  name: string,
  make: (config: Record<string, unknown>) => string | Uint8Array | Record<string, unknown>,
  code: string | RegExp,
  message: string | RegExp,
): BadCase {
  return {
    name: `an oracle configuration with ${name}`,
    args: scene => upload(scene),
    arrange: async scene => {
      const { devnet } = scene.workshop;
      const { oracles, threshold } = devnet.oracleSet;
      scene.defer(restoreConfig(scene));
      await devnet.publishOracleConfig(make(describeOracleSet(oracles, threshold)));
    },
    exitCode: 1,
    code,
    message,
  };
}

function withOracles(
  config: Record<string, unknown>,
  change: (oracles: Oracles) => readonly (Oracles[number] | undefined)[],
): Record<string, unknown> {
  return { ...config, oracles: change(config.oracles as Oracles) };
}

function restoreConfig({ workshop: { devnet } }: Scene): () => Promise<void> {
  return () => devnet.publishConfigHash(devnet.oracleSet.configIpfsHash);
}

function gateway(fault: GatewayFault, code: string, outcome: string): BadCase {
  return {
    name: `an IPFS gateway that is "${fault}"`,
    args: scene => upload(scene),
    arrange: scene => {
      const { ipfs } = scene.workshop.devnet;
      ipfs.fault = fault;
      scene.defer(() => {
        ipfs.fault = undefined;
      });
    },
    exitCode: 1,
    code,
    message: `IPFS document {cid} ${outcome}`,
  };
}

function node(name: string, faults: RpcFaults, code: string, message: RegExp): BadCase {
  let url = '';
  return {
    name,
    args: scene => upload(scene, '--execution-endpoints', url),
    arrange: async scene => {
      const proxy = await startRpcProxy(scene.workshop.devnet.rpcUrl, faults);
      scene.defer(() => proxy[Symbol.asyncDispose]());
      url = proxy.url;
    },
    exitCode: 1,
    code,
    message,
  };
}

/** The same keys for a vault that the chain has not, or not as it should. */
function otherVault(
  name: string,
  find: (scene: Scene) => Promise<string>,
  code: string,
  message: RegExp,
): BadCase {
  let vault = '';
  const replaced = (scene: Scene, args: readonly string[]) =>
    args.map(word => (word === scene.workshop.vault ? vault : word));
  return {
    name,
    args: scene => replaced(scene, upload(scene)),
    arrange: async scene => {
      vault = await find(scene);
      const folder = scene.path('data', vault.toLowerCase());
      mkdirSync(folder);
      cpSync(scene.path('vault'), folder, { recursive: true });
      const setup = await runInScene(scene, replaced(scene, remoteDb(scene, 'setup', ...encryptKey(scene))));
      expect(setup.exitCode, setup.stderr).toBe(0);
    },
    exitCode: 1,
    code,
    message,
  };
}

describe('oracle configuration', () => {
  it.for(DOCUMENTS)('upload-keypairs names the fault and stores nothing with $name', (bad, { workshop }) =>
    expectRefusal(workshop, bad),
  );
});

describe('IPFS', () => {
  it.for(IPFS)('upload-keypairs names the fault and stores nothing with $name', (bad, { workshop }) =>
    expectRefusal(workshop, bad),
  );
});

describe('execution node', () => {
  it.for(NODES)('upload-keypairs names the fault and stores nothing with $name', (bad, { workshop }) =>
    expectRefusal(workshop, bad),
  );
});

describe('vault on the chain', () => {
  it.for(VAULTS)('upload-keypairs names the fault and stores nothing with $name', (bad, { workshop }) =>
    expectRefusal(workshop, bad),
  );
});

it('upload-keypairs uploads the vault that all refused cases began with', async ({ workshop }) => {
  // What the cases above changed on the chain and at the gateway is as it was.
  await withScene(workshop, 'set-up', async scene => {
    const run = await runInScene(scene, upload(scene));
    expect(run.exitCode, run.stderr).toBe(0);
  });
});
