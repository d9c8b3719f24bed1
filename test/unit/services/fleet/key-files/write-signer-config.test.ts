import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  createWeb3SignerConfig,
  type Web3SignerConfigOptions,
} from '../../../../../src/domain/fleet/web3signer-config.ts';
import {
  renderSignerConfig,
  writeSignerConfig,
} from '../../../../../src/services/fleet/key-files/write-signer-config.ts';
import { readWeb3SignerConfig } from '../../../../support/checkers/web3signer-config.ts';
import { it } from '../../../../support/fixtures.ts';

const FULL: Web3SignerConfigOptions = {
  version: '26.7.0',
  vaultNetwork: 'hoodi',
  keyStorePath: '/var/lib/web3signer/keys',
  listenHost: '0.0.0.0',
  listenPort: 6174,
  allowedHosts: ['web3signer'],
  tls: {
    keystoreFile: '/tls/a: #b.p12',
    keystorePasswordFile: '/tls/password',
    knownClientsFile: '/tls/clients',
    allowsCaClients: true,
    allowsAnyClient: false,
  },
  metrics: { isEnabled: true, host: '0.0.0.0', port: 9101, allowedHosts: ['*'] },
  slashingDatabaseUrl: 'jdbc:postgresql://db:5432/w3s?sslmode=require',
  slashingDatabaseUsername: 'signer',
};
const LEAST: Web3SignerConfigOptions = {
  version: '26.7.0',
  vaultNetwork: 'mainnet',
  keyStorePath: '/keys',
  allowedHosts: [],
  tls: { allowsCaClients: false, allowsAnyClient: false },
  metrics: { isEnabled: false, allowedHosts: [] },
};
const render = (options: Web3SignerConfigOptions, templateDirectory?: string) =>
  renderSignerConfig(createWeb3SignerConfig(options).config, templateDirectory);

describe('renderSignerConfig', () => {
  it('renderSignerConfig writes all that was given as options that Web3Signer reads', async () => {
    expect(Object.fromEntries(readWeb3SignerConfig(await render(FULL), '26.7.0'))).toEqual({
      'key-store-path': '/var/lib/web3signer/keys',
      'http-listen-host': '0.0.0.0',
      'http-listen-port': '6174',
      'http-host-allowlist': 'localhost,127.0.0.1,web3signer',
      'tls-keystore-file': '/tls/a: #b.p12',
      'tls-keystore-password-file': '/tls/password',
      'tls-known-clients-file': '/tls/clients',
      'tls-allow-ca-clients': 'true',
      'metrics-enabled': 'true',
      'metrics-host': '0.0.0.0',
      'metrics-port': '9101',
      'metrics-host-allowlist': '*',
      'signer-load-parallel': 'true',
      'signer-load-timeout': '600',
      'eth2.network': 'hoodi',
      'eth2.slashing-protection-db-url': 'jdbc:postgresql://db:5432/w3s?sslmode=require',
      'eth2.slashing-protection-db-username': 'signer',
    });
  });

  it('renderSignerConfig writes what is needed where nothing was given', async () => {
    expect(Object.fromEntries(readWeb3SignerConfig(await render(LEAST), '26.7.0'))).toEqual({
      'key-store-path': '/keys',
      'http-listen-host': '127.0.0.1',
      'http-listen-port': '9000',
      'http-host-allowlist': 'localhost,127.0.0.1',
      'signer-load-parallel': 'true',
      'signer-load-timeout': '600',
      'eth2.network': 'mainnet',
    });
  });

  it.each(['22.5.0', '23.9.1', '25.3.0', '25.11.0', '25.12.0', '26.7.0'])(
    'renderSignerConfig writes no option that version %s does not know',
    async version => {
      const text = await render({ ...LEAST, version });
      expect(readWeb3SignerConfig(text, version).get('eth2.network')).toBe('mainnet');
    },
  );

  it('renderSignerConfig takes a directory’s template before its own', async ({ directory }) => {
    await writeFile(
      join(directory, 'web3signer.yaml.eta'),
      'logging: DEBUG\neth2.network: <%= it.network %>',
    );
    expect(await render(LEAST, directory)).toBe('logging: DEBUG\neth2.network: "mainnet"\n');
  });
});

describe('writeSignerConfig', () => {
  it('writeSignerConfig writes where something differs, and leaves a directory that is there as it is', async ({
    directory,
  }) => {
    const etc = join(directory, 'etc');
    const path = join(etc, 'web3signer.yaml');
    await mkdir(etc);
    await chmod(etc, 0o711);
    const options = { path, attributes: { mode: 0o644 } };
    expect(await writeSignerConfig('a: 1\n', { ...options, check: true })).toBe(true);
    await expect(stat(path)).rejects.toThrow('ENOENT');
    expect(await writeSignerConfig('a: 1\n', { ...options, check: false })).toBe(true);
    expect(await readFile(path, 'utf8')).toBe('a: 1\n');
    expect((await stat(etc)).mode & 0o777).toBe(0o711);
    const before = await stat(path);
    for (const check of [true, false])
      expect(await writeSignerConfig('a: 1\n', { ...options, check })).toBe(false);
    expect((await stat(path)).ino).toBe(before.ino);
    expect(await writeSignerConfig('a: 2\n', { ...options, check: false })).toBe(true);
  });

  it('writeSignerConfig makes a missing directory', async ({ directory }) => {
    const path = join(directory, 'a/b/web3signer.yaml');
    expect(await writeSignerConfig('a: 1\n', { path, attributes: { mode: 0o640 }, check: false })).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect((await stat(join(directory, 'a/b'))).mode & 0o777).toBe(0o750);
  });
});
