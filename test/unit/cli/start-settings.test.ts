import { describe, expect, it } from 'vitest';
import { START_OPTIONS } from '../../../src/cli/flags/start.ts';
import { resolveOptions } from '../../../src/cli/options/resolve-options.ts';
import { operatorSettings } from '../../../src/cli/start-settings.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import { walletOperations } from '../../../src/settings/operator-settings.ts';

/** What the wallet's process is told by these options and variables. */
async function operationsOf(flags: Record<string, unknown>, environment: Record<string, string> = {}) {
  const needed = {
    vault: '0x1234567890AbcdEF1234567890aBcdef12345678',
    network: 'mainnet',
    'consensus-endpoints': 'http://127.0.0.1:1',
    'execution-endpoints': 'http://127.0.0.1:2',
    'remote-signer-url': 'http://127.0.0.1:3',
    'data-dir': '/nonexistent',
  };
  const given = await resolveOptions(START_OPTIONS, {
    flags: { ...needed, ...flags },
    environment,
    prompter: undefined,
    warn: () => undefined,
  });
  return walletOperations((await operatorSettings(given)).policy);
}

describe('what start has the hot wallet sign for validators of the vault', () => {
  it.each<[string, Record<string, unknown>, Record<string, string>, object]>([
    ['nothing said', {}, {}, { funding: true, maxWithdrawalRequestFeeWei: String(1_000n * GWEI) }],
    [
      'another ceiling',
      { 'max-withdrawal-request-fee-gwei': '7' },
      {},
      { funding: true, maxWithdrawalRequestFeeWei: String(7n * GWEI) },
    ],
    ['no withdrawals', { 'disable-withdrawals': true }, {}, { funding: true }],
    [
      'no top-ups',
      { 'disable-validators-funding': true },
      {},
      { funding: false, maxWithdrawalRequestFeeWei: String(1_000n * GWEI) },
    ],
    [
      'validators of type 0x01, which take no top-ups',
      { 'validator-type': '0x01' },
      {},
      { funding: false, maxWithdrawalRequestFeeWei: String(1_000n * GWEI) },
    ],
    [
      'neither, by variables',
      {},
      { DISABLE_WITHDRAWALS: 'true', DISABLE_VALIDATORS_FUNDING: '1', MAX_WITHDRAWAL_REQUEST_FEE_GWEI: '9' },
      { funding: false },
    ],
  ])(
    'top-ups and withdrawals are signed as far as start says with %s',
    async (_, flags, environment, told) => {
      expect(await operationsOf(flags, environment)).toEqual(told);
    },
  );

  it('a fee of nothing is refused, since nothing can be requested for it', async () => {
    await expect(operationsOf({ 'max-withdrawal-request-fee-gwei': '0' })).rejects.toMatchObject({
      exitCode: 2,
    });
  });
});
