import { fromHex } from '../lib/bytes.ts';
import { HASH_LENGTH } from '../lib/lengths.ts';
import type { Network } from './network.ts';

/** The names that prompts offer; holesky and goerli are retired. */
export const NETWORK_NAMES = ['mainnet', 'hoodi', 'gnosis', 'chiado', 'holesky', 'goerli'] as const;
type NetworkName = (typeof NETWORK_NAMES)[number];

const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11';
/** The system contracts of Electra: EIP-7002 and EIP-7251 give them one address on every chain. */
const REQUEST_CONTRACTS = {
  withdrawalRequests: '0x00000961Ef480Eb55e80D19ad83579A64c007002',
  consolidationRequests: '0x0000BBdDc7CE488642fb579F8B00f3a590007251',
} as const;
const CONSOLIDATIONS_CHECKER = '0x033E5BaE5bdc459CBb7d388b41a9d62020Be810F';
const ETH_MAX_VALIDATOR_BALANCE_GWEI = 300_000_000_000n;
const GNOSIS_MAX_VALIDATOR_BALANCE_GWEI = 1_800_000_000_000n;
export const PUBLIC_IPFS_GATEWAYS = [
  'https://ipfs.io',
  'https://stakewise.myfilebase.com',
  'https://stakewise-ipfs.quicknode-ipfs.com',
  'https://gateway.pinata.cloud',
];
export const ETH_MIN_WALLET_BALANCE_GWEI = 30_000_000n;
const XDAI_MIN_WALLET_BALANCE_GWEI = 10_000_000n;

export const ethereum = {
  currency: 'ETH',
  secondsPerSlot: 12,
  slotsPerEpoch: 32,
  minWalletBalanceGwei: ETH_MIN_WALLET_BALANCE_GWEI,
  maxFeePerGasGwei: 100n,
  ipfsGateways: PUBLIC_IPFS_GATEWAYS,
} as const;

const gnosisChain = {
  ...ethereum,
  currency: 'xDAI',
  secondsPerSlot: 5,
  slotsPerEpoch: 16,
  minWalletBalanceGwei: XDAI_MIN_WALLET_BALANCE_GWEI,
  maxFeePerGasGwei: 2n,
  minPriorityFeeGwei: 1n,
} as const;

