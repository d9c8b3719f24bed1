import { describe, expect, it } from 'vitest';
import { fromHex } from '../../../../../src/lib/bytes.ts';
import { BUILT_IN } from '../../../../../src/networks/built-in.ts';
import {
  ethereumVaultVersion,
  metaVaultName,
} from '../../../../../src/services/staking/registration/vault-version.ts';
import { readNewestVectors } from '../../../../support/recorded/newest-vectors.ts';

const { meta_vault_ids, cases } = readNewestVectors<{
  readonly meta_vault_ids: readonly string[];
  readonly cases: readonly {
    readonly network: 'mainnet' | 'hoodi' | 'gnosis';
    readonly version: number;
    readonly regular_ok: boolean;
    readonly genesis_ok: boolean;
  }[];
}>('vault-versions');

describe('vault-versions.json', () => {
  it.each(cases)(
    'version $version on $network is Pectra’s for a regular vault: $regular_ok, for the genesis vault: $genesis_ok',
    ({ network: name, version, regular_ok, genesis_ok }) => {
      const network = BUILT_IN[name];
      const { genesisVault } = network.contracts;
      if (genesisVault === undefined) throw new Error(`${name} has no genesis vault`);
      const isPectra = (vault: string) => ethereumVaultVersion(network, vault, version) >= 5;
      expect(isPectra(`0x${'a1'.repeat(20)}`)).toBe(regular_ok);
      expect(isPectra(genesisVault)).toBe(genesis_ok);
    },
  );

  it.each(meta_vault_ids)('metaVaultName knows the recorded id of a meta vault: %s', id => {
    expect(metaVaultName(fromHex(id, 32))).toMatch(/MetaVault$/);
  });
});
