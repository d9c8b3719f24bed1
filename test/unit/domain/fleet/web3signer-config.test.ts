import { describe, expect, it } from 'vitest';
import {
  createWeb3SignerConfig,
  type Web3SignerConfigOptions,
} from '../../../../src/domain/fleet/web3signer-config.ts';

const options: Web3SignerConfigOptions = {
  version: '26.7.0',
  vaultNetwork: 'mainnet',
  keyStorePath: '/keys',
  allowedHosts: [],
  tls: { allowsCaClients: false, allowsAnyClient: false },
  metrics: { isEnabled: false, allowedHosts: [] },
  slashingDatabaseUrl: 'jdbc:postgresql://db:5432/w3s',
};
const create = (more: Partial<Web3SignerConfigOptions>) => createWeb3SignerConfig({ ...options, ...more });
const KEYSTORE = { keystoreFile: '/tls/k.p12', keystorePasswordFile: '/tls/p' };

describe('createWeb3SignerConfig', () => {
  it('createWeb3SignerConfig takes what Web3Signer takes where nothing is given', () => {
    expect(create({})).toEqual({
      config: {
        network: 'mainnet',
        keyStorePath: '/keys',
        listenHost: '127.0.0.1',
        listenPort: 9000,
        allowedHosts: 'localhost,127.0.0.1',
        tls: undefined,
        metrics: undefined,
        slashingDatabase: { url: 'jdbc:postgresql://db:5432/w3s', username: undefined },
        knows: expect.any(Function),
      },
      warnings: [],
    });
  });

  it('createWeb3SignerConfig adds hosts to the local ones, each once, and lets a star mean all', () => {
    expect(create({ allowedHosts: ['w3s', 'localhost', 'w3s'] }).config.allowedHosts).toBe(
      'localhost,127.0.0.1,w3s',
    );
    expect(create({ allowedHosts: ['w3s', '*'] }).config.allowedHosts).toBe('*');
    const metrics = { isEnabled: true, port: 9101, allowedHosts: ['prometheus'] };
    expect(create({ metrics }).config.metrics).toEqual({
      host: '127.0.0.1',
      port: 9101,
      allowedHosts: 'localhost,127.0.0.1,prometheus',
    });
  });

  it.each([
    ['25.12.0', true],
    ['v26.1.0', true],
    ['26.1', true],
    ['25.11.2', false],
    ['24.6.0', false],
    ['25.2.0', false],
  ])('createWeb3SignerConfig knows whether version %s loads in parallel: %s', (version, is) => {
    const { config } = create({ version });
    expect(config.knows('signer-load-parallel')).toBe(is);
    expect(config.knows('http-listen-host')).toBe(true);
  });

  it.each(['', '26', 'latest', '1.2.3', '26.7.0.1', '2600.7'])(
    'createWeb3SignerConfig refuses %j as a version',
    version => {
      expect(() => create({ version })).toThrow(
        expect.objectContaining({ code: 'invalid-signer-version', exitCode: 2 }),
      );
    },
  );

  it.each([
    ['goerli', '26.7.0'],
    ['devnet', '26.7.0'],
    ['hoodi', '24.6.0'],
    ['holesky', '23.8.1'],
  ])(
    'createWeb3SignerConfig refuses the network %s for version %s, unless it is given another',
    (vaultNetwork, version) => {
      expect(() => create({ vaultNetwork, version })).toThrow(
        expect.objectContaining({ code: 'unknown-signer-network', exitCode: 2 }),
      );
      expect(create({ vaultNetwork, version, network: '/etc/devnet.yaml' }).config.network).toBe(
        '/etc/devnet.yaml',
      );
    },
  );

  it.each([
    ['a keystore without its password', { keystoreFile: '/k' }],
    ['a password without a keystore', { keystorePasswordFile: '/p' }],
    ['clients without a keystore', { knownClientsFile: '/c' }],
    ['authorities without a keystore', { allowsCaClients: true }],
    ['any client without a keystore', { allowsAnyClient: true }],
    ['no word of clients', KEYSTORE],
    ['any client and some', { ...KEYSTORE, allowsAnyClient: true, knownClientsFile: '/c' }],
    ['any client and those of authorities', { ...KEYSTORE, allowsAnyClient: true, allowsCaClients: true }],
  ])('createWeb3SignerConfig refuses TLS with %s', (_, tls) => {
    expect(() => create({ tls: { ...options.tls, ...tls } })).toThrow(
      expect.objectContaining({ code: 'tls-incomplete', exitCode: 2 }),
    );
  });

  it.each([
    { knownClientsFile: '/c' },
    { allowsCaClients: true },
    { knownClientsFile: '/c', allowsCaClients: true },
    { allowsAnyClient: true },
  ])('createWeb3SignerConfig takes TLS for clients of %j', clients => {
    const tls = { ...options.tls, ...KEYSTORE, ...clients };
    expect(create({ tls }).config.tls).toMatchObject(clients);
  });

  it.each([
    ['jdbc:postgresql://db/w3s?sslmode=require', 'jdbc:postgresql://db/w3s?sslmode=require', undefined],
    ['postgresql://signer@db:5432/w3s', 'jdbc:postgresql://db:5432/w3s', 'signer'],
    ['postgres://db/w3s', 'jdbc:postgresql://db/w3s', undefined],
    ['jdbc:postgresql://50%off@db/w3s', 'jdbc:postgresql://db/w3s', '50%off'],
  ])('createWeb3SignerConfig takes the slashing database %s', (slashingDatabaseUrl, url, username) => {
    expect(create({ slashingDatabaseUrl }).config.slashingDatabase).toEqual({ url, username });
    expect(
      create({ slashingDatabaseUrl, slashingDatabaseUsername: 'me' }).config.slashingDatabase?.username,
    ).toBe('me');
  });

  it.each([
    'jdbc:mysql://db/w3s',
    'db:5432',
    'postgresql://',
    'jdbc:postgresql://db/w 3s',
    'jdbc:postgresql://db/w3s?user=a&password=hunter2',
    'postgresql://a:hunter2@db/w3s',
  ])(
    'createWeb3SignerConfig refuses the slashing database %s, and repeats no password',
    slashingDatabaseUrl => {
      const refusal = { code: 'invalid-slashing-db-url', message: expect.not.stringContaining('hunter2') };
      expect(() => create({ slashingDatabaseUrl })).toThrow(expect.objectContaining(refusal));
    },
  );

  it('createWeb3SignerConfig warns of a signer that everybody reaches, that nobody may ask by name, that lacks its database', () => {
    expect(create({ listenHost: '0.0.0.0' }).warnings).toEqual([
      expect.stringContaining('without TLS'),
      expect.stringContaining('403'),
    ]);
    const tls = { ...options.tls, ...KEYSTORE, allowsAnyClient: true };
    expect(create({ listenHost: '0.0.0.0', allowedHosts: ['w3s'], tls }).warnings).toEqual([]);
    for (const listenHost of ['localhost', '127.0.0.1', '::1'])
      expect(create({ listenHost }).warnings).toEqual([]);
    expect(create({ slashingDatabaseUrl: undefined }).warnings).toEqual([
      expect.stringContaining('does not start'),
    ]);
  });
});
