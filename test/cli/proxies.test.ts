// Commands where nodes are reached through a forward proxy only, which alone knows their names.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { it } from '../support/fixtures.ts';
import { runCli } from '../support/programs/cli.ts';
import { issueCertificate } from '../support/servers/certificates.ts';
import { startForwardProxy } from '../support/servers/forward-proxy.ts';
import { type Handler, startServer } from '../support/servers/http-server.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const MNEMONIC = `${'abandon '.repeat(23)}art`;
const CREDENTIALS = { user: 'operator', password: 'hunter2' };
const TIMEOUTS = { EXECUTION_RETRY_TIMEOUT: '0.1', CONSENSUS_RETRY_TIMEOUT: '0.1' };

/** A node of another chain: reached is reached. */
const foreignNode: Handler = ({ body }) => {
  const { id } = JSON.parse(body);
  return {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id, result: '0x5' }),
  };
};

function recover(directory: string, execution: string, env: Readonly<Record<string, string>>) {
  const args = [
    'recover',
    '--vault',
    VAULT,
    '--mnemonic-file',
    join(directory, 'mnemonic'),
    '--network',
    'hoodi',
  ];
  writeFileSync(join(directory, 'mnemonic'), MNEMONIC, { mode: 0o600 });
  const endpoints = ['--execution-endpoints', execution, '--consensus-endpoints', 'http://127.0.0.1:1'];
  return runCli([...args, ...endpoints, '--data-dir', join(directory, 'data')], {
    env: { ...TIMEOUTS, ...env },
  });
}

const portOf = (url: string) => Number(new URL(url).port);

describe('a command behind a forward proxy', () => {
  it.for([['HTTP_PROXY'], ['http_proxy']] as const)(
    'recover asks a node through the proxy of %s, says so in one line and shows no credentials',
    async ([variable], { directory }) => {
      await using node = await startServer(foreignNode);
      const names = { 'node.test': portOf(node.url) };
      await using proxy = await startForwardProxy({ names, credentials: CREDENTIALS });
      const run = await recover(directory, 'http://node.test:8545', { [variable]: proxy.url });
      expect(run.stderr.split('\n')[0]).toBe(
        `Through a proxy, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say: ${proxy.origin} to http://node.test:8545.`,
      );
      expect(run.stderr).toContain('http://node.test:8545 is a node of another chain: chain id 5');
      expect(run.stderr).not.toContain('hunter2');
      expect(proxy.asked).toEqual(['POST http://node.test:8545/']);
    },
  );

  it('recover asks a node with https through a tunnel of the proxy of HTTPS_PROXY', async ({ directory }) => {
    const authority = issueCertificate({ commonName: 'authority', isAuthority: true });
    const tls = issueCertificate({ commonName: 'node.test', issuer: authority, dnsName: 'node.test' });
    writeFileSync(join(directory, 'ca.pem'), authority.cert);
    await using node = await startServer(foreignNode, { tls });
    await using proxy = await startForwardProxy({
      names: { 'node.test': portOf(node.url) },
      credentials: CREDENTIALS,
    });
    const env = { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') };
    const run = await recover(directory, 'https://node.test', env);
    expect(run.stderr).toContain('https://node.test is a node of another chain: chain id 5');
    expect(proxy.asked).toEqual(['CONNECT node.test:443']);
  });

  it('recover reaches this machine directly, and says nothing', async ({ directory }) => {
    await using node = await startServer(foreignNode);
    await using proxy = await startForwardProxy({ names: {} });
    const run = await recover(directory, node.url, { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url });
    expect(run.stderr).toMatch(/^Error: .* is a node of another chain/m);
    expect(run.stderr).not.toContain('Through a proxy');
    expect(proxy.asked).toEqual([]);
  });

  it('recover refuses a proxy of another kind, and does not show it', async ({ directory }) => {
    const run = await recover(directory, 'http://node.test', {
      HTTP_PROXY: 'socks5://u:hunter2@127.0.0.1:1',
    });
    expect(run.stderr).toContain('Error: HTTP_PROXY is not an http or https URL of a proxy.');
    expect(run.stderr).not.toContain('hunter2');
    expect(run.exitCode).toBe(2);
  });
});
