import { describe, expect, it } from 'vitest';
import { readWeb3SignerConfig } from '../../support/checkers/web3signer-config.ts';

const TLS = 'tls-keystore-file: a\ntls-keystore-password-file: b\n';

describe('readWeb3SignerConfig', () => {
  it('readWeb3SignerConfig reads options of both kinds, and joins the elements of a list with commas', () => {
    const text =
      'http-listen-port: 9000\nhttp-host-allowlist: [localhost, "*"]\nmetrics-enabled: true\neth2.network: "hoodi"\n';
    expect(Object.fromEntries(readWeb3SignerConfig(text, '25.12.0'))).toEqual({
      'http-listen-port': '9000',
      'http-host-allowlist': 'localhost,*',
      'metrics-enabled': 'true',
      'eth2.network': 'hoodi',
    });
  });

  it.each([
    ['', '25.12.0', /Empty yaml/],
    ['# nothing\n', '25.12.0', /Empty yaml/],
    ['{}', '25.12.0', /Empty yaml/],
    ['- a\n', '25.12.0', /Unexpected yaml content/],
    ['network: mainnet\n', '25.12.0', /Unknown options.*network/],
    ['eth2.http-listen-port: 1\n', '25.12.0', /Unknown options/],
    ['signer-load-parallel: true\n', '25.11.0', /Unknown options.*signer-load-parallel/],
    ['key-config-path: /keys\n', '23.6.0', /Unknown options/],
    ['swagger-ui-enabled: true\n', '25.12.0', /Unknown options/],
    ['http-listen-port: 9000\nhttp-listen-port: 9001\n', '25.12.0', /Invalid yaml/],
    ['http-listen-port: "a"\n', '25.12.0', /not an int/],
    ['metrics-enabled: sure\n', '25.12.0', /not a boolean/],
    ['http-listen-host: [a]\n', '25.12.0', /Invalid value/],
    ['eth2.slashing-protection-db-url: postgresql://db/w\n', '25.12.0', /no driver/],
    ['tls-keystore-file: a\n', '25.12.0', /together/],
    ['tls-allow-any-client: true\n', '25.12.0', /plain HTTP/],
    ['tls-known-clients-file: a\n', '25.12.0', /plain HTTP/],
    [TLS, '25.12.0', /exactly one policy/],
    [`${TLS}tls-allow-any-client: true\ntls-allow-ca-clients: true\n`, '25.12.0', /exactly one policy/],
  ])('readWeb3SignerConfig refuses %j of version %s', (text, version, message) => {
    expect(() => readWeb3SignerConfig(text, version)).toThrow(message);
  });
});
