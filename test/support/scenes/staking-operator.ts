import { JsonRpcProvider } from 'ethers';
import { connectBeaconNode } from '../../../src/clients/beacon/beacon-node.ts';
import { BeaconSnapshotReader } from '../../../src/clients/beacon/beacon-snapshot.ts';
import { createChainReader } from '../../../src/clients/execution/chain-snapshot.ts';
import { fetchIpfsDocument } from '../../../src/clients/ipfs/ipfs.ts';
import { openSignerClient } from '../../../src/clients/signer/signer-client.ts';
import type { ValidatorType } from '../../../src/domain/consensus/deposit.ts';
import type { OracleConfig } from '../../../src/domain/protocol/oracle-config.ts';
import { parseOracleConfig } from '../../../src/domain/protocol/oracle-document.ts';
import { fromHex, type Hex } from '../../../src/lib/bytes.ts';
import { WEI_PER_GWEI } from '../../../src/lib/units.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { VaultValidators } from '../../../src/services/local-keys/vault-validators.ts';
import { ValidatorFunding } from '../../../src/services/staking/funding/fund-validators.ts';
import { findLastFunding } from '../../../src/services/staking/funding/last-funding.ts';
import { VaultStakingPlanner } from '../../../src/services/staking/funding/plan-vault-staking.ts';
import { fetchHarvestParams } from '../../../src/services/staking/harvest/fetch-harvest-params.ts';
import { namedKeys } from '../../../src/services/staking/registration/own-keys.ts';
import {
  type RegisterValidatorsDeps,
  type RegistrationOutcome,
  ValidatorRegistrar,
} from '../../../src/services/staking/registration/register-validators.ts';
import { createSignerKeysMode } from '../../../src/services/staking/registration/signer-keys-mode.ts';
import { findLastSubmission } from '../../../src/services/staking/withdrawals/last-submission.ts';
import { RedemptionReserve } from '../../../src/services/staking/withdrawals/redemption-reserve.ts';
import {
  planVaultExits,
  requestVaultExits,
  type VaultExitsOptions,
} from '../../../src/services/staking/withdrawals/vault-exits.ts';
import {
  ValidatorWithdrawals,
  type WithdrawalOutcome,
} from '../../../src/services/staking/withdrawals/withdraw-from-validators.ts';
import { createDepositLog } from '../../devnet/deposit-log.ts';
import { recordingLog } from '../recording-log.ts';
import { countDeposits } from './chain-deposits.ts';
import { localSigner, type OutboxPlace, startTestOperator, type TestOperator } from './outbox-scene.ts';

const GWEI_PER_ETHER = 1_000_000_000n;

/** What a validator is filled up to, gwei. */
export const MAX_VALIDATOR_GWEI = 300n * GWEI_PER_ETHER;

/** Where an operator of a vault of version 5 works; plain data, for a process of its own. */
export interface StakingPlace extends OutboxPlace {
  readonly networkFile: string;
  readonly beaconUrl: string;
  /** Has the keys of the vault's validators. */
  readonly signerUrl: string;
  /** Public keys in the order in which they are registered. */
  readonly publicKeys: readonly Hex[];
  /** Time from one top-up to the next; without it, none is made. */
  readonly minDepositDelayMs?: number;
}

/** How a pass of withdrawals is made. */
export interface WithdrawalRules {
  readonly maxRequestFeeWei: bigint;
  readonly intervalMs: number;
  readonly isWithoutExits: boolean;
}

/** What an operator of such a vault does with validators, pass by pass. */
export interface StakingOperator extends AsyncDisposable {
  readonly operator: TestOperator;
  register(type: ValidatorType): Promise<RegistrationOutcome>;
  withdraw(rules: WithdrawalRules): Promise<WithdrawalOutcome>;
  /** Exits validators, as `exit-validators` does. */
  exit(which: Partial<Pick<VaultExitsOptions, 'count' | 'indexes'>>): Promise<void>;
}

