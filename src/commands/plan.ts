import { join } from 'node:path';
import { chooseExitKeys } from '../cli/choose-key-source.ts';
import { example } from '../cli/examples.ts';
import { KEY_SOURCE_OPTIONS } from '../cli/flags/key-sources.ts';
import {
  CONSENSUS_TIMEOUTS,
  consensusEndpoints,
  consensusSettings,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  executionSettings,
  IPFS_OPTIONS,
  ipfsSettings,
  proxySettings,
  verbose,
} from '../cli/flags/nodes.ts';
import { checkSignerTls, SIGNER_OPTIONS } from '../cli/flags/signer.ts';
import { STAKING_OPTIONS } from '../cli/flags/staking.ts';
import { START_OPTIONS } from '../cli/flags/start.ts';
import { TRANSACTION_OPTIONS, transactionStoreSettings } from '../cli/flags/transactions.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { optional, type Resolved } from '../cli/options/option.ts';
import { address } from '../cli/options/value-kinds.ts';
import { isActing, planLines } from '../cli/plan-lines.ts';
import { planResult } from '../cli/plan-result.ts';
import type { RESULT } from '../cli/results/plan.ts';
import { signerConnection } from '../cli/signer-connection.ts';
import { stakingPolicy } from '../cli/start-settings.ts';
import { openHttp } from '../compose/nodes.ts';
import { UsageError } from '../lib/errors.ts';
import { createCommandLogger } from '../lib/logger.ts';
import type { ExitKeysSettings } from '../settings/signing-settings.ts';
import { readVaultConfig } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';

const {
  executionJwtSecret,
  genesisValidatorsIpfsTimeout,
  depositDataFile,
  hotWalletFile,
  walletFile,
  maxFeePerGasGwei,
  vaultMinBalanceGwei,
  disableValidatorsRegistration,
  disableValidatorsFunding,
  disableWithdrawals,
  disableFullWithdrawals,
  withdrawalsInterval,
  maxWithdrawalRequestFeeGwei,
  oraclesValidatorsTimeout,
  exitShards,
} = START_OPTIONS;

const OPTIONS = {
  consensusEndpoints: consensusEndpoints('Enter comma separated'),
  executionEndpoints,
  ...CONSENSUS_TIMEOUTS,
  ...EXECUTION_TIMEOUTS,
  executionJwtSecret,
  ...IPFS_OPTIONS,
  genesisValidatorsIpfsTimeout,
  ...TRANSACTION_OPTIONS,
  walletAddress: optional<string>({
    description:
      'Address of the hot wallet that is meant. Default is the validators manager of the vault, else the one of the wallet file.',
    value: address,
  }),
  hotWalletFile,
  walletFile,
  depositDataFile,
  maxFeePerGasGwei,
  vaultMinBalanceGwei,
  disableValidatorsRegistration,
  disableValidatorsFunding,
  disableWithdrawals,
  disableFullWithdrawals,
  withdrawalsInterval,
  maxWithdrawalRequestFeeGwei,
  ...STAKING_OPTIONS,
  ...SIGNER_OPTIONS,
  ...KEY_SOURCE_OPTIONS,
  oraclesValidatorsTimeout,
  exitShards,
  verbose,
};

type Given = Resolved<typeof OPTIONS>;

const check = (given: Given): void => checkSignerTls(given);

export default class Plan extends operatorCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Shows what the operator would do for the vault now, why, and at what cost.';
  static override description =
    'By one block of both chains: which validators would be topped up, registered, withdrawn from and exited, what each part waits for, and ' +
    'what it costs. It is decided by what the operator\'s tasks decide by, with the options of "start". No wallet and no password is needed: nothing is signed, ' +
    'sent or written, and no oracle is asked to approve anything. It works beside a running operator. ' +
    'For vaults of version 1 to 4 it shows what would be registered.';
  static override examples = [
    example(
      'plan --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052',
    ),
    example('plan --vault 0x3320a...68 --remote-signer-url http://signer:9000 --json ...'),
  ];

  async run() {
    const given = await this.resolve();
    this.beginWork();
    const { vault, dataDir } = given;
    const { makeVaultPlan } = await import('../compose/vault-plan.ts');
    const network = given.network ?? (await readVaultConfig(dataDir, vault)).network;
    const outward = {
      proxies: proxySettings(),
      endpoints: [...given.executionEndpoints, ...given.consensusEndpoints],
    };
    const made = await makeVaultPlan(
      {
        http: openHttp(given, outward, this.hint),
        log: createCommandLogger(given.verbose),
        warn: this.warn,
        programVersion: this.config.version,
        signal: new AbortController().signal,
      },
      {
        ...transactionStoreSettings(given),
        vault: { vault, network, dataDir },
        depositDataFile: given.depositDataFile,
        nodes: {
          execution: executionSettings(given),
          executionJwt: given.executionJwtSecret,
          consensus: consensusSettings(given),
          ipfs: ipfsSettings(given),
          proxies: outward.proxies,
        },
        keys: {
          ...(await signerConnection(given)),
          exitKeys: keysOf(given, this.hint),
          concurrency: given.signerConcurrency,
          hasDatabase: given.dbUrl !== undefined,
        },
        walletAddress: given.walletAddress,
        walletFile:
          given.hotWalletFile ??
          given.walletFile ??
          join(vaultDirectory(dataDir, vault), 'wallet', 'wallet.json'),
        policy: stakingPolicy(given),
      },
    );
    const shown = { ...made, vault };
    for (const line of planLines(shown)) this.print(`${line}\n`);
    for (const note of made.notes) this.warn(note);
    if (isActing(made.plan)) this.hint('Next: "start" with the same options does this, or "start --once".');
    return planResult(shown, made.notes);
  }
}

/** Who has the keys; nobody need have said it. */
function keysOf(given: Given, say: (line: string) => void): ExitKeysSettings | undefined {
  try {
    return chooseExitKeys(given, say);
  } catch (error) {
    if (error instanceof UsageError && error.code === 'no-key-source') return undefined;
    throw error;
  }
}
