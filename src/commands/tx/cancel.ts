import { transactionExample } from '../../cli/examples.ts';
import { dryRunFlag } from '../../cli/flags/preview.ts';
import {
  TRANSACTION_OPTIONS,
  transactionId,
  transactionStoreSettings,
} from '../../cli/flags/transactions.ts';
import { operatorCommand } from '../../cli/operator-command.ts';
import type { RESULT } from '../../cli/results/tx/cancel.ts';
import { openTransactionStore } from '../../compose/transaction-store.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { askForReplacement } from '../../transactions/replace-transaction.ts';

const OPTIONS = {
  ...TRANSACTION_OPTIONS,
  id: transactionId,
  dryRun: dryRunFlag('Shows which transaction would be cancelled, and asks nothing of the operator.'),
};

export default class TxCancel extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Has the operator cancel a waiting transaction.';
  static override examples = [transactionExample('cancel')];

  async run() {
    const { id, dryRun, ...options } = await this.resolve();
    await using store = await openTransactionStore(
      { warn: this.warn },
      transactionStoreSettings(options),
      this.config.version,
    );
    const row = await askForReplacement(store.database, store.scope, {
      id: id === undefined ? undefined : BigInt(id),
      request: 'cancel',
      check: dryRun,
    });
    const kind = foreignText(row.kind);
    this.say(
      `The operator ${dryRun ? 'would' : 'will'} cancel transaction ${row.id} (${kind}, nonce ${row.nonce}), if it still can.`,
    );
    if (!dryRun) this.hint('It does so within a slot; one that does not run, when it is started.');
    return {
      id: Number(row.id),
      kind,
      nonce: Number(row.nonce),
      request: 'cancel' as const,
      dryRun: dryRun || undefined,
    };
  }
}
