import { TRANSACTION_OPTIONS, transactionStoreSettings } from '../../cli/flags/transactions.ts';
import { OperatorCommand } from '../../cli/operator-command.ts';
import { oclifFlags } from '../../cli/options/oclif-flags.ts';
import { defaulted } from '../../cli/options/option.ts';
import { integer } from '../../cli/options/value-kinds.ts';
import { openTransactionStore } from '../../compose/transaction-store.ts';
import { describeTransaction, listRecentTransactions } from '../../transactions/list-transactions.ts';

const OPTIONS = {
  ...TRANSACTION_OPTIONS,
  limit: defaulted(() => '20', {
    description: 'How many transactions are shown. Default is 20.',
    value: integer({ min: 1, max: 10_000 }),
  }),
};

export default class TxList extends OperatorCommand {
  static override summary = 'Shows the transactions of the operator, the newest first.';
  static override usage = 'tx list [OPTIONS]';
  static override examples = [
    '<%= config.bin %> tx list --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url',
  ];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const options = await this.resolve(OPTIONS);
    await using store = await openTransactionStore(
      { warn: this.alert },
      transactionStoreSettings(options),
      this.config.version,
    );
    const transactions = await listRecentTransactions(store.database, store.scope, options.limit);
    for (const transaction of transactions) this.say(describeTransaction(transaction));
    if (transactions.length === 0) this.say('The operator has sent no transactions.');
    return { transactions };
  }
}
