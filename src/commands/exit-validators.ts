import { example } from '../cli/examples.ts';
import {
  checkHotWallet,
  HOT_WALLET_OPTIONS,
  hotWalletPlace,
  warnOfPlainWallet,
} from '../cli/flags/hot-wallet.ts';
import { validatorIndexes } from '../cli/flags/listener.ts';
import {
  CONSENSUS_TIMEOUTS,
  consensusEndpoints,
  consensusSettings,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  executionSettings,
  proxySettings,
  verbose,
} from '../cli/flags/nodes.ts';
import { dryRunFlag } from '../cli/flags/preview.ts';
import { START_OPTIONS } from '../cli/flags/start.ts';
import { TRANSACTION_OPTIONS, transactionStoreSettings } from '../cli/flags/transactions.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { missingOptions } from '../cli/options/command-line-error.ts';
import { type CheckContext, flag, optional, type Resolved } from '../cli/options/option.ts';
import { integer } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/exit-validators.ts';
import { confirm } from '../cli/terminal/confirm.ts';
import { openHttp } from '../compose/nodes.ts';
import { UsageError } from '../lib/errors.ts';
import { createCommandLogger } from '../lib/logger.ts';
import { nameEach, nameList } from '../lib/name-list.ts';
import { countOf } from '../lib/plural.ts';
import { formatEther, WEI_PER_GWEI } from '../lib/units.ts';
import type { VaultExits } from '../services/staking/withdrawals/vault-exits.ts';
import { readVaultConfig } from '../settings/vault-config.ts';

const { maxFeePerGasGwei, maxWithdrawalRequestFeeGwei } = START_OPTIONS;

const OPTIONS = {
  consensusEndpoints: consensusEndpoints('Enter comma separated'),
  executionEndpoints,
  ...CONSENSUS_TIMEOUTS,
  ...EXECUTION_TIMEOUTS,
  ...TRANSACTION_OPTIONS,
  count: optional({
    description: 'The number of validators to exit, the longest active first. Default is all that can exit.',
    value: integer({ min: 1 }),
  }),
  indexes: optional<readonly string[]>({
    description: 'Indexes of the validators to exit, comma separated; instead of --count.',
    value: validatorIndexes,
  }),
  ...HOT_WALLET_OPTIONS,
  maxFeePerGasGwei,
  maxWithdrawalRequestFeeGwei,
  takeOver: flag({
    description:
      'Takes the place of an operator that acts for the vault by the same remote database: it stands by until the exits are requested.',
  }),
  yes: flag({ description: 'Requests the exits without asking.', aliases: ['no-confirm'] }),
  dryRun: dryRunFlag('Shows which exits would be requested and what they cost, and sends nothing.'),
  verbose,
};

/** Told before any node is asked. */
function check(given: Resolved<typeof OPTIONS>, { isAttended }: CheckContext): void {
  const { yes, dryRun, indexes, count } = given;
  checkHotWallet(given);
  if (indexes !== undefined && count !== undefined) {
    throw new UsageError('contradiction', 'Give either --indexes or --count.');
  }
  if (!yes && !dryRun && !isAttended) throw missingOptions([{ flag: '--yes' }]);
}

const numbersOf = (validators: readonly { readonly index: bigint }[]) =>
  validators.map(({ index }) => Number(index));

export default class ExitValidators extends operatorCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Has a vault of version 5 exit its validators.';
  static override examples = [
    example(
      'exit-validators --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052 --count 3',
    ),
  ];

  async run() {
    const given = await this.resolve();
    const whenInterrupted = this.beginWork('No exit was requested.');
    const { openVaultExits } = await import('../compose/vault-exits.ts');
    const network = given.network ?? (await readVaultConfig(given.dataDir, given.vault)).network;
    const outward = {
      proxies: proxySettings(),
      endpoints: [...given.executionEndpoints, ...given.consensusEndpoints],
    };
    const wallet = hotWalletPlace(given);
    const warning = warnOfPlainWallet(wallet);
    if (warning !== undefined) this.warn(warning);
    await using exits = await openVaultExits(
      {
        http: openHttp(given, outward, this.hint),
        log: createCommandLogger(given.verbose),
        warn: this.warn,
        programVersion: this.config.version,
        signal: new AbortController().signal,
      },
      {
        ...transactionStoreSettings(given),
        network,
        execution: executionSettings(given),
        consensus: consensusSettings(given),
        wallet,
        maxFeePerGasGwei: given.maxFeePerGasGwei === undefined ? undefined : BigInt(given.maxFeePerGasGwei),
        maxRequestFeeWei: BigInt(given.maxWithdrawalRequestFeeGwei) * WEI_PER_GWEI,
        indexes: given.indexes?.map(BigInt),
        count: given.count,
        takeOver: given.takeOver,
      },
    );
    const { plan, currency } = exits;
    await this.warnOfOthers(plan);
    const planned = {
      planned: numbersOf(plan.exits),
      later: numbersOf(plan.later),
      refused: plan.refused.map(({ index, reason }) => ({ index: Number(index), reason })),
      feesWei: String(plan.feesWei),
      gasWei: String(plan.gasWei),
    };
    const indexes = plan.exits.map(({ index }) => index);
    const what = `${countOf(indexes.length, 'validator')} with indexes: ${nameList(indexes)}`;
    const feesGwei = (plan.feesWei + WEI_PER_GWEI - 1n) / WEI_PER_GWEI;
    this.hint(
      `Cost: at most ${feesGwei} gwei for the requests, of which what is too much comes back; ${formatEther(plan.gasWei, currency)} for the gas of ${countOf(plan.intents.length, 'transaction')} at the base fee of now.`,
    );
    if (given.dryRun) {
      this.say(`Would exit ${what}`);
      return { ...planned, transactions: [], dryRun: true };
    }
    const question = `Are you sure you want to exit ${what}?`;
    if (!given.yes && !(await confirm(this.prompter, question, { flag: '--yes' }))) {
      return { ...planned, transactions: [] };
    }
    const tell = (requested: number) =>
      whenInterrupted(
        `Exits of ${requested} of ${indexes.length} validators were requested. What was sent is recorded: run the command again, or start the operator.`,
      );
    tell(0);
    const sent = await exits.send(tell);
    this.say(
      `Validators ${nameList(indexes)} (${indexes.length} of ${indexes.length}) exits successfully initiated`,
    );
    return { ...planned, transactions: sent.map(({ hash, blockNumber }) => ({ hash, block: blockNumber })) };
  }

  private async warnOfOthers({ refused, later, awaitingDeposits }: VaultExits): Promise<void> {
    const { describeRefusal } = await import('../services/staking/withdrawals/vault-exits.ts');
    nameEach(
      refused,
      one => this.warn(`validator ${describeRefusal(one)}; it cannot exit now.`),
      more => this.warn(`${more} more validators cannot exit now.`),
    );
    if (awaitingDeposits.length > 0) {
      this.warn(
        `Deposits wait on the beacon chain for ${nameList(awaitingDeposits)}: they come back to the vault only after the exit.`,
      );
    }
    if (later.length === 0) return;
    this.warn(
      `${countOf(later.length, 'exit')} would cost more than --max-withdrawal-request-fee-gwei, and are left for later: ${nameList(later.map(({ index }) => index))}.`,
    );
  }
}
