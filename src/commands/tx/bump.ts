import { transactionExample } from '../../cli/examples.ts';
import { dryRunFlag } from '../../cli/flags/preview.ts';
import {
  TRANSACTION_OPTIONS,
  transactionId,
  transactionStoreSettings,
} from '../../cli/flags/transactions.ts';
import { operatorCommand } from '../../cli/operator-command.ts';
import { optional } from '../../cli/options/option.ts';
import { integer } from '../../cli/options/value-kinds.ts';
import type { RESULT } from '../../cli/results/tx/bump.ts';
import { openTransactionStore } from '../../compose/transaction-store.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { WEI_PER_GWEI } from '../../lib/units.ts';
import { askForReplacement } from '../../transactions/replace-transaction.ts';

const OPTIONS = {
  ...TRANSACTION_OPTIONS,
  id: transactionId,
  dryRun: dryRunFlag('Shows which transaction would be replaced, and asks nothing of the operator.'),
  maxFeePerGasGwei: optional({
    description:
      "What this transaction may offer per gas, in place of the operator's own maximum; up to what the operator was started with as --max-fee-per-gas-gwei-bump.",
    value: integer({ min: 1, max: 1_000_000 }),
  }),
};

export default class TxBump extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Has the operator replace a waiting transaction by one with a higher fee.';
  static override examples = [transactionExample('bump', '--max-fee-per-gas-gwei 80')];

  async run() {
    const { id, maxFeePerGasGwei, dryRun, ...options } = await this.resolve();
    await using store = await openTransactionStore(
      { warn: this.warn },
      transactionStoreSettings(options),
      this.config.version,
    );
    const row = await askForReplacement(store.database, store.scope, {
      id: id === undefined ? undefined : BigInt(id),
      request: 'bump',
      check: dryRun,
      feeCeilingWei: maxFeePerGasGwei === undefined ? undefined : BigInt(maxFeePerGasGwei) * WEI_PER_GWEI,
    });
    const kind = foreignText(row.kind);
    this.say(
      `The operator ${dryRun ? 'would' : 'will'} replace transaction ${row.id} (${kind}, nonce ${row.nonce}) with a higher fee.`,
    );
    if (!dryRun) this.hint('It does so within a slot; one that does not run, when it is started.');
    return {
      id: Number(row.id),
      kind,
      nonce: Number(row.nonce),
      request: 'bump' as const,
      dryRun: dryRun || undefined,
    };
  }
}