/** Takes the lease of the vault, and opens what the passes need. */
export async function openStakingOperator(place: StakingPlace, holder: string): Promise<StakingOperator> {
  const { vault, chainId, publicKeys, rpcUrl } = place;
  await using stack = new AsyncDisposableStack();
  const network = resolveNetwork(place.networkFile);
  const wallet = localSigner(place.secretKey);
  const operator = stack.use(await startTestOperator(place, { holder, signer: wallet, pollMs: 5 }));
  const signer = stack.use(openSignerClient({ urls: [place.signerUrl], timeoutMs: 10_000 }));
  const provider = new JsonRpcProvider(rpcUrl, chainId, { staticNetwork: true, cacheTimeout: -1 });
  stack.defer(() => provider.destroy());
  const { node, outbox } = operator;
  const { log } = recordingLog();
  const { signal } = new AbortController();
  const ipfs = { gateways: network.ipfsGateways, timeoutMs: 5_000 };
  const beaconNode = await connectBeaconNode(
    {},
    { ...network, endpoints: [place.beaconUrl], timeoutMs: 5_000, retryTimeoutMs: 0 },
  );
  const stake = {
    node,
    beacon: new BeaconSnapshotReader(beaconNode),
    validators: new VaultValidators({ node, http: {} }, { vault, network, dumpTimeoutMs: 5_000 }),
  };
  const configs = new Map<string, Promise<OracleConfig>>();
  const fetchOracleConfig: RegisterValidatorsDeps['fetchOracleConfig'] = hash => {
    const config = configs.get(hash) ?? fetchIpfsDocument({}, hash, ipfs).then(parseOracleConfig);
    configs.set(hash, config);
    return config;
  };
  const rules = { hasOwnMevEscrow: false, currency: network.currency };
  const fetchHarvest: RegisterValidatorsDeps['fetchHarvest'] = ({ events }) =>
    fetchHarvestParams({ http: {} }, { vault, rewards: events.rewards, rules, ipfs });
  const chain = createChainReader(node, {
    vault,
    vaultVersion: 5,
    contracts: network.contracts,
    wallet: wallet.address,
    maxAgeMs: 0,
  });
  const shared = { node, outbox, log, http: {}, chain, fetchOracleConfig, fetchHarvest };
  const { genesisForkVersion } = network;
  const { depositContract } = network.contracts;
  const deposits = createDepositLog({ provider, addresses: { depositContract } }, { genesisForkVersion });
  const keys = namedKeys('the test', async () => publicKeys.map(key => fromHex(key)));
  const reserve = new RedemptionReserve({ node, http: {}, log }, { vault, network, ipfs });
  const scope = { chainId, vault: fromHex(vault, 20) };
  const funding = new ValidatorFunding({ node, outbox, log }, { vault, wallet: wallet.address, network });
  const openRegistrar = (type: ValidatorType) => {
    const modeOptions = { vault, chainId, genesisForkVersion, validatorType: type };
    const { minDepositDelayMs } = place;
    const isFunding = type === '0x02' && minDepositDelayMs !== undefined;
    const staking = {
      type,
      maxValidatorBalanceGwei: MAX_VALIDATOR_GWEI,
      minDepositAmountGwei: 10n * GWEI_PER_ETHER,
    };
    const planner = new VaultStakingPlanner(
      { ...stake, reserve, findLastFunding: () => findLastFunding(operator.database, scope) },
      {
        vault,
        network,
        staking,
        minVaultBalanceWei: 0n,
        isRegistering: true,
        funding: isFunding ? { minDepositDelayMs } : undefined,
      },
    );
    return new ValidatorRegistrar(
      {
        ...shared,
        signer,
        planner,
        funding: isFunding ? funding : undefined,
        mode: createSignerKeysMode({ keys, wallet, signer, log, beacon: beaconNode }, modeOptions),
        networkValidators: countDeposits({ deposits }),
        now: Date.now,
      },
      {
        vault,
        network,
        vaultVersion: 5,
        maxFeePerGasGwei: 100n,
        oraclesTimeoutMs: 10_000,
        exitShards: { mode: 'split', config: undefined },
        staking,
      },
    );
  };
  const registrars = { '0x01': openRegistrar('0x01'), '0x02': openRegistrar('0x02') };
  const open = stack.move();
  return {
    operator,
    register: type => registrars[type].run(signal),
    withdraw: withdrawalRules => {
      const findLast = () => findLastSubmission(operator.database, scope);
      const withdrawals = new ValidatorWithdrawals(
        { ...shared, ...stake, reserve, findLastSubmission: findLast },
        { vault, network, wallet: wallet.address, oraclesTimeoutMs: 2_000, ...withdrawalRules },
      );
      return withdrawals.run(signal);
    },
    async exit({ count, indexes }) {
      const planned = await planVaultExits(stake, {
        vault,
        network,
        count,
        indexes,
        signal,
        wallet: wallet.address,
        maxRequestFeeWei: 1_000n * WEI_PER_GWEI,
      });
      await requestVaultExits(outbox, planned, { signal, onSent: () => undefined });
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
