import { describe, expect, it } from 'vitest';
import {
  createValidatorConfig,
  HIDDEN_SIGNER_URL,
  parseSignerUrl,
  shownSignerUrl,
} from '../../../../src/domain/fleet/validator-config.ts';
import { EndpointUrl } from '../../../../src/lib/endpoint-url.ts';

const options = {
  publicKeys: [new Uint8Array(48).fill(0xab)],
  feeRecipient: '0x48319f97e5da1233c21c48b80097c0fb7a20ff86',
  signerUrl: 'http://web3signer:6174/',
  isBuilderEnabled: true,
};
const warningsOf = (more: Partial<Parameters<typeof createValidatorConfig>[0]>) =>
  createValidatorConfig({ ...options, ...more }).warnings;

describe('createValidatorConfig', () => {
  it('createValidatorConfig writes the fee recipient with checksum, the signer’s URL without a slash at its end', () => {
    expect(createValidatorConfig(options)).toEqual({
      config: {
        publicKeys: [`0x${'ab'.repeat(48)}`],
        feeRecipient: '0x48319f97E5Da1233c21c48b80097c0FB7a20Ff86',
        signerUrl: 'http://web3signer:6174',
        signerBaseUrl: 'http://web3signer:6174',
        isBuilderEnabled: true,
      },
      secretMembers: new Set(),
      warnings: [],
    });
  });

  it('createValidatorConfig ends a URL with a path by a slash for clients that join, and only for these', () => {
    for (const signerUrl of ['http://h/w3s/', 'http://h/w3s', 'http://h/w3s//']) {
      const { config } = createValidatorConfig({ ...options, signerUrl });
      expect(config).toMatchObject({ signerUrl: 'http://h/w3s', signerBaseUrl: 'http://h/w3s/' });
      // As Lighthouse joins.
      expect(new URL('api/v1/eth2/sign/0x', config.signerBaseUrl).href).toBe(
        'http://h/w3s/api/v1/eth2/sign/0x',
      );
    }
  });

  it('createValidatorConfig says that clients wait without keys, and names those that drop a URL’s path', () => {
    expect(warningsOf({ publicKeys: [] })).toEqual([
      expect.stringMatching(/Lighthouse, Teku and Prysm .*start and wait/),
    ]);
    expect(warningsOf({ publicKeys: [] })[0]).not.toMatch(/will not start|does not start/);
    expect(warningsOf({ signerUrl: 'http://h/w3s/' })).toEqual([
      expect.stringMatching(/http:\/\/h\/w3s .*Teku.*Lighthouse/),
    ]);
  });

  it('createValidatorConfig warns of more keys than Teku’s YAML can hold', () => {
    const keys = (count: number) => new Array<Uint8Array>(count).fill(new Uint8Array(48));
    expect(warningsOf({ publicKeys: keys(31_000) })).toEqual([]);
    expect(warningsOf({ publicKeys: keys(31_001) })).toEqual([
      expect.stringMatching(/31001 keys: Teku reads 31000 at most/),
    ]);
  });

  it('createValidatorConfig gives Lighthouse the builder only where that is asked for, and as it is for the others', () => {
    const proposals = (isBuilderEnabled: boolean, isBuilderInDefinitions: boolean) =>
      createValidatorConfig({ ...options, isBuilderEnabled, isBuilderInDefinitions }).config.builderProposals;
    expect([proposals(true, false), proposals(false, false)]).toEqual([undefined, undefined]);
    expect([proposals(true, true), proposals(false, true)]).toEqual([true, false]);
  });

  it('createValidatorConfig names the members that are secret, and warns of certificates for http', () => {
    const created = createValidatorConfig({
      ...options,
      signerUrl: 'http://ops:secret@h',
      clientIdentityPath: '/tls/client.p12',
      clientIdentityPassword: 'p',
    });
    expect(created.secretMembers).toEqual(new Set(['signerUrl', 'signerBaseUrl', 'clientIdentityPassword']));
    expect(created.warnings[0]).toMatch(/^http:\/\/h begins with http: certificates are of no use/);
    expect(created.warnings.join()).not.toContain('secret@');
    expect(warningsOf({ signerUrl: 'https://h', rootCertificatePath: '/tls/ca.pem' })).toEqual([]);
  });

  it('createValidatorConfig refuses a fee recipient with a wrong checksum and one that is no address', () => {
    for (const feeRecipient of ['0x48319F97e5da1233c21c48b80097c0fb7a20ff86', '0x48', '']) {
      expect(() => createValidatorConfig({ ...options, feeRecipient })).toThrow(/address/);
    }
  });
});

describe('parseSignerUrl', () => {
  it.each(['web3signer:6174', 'web3signer', '', 'ftp://web3signer', 'http://'])(
    'parseSignerUrl refuses %j',
    url => {
      expect(() => parseSignerUrl(url)).toThrow(`"${url}" is not a URL of a Web3Signer.`);
    },
  );

  it.each([
    ['http://signer:9000?x=1', /a query/],
    ['http://signer:9000/?', /a query/],
    ['http://signer:9000/w3s?token=abc', /a query/],
    ['http://signer:9000#a', /a fragment/],
    ['http://signer:9000#a: b', /blanks/],
    [' http://signer:9000', /blanks/],
    ['http://signer:9000 ', /blanks/],
    ['http://signer:9000\n', /blanks/],
    ['http://sig\tner:9000', /blanks/],
    ['http://signer:9000/\u0085', /blanks/],
    ['http://signer:9000/\u2028', /blanks/],
    ['http://sïgner:9000', /ASCII/],
    ['http://signer\\w3s', /backslash/],
  ])('parseSignerUrl refuses %j, which clients read each in its own way', (url, message) => {
    for (const given of [url, EndpointUrl.parse(url)]) {
      expect(() => parseSignerUrl(given)).toThrow(
        expect.objectContaining({
          code: 'invalid-signer-url',
          exitCode: 2,
          message: expect.stringMatching(message),
        }),
      );
    }
  });

  it('parseSignerUrl repeats no password of a URL that it refuses', () => {
    expect(() => parseSignerUrl('http://ops:hunter2@signer:9000/?x=hunter3')).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/hunter/) }),
    );
  });

  it('shownSignerUrl shows a URL whole, and a word in the place of one with a password', () => {
    expect(shownSignerUrl('https://signer:9000/w3s/')).toBe('https://signer:9000/w3s');
    expect(shownSignerUrl('https://ops:hunter2@signer:9000')).toBe(HIDDEN_SIGNER_URL);
  });
});
