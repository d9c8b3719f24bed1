import { example } from '../../cli/examples.ts';
import { REMOTE_DB_GROUP, REMOTE_DB_OPTIONS } from '../../cli/flags/remote-db.ts';
import { operatorCommand } from '../../cli/operator-command.ts';
import { defaulted, optional } from '../../cli/options/option.ts';
import { text } from '../../cli/options/value-kinds.ts';
import { REMOTE_DB_FLAGS } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/grants.ts';
import { grantsSql } from '../../db/grants/grants-sql.ts';
import { DEFAULT_SCHEMA } from '../../db/schema.ts';

const roleName = (who: string) =>
  optional({ description: `Name of the database role that ${who}.`, value: text });

const OPTIONS = {
  rolePrefix: defaulted(() => 'stakewise_', {
    description: 'Begins the names of roles that are not named. Default is stakewise_.',
    value: text,
  }),
  uploader: roleName('sets up vaults, uploads keys, assigns them and cleans up'),
  signerSync: roleName('reads sealed keys: setup-web3signer, verify, signer'),
  validatorConfig: roleName('writes files of public facts: setup-validator of a stored plan, setup-operator'),
  operator: roleName('runs the operator: start, tx list, tx bump, tx cancel'),
  auditor: roleName('reads the audit log and all that is public'),
  dbSchema: { ...REMOTE_DB_OPTIONS.dbSchema, helpGroup: REMOTE_DB_GROUP },
};

export default class RemoteDbGrants extends operatorCommand(OPTIONS)<typeof RESULT> {
  /** The group's other options are accepted, and mean nothing here: no database is opened. */
  static override baseFlags = REMOTE_DB_FLAGS;
  static override summary =
    'Prints SQL that gives every part of the program a database role with its rights alone.';
  static override description =
    'Needs no database. To be run by the owner of the tables, and again after each setup or migrate that changed tables.';
  static override examples = [
    example('remote-db grants > grants.sql && psql -v ON_ERROR_STOP=1 -f grants.sql -U owner operator'),
    example('remote-db grants --db-schema operator --role-prefix mainnet_ --auditor compliance'),
  ];

  async run() {
    const { rolePrefix: prefix, ...given } = await this.resolve();
    const schema = given.dbSchema ?? DEFAULT_SCHEMA;
    const roles = {
      uploader: given.uploader ?? `${prefix}uploader`,
      'signer-sync': given.signerSync ?? `${prefix}signer_sync`,
      'validator-config': given.validatorConfig ?? `${prefix}validator_config`,
      operator: given.operator ?? `${prefix}operator`,
      auditor: given.auditor ?? `${prefix}auditor`,
    };
    const sql = grantsSql({ schema, roles });
    if (schema === 'public') {
      this.warn('everybody else who uses schema "public" by the rights of PUBLIC loses them there.');
    }
    // Not for stderr beside the JSON, as other results are: it is a document, not a line for people.
    if (!this.jsonEnabled()) this.print(sql);
    this.hint(
      'Next: run it as the owner of the tables; then give each role a login and a password, or grant it to a login role.',
    );
    return { schema, roles, sql };
  }
}
