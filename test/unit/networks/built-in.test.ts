import { CID } from 'multiformats/cid';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/lib/bytes.ts';
import { NETWORK_NAMES } from '../../../src/networks/built-in.ts';
import { parseNetworkFile } from '../../../src/networks/network-file.ts';
import { requireContract, requireMaxValidatorBalance } from '../../../src/networks/require-contract.ts';
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

  it('the proposers of Gnosis ask for a gwei at least, those of Ethereum for nothing', () => {
    const leastOf = (name: string) => resolveNetwork(name).minPriorityFeeGwei;
    expect(['gnosis', 'chiado'].map(leastOf)).toEqual([1n, 1n]);
    expect(['mainnet', 'hoodi', 'holesky', 'goerli'].map(leastOf)).toEqual(Array(4).fill(undefined));
  });

  it('networks of live vaults have what vaults of version 5 need', () => {
    const facts = ['mainnet', 'hoodi', 'gnosis'].map(name => {
      const { contracts, maxValidatorBalanceGwei, vaultValidatorsDump } = resolveNetwork(name);
      expect(contracts.withdrawalRequests).toBe('0x00000961Ef480Eb55e80D19ad83579A64c007002');
      expect(contracts.consolidationRequests).toBe('0x0000BBdDc7CE488642fb579F8B00f3a590007251');
      expect(contracts.consolidationsChecker).toBe('0x033E5BaE5bdc459CBb7d388b41a9d62020Be810F');
      expect(CID.parse(vaultValidatorsDump?.ipfsHash ?? '').version).toBe(1);
      expect(contracts.keeperCheckpoint?.block).toBe(vaultValidatorsDump?.block);
      return {
        maxValidatorBalanceGwei,
        block: vaultValidatorsDump?.block,
        configUpdatedBlock: contracts.keeperCheckpoint?.configUpdatedBlock,
        validatorsChecker: contracts.validatorsChecker,
        osTokenRedeemer: contracts.osTokenRedeemer,
        osTokenVaultController: contracts.osTokenVaultController,
      };
    });
    expect(facts).toEqual([
      {
        maxValidatorBalanceGwei: 300_000_000_000n,
        block: 25_934_000,
        configUpdatedBlock: 25_093_055,
        validatorsChecker: '0x508e82B5119CCfB923C387d62D2Ae7B56Df79906',
        osTokenRedeemer: '0xc43A7b16A7a167c0318390Cba16787C11e9e1FD0',
        osTokenVaultController: '0x2A261e60FB14586B474C208b1B7AC6D0f5000306',
      },
      {
        maxValidatorBalanceGwei: 300_000_000_000n,
        block: 3_584_000,
        configUpdatedBlock: 1_279_009,
        validatorsChecker: '0xF1b78B96212DCcbf8F34A83535e58864311Fb9eB',
        osTokenRedeemer: '0x3A422b2433f28CD123a8DE665887f7a040BF0258',
        osTokenVaultController: '0x140Fc69Eabd77fFF91d9852B612B2323256f7Ac1',
      },
      {
        maxValidatorBalanceGwei: 1_800_000_000_000n,
        block: 48_148_000,
        configUpdatedBlock: 42_392_284,
        validatorsChecker: '0x80353898B72417AC5701a9809A9eF63F691BdE86',
        osTokenRedeemer: '0xB790391ee99b9193Ebb80022bf127d24Bac586c4',
        osTokenVaultController: '0x60B2053d7f2a0bBa70fe6CDd88FB47b579B9179a',
      },
    ]);
  });

  it('requireContract and requireMaxValidatorBalance name what a network lacks, and what needs it', () => {
    const mainnet = resolveNetwork('mainnet');
    expect(requireContract(mainnet, 'validatorsChecker', 'Withdrawals')).toBe(
      '0x508e82B5119CCfB923C387d62D2Ae7B56Df79906',
    );
    expect(requireMaxValidatorBalance(mainnet, 'Top-ups')).toBe(300_000_000_000n);
    const goerli = resolveNetwork('goerli');
    const contracts = [
      'validatorsChecker',
      'consolidationsChecker',
      'withdrawalRequests',
      'consolidationRequests',
      'osTokenRedeemer',
      'osTokenVaultController',
    ] as const;
    for (const contract of contracts) {
      expect(() => requireContract(goerli, contract, 'Withdrawals')).toThrow(
        expect.objectContaining({
          code: 'network-incomplete',
          message: expect.stringMatching(
            /^The network goerli names no .*\. Withdrawals cannot do without\.$/,
          ),
          hint: expect.stringContaining(`contracts.${contract}`),
        }),
      );
    }
    expect(() => requireMaxValidatorBalance(goerli, 'Top-ups')).toThrow(
      expect.objectContaining({
        code: 'network-incomplete',
        hint: expect.stringContaining('maxValidatorBalanceGwei'),
      }),
    );
  });
});
