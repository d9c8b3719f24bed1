import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/lib/bytes.ts';
import { NETWORK_NAMES } from '../../../src/networks/built-in.ts';
import { parseNetworkFile } from '../../../src/networks/network-file.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';

describe('built-in networks', () => {
  it('built-in networks pass the checks of a network file themselves', () => {
    for (const name of NETWORK_NAMES) {
      const network = resolveNetwork(name);
      const text = JSON.stringify({ ...network, name: 'copy' }, (_key, value) => {
        if (typeof value === 'bigint') return Number(value);
        return value instanceof Uint8Array ? toHex(value) : value;
      });
      expect(parseNetworkFile(text, 'copy.json')).toEqual({ ...network, name: 'copy' });
      expect(network.genesisValidatorsRoot).toHaveLength(32);
    }
  });

  it('built-in networks have chain ids of their own and the true Capella versions', () => {
    expect(NETWORK_NAMES.map(name => resolveNetwork(name).chainId)).toEqual([
      1, 560048, 100, 10200, 17000, 5,
    ]);
    expect(NETWORK_NAMES.map(name => toHex(resolveNetwork(name).capellaForkVersion))).toEqual([
      '0x03000000',
      '0x40000910',
      '0x03000064',
      '0x0300006f',
      '0x04017000',
      '0x03001020',
    ]);
  });

  it('resolveNetwork finds built-in networks in any case, and names the choices when there is no such network', () => {
    expect(resolveNetwork('MainNet').name).toBe('mainnet');
    expect(() => resolveNetwork('sepolia')).toThrow("'sepolia' is not one of 'mainnet', 'hoodi',");
  });
});
