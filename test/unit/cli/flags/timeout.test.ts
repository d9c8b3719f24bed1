import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FLEET_OPTIONS, WATCH_OPTIONS } from '../../../../src/cli/flags/fleet.ts';
import { KEY_SOURCE_OPTIONS } from '../../../../src/cli/flags/key-sources.ts';
import {
  CONSENSUS_TIMEOUTS,
  EXECUTION_TIMEOUTS,
  IPFS_OPTIONS,
  ipfsSettings,
} from '../../../../src/cli/flags/nodes.ts';
import { SIGNER_OPTIONS } from '../../../../src/cli/flags/signer.ts';
import { START_OPTIONS } from '../../../../src/cli/flags/start.ts';
import { duration, timeout } from '../../../../src/cli/flags/timeout.ts';
import type { Option } from '../../../../src/cli/options/option.ts';
import { ipfsGateways } from '../../../../src/cli/options/value-kinds.ts';

const source = { kind: 'environment' } as const;

/** All options whose value is a time, by their names in the program. */
const DURATIONS = [
  EXECUTION_TIMEOUTS,
  CONSENSUS_TIMEOUTS,
  IPFS_OPTIONS,
  FLEET_OPTIONS,
  WATCH_OPTIONS,
  SIGNER_OPTIONS,
  KEY_SOURCE_OPTIONS,
  START_OPTIONS,
]
  .flatMap(group => Object.entries<Option<unknown>>(group))
  .filter(([, { value }]) => value.placeholder === 'SECONDS');

/** Names on the command line of all options that take seconds. */
function secondsInManifest(): string[] {
  const manifest: {
    commands: Record<string, { flags?: Record<string, { helpValue?: string }> }>;
  } = JSON.parse(readFileSync(new URL('../../../../oclif.manifest.json', import.meta.url), 'utf8'));
  return Object.values(manifest.commands)
    .flatMap(({ flags = {} }) => Object.entries(flags))
    .filter(([, { helpValue }]) => helpValue === 'SECONDS')
    .map(([name]) => name);
}

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

  it.each([...new Map(DURATIONS)])(
    '%s is a whole number of milliseconds that a timer can wait',
    async (_, one) => {
      const parse = (text: string) => one.value.parse(text, source);
      const longest = 2 ** 31 - 1;
      // 1.001 * 1000 is a little more than 1001, which AbortSignal.timeout refuses.
      expect([await parse('1.001'), await parse('0.0001')]).toEqual([1_001, 1]);
      expect([await parse('2147483.647'), await parse('2147483.648'), await parse('1e300')]).toEqual([
        longest,
        longest,
        longest,
      ]);
      expect(() => AbortSignal.timeout(longest)).not.toThrow();
    },
  );

  it('the table of time limits has every option that takes seconds', () => {
    const names = DURATIONS.map(([name]) => name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`));
    expect(new Set(names)).toEqual(new Set(secondsInManifest()));
  });

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

describe('a time with its unit', () => {
  it.each([
    ['60s', 60_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['300ms', 300],
    ['1.5s', 1_500],
    ['90', 90_000],
    [' 0 ', 0],
    ['99999999h', 2 ** 31 - 1],
  ])('"%s" is %i ms', (text, expected) => {
    expect(duration.parse(text, source)).toBe(expected);
  });

  it.each(['soon', '-1s', '1d', '1 s', 's', '1m30s', '1e3'])('"%s" is refused', text => {
    expect(() => duration.parse(text, source)).toThrow(`'${text}' is not a time such as 60s, 5m or 1h.`);
  });
});
