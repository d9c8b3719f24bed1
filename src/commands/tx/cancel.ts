import {
  TRANSACTION_OPTIONS,
  transactionId,
  transactionStoreSettings,
} from '../../cli/flags/transactions.ts';
import { OperatorCommand } from '../../cli/operator-command.ts';
import { oclifFlags } from '../../cli/options/oclif-flags.ts';
import { openTransactionStore } from '../../compose/transaction-store.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { askForReplacement } from '../../transactions/replace-transaction.ts';

const OPTIONS = { ...TRANSACTION_OPTIONS, id: transactionId };

export default class TxCancel extends OperatorCommand {
  static override summary = 'Has the operator replace a waiting transaction by one that does nothing.';
  static override usage = 'tx cancel [OPTIONS]';
  static override examples = [
    '<%= config.bin %> tx cancel --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url',
  ];
  static override flags = oclifFlags(OPTIONS);

  async run() {
    const { id, ...options } = await this.resolve(OPTIONS);
    await using store = await openTransactionStore(
      { warn: this.alert },
      transactionStoreSettings(options),
      this.config.version,
    );
    const row = await askForReplacement(store.database, store.scope, {
      id: id === undefined ? undefined : BigInt(id),
      request: 'cancel',
    });
    const kind = foreignText(row.kind);
    this.say(
      `The operator will take back transaction ${row.id} (${kind}, nonce ${row.nonce}), if it still can.`,
    );
    this.advise('It does so within a slot; one that does not run, when it is started.');
    return { id: String(row.id), kind, nonce: String(row.nonce), request: 'cancel' };
  }
}
