import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parseIpfsGateway } from '../../../src/networks/ipfs-gateway.ts';
import { parseNetworkFile } from '../../../src/networks/network-file.ts';
import { canonicalNetworkName, isNetworkPath } from '../../../src/networks/network-name.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { it } from '../../support/fixtures.ts';

const KEEPER = '0x6B5815467da09DaA7DC83Db21c9239d98Bb487b5';
const FILE = {
  name: 'devnet',
  chainId: 31337,
  currency: 'ETH',
  secondsPerSlot: 12,
  slotsPerEpoch: 32,
  genesisTimestamp: 1700000000,
  genesisForkVersion: '0x10000038',
  genesisValidatorsRoot: `0x${'ab'.repeat(32)}`,
  capellaForkVersion: '0x40000038',
  capellaForkEpoch: 0,
  contracts: {
    keeper: KEEPER,
    keeperGenesisBlock: 0,
    depositContract: KEEPER.toLowerCase(),
    depositContractGenesisBlock: 0,
    vaultsRegistry: KEEPER,
    sharedMevEscrow: KEEPER,
    multicall: KEEPER,
  },
};

function withField(path: string, value: unknown): string {
  const document: Record<string, unknown> = structuredClone(FILE);
  const [outer = '', inner] = path.split('.');
  if (inner === undefined) document[outer] = value;
  else document[outer] = { ...FILE.contracts, [inner]: value };
  return JSON.stringify(document);
}

describe('network files', () => {
  it('isNetworkPath recognises a network file by a slash or .json', () => {
    expect(['a/b', './x', 'x.json', '/x'].map(isNetworkPath)).toEqual([true, true, true, true]);
    expect(isNetworkPath('mainnet')).toBe(false);
    expect(canonicalNetworkName('x.json')).toBe(join(process.cwd(), 'x.json'));
  });

  it('parseNetworkFile fills in what may be left out', () => {
    const network = parseNetworkFile(
      JSON.stringify({ ...FILE, ipfsGateways: ['ipfs.io', 'http://127.0.0.1:8080/'] }),
      'f',
    );
    expect(network).toMatchObject({
      minWalletBalanceGwei: 30_000_000n,
      maxFeePerGasGwei: 100n,
      ipfsGateways: ['https://ipfs.io', 'http://127.0.0.1:8080'],
      genesisValidatorsIpfsHash: '',
    });
    expect(network.contracts.depositContract).toBe(KEEPER);
    expect(network.contracts.genesisVault).toBeUndefined();
    expect(network.contracts.validatorsChecker).toBeUndefined();
    expect(network.contracts.keeperCheckpoint).toBeUndefined();
    expect(network.maxValidatorBalanceGwei).toBeUndefined();
    expect(network.vaultValidatorsDump).toBeUndefined();
  });

  it.each([
    ['name', 'mainnet', /name: must not be the name of a built-in network/],
    ['name', 'Devnet', /name: must be 1 to 32 of/],
    ['chainId', '1', /chainId: /],
    ['secondsPerSlot', 0, /secondsPerSlot: /],
    ['genesisForkVersion', '0x1000003', /genesisForkVersion: /],
    ['genesisForkVersion', '0x1000003800', /genesisForkVersion: expected 4 bytes of hex, got 5/],
    ['genesisValidatorsRoot', 'ab'.repeat(32), /genesisValidatorsRoot: must begin with 0x/],
    ['contracts.keeper', KEEPER.replace('B5', 'b5'), /contracts\.keeper: .*checksum/],
    ['contracts.keeper', '0x12', /contracts\.keeper: Invalid Ethereum address/],
    ['contracts.multicall', undefined, /contracts\.multicall: /],
    ['contracts.keper', KEEPER, /contracts: .*keper/],
    ['contracts.withdrawalRequests', '0x12', /contracts\.withdrawalRequests: Invalid Ethereum address/],
    [
      'contracts.keeperCheckpoint',
      { block: 5, configUpdatedBlock: 6 },
      /contracts\.keeperCheckpoint: has an event after its last block/,
    ],
    ['minPriorityFeeGwei', -1, /minPriorityFeeGwei: is less than 0/],
    ['maxValidatorBalanceGwei', 31_999_999_999, /maxValidatorBalanceGwei: is less than 32000000000/],
    ['maxValidatorBalanceGwei', 2_048_000_000_001, /maxValidatorBalanceGwei: is more than 2048000000000/],
    ['vaultValidatorsDump', { ipfsHash: '', block: 1 }, /vaultValidatorsDump\.ipfsHash: is empty/],
    ['surprise', 1, /surprise/],
    ['ipfsGateways', ['ftp://x'], /ipfsGateways\.0: expected an http or https URL/],
  ])('parseNetworkFile names the field and the file when it refuses %s = %s', (path, value, message) => {
    expect(() => parseNetworkFile(withField(path, value), '/x/devnet.json')).toThrow(message);
    expect(() => parseNetworkFile(withField(path, value), '/x/devnet.json')).toThrow(
      'Network file /x/devnet.json: ',
    );
  });

  it('parseNetworkFile takes what vaults of version 5 need', () => {
    const contracts = {
      ...FILE.contracts,
      keeperCheckpoint: { block: 9, configUpdatedBlock: 7 },
      validatorsChecker: KEEPER,
      consolidationsChecker: KEEPER,
      withdrawalRequests: KEEPER,
      consolidationRequests: KEEPER,
      osTokenRedeemer: KEEPER,
      osTokenVaultController: KEEPER.toLowerCase(),
    };
    const file = {
      ...FILE,
      contracts,
      maxValidatorBalanceGwei: 2_048_000_000_000,
      minPriorityFeeGwei: 2,
      vaultValidatorsDump: { ipfsHash: 'bafy', block: 9 },
    };
    expect(parseNetworkFile(JSON.stringify(file), 'f')).toMatchObject({
      contracts: { ...contracts, depositContract: KEEPER, osTokenVaultController: KEEPER },
      maxValidatorBalanceGwei: 2_048_000_000_000n,
      minPriorityFeeGwei: 2n,
      vaultValidatorsDump: { ipfsHash: 'bafy', block: 9 },
    });
  });

  it('resolveNetwork reads a network file from disk, and names one that is missing or no JSON', ({
    directory,
  }) => {
    const file = join(directory, 'devnet.json');
    expect(() => resolveNetwork(file)).toThrow(`Cannot read network file ${file}`);
    writeFileSync(file, '{');
    expect(() => resolveNetwork(file)).toThrow(`Network file ${file} is not JSON`);
    writeFileSync(file, JSON.stringify(FILE));
    expect(resolveNetwork(file).name).toBe('devnet');
  });

  it('parseIpfsGateway reads a gateway without a scheme as https', () => {
    expect(parseIpfsGateway('gateway.pinata.cloud')).toBe('https://gateway.pinata.cloud');
  });
});
