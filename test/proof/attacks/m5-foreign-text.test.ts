// What others say is shown by the real program and does nothing: to a terminal, a log, a script, a probe, a supervisor.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { AbiCoder } from 'ethers/abi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import { estimateCall } from '../../../src/clients/execution/read-transactions.ts';
import { postApproval } from '../../../src/clients/oracle.ts';
import { openWalletSigner } from '../../../src/clients/signer/wallet-signer.ts';
import { type ApprovalRequest, registrationDigest } from '../../../src/domain/protocol/approval.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { messageOf } from '../../../src/lib/errors.ts';
import type { LogFormat } from '../../../src/lib/log-format.ts';
import { createServiceLogger } from '../../../src/lib/logger.ts';
import { collectApprovals } from '../../../src/services/oracles/collect-approvals.ts';
import { freePort, listenOnLoopback } from '../../devnet/listen.ts';
import { startRpcProxy } from '../../devnet/rpc-proxy.ts';
import { signDigest } from '../../devnet/typed-data.ts';
import { createTestDatabase, runSql, type TestDatabase } from '../../support/postgres/postgres.ts';
import { runCli, temporaryDirectory } from '../../support/programs/cli.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { readOracleRequests, recordedOracleKey } from '../../support/recorded/recorded-oracles.ts';
import { createCheapKeystore } from '../../support/scenes/bad-input/keystore.ts';
import { expectHarmless, expectHarmlessJson, HOSTILE_TEXT } from '../../support/scenes/hostile-text.ts';
import {
  type OperatorScene,
  remoteDbArguments,
  startOperatorScene,
} from '../../support/scenes/operator-scene.ts';
import { type Handler, startServer } from '../../support/servers/http-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

const world = new AsyncDisposableStack();
const env = { EXECUTION_RETRY_TIMEOUT: '0.1', CONSENSUS_RETRY_TIMEOUT: '0.1', IPFS_TIMEOUT: '5' };
let scene: OperatorScene;
let database: TestDatabase;
let keyArgs: readonly string[];

beforeAll(async () => {
  scene = world.use(await startOperatorScene({ validators: 2, oracles: 3, threshold: 2 }));
  database = world.use(await createTestDatabase({ migrated: false }));
  keyArgs = ['--encrypt-key-file', join(scene.folder, 'encrypt-key')];
  for (const words of [['setup'], ['upload-keypairs', '--execution-endpoints', scene.devnet.rpcUrl]]) {
    const run = await runCli([...remoteDb(...words), ...keyArgs]);
    expect(run.exitCode, run.stderr).toBe(0);
  }
});
afterAll(() => world.disposeAsync());

const remoteDb = (...args: string[]) => remoteDbAt(database.url, ...args);
const remoteDbAt = (url: string, ...args: string[]) => remoteDbArguments(scene, url, args);

/** Runs it for a person and for a script. */
async function expectHarmlessRun(args: readonly string[], exitCode = 1): Promise<void> {
  const run = await runCli(args, { env });
  expectHarmless(run.stdout + run.stderr);
  expect(run.exitCode, run.stderr).toBe(exitCode);
  const script = await runCli([...args, '--json'], { env });
  expectHarmless(script.stderr);
  expectHarmlessJson(script.stdout);
}

function logTo(format: LogFormat) {
  const lines: string[] = [];
  const log = createServiceLogger({
    level: 'DEBUG',
    format,
    scrub: line => line,
    write: line => void lines.push(line),
  });
  return { log, lines };
}

