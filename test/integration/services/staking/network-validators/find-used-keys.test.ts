import { afterAll, beforeAll, expect } from 'vitest';
import { fetchHead } from '../../../../../src/clients/execution/block-headers.ts';
import { connectExecutionNode } from '../../../../../src/clients/execution/execution-node.ts';
import { type Database, openDatabase } from '../../../../../src/db/database.ts';
import { insertDepositCursor } from '../../../../../src/db/network-validators.ts';
import { fromHex } from '../../../../../src/lib/bytes.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import {
  findLatelyUsedKeys,
  findUsedKeys,
} from '../../../../../src/services/staking/network-validators/find-used-keys.ts';
import { startRpcProxy } from '../../../../devnet/rpc-proxy.ts';
import { createRolesDatabase } from '../../../../support/postgres/database-roles.ts';
import { it } from '../../../../support/postgres/fixtures.ts';
import {
  type RegistrationScene,
  type SceneVault,
  startRegistrationScene,
} from '../../../../support/scenes/registration-scene.ts';

let scene: RegistrationScene;
let vault: SceneVault;
/** Public keys of four validators, of which the second one has a deposit. */
let keys: readonly Uint8Array[];

beforeAll(async () => {
  scene = await startRegistrationScene({ oracles: 4, threshold: 3 });
  vault = await scene.createVault(1, { validators: 4 });
  keys = vault.validators.map(({ entry }) => entry.publicKey);
  const [, second] = vault.validators;
  if (second === undefined) throw new Error('no validators');
  const { publicKey, signature } = second.entry;
  await scene.devnet.registerDirectly([{ publicKey, depositSignature: signature }], vault.address);
});
afterAll(() => scene[Symbol.asyncDispose]());

const tableOf = (some: readonly Uint8Array[]) => RecordTable.of(new Uint8Array(Buffer.concat(some)), 48);
const query = () => ({ vault: vault.address, network: scene.network, publicKeys: tableOf(keys) });
const progress = { start: () => ({ advance() {}, finish() {} }) };
const placesOf = (used: RecordTable) => keys.flatMap((key, place) => (used.has(key) ? [place] : []));

async function search(database?: Database, node = scene.node) {
  const warnings: string[] = [];
  const deps = { node, http: {}, database, progress, warn: (line: string) => void warnings.push(line) };
  return { places: placesOf(await findUsedKeys(deps, query())), warnings };
}

/** Writes down that all deposits up to the head were read, and that one of them was of this key. */
async function storeKey(database: Database, key: Uint8Array) {
  const { chainId, contracts } = scene.network;
  const registry = { chainId, depositContract: fromHex(contracts.depositContract, 20) };
  const { number: syncedBlock } = await fetchHead(scene.node);
  await insertDepositCursor(database, registry, { syncedBlock, publicKeys: [[key]] });
}

it('findUsedKeys reads the deposit contract from its beginning where nobody has read it before', async ({
  migrated,
}) => {
  await using database = await openDatabase({ url: migrated.url });
  expect(await search()).toEqual({ places: [1], warnings: [] });
  expect(await search(database)).toEqual({ places: [1], warnings: [] });
  expect(placesOf(await findLatelyUsedKeys(scene.node, query()))).toEqual([1]);
});

it('findUsedKeys begins where the operators’ database ends, and believes what it has', async ({
  migrated,
}) => {
  await using database = await openDatabase({ url: migrated.url });
  await storeKey(database, keys[2] ?? new Uint8Array());
  expect(await search(database)).toEqual({ places: [2], warnings: [] });
});

it('findUsedKeys reads the chain where the role may not read what operators have stored', async () => {
  await using roles = await createRolesDatabase();
  await using owner = await openDatabase({ url: roles.ownerUrl });
  await storeKey(owner, keys[2] ?? new Uint8Array());
  await using uploader = await openDatabase({ url: roles.urls.uploader });
  expect(await search(uploader)).toEqual({ places: [1], warnings: [] });
  await using operator = await openDatabase({ url: roles.urls.operator });
  expect(await search(operator)).toEqual({ places: [2], warnings: [] });
});

it('findUsedKeys fails where the execution node leaves out deposits', async () => {
  await using proxy = await startRpcProxy(scene.devnet.rpcUrl);
  proxy.onAnswer = ({ method }, answer) => {
    if (method === 'eth_getLogs') answer.result = [];
  };
  const endpoints = { endpoints: [proxy.url], chainId: scene.devnet.chainId };
  using node = await connectExecutionNode({}, { ...endpoints, timeoutMs: 5_000, retryTimeoutMs: 0 });
  await expect(search(undefined, node)).rejects.toMatchObject({ code: 'deposits-missing' });
});
