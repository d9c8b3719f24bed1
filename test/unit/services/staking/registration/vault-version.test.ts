import { describe, expect, it } from 'vitest';
import { splitDeposits } from '../../../../../src/domain/protocol/staking-plan.ts';
import { resolveNetwork } from '../../../../../src/networks/resolve-network.ts';
import {
  defaultMaxValidatorBalanceGwei,
  stakePerToken,
  validatorAssetsWei,
} from '../../../../../src/services/staking/registration/vault-version.ts';

describe('what validators get', () => {
  it.each([
    ['mainnet', 300n, 1n],
    ['hoodi', 300n, 1n],
    ['gnosis', 1800n, 32n],
    ['chiado', 1800n, 32n],
  ])(
    'a validator of type 0x02 gets at most %s’s default, and a token counts as so many',
    (name, max, rate) => {
      const network = resolveNetwork(name);
      expect(defaultMaxValidatorBalanceGwei(network)).toBe(max * 1_000_000_000n);
      expect(stakePerToken(network)).toBe(rate);
      // Whatever it counts as, the least is what a vault loses to one validator.
      const assetsGwei = (validatorAssetsWei(network) * rate) / 1_000_000_000n;
      const options = { type: '0x02', maxValidatorBalanceGwei: max * 1_000_000_000n } as const;
      expect(splitDeposits(assetsGwei, options)).toEqual([32_000_000_000n]);
      expect(splitDeposits(assetsGwei - 1n, options)).toEqual([]);
    },
  );
});
