// validators-exit through the launcher, with keys from a HashiCorp Vault and from a signer behind TLS.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toHex } from '../../src/lib/bytes.ts';
import { type BeaconNode, startBeaconNode } from '../devnet/beacon-node.ts';
import { publicKeyOf, unhex } from '../devnet/exit-signature.ts';
import { type CliRun, PROJECT_ROOT, runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { firstLineOf } from '../support/programs/first-line.ts';
import { credentialsOf, TEST_VAULT, testSecretKey } from '../support/scenes/signing-fixtures.ts';
import { type Certificate, issueCertificate, toPkcs12 } from '../support/servers/certificates.ts';
import { recordedVaultResponse, startVaultServer } from '../support/servers/hashi-vault-server.ts';

const HOLESKY = {
  genesisValidatorsRoot: unhex('9143aa7c615a7f7115e2b6aac319c03529df8242ae705fba9df39b79c59fa8b1'),
  capellaForkVersion: Uint8Array.of(0x04, 0x01, 0x70, 0x00),
};
const env = { HASHI_VAULT_RETRY_TIMEOUT: '0.1', CONSENSUS_RETRY_TIMEOUT: '0.1', REMOTE_SIGNER_TIMEOUT: '2' };

const folder = temporaryDirectory();
afterAll(() => folder[Symbol.dispose]());
let beacon: BeaconNode;
beforeEach(async () => {
  beacon = await startBeaconNode(HOLESKY);
});
afterEach(() => beacon[Symbol.asyncDispose]());

/** Writes a file of the test; returns its path. */
function put(name: string, content: string | Buffer, mode = 0o600): string {
  const path = join(folder.path, name);
  writeFileSync(path, content, { mode });
  return path;
}

function exitAll(options: readonly string[]): Promise<CliRun> {
  const vault = ['--vault', TEST_VAULT, '--network', 'holesky', '--data-dir', folder.path];
  const node = ['--consensus-endpoints', beacon.url];
  return runCli(['validators-exit', ...vault, ...node, '--yes', ...options], { env });
}

function addValidators(publicKeys: readonly Uint8Array[]): void {
  const withdrawalCredentials = credentialsOf(TEST_VAULT);
  for (const publicKey of publicKeys) beacon.addValidator(publicKey, { withdrawalCredentials });
}

describe('validators-exit with the keys of a HashiCorp Vault', () => {
  const TOKEN = 's.throwaway';
  const names = ['read-0x', 'read-plain'] as const;
  const secrets = names.map(
    name => (recordedVaultResponse('kv2', name).body as { data: { data: Record<string, string> } }).data.data,
  );
  const publicKeys = secrets.flatMap(Object.keys).map(unhex);

  function exitFrom(url: string): Promise<CliRun> {
    const paths = ['--hashi-vault-key-path', 'validators/0x', '--hashi-vault-key-path', 'validators/plain'];
    const tokenFile = put('vault-token', `${TOKEN}\n`);
    return exitAll(['--hashi-vault-url', url, '--hashi-vault-token-file', tokenFile, ...paths]);
  }

  it('validators-exit reads several paths of a HashiCorp Vault by a token file, and exits every validator', async () => {
    addValidators(publicKeys);
    await using vault = await startVaultServer({
      'secret/data/validators/0x': [['kv2', 'read-0x']],
      'secret/data/validators/plain': [['kv2', 'read-plain']],
    });
    const { stdout, stderr, exitCode } = await exitFrom(vault.url);
    expect({ stdout, exitCode }).toEqual({
      stdout: 'Validators 100, 101, 102, 103, 104, 105 (6 of 6) exits successfully initiated\n',
      exitCode: 0,
    });
    expect(beacon.pool.size).toBe(6);
    expect(vault.received.map(({ headers }) => headers['x-vault-token'])).toEqual([TOKEN, TOKEN]);
    const planted = [TOKEN, ...secrets.flatMap(Object.values).map(value => value.replace('0x', ''))];
    for (const secret of planted) expect(stdout + stderr).not.toContain(secret);
  });

  it('validators-exit sends nothing when the token of the HashiCorp Vault has expired', async () => {
    addValidators(publicKeys);
    await using vault = await startVaultServer({
      'secret/data/validators/0x': [['kv2', 'read-0x']],
      'secret/data/validators/plain': [['auth', 'short-ttl-expired']],
    });
    const { stdout, stderr, exitCode } = await exitFrom(vault.url);
    expect(stderr).toMatch(/token/i);
    expect(stderr).not.toContain(TOKEN);
    expect({ stdout, exitCode, sent: beacon.pool.size }).toEqual({ stdout: '', exitCode: 1, sent: 0 });
  });
});

describe('validators-exit over TLS to a signer of its own', () => {
  const secretKeys = [testSecretKey(1), testSecretKey(2)];
  const authority = issueCertificate({ commonName: 'team authority', isAuthority: true });
  const issue = (commonName: string) => issueCertificate({ commonName, issuer: authority });
  const ca = put('ca.pem', authority.cert);
  const pair = (name: string, { cert, key }: Certificate) =>
    [put(`${name}.pem`, cert), put(`${name}-key.pem`, key)] as const;
  const operator = issue('operator');
  const [clientCert, clientKey] = pair('client', operator);
  const pfx = put('client.p12', toPkcs12(operator, 'its password'));
  const pfxPassword = put('client.pass', 'its password\n');
  let signer: Awaited<ReturnType<typeof startSigner>>;

  async function startSigner() {
    const keysDir = join(folder.path, 'keys');
    mkdirSync(keysDir, { mode: 0o700 });
    const documents = secretKeys.map(key => `type: file-raw\nkeyType: BLS\nprivateKey: '${toHex(key)}'\n`);
    put('keys/keys.yaml', documents.join('---\n'));
    const [cert, key] = pair('server', issue('signer'));
    const child = spawn(
      join(PROJECT_ROOT, 'operator'),
      [
        'signer',
        '--network',
        'holesky',
        '--keys-dir',
        keysDir,
        '--listen',
        '127.0.0.1:0',
        '--tls-cert',
        cert,
        '--tls-key',
        key,
        '--tls-client-ca',
        ca,
      ],
      { env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const closed = new Promise(resolve => child.once('close', resolve));
    const line = await firstLineOf(child);
    return {
      url: /https:\/\/\S+/.exec(line)?.[0] ?? '',
      [Symbol.asyncDispose]: async () => {
        child.kill('SIGTERM');
        await closed;
      },
    };
  }
  beforeAll(async () => {
    signer = await startSigner();
  });
  afterAll(() => signer[Symbol.asyncDispose]());

  const exitThrough = (...tls: readonly string[]) => {
    addValidators(secretKeys.map(publicKeyOf));
    return exitAll(['--remote-signer-url', signer.url, ...tls]);
  };

  it.each<readonly [string, readonly string[]]>([
    ['certificate and key', ['--signer-cert', clientCert, '--signer-key', clientKey]],
    ['PKCS#12', ['--signer-pfx', pfx, '--signer-pfx-password-file', pfxPassword]],
  ])('validators-exit proves itself to a signer behind TLS with %s', async (_, tls) => {
    const { stdout, stderr, exitCode } = await exitThrough('--signer-ca', ca, ...tls);
    expect({ stdout, exitCode }).toEqual({
      stdout: 'Validators 100, 101 (2 of 2) exits successfully initiated\n',
      exitCode: 0,
    });
    expect(stderr).toContain(`Using remote signer at ${signer.url} for 2 public keys`);
    expect(stderr).not.toContain('its password');
    expect(beacon.pool).toEqual(new Set([100n, 101n]));
  });

  it.each<readonly [string, readonly string[], number, RegExp]>([
    ['no authority', [], 1, /--signer-ca/],
    ['no certificate', ['--signer-ca', ca], 1, /--signer-cert/],
    ['half of a certificate', ['--signer-ca', ca, '--signer-cert', clientCert], 2, /belong together/],
  ])('validators-exit over TLS sends nothing with %s', async (_, tls, code, message) => {
    const { stdout, stderr, exitCode } = await exitThrough(...tls);
    expect(stderr).toMatch(message);
    expect({ stdout, exitCode, sent: beacon.pool.size }).toEqual({ stdout: '', exitCode: code, sent: 0 });
  });
});