describe('M5 · what others say, on a terminal, in a log, in JSON', () => {
  it.each(['plain', 'json'] as const)(
    'one oracle: signs an approval of a document whose name forges a line of the %s log → it is no vote, its name is not repeated',
    async format => {
      const recorded = readOracleRequests('local3');
      const message = recorded.approvals[0]?.typed_data.message ?? {};
      const deadline = BigInt(message.deadline ?? 0);
      const digestOf = (ipfsHash: string, until: bigint) =>
        registrationDigest(recorded.domain, {
          validatorsRegistryRoot: fromHex(String(message.validatorsRegistryRoot), 32),
          vault: recorded.vault,
          validators: fromHex(String(message.validators)),
          ipfsHash,
          deadline: until,
        });
      // As long as a name may be that the client reads.
      const name = `Qm${HOSTILE_TEXT.slice(0, 190)}`;
      const lie: Handler = () => ({
        body: JSON.stringify({
          ipfs_hash: name,
          deadline: Number(deadline),
          signature: toHex(signDigest(recordedOracleKey(0), digestOf(name, deadline))),
        }),
      });
      await using server = await startServer(lie);
      const [oracle] = recorded.config.oracles;
      const { log, lines } = logTo(format);
      const request = JSON.parse(recorded.posts[0]?.body_raw ?? '') as ApprovalRequest;
      // Two are needed: all that each has said is told.
      const error = await collectApprovals(
        { log },
        {
          threshold: 2,
          timeoutMs: 1_000,
          digestOf,
          now: deadline - 100n,
          oracles: recorded.config.oracles.slice(0, 2).map(one => ({ ...one, endpoints: [server.url] })),
          send: (one, signal) =>
            one.address === oracle?.address
              ? postApproval({}, one, request, { timeoutMs: 1_000, signal })
              : new Promise(() => undefined),
        },
      ).catch((thrown: unknown) => thrown);
      log.child({ task: 'register-validators' }).error(messageOf(error));
      expect(messageOf(error)).not.toContain('approved Qm');
      const proof = 'ipfs_hash: must be an IPFS content identifier';
      if (format === 'plain') expectHarmless(lines.join(''), proof);
      else for (const line of lines) expectHarmlessJson(line, proof);
    },
  );

  it('one node: answers upload-keypairs with an error that clears the screen, sets the clipboard and says that all went well → one line, nothing acts', async () => {
    await using proxy = await startRpcProxy(scene.devnet.rpcUrl, {
      refuses: { method: 'eth_getLogs', message: HOSTILE_TEXT },
    });
    await expectHarmlessRun(remoteDb('upload-keypairs', ...keyArgs, '--execution-endpoints', proxy.url));
  });

  it('one node: gives a reason for a reverted call that acts → the reason is a line of 200 characters', async () => {
    const data = `0x08c379a0${AbiCoder.defaultAbiCoder().encode(['string'], [HOSTILE_TEXT]).slice(2)}`;
    const node: Handler = ({ body }) => {
      const requests = [JSON.parse(body)].flat() as { id: number; method: string }[];
      const answers = requests.map(({ id, method }) =>
        method === 'eth_chainId'
          ? { jsonrpc: '2.0', id, result: '0x1' }
          : { jsonrpc: '2.0', id, error: { code: 3, message: 'execution reverted', data } },
      );
      return { body: JSON.stringify(answers.length === 1 ? answers[0] : answers) };
    };
    await using server = await startServer(node);
    const options = { endpoints: [server.url], chainId: 1, timeoutMs: 5_000, retryTimeoutMs: 0 };
    // Asked for its block it would revert, too.
    const execution = await connectExecutionNode({}, options).catch(() => undefined);
    expect(execution).toBeUndefined();
    const { ExecutionNode } = await import('../../../src/clients/execution/execution-node.ts');
    using bare = new ExecutionNode({}, options);
    const outcome = await estimateCall(bare, { from: scene.wallet, to: scene.vault, data: '0x' });
    expect(outcome.status).toBe('reverts');
    expectHarmless('reason' in outcome ? outcome.reason : '');
  });

  it('one node: tells the operator things that act, at its start → neither the log nor /readyz nor a restart shows them', async () => {
    await using proxy = await startRpcProxy(scene.devnet.rpcUrl, {
      refuses: { method: 'eth_blockNumber', message: HOSTILE_TEXT },
    });
    const port = await freePort();
    await using operator = startOperatorProcess(
      [
        '--vault',
        scene.vault,
        '--data-dir',
        scene.writeDataDir('told'),
        '--health-port',
        String(port),
        '--execution-endpoints',
        proxy.url,
        '--consensus-endpoints',
        scene.beacon.url,
      ],
      { env },
    );
    await operator.printed('begin');
    let probe = '';
    await waitUntil('/readyz to tell what is waited for', async () => {
      probe = await (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
      return probe.includes('begin');
    });
    await operator.stop();
    expectHarmless(operator.output);
    expectHarmlessJson(probe);
  });

  it('key manager: refuses an import in words that change the title and print the last line of a good run → they stand in the error, on one line', async () => {
    const handler: Handler = ({ method, body }) => {
      if (method === 'GET') return { body: '{"data":[]}' };
      const { keystores } = JSON.parse(body) as { keystores: string[] };
      const data = keystores.map(() => ({ status: 'error', message: HOSTILE_TEXT }));
      return { body: JSON.stringify({ data }) };
    };
    await using server = await startServer(handler);
    const args = ['remote-signer-setup', '--vault', scene.vault, '--data-dir', scene.dataDir, '--split'];
    await expectHarmlessRun([...args, '--remote-signer-url', server.url]);
  });

  it('key manager: ends a reload with an error that acts, without the keys → one line, nothing acts', async () => {
    const answers: Readonly<Record<string, object>> = {
      '/api/v1/eth2/publicKeys': [],
      '/reload': { status: 'completed_with_errors', lastError: HOSTILE_TEXT },
    };
    let isReloaded = false;
    await using server = await startServer(({ method, path }) => {
      if (method === 'POST') {
        isReloaded = true;
        return { status: 202, body: '{}' };
      }
      const answer = path === '/reload' && !isReloaded ? { status: 'idle' } : (answers[path] ?? {});
      return { body: JSON.stringify(answer) };
    });
    using out = temporaryDirectory();
    await expectHarmlessRun([
      ...remoteDb('setup-web3signer', ...keyArgs, '--output-dir', out.path),
      '--web3signer-endpoint',
      server.url,
    ]);
  });

  it('hostile file: a keystore has a version that acts → the sentence about it does nothing', async () => {
    using folder = temporaryDirectory();
    const keystore = { ...createCheapKeystore(new Uint8Array(32).fill(1), 'ab'.repeat(48), 'x') };
    const text = JSON.stringify({ ...keystore, version: HOSTILE_TEXT });
    writeFileSync(join(folder.path, 'keystore-1.json'), text);
    writeFileSync(join(folder.path, 'password.txt'), 'x', { mode: 0o600 });
    const args = ['signer', '--network', 'mainnet', '--listen', '127.0.0.1:0'];
    await expectHarmlessRun([...args, '--keystores-dir', folder.path]);
  });

  it('hostile file: a keystore has a name that acts → the sentence about it does nothing', async () => {
    using folder = temporaryDirectory();
    const name = `begin\nSuccessfully uploaded keypairs\u001b[2J\u202e\u009b2J.json`;
    writeFileSync(join(folder.path, name), '{');
    writeFileSync(join(folder.path, 'password.txt'), 'x', { mode: 0o600 });
    const args = ['signer', '--network', 'mainnet', '--listen', '127.0.0.1:0'];
    await expectHarmlessRun([...args, '--keystores-dir', folder.path]);
  });

  it('hostile file: a network file has members that act → the sentence about it does nothing', async () => {
    using folder = temporaryDirectory();
    const file = join(folder.path, 'network.json');
    writeFileSync(
      file,
      JSON.stringify({ ...JSON.parse(readFileSync(scene.networkFile, 'utf8')), [HOSTILE_TEXT]: 1 }),
    );
    await expectHarmlessRun(['signer', '--network', file, '--keys-dir', folder.path], 2);
  });

  it('key manager: HashiCorp Vault refuses in words that act → one line, nothing acts', async () => {
    await using server = await startServer(() => ({
      status: 412,
      body: JSON.stringify({ errors: [HOSTILE_TEXT, HOSTILE_TEXT] }),
    }));
    using folder = temporaryDirectory();
    const token = join(folder.path, 'token');
    writeFileSync(token, 'token', { mode: 0o600 });
    await expectHarmlessRun([
      'signer',
      '--network',
      'mainnet',
      '--hashi-vault-url',
      server.url,
      '--hashi-vault-key-path',
      'p',
      '--hashi-vault-token-file',
      token,
    ]);
  });

  it('operator’s own process: the signer of the wallet refuses in words that act → one line, nothing acts', async () => {
    const publicKey = `0x${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}${'483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8'}`;
    await using server = await startServer(
      ({ method }) =>
        method === 'GET' ? { body: JSON.stringify([publicKey]) } : { status: 403, body: HOSTILE_TEXT },
      { onSocket: true },
    );
    await using wallet = await openWalletSigner({ socketPath: server.url.slice('unix:'.length) });
    const refused = await wallet
      .signVaultValidators({
        chainId: 1,
        vault: scene.vault,
        validatorsRegistryRoot: new Uint8Array(32),
        validators: new Uint8Array(4),
      })
      .catch((error: unknown) => error);
    const { log, lines } = logTo('plain');
    log.error({ reason: messageOf(refused) }, messageOf(refused));
    expectHarmless(lines.join(''));
  });

  it('database writer: gives a transaction a kind and a reason that act → "tx list" shows them as one line', async () => {
    await runSql(
      database.url,
      `insert into stakewise_operator.operator_leases (chain_id, vault, epoch, holder, expires_at) values ($1, $2, 1, 'x', now()) on conflict do nothing`,
      [scene.devnet.chainId, Buffer.from(scene.vault.slice(2), 'hex')],
    );
    const text = HOSTILE_TEXT.replaceAll('\u0000', '');
    await runSql(
      database.url,
      `insert into stakewise_operator.transactions (chain_id, vault, kind, intent_key, lease_epoch, sender, nonce, recipient, call_data, gas_limit, state, reason)
       values ($1, $2, 'harvest', 'k', 1, $3, 0, $3, '', 21000, 'abandoned', $4)`,
      [scene.devnet.chainId, Buffer.from(scene.vault.slice(2), 'hex'), Buffer.alloc(20, 7), text],
    );
    const list = [
      'tx',
      'list',
      '--vault',
      scene.vault,
      '--network',
      scene.networkFile,
      '--db-url',
      database.url,
    ];
    await expectHarmlessRun(list, 0);
  });

  it('man in the middle: answers as a Postgres whose errors act → neither terminal nor termination log show them', async () => {
    const fields = ['SFATAL', 'VFATAL', 'C28P01', `M${HOSTILE_TEXT.replaceAll('\u0000', '')}`];
    const body = Buffer.from(`${fields.join('\0')}\0\0`);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length + 4);
    const server = createServer(socket => {
      socket.on('error', () => undefined);
      socket.on('data', chunk => {
        const isSslRequest = chunk.length === 8 && chunk.readUInt32BE(4) === 80_877_103;
        if (isSslRequest) socket.write('N');
        else socket.end(Buffer.concat([Buffer.from('E'), length, body]));
      });
    });
    const port = await listenOnLoopback(server);
    world.defer(() => void server.close());
    const url = `postgresql://u:pw@127.0.0.1:${port}/db`;
    const args = remoteDbAt(url, 'verify', ...keyArgs);
    const run = await runCli(args);
    expect(run.exitCode).toBe(1);
    expectHarmless(run.stderr);
    expectHarmlessJson((await runCli([...args, '--json'])).stdout);

    const terminationLog = join(scene.folder, 'termination-log');
    const start = await runCli(
      [
        'start',
        '--vault',
        scene.vault,
        '--data-dir',
        scene.dataDir,
        '--network',
        scene.networkFile,
        '--db-url',
        url,
        '--execution-endpoints',
        scene.devnet.rpcUrl,
        '--consensus-endpoints',
        scene.beacon.url,
      ],
      { env: { TERMINATION_LOG: terminationLog } },
    );
    expect(start.exitCode).toBe(1);
    expectHarmless(start.stderr);
    expectHarmless(readFileSync(terminationLog, 'utf8'));
  });

  it('one gateway: serves for the oracle configuration a text that acts, which the parser quotes → one line, nothing acts', async () => {
    // Short enough to be quoted whole.
    await using server = await startServer(({ path }) =>
      path.includes('format=') ? { status: 406 } : { body: 'begin\r\u001b[2J\u009b2J\u202e' },
    );
    using folder = temporaryDirectory();
    const network = join(folder.path, 'network.json');
    const document = JSON.parse(readFileSync(scene.networkFile, 'utf8'));
    writeFileSync(network, JSON.stringify({ ...document, ipfsGateways: [server.url] }));
    const args = remoteDb('upload-keypairs', ...keyArgs, '--execution-endpoints', scene.devnet.rpcUrl);
    const asked = args.map(word => (word === scene.networkFile ? network : word));
    await expectHarmlessRun([...asked, '--allow-unverified-ipfs']);
  });
});
