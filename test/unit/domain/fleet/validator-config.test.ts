import { describe, expect, it } from 'vitest';
import { createValidatorConfig, parseSignerUrl } from '../../../../src/domain/fleet/validator-config.ts';

const options = {
  publicKeys: [new Uint8Array(48).fill(0xab)],
  feeRecipient: '0x48319f97e5da1233c21c48b80097c0fb7a20ff86',
  signerUrl: 'http://web3signer:6174/',
  isBuilderEnabled: true,
};

describe('createValidatorConfig', () => {
  it('createValidatorConfig writes the fee recipient with checksum, the signer’s URL without a slash at its end', () => {
    expect(createValidatorConfig(options)).toEqual({
      config: {
        publicKeys: [`0x${'ab'.repeat(48)}`],
        feeRecipient: '0x48319f97E5Da1233c21c48b80097c0FB7a20Ff86',
        signerUrl: 'http://web3signer:6174',
        isBuilderEnabled: true,
      },
      warnings: [],
    });
  });

  it('createValidatorConfig names the clients that do not start without keys, and those that drop a URL’s path', () => {
    expect(createValidatorConfig({ ...options, publicKeys: [] }).warnings).toEqual([
      expect.stringMatching(/Teku.*Prysm.*Lighthouse/),
    ]);
    expect(createValidatorConfig({ ...options, signerUrl: 'http://h/w3s/' }).warnings).toEqual([
      expect.stringMatching(/http:\/\/h\/w3s .*Teku.*Lighthouse/),
    ]);
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
});
