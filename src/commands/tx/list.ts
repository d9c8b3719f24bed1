import { transactionExample } from '../../cli/examples.ts';
import { TRANSACTION_OPTIONS, transactionStoreSettings } from '../../cli/flags/transactions.ts';
import { operatorCommand } from '../../cli/operator-command.ts';
import { defaulted } from '../../cli/options/option.ts';
import { integer } from '../../cli/options/value-kinds.ts';
import type { RESULT } from '../../cli/results/tx/list.ts';
import { renderTable } from '../../cli/terminal/table.ts';
import { openTransactionStore } from '../../compose/transaction-store.ts';
import {
  describeTransaction,
  listRecentTransactions,
  TRANSACTION_HEADINGS,
  transactionRow,
} from '../../transactions/list-transactions.ts';

const OPTIONS = {
  ...TRANSACTION_OPTIONS,
  limit: defaulted(() => '20', {
    description: 'How many transactions are shown. Default is 20.',
    value: integer({ min: 1, max: 10_000 }),
  }),
};

export default class TxList extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary = 'Shows the transactions of the operator, the newest first.';
  static override examples = [transactionExample('list')];

  async run() {
    const options = await this.resolve();
    await using store = await openTransactionStore(
      { warn: this.warn },
      transactionStoreSettings(options),
      this.config.version,
    );
    const transactions = await listRecentTransactions(store.database, store.scope, options.limit);
    if (transactions.length === 0) this.say('The operator has sent no transactions.');
    else if (this.columns === undefined)
      for (const transaction of transactions) this.say(describeTransaction(transaction));
    else {
      for (const line of renderTable(TRANSACTION_HEADINGS, transactions.map(transactionRow)))
        this.print(`${line}\n`);
    }
    return { transactions };
  }
}
