import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEther } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDepositData } from '../../src/domain/consensus/deposit-data.ts';
import { createDepositData } from '../../src/domain/keys/signed-deposit.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { credentialsOf, depositSigningRoot } from '../devnet/deposit-data.ts';
import type { ElectraNode } from '../devnet/electra-node.ts';
import { publicKeyOf, sign } from '../devnet/exit-signature.ts';
import { type LoopbackServer, type ReceivedRequest, startServer } from '../devnet/http-server.ts';
import { startKeymanager } from '../devnet/keymanager.ts';
import { BEACON_CHAIN } from '../devnet/network-file.ts';
import { readMarkdownPage } from '../support/documentation/markdown-page.ts';
import { runCli } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { type OperatorScene, startOperatorScene } from '../support/scenes/operator-scene.ts';

const ETH = 1_000_000_000n;
const gwei = (ether: number) => String(BigInt(ether) * ETH);
/** Every validator is filled up to 64 ETH. */
const LIMIT = ['--max-validator-balance-gwei', gwei(64)];

interface RpcCall {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

let scene: OperatorScene;
let beacon: ElectraNode;
let rpc: LoopbackServer;
let args: readonly string[];
/** Whether the execution node has not got the block of the beacon chain's head yet. */
let isBehind = false;

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 3, vaultVersion: 5, electra: true });
  const { devnet } = scene;
  beacon = await devnet.startElectraNode();
  rpc = await startServer(async ({ body }) => {
    const response = await fetch(devnet.rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const answer = await response.json();
    return { status: 200, body: isBehind ? withoutBlocks(body, answer) : answer };
  });
  args = scene.args.map(word => {
    if (word === scene.beacon.url) return beacon.url;
    return word === devnet.rpcUrl ? rpc.url : word;
  });
  await devnet.depositEther(195);
  const vault = scene.vault;
  await devnet.registerCompounding([40n, 33n, 60n, 62n].map((ether, i) => createValidator(vault, i, ether)));
  await devnet.passEpochs(300);
  await devnet.beacon.change(state => state.slash(3));
});
afterAll(async () => {
  await rpc?.[Symbol.asyncDispose]();
  await beacon?.[Symbol.asyncDispose]();
  await scene?.[Symbol.asyncDispose]();
});

/** A validator of a vault, whose deposit is signed: what others have registered counts for the next index. */
function createValidator(vault: string, place: number, ether: bigint) {
  const secretKey = new Uint8Array(32).fill(100 + place, 1);
  const amountGwei = ether * ETH;
  const publicKey = publicKeyOf(secretKey);
  const deposit = { publicKey, amountGwei, withdrawalCredentials: credentialsOf(vault, 2) };
  return {
    publicKey,
    amountGwei,
    depositSignature: sign(secretKey, depositSigningRoot(deposit, BEACON_CHAIN)),
  };
}

/** What a node answers that knows no block by its number. */
function withoutBlocks(body: string, answer: unknown): unknown {
  const numbered = callsOf(body)
    .filter(({ method, params }) => method === 'eth_getBlockByNumber' && /^0x/.test(String(params[0])))
    .map(({ id }) => id);
  const clear = (one: { readonly id: number }) =>
    numbered.includes(one.id) ? { jsonrpc: '2.0', id: one.id, result: null } : one;
  return Array.isArray(answer) ? answer.map(clear) : clear(answer as { readonly id: number });
}

function callsOf(body: string): readonly RpcCall[] {
  return [JSON.parse(body)].flat();
}

const plan = (...more: string[]) => runCli(['plan', ...args, ...LIMIT, ...more]);
async function planJson(...more: string[]) {
  const run = await plan('--json', ...more);
  expect(run.exitCode, run.stderr).toBe(0);
  return JSON.parse(run.stdout);
}
async function startOnce(): Promise<void> {
  const run = await runCli(['start', '--once', ...args, ...LIMIT]);
  expect(run.exitCode, run.stderr).toBe(0);
}

async function listEvents(name: string): Promise<(readonly [publicKey: string, gwei: string])[]> {
  const vault = scene.devnet.protocol.at('VaultV5', scene.vault);
  const logs = await vault.queryFilter(name, 0);
  return logs.map(log =>
    'args' in log ? [String(log.args[0]), String(BigInt(log.args[1]) / ETH)] : ['', ''],
  );
}

/** All files of the data directory but those of Postgres, which it touches whenever it is opened. */
function readDataDir(): Record<string, string> {
  const paths = readdirSync(scene.dataDir, { recursive: true, withFileTypes: true });
  const files = paths.filter(path => path.isFile() && !path.parentPath.includes('operator-db'));
  return Object.fromEntries(
    files.map(file => {
      const path = join(file.parentPath, file.name);
      return [path, readFileSync(path, 'latin1')];
    }),
  );
}

