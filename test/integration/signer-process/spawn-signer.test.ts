import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openSignerClient } from '../../../src/clients/signer/signer-client.ts';
import { socketUrl } from '../../../src/clients/signer/signer-endpoint.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { spawnSigner } from '../../../src/signer-process/spawn-signer.ts';
import { PROJECT_ROOT, temporaryDirectory } from '../../support/programs/cli.ts';
import { firstLineOf } from '../../support/programs/first-line.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { type TestKey, testKeys } from '../../support/servers/exit-signer.ts';
import { recordedVaultResponse, startVaultServer } from '../../support/servers/hashi-vault-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { writeKeyFile } from '../signer/built-in.ts';

const network = resolveNetwork('mainnet');
const [key] = testKeys(1) as [TestKey];
const exit = { publicKey: key.publicKey, validatorIndex: 7n, epoch: 400_000n, network };

async function keyDirectory() {
  const directory = temporaryDirectory();
  await writeKeyFile(directory.path, [Buffer.from(key.secretKey).toString('hex')]);
  return directory;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

/** The signer among this process's children. */
function signerOf(pid: number): number {
  const found = childrenOf(pid).find(child =>
    readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('stakewise-signer'),
  );
  if (found === undefined) throw new Error('there is no signer');
  return found;
}

describe('spawnSigner', () => {
  it('spawnSigner signs on a private socket, by a child without core dumps, inspector and secrets to see', async () => {
    using directory = await keyDirectory();
    process.env.HASHI_VAULT_TOKEN = 'a token that is not for the child';
    const keys = { kind: 'key-files', directory: directory.path } as const;
    let socketPath = '';
    {
      await using signer = await spawnSigner(
        { log: recordingLog().log },
        { network: 'mainnet', keys, poolSize: 1 },
      );
      socketPath = signer.socketPath;
      expect(signer.keyCount).toBe(1);
      await using client = openSignerClient({ urls: [socketUrl(socketPath)], timeoutMs: 5_000 });
      await expect(client.signExit(exit)).resolves.toHaveLength(96);
      const pid = signerOf(process.pid);
      const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8');
      expect(read('limits')).toMatch(/^Max core file size +0 +0 /m);
      expect(Number.parseInt(read('coredump_filter'), 16)).toBe(0);
      const variables = read('environ')
        .split('\0')
        .filter(Boolean)
        .map(pair => pair.split('=', 1)[0]);
      expect(variables).not.toContain('HASHI_VAULT_TOKEN');
      expect(
        variables.filter(
          name =>
            !/^(PATH|PWD|LANG|LC_ALL|TZ|TMPDIR|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|SHLVL|_|OLDPWD)$/.test(
              name ?? '',
            ),
        ),
      ).toEqual([]);
      process.kill(pid, 'SIGUSR1');
      process.kill(pid, 'SIGINT');
      // Time in which it must not end, nor be started again.
      await sleep(500);
      await expect(client.signExit(exit)).resolves.toHaveLength(96);
      expect(signerOf(process.pid)).toBe(pid);
    }
    delete process.env.HASHI_VAULT_TOKEN;
    expect(existsSync(dirname(socketPath))).toBe(false);
  });

  it('spawnSigner starts the signer again at the same place when it is killed', async () => {
    using directory = await keyDirectory();
    const keys = { kind: 'key-files', directory: directory.path } as const;
    const { log, lines } = recordingLog();
    const troubles: (string | undefined)[] = [];
    const onTrouble = (trouble: string | undefined) => troubles.push(trouble);
    await using signer = await spawnSigner({ log }, { network: 'mainnet', keys, poolSize: 1 }, { onTrouble });
    expect(troubles).toEqual([]);
    process.kill(signerOf(process.pid), 'SIGKILL');
    await waitUntil('the signer to be back', () => lines.some(({ text }) => text === 'the signer is back'), {
      lastSeen: () => lines,
    });
    expect(lines[0]).toMatchObject({
      fields: { how: 'signal SIGKILL' },
      text: 'the signer ended unexpectedly',
    });
    expect(troubles).toEqual(['it ended (signal SIGKILL) and is started again', undefined]);
    await using client = openSignerClient({ urls: [socketUrl(signer.socketPath)], timeoutMs: 5_000 });
    await expect(client.signExit(exit)).resolves.toHaveLength(96);
  });

  it('spawnSigner names the token of a HashiCorp Vault that was revoked while the signer is started again', async () => {
    const [[name = '', value = ''] = []] = Object.entries(
      (recordedVaultResponse('kv2', 'read-0x').body as { data: { data: Record<string, string> } }).data.data,
    );
    await using server = await startVaultServer({
      'secret/data/keys': [
        { status: 200, body: { data: { data: { [name]: value }, metadata: { version: 1 } } } },
        ['auth', 'token-wrong'],
      ],
    });
    const keys = {
      kind: 'hashi-vault',
      url: server.url,
      token: { value: 's.throwaway', file: undefined },
      mount: 'secret',
      keyPaths: ['keys'],
      keyPrefixes: [],
      parallelism: 1,
      timeoutMs: 5_000,
      retryTimeoutMs: 0,
    } as const;
    const { log, lines } = recordingLog();
    const troubles: (string | undefined)[] = [];
    await using signer = await spawnSigner(
      { log },
      { network: 'mainnet', keys, poolSize: 1 },
      { onTrouble: trouble => void troubles.push(trouble) },
    );
    expect(signer.keyCount).toBe(1);
    process.kill(signerOf(process.pid), 'SIGKILL');
    await waitUntil('the refusal', () => troubles.some(trouble => trouble?.includes('does not start')), {
      lastSeen: () => lines,
    });
    expect(troubles.at(-1)).toMatch(/^it does not start: .* does not know the token, which was revoked/);
    expect(lines.at(-1)).toMatchObject({
      text: 'the signer does not start',
      fields: { hint: expect.stringContaining('--hashi-vault-token-file') },
    });
    expect(JSON.stringify(lines)).not.toContain('throwaway');
  });

  it('spawnSigner gives the error that the signer met, and leaves nothing behind', async () => {
    using directory = temporaryDirectory();
    // Not in the system's own, where signers of other tests come and go.
    using temporary = temporaryDirectory();
    vi.stubEnv('TMPDIR', temporary.path);
    onTestFinished(() => void vi.unstubAllEnvs());
    const sockets = () => readdirSync(temporary.path).filter(name => name.startsWith('stakewise-signer-'));
    const before = sockets();
    const keys = { kind: 'key-files', directory: directory.path } as const;
    const spawned = spawnSigner({ log: recordingLog().log }, { network: 'mainnet', keys });
    await expect(spawned).rejects.toMatchObject({ code: 'key-files-missing', exitCode: 1 });
    const wrong = spawnSigner({ log: recordingLog().log }, { network: 'nonet', keys });
    await expect(wrong).rejects.toMatchObject({ code: 'unknown-network', exitCode: 2, name: 'UsageError' });
    expect(sockets()).toEqual(before);
  });

  it('spawnSigner’s signer ends with its parent, also when that is killed', async () => {
    using directory = await keyDirectory();
    const program = `
      import { spawnSigner } from '${join(PROJECT_ROOT, 'src/signer-process/spawn-signer.ts')}';
      const keys = { kind: 'key-files', directory: '${directory.path}' };
      const log = { warn() {}, error() {} };
      const signer = await spawnSigner({ log }, { network: 'mainnet', keys, poolSize: 1 });
      console.log(signer.socketPath);
      await new Promise(() => setInterval(() => undefined, 1000));`;
    const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const socketPath = (await firstLineOf(parent)).trim();
    const signer = signerOf(parent.pid ?? 0);
    parent.kill('SIGKILL');
    await waitUntil('the signer to end', () => !existsSync(`/proc/${signer}`));
    expect(existsSync(dirname(socketPath))).toBe(false);
  });
});
