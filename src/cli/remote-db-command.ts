import type { Interfaces } from '@oclif/core';
import { UsageError } from '../lib/errors.ts';
import { REMOTE_DB_OPTIONS } from './flags/remote-db.ts';
import { OperatorCommand } from './operator-command.ts';
import { CommandLineError, invalidValue } from './options/command-line-error.ts';
import { oclifFlags } from './options/oclif-flags.ts';
import type { Options, Resolved } from './options/option.ts';

/** Base of the commands below `remote-db`: they take the group's options beside their own. */
export abstract class RemoteDbCommand extends OperatorCommand {
  static override baseFlags: Interfaces.FlagInput = oclifFlags(REMOTE_DB_OPTIONS, 'REMOTE-DB');

  /** The group's options and the command's own, and who is warned; the group's questions come first. */
  protected async resolveWithGroup<O extends Options>(
    options: O,
    { unattended = [] }: { readonly unattended?: readonly (keyof O & string)[] | undefined } = {},
  ): Promise<Resolved<typeof REMOTE_DB_OPTIONS & O> & { readonly warn: (line: string) => void }> {
    const resolved = await this.resolve({ ...REMOTE_DB_OPTIONS, ...options }, { unattended });
    return { ...resolved, warn: this.alert };
  }

  /** What only opening the database shows to be wrong with its URL, such as a file that it names; the option is named here. */
  override async catch(error: Error): Promise<void> {
    const isUrl =
      error instanceof UsageError && !(error instanceof CommandLineError) && error.code === 'invalid-db-url';
    await super.catch(isUrl ? invalidValue('--db-url', error) : error);
  }
}