/** A plan's text without what is another one on another chain: addresses, keys, block, and prices. */
function withoutPlace(text: string): string {
  return text
    .replace(/0x\w{40}/g, '0x')
    .replace(/0x\w{8}…\w{6}/g, '0x…')
    .replace(/^Block .* UTC$/m, 'Block')
    .replace(/Cost at [\d.]+ gwei/, 'Cost')
    .replace(/\d+ gas {2}[\d.]+ ETH/g, 'gas')
    .replace(/Together: at least [\d.]+ ETH/, 'Together')
    .replace(/has [\d.]+ ETH, and [\d.]+ ETH then/, 'has')
    .trim();
}

function repeatedOf(questions: readonly string[]): string[] {
  return questions.filter((question, place) => questions.indexOf(question) !== place);
}

/** What beacon nodes are asked again to notice that the chain was reorganised meanwhile. */
const isCheck = ({ path }: ReceivedRequest) => /\/headers\/|\/node\/syncing/.test(path);

describe('plan', () => {
  it('plan says what nothing can be done about, and exits with 0', async () => {
    const run = await plan();
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stdout).toMatch(
      /^Vault 0x\w{40} of version 5 on [\w-]+\nBlock \d+, slot \d+, epoch \d+, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n/,
    );
    expect(run.stdout).toContain('Top-ups: nothing to do, the vault has less to stake than');
    expect(run.stdout).toContain('Registration: nothing to do, there is less than a validator takes');
    expect(run.stdout).toContain('Withdrawals: nothing to do, the exit queue lacks nothing');
    expect(run.stderr).not.toContain('Next:');
  });

  it('plan shows the top-ups and registrations that the operator then makes, and signs, sends and writes nothing', async () => {
    await scene.devnet.depositEther(128);
    const [asked, files] = [scene.devnet.oracles.decisions.length, readDataDir()];
    const shown = await planJson();
    expect(shown).toMatchObject({
      vaultVersion: 5,
      wallet: scene.wallet,
      assets: { withdrawableWei: String(parseEther('128')), stakeableGwei: gwei(128) },
      funding: {
        state: 'acting',
        topUps: [
          { index: 0, balanceGwei: gwei(40), amountGwei: gwei(24), newBalanceGwei: gwei(64) },
          { index: 1, balanceGwei: gwei(33), amountGwei: gwei(31), newBalanceGwei: gwei(64) },
        ],
        untouched: [{ reason: 'full' }, { reason: 'exiting' }],
      },
      registration: {
        state: 'acting',
        type: '0x02',
        newValidators: [{ publicKey: scene.publicKeys[0], amountGwei: gwei(64) }],
        restGwei: gwei(9),
      },
      withdrawals: { state: 'idle' },
      costs: {
        calls: [
          { kind: 'fund-validators', atLeast: false },
          { kind: 'register-validators', atLeast: true },
        ],
        enough: true,
      },
    });
    const text = await plan();
    expect(text.stdout).toContain('Top-ups: 2 validators would get 55 ETH');
    expect(text.stdout).toMatch(/0 +0x\w{8}…\w{6} +40 ETH +24 ETH +64 ETH/);
    expect(text.stdout).toContain('Registration: 1 validator of type 0x02 would get 64 ETH');
    expect(text.stdout).toContain('Keys of the built-in signer');
    expect(text.stdout).toContain('Left in the vault: 9 ETH');
    expect(text.stderr).toContain('Next: "start" with the same options does this');
    expect(text.stdout.split('\n').filter(line => line.length > 100)).toEqual([]);
    const example = readMarkdownPage('docs/operator.md').blocks.find(
      ({ heading, language }) => heading === 'Plan' && language === 'text',
    );
    expect(withoutPlace(text.stdout)).toBe(withoutPlace(example?.code ?? ''));
    expect(scene.devnet.oracles.decisions).toHaveLength(asked);
    expect(await listEvents('ValidatorFunded')).toEqual([]);
    expect(readDataDir()).toEqual(files);

    const before = await listEvents('V2ValidatorRegistered');
    await startOnce();
    const { topUps } = shown.funding;
    type Amount = { readonly publicKey: string; readonly amountGwei: string };
    const pairs = (amounts: readonly Amount[]) =>
      amounts.map(({ publicKey, amountGwei }) => [publicKey, amountGwei]);
    expect(await listEvents('ValidatorFunded')).toEqual(pairs(topUps));
    const registered = (await listEvents('V2ValidatorRegistered')).slice(before.length);
    expect(registered).toEqual(pairs(shown.registration.newValidators));
  });

  it('plan shows the withdrawals that the operator then requests, with their fee', async () => {
    const vault = scene.devnet.protocol.at('VaultV5', scene.vault);
    const { owner } = scene.devnet.protocol;
    await scene.devnet.passEpochs(2);
    await scene.devnet.protocol.send(vault, 'enterExitQueue', parseEther('105'), owner.address);
    const shown = await planJson();
    expect(shown.withdrawals).toMatchObject({
      state: 'acting',
      comingInGwei: expect.stringMatching(/^6\d{10}$/),
      untouched: expect.arrayContaining([{ index: 3, reason: 'exiting' }]),
    });
    expect(Number(shown.withdrawals.lackingGwei)).toBe(96e9);
    expect(shown.costs).toMatchObject({
      requestFeeWei: expect.stringMatching(/^\d+$/),
      calls: [{ kind: 'withdraw-validators', atLeast: false }],
    });
    const text = await plan();
    expect(text.stdout).toMatch(/Withdrawals: \d partial withdrawals? and \d exits? would be requested/);
    expect(text.stdout).toMatch(/the exit queue lacks +96 ETH/);
    await startOnce();
    const { requests } = shown.withdrawals;
    expect(requests.length).toBeGreaterThan(0);
    expect(await listEvents('ValidatorWithdrawalSubmitted')).toEqual(
      requests.map(({ publicKey, amountGwei }: { publicKey: string; amountGwei: string }) => [
        publicKey,
        amountGwei,
      ]),
    );
    const later = await plan();
    expect(later.stdout).toMatch(/Withdrawals: .*waiting for block \d+: the last withdrawals were requested/);
  });

  it('plan asks no node twice for the same thing', async () => {
    await scene.devnet.depositEther(200);
    const [fromRpc, fromBeacon] = [rpc.requests.length, beacon.requests.length];
    const shown = await planJson('--withdrawals-interval', '1');
    expect(shown.registration.newValidators).not.toEqual([]);
    const calls = rpc.requests.slice(fromRpc).flatMap(({ body }) => callsOf(body));
    // Headers tell a reorganisation, and where the head is.
    const lasting = calls.filter(
      ({ method }) => !/^eth_(getBlockByNumber|blockNumber|chainId)$/.test(method),
    );
    expect(repeatedOf(lasting.map(({ method, params }) => JSON.stringify([method, params])))).toEqual([]);
    const questions = beacon.requests.slice(fromBeacon).filter(request => !isCheck(request));
    expect(questions.length).toBeGreaterThan(3);
    expect(repeatedOf(questions.map(({ method, path, body }) => `${method} ${path} ${body}`))).toEqual([]);
    expect(questions.filter(({ path }) => path.endsWith('/pending_deposits'))).toHaveLength(1);
  });

  it('plan says what it waits for when too few oracles tell what they exit', async () => {
    const { servers } = scene.devnet.oracles;
    const vault = scene.devnet.protocol.at('VaultV5', scene.vault);
    await scene.devnet.protocol.send(
      vault,
      'enterExitQueue',
      parseEther('290'),
      scene.devnet.protocol.owner.address,
    );
    for (const { faults } of servers) faults.exits = { status: 503 };
    try {
      const run = await plan('--withdrawals-interval', '1');
      expect(run.exitCode, run.stderr).toBe(0);
      expect(run.stdout).toMatch(
        /Withdrawals: waiting for answers of \d+ oracles about the validators that they exit/,
      );
      expect(run.stderr).toContain('does not tell which validators it exits');
    } finally {
      for (const { faults } of servers) delete faults.exits;
    }
  });

  it('plan works beside a running operator, and says what it cannot know then', async () => {
    await using operator = startOperatorProcess([
      '--disable-validators-registration',
      '--disable-validators-funding',
      '--disable-withdrawals',
      ...args,
    ]);
    await operator.printed('Started operator service');
    const run = await plan();
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toContain('The operator has its database open');
    expect(run.stdout).toContain('Withdrawals:');
    expect((await operator.stop()).exitCode).toBe(0);
  });

  it('plan leaves out what is switched off, and shows amounts where nobody says whose keys there are', async () => {
    const off = await planJson('--disable-validators-funding', '--disable-withdrawals');
    expect(off.funding).toMatchObject({
      state: 'off',
      reason: 'they are switched off by --disable-validators-funding',
      topUps: [],
    });
    expect(off.withdrawals).toMatchObject({ state: 'off', requests: [] });
    await scene.devnet.depositEther(400);
    const empty = join(scene.folder, 'no-keys');
    const words = args.map(word => (word === scene.dataDir ? empty : word));
    const run = await runCli(['plan', ...words, ...LIMIT, '--network', scene.networkFile, '--json']);
    expect(run.exitCode, run.stderr).toBe(0);
    const { registration, notes } = JSON.parse(run.stdout);
    expect(registration).toMatchObject({
      state: 'waiting',
      reason: expect.stringContaining('a place of validator keys'),
      newValidators: [],
    });
    expect(registration.amounts.length).toBeGreaterThan(0);
    expect(notes).toContainEqual(expect.stringContaining('No operator has run here'));
  });

  it('plan asks a remote signer for its keys and for no signature, and names those that it lacks', async () => {
    await using signer = await startKeymanager(resolveNetwork(scene.networkFile));
    const remote = ['--remote-signer-url', signer.url];
    const none = await planJson(...remote);
    expect(none.registration).toMatchObject({
      state: 'waiting',
      reason: expect.stringMatching(/the signer to have the keys of 2 validators of .*deposit_data\.json/),
    });
    for (const [i, publicKey] of scene.publicKeys.entries()) {
      signer.addKey(publicKey, {
        secretKey: scene.secretKeys[i] ?? new Uint8Array(),
        path: '',
        isReadOnly: false,
      });
    }
    const some = await planJson(...remote);
    expect(some.registration).toMatchObject({
      state: 'acting',
      newValidators: scene.publicKeys.slice(1).map(publicKey => ({ publicKey })),
    });
    expect(new Set(signer.requests.map(({ method, path }) => `${method} ${path}`))).toEqual(
      new Set(['GET /api/v1/eth2/publicKeys']),
    );
  });

  it('plan names the wallet of the data directory when another one is the validators manager', async () => {
    const stranger = scene.devnet.protocol.owner.address;
    const refused = await plan('--wallet-address', stranger);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`the hot wallet ${stranger} cannot register validators for it`);
    await scene.devnet.setValidatorsManager(stranger);
    try {
      const run = await planJson();
      expect(run.wallet).toBe(stranger);
      expect(run.notes).toContainEqual(expect.stringContaining(`wallet.json is ${scene.wallet}`));
    } finally {
      await scene.devnet.setValidatorsManager(scene.wallet);
    }
  });

  it('plan fails when a node is behind, or does not tell what waits', async () => {
    const impatient = ['--consensus-retry-timeout', '1', '--execution-retry-timeout', '1', '--verbose'];
    beacon.fault = 'before-electra';
    try {
      const run = await plan(...impatient);
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toContain('does not serve pending_');
      expect(run.stderr).toContain('beacon-query-not-served');
    } finally {
      beacon.fault = undefined;
    }
    isBehind = true;
    try {
      const run = await plan(...impatient);
      expect(run.exitCode).toBe(1);
      expect(run.stderr).toMatch(/does not have block \d+ yet/);
      expect(run.stderr).toContain('node-behind');
    } finally {
      isBehind = false;
    }
  });

  it('plan shows a vault of version 4 what would be registered by its deposit data, and says that it is all', async () => {
    const { devnet } = scene;
    const older = await devnet.createVault(4);
    await devnet.setValidatorsManager(scene.wallet, older);
    await devnet.depositEther(70, older);
    const network = resolveNetwork(scene.networkFile);
    const entries = scene.secretKeys.map(secretKey =>
      createDepositData({ secretKey, vault: Buffer.from(older.slice(2), 'hex'), network }),
    );
    const file = join(scene.folder, 'older-deposit-data.json');
    writeFileSync(file, formatDepositData(entries));
    const words = args.map(word => (word === scene.vault ? older : word));
    const keystores = join(scene.vaultDir, 'keystores');
    const where = ['--network', scene.networkFile, '--deposit-data-file', file, '--keystores-dir', keystores];
    const run = await runCli(['plan', ...words, ...where, '--json']);
    expect(run.exitCode, run.stderr).toBe(0);
    const shown = JSON.parse(run.stdout);
    // The first key is a validator of the other vault already.
    expect(shown).toMatchObject({
      vaultVersion: 4,
      registration: {
        state: 'acting',
        type: '0x01',
        newValidators: [{ amountGwei: gwei(32) }, { amountGwei: gwei(32) }],
        restGwei: gwei(6),
      },
      funding: { state: 'off', reason: 'vaults of version 4 top up no validators' },
      withdrawals: { state: 'off', reason: 'vaults of version 4 request no withdrawals' },
    });
    const keys = shown.registration.newValidators.map(({ publicKey }: { publicKey: string }) => publicKey);
    expect(keys).toEqual(scene.publicKeys.slice(1, 3));
  });

  it('plan has shown its result', () => {
    expect(unseenResults(import.meta.filename)).toEqual([]);
  });
});