/** Values of the deployed protocol and of the chains' own configurations. */
export const BUILT_IN: Readonly<Record<NetworkName, Network>> = {
  mainnet: {
    ...ethereum,
    name: 'mainnet',
    chainId: 1,
    genesisTimestamp: 1606824023,
    genesisForkVersion: fromHex('0x00000000', 4),
    genesisValidatorsRoot: fromHex(
      '0x4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95',
      HASH_LENGTH,
    ),
    capellaForkVersion: fromHex('0x03000000', 4),
    capellaForkEpoch: 194048,
    contracts: {
      keeper: '0x6B5815467da09DaA7DC83Db21c9239d98Bb487b5',
      keeperGenesisBlock: 18470089,
      keeperCheckpoint: { block: 25934000, configUpdatedBlock: 25093055 },
      depositContract: '0x00000000219ab540356cBB839Cbe05303d7705Fa',
      depositContractGenesisBlock: 11052983,
      vaultsRegistry: '0x3a0008a588772446f6e656133C2D5029CC4FC20E',
      sharedMevEscrow: '0x48319f97E5Da1233c21c48b80097c0FB7a20Ff86',
      multicall: MULTICALL3,
      depositDataRegistry: '0x75AB6DdCe07556639333d3Df1eaa684F5735223e',
      genesisVault: '0xAC0F906E433d58FA868F936E8A43230473652885',
      v2Pool: '0xC874b064f465bdD6411D45734b56fac750Cda29A',
      v2PoolEscrow: '0x2296e122c1a20Fca3CAc3371357BdAd3be0dF079',
      ...REQUEST_CONTRACTS,
      validatorsChecker: '0x508e82B5119CCfB923C387d62D2Ae7B56Df79906',
      consolidationsChecker: CONSOLIDATIONS_CHECKER,
      osTokenRedeemer: '0xc43A7b16A7a167c0318390Cba16787C11e9e1FD0',
      osTokenVaultController: '0x2A261e60FB14586B474C208b1B7AC6D0f5000306',
    },
    maxFeePerGasGwei: 10n,
    genesisValidatorsIpfsHash: 'bafybeih7iqn3ke2cydzctd6bmg5j3xyjdhpg352lvzhxd2fld7h2erzpuu',
    maxValidatorBalanceGwei: ETH_MAX_VALIDATOR_BALANCE_GWEI,
    vaultValidatorsDump: {
      ipfsHash: 'bafybeigywptyz3lo7pb4rby2gwagdamyeahw2yklijupwfxqjjzfuqebpm',
      block: 25934000,
    },
  },
  hoodi: {
    ...ethereum,
    name: 'hoodi',
    chainId: 560048,
    genesisTimestamp: 1742213400,
    genesisForkVersion: fromHex('0x10000910', 4),
    genesisValidatorsRoot: fromHex(
      '0x212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f',
      HASH_LENGTH,
    ),
    capellaForkVersion: fromHex('0x40000910', 4),
    capellaForkEpoch: 0,
    contracts: {
      keeper: '0xA7D1Ac9D6F32B404C75626874BA56f7654c1dC0f',
      keeperGenesisBlock: 94074,
      keeperCheckpoint: { block: 3584000, configUpdatedBlock: 1279009 },
      depositContract: '0x00000000219ab540356cBB839Cbe05303d7705Fa',
      depositContractGenesisBlock: 0,
      vaultsRegistry: '0xf16fea93D3253A401C3f73B0De890C6586740B25',
      sharedMevEscrow: '0x51FD45BAEfB12f54766B5C4d639b360Ea50063bd',
      multicall: MULTICALL3,
      depositDataRegistry: '0x93a3f880E07B27dacA6Ef2d3C23E77DBd6294487',
      genesisVault: '0xba447498DC4c169f2b4f427B2c4D532320457E89',
      v2PoolEscrow: '0x291Fa5849215847081B475450cBE5De46CfD4fAE',
      ...REQUEST_CONTRACTS,
      validatorsChecker: '0xF1b78B96212DCcbf8F34A83535e58864311Fb9eB',
      consolidationsChecker: CONSOLIDATIONS_CHECKER,
      osTokenRedeemer: '0x3A422b2433f28CD123a8DE665887f7a040BF0258',
      osTokenVaultController: '0x140Fc69Eabd77fFF91d9852B612B2323256f7Ac1',
    },
    maxFeePerGasGwei: 10n,
    genesisValidatorsIpfsHash: 'bafybeihgdexvx4oca6proa5adhcumf66zo5ugy5oppunsh2wnlo4ejnxgm',
    maxValidatorBalanceGwei: ETH_MAX_VALIDATOR_BALANCE_GWEI,
    vaultValidatorsDump: {
      ipfsHash: 'bafkreihalltsgohglgsphglrbmbcnvbuohgwfqa5r5wnnsgiic53zpkliy',
      block: 3584000,
    },
  },
  gnosis: {
    ...gnosisChain,
    name: 'gnosis',
    chainId: 100,
    genesisTimestamp: 1638993340,
    genesisForkVersion: fromHex('0x00000064', 4),
    genesisValidatorsRoot: fromHex(
      '0xf5dcb5564e829aab27264b9becd5dfaa017085611224cb3036f573368dbb9d47',
      HASH_LENGTH,
    ),
    capellaForkVersion: fromHex('0x03000064', 4),
    capellaForkEpoch: 648704,
    contracts: {
      keeper: '0xcAC0e3E35d3BA271cd2aaBE688ac9DB1898C26aa',
      keeperGenesisBlock: 34778552,
      keeperCheckpoint: { block: 48148000, configUpdatedBlock: 42392284 },
      depositContract: '0x0B98057eA310F4d31F2a452B414647007d1645d9',
      depositContractGenesisBlock: 19469076,
      vaultsRegistry: '0x7d014B3C6ee446563d4e0cB6fBD8C3D0419867cB',
      sharedMevEscrow: '0x30db0d10d3774e78f8cB214b9e8B72D4B402488a',
      multicall: MULTICALL3,
      depositDataRegistry: '0x58e16621B5c0786D6667D2d54E28A20940269E16',
      genesisVault: '0x4b4406Ed8659D03423490D8b62a1639206dA0A7a',
      v2Pool: '0x2f99472b727e15EECf9B9eFF9F7481B85d3b4444',
      v2PoolEscrow: '0xfc9B67b6034F6B306EA9Bd8Ec1baf3eFA2490394',
      ...REQUEST_CONTRACTS,
      validatorsChecker: '0x80353898B72417AC5701a9809A9eF63F691BdE86',
      consolidationsChecker: CONSOLIDATIONS_CHECKER,
      osTokenRedeemer: '0xB790391ee99b9193Ebb80022bf127d24Bac586c4',
      osTokenVaultController: '0x60B2053d7f2a0bBa70fe6CDd88FB47b579B9179a',
    },
    genesisValidatorsIpfsHash: 'bafybeih5addmhcgkuwliowdu5in3y2o5jtcayazol4mgi2jmcgm3dkxqpu',
    maxValidatorBalanceGwei: GNOSIS_MAX_VALIDATOR_BALANCE_GWEI,
    vaultValidatorsDump: {
      ipfsHash: 'bafybeicl67j5kcvn5lzhydi5pmp5wjnot23topveijwggodb2ueay2qk5a',
      block: 48148000,
    },
  },
  chiado: {
    ...gnosisChain,
    name: 'chiado',
    chainId: 10200,
    genesisTimestamp: 1665396300,
    genesisForkVersion: fromHex('0x0000006f', 4),
    genesisValidatorsRoot: fromHex(
      '0x9d642dac73058fbf39c0ae41ab1e34e4d889043cb199851ded7095bc99eb4c1e',
      HASH_LENGTH,
    ),
    capellaForkVersion: fromHex('0x0300006f', 4),
    capellaForkEpoch: 244224,
    contracts: {
      keeper: '0x5f31eD13eBF81B67a9f9498F3d1D2Da553058988',
      keeperGenesisBlock: 10627588,
      depositContract: '0xb97036A26259B7147018913bD58a774cf91acf25',
      depositContractGenesisBlock: 155434,
      vaultsRegistry: '0x8750594B33516232e751C8B9C350a660cD5f1BB8',
      sharedMevEscrow: '0x453056f0bc4631abB15eEC656139f88067668E3E',
      multicall: MULTICALL3,
      depositDataRegistry: '0xFAce8504462AEb9BB6ae7Ecb206BD7B1EdF7956D',
      genesisVault: '0xF82f6E46d0d0a9536b9CA4bc480372EeaFcd9E6c',
      v2PoolEscrow: '0x928F9a91E674C886Cae0c377670109aBeF7e19d6',
      ...REQUEST_CONTRACTS,
      consolidationsChecker: CONSOLIDATIONS_CHECKER,
      osTokenVaultController: '0x5518052f2d898f062ee59964004A560F24E2eE7d',
    },
    genesisValidatorsIpfsHash: 'bafybeihkagspdbjaj4n5an4q5gzwyc6y3zu5s7xwjc5d7oqvzh7c4v4lfe',
  },
  holesky: {
    ...ethereum,
    name: 'holesky',
    chainId: 17000,
    genesisTimestamp: 1695902400,
    genesisForkVersion: fromHex('0x01017000', 4),
    genesisValidatorsRoot: fromHex(
      '0x9143aa7c615a7f7115e2b6aac319c03529df8242ae705fba9df39b79c59fa8b1',
      HASH_LENGTH,
    ),
    // The Python operator before v1.0.6 had the genesis version here; its exit signatures were invalid.
    capellaForkVersion: fromHex('0x04017000', 4),
    capellaForkEpoch: 256,
    contracts: {
      keeper: '0xB580799Bf7d62721D1a523f0FDF2f5Ed7BA4e259',
      keeperGenesisBlock: 215379,
      depositContract: '0x4242424242424242424242424242424242424242',
      depositContractGenesisBlock: 0,
      vaultsRegistry: '0xAa773c035Af95721C518eCd8250CadAC0AAB7ed0',
      sharedMevEscrow: '0xc98F25BcAA6B812a07460f18da77AF8385be7b56',
      multicall: MULTICALL3,
      depositDataRegistry: '0xAC0F906E433d58FA868F936E8A43230473652885',
      genesisVault: '0x8A94e1d22D83990205843cda08376d16F150c9bb',
      v2PoolEscrow: '0xA9f21D016E2846BC9Be972Cf45d9e410283c971e',
      ...REQUEST_CONTRACTS,
      osTokenVaultController: '0x7BbC1733ee018f103A9a9052a18fA9273255Cf36',
    },
    genesisValidatorsIpfsHash: 'bafybeifg4pobtkdhav577d354d6j4wga3krvrnz3zbviqbm7rfqewh6foy',
  },
  goerli: {
    ...ethereum,
    name: 'goerli',
    chainId: 5,
    genesisTimestamp: 1616508000,
    genesisForkVersion: fromHex('0x00001020', 4),
    genesisValidatorsRoot: fromHex(
      '0x043db0d9a83813551ee2f33450d23797757d430911a9320530ad8a0eabc43efb',
      HASH_LENGTH,
    ),
    capellaForkVersion: fromHex('0x03001020', 4),
    capellaForkEpoch: 162304,
    contracts: {
      keeper: '0x893ceb1cF23475defE3747670EbE4b40e629c6fD',
      keeperGenesisBlock: 9583358,
      depositContract: '0xff50ed3d0ec03aC01D4C79aAd74928BFF48a7b2b',
      depositContractGenesisBlock: 4367321,
      vaultsRegistry: '0xA7b1A1469b6eCAF941E0Bb8d5BB50C572072Ec20',
      sharedMevEscrow: '0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B',
      multicall: MULTICALL3,
      genesisVault: '0x8B5c0d4c067Cf480766140B251B464de7F03B515',
      v2Pool: '0x8c1EfEcFb5c4F1099AB0460b5659342943764Df7',
      v2PoolEscrow: '0x040F15C6b5Bfc5F324eCaB5864C38D4e1EEF4218',
    },
    genesisValidatorsIpfsHash: 'QmQo3oLYxqWm75fbgJJkCaUttZoYVqZhZj9r99r1UsZVpu',
  },
};
