import { describe, expect, it } from 'vitest';
import { IPFS_OPTIONS, ipfsSettings } from '../../../../src/cli/flags/nodes.ts';
import { timeout } from '../../../../src/cli/flags/timeout.ts';
import { ipfsGateways } from '../../../../src/cli/options/value-kinds.ts';

const source = { kind: 'environment' } as const;

describe('a time limit', () => {
  const option = timeout('NODE_TIMEOUT', 30, 'Time limit of one request');

  it('a time limit is given in seconds, or parts of one, and comes out in milliseconds', async () => {
    const parse = (text: string) => option.value.parse(text, source);
    expect([await parse('30'), await parse('0.1'), await parse(' 2 ')]).toEqual([30_000, 100, 2_000]);
  });

  it.each(['soon', '0', '-1', ' ', 'Infinity', '1,5', '10s'])(
    'a time limit of "%s" is refused',
    async text => {
      const parse = async () => await option.value.parse(text, source);
      await expect(parse()).rejects.toMatchObject({
        code: 'invalid-timeout',
        exitCode: 2,
        message: `'${text}' is not a number of seconds above 0.`,
      });
    },
  );

  it('a time limit has one default, which its description tells', () => {
    expect(option.fallback?.()).toBe('30');
    expect(option.description).toBe('Time limit of one request, in seconds. Default is 30.');
  });
});

describe('IPFS gateways', () => {
  it('IPFS gateways are separated by commas, and reached by https unless they say otherwise', async () => {
    const gateways = await ipfsGateways.parse(' ipfs.example , ,http://localhost:8080/ ', source);
    expect(gateways.map(one => one.reveal())).toEqual(['https://ipfs.example', 'http://localhost:8080']);
    expect(await ipfsGateways.parse(' , ', source)).toEqual([]);
    expect(IPFS_OPTIONS.ipfsFetchEndpoints.env).toBe('IPFS_FETCH_ENDPOINTS');
    expect(ipfsSettings({ ipfsFetchEndpoints: undefined, ipfsTimeout: 1 }).ownGateways).toEqual([]);
  });

  it('an IPFS gateway is refused without repeating what may be a password in it', async () => {
    const parse = async () => await ipfsGateways.parse('ftp://ops:secret@gateway', source);
    await expect(parse()).rejects.toMatchObject({
      code: 'invalid-ipfs-gateway',
      message: expect.not.stringContaining('secret'),
    });
  });
});
