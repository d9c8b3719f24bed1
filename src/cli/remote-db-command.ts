import type { Interfaces } from '@oclif/core';
import type { z } from 'zod';
import { UsageError } from '../lib/errors.ts';
import { REMOTE_DB_GROUP, REMOTE_DB_OPTIONS } from './flags/remote-db.ts';
import { operatorCommand } from './operator-command.ts';
import { CommandLineError, invalidValue } from './options/command-line-error.ts';
import { oclifFlags } from './options/oclif-flags.ts';
import type { OptionRules, Options, Resolved } from './options/option.ts';

/** The group's options as flags: every command below `remote-db` takes them, before and after its name. */
export const REMOTE_DB_FLAGS: Interfaces.FlagInput = oclifFlags(REMOTE_DB_OPTIONS, REMOTE_DB_GROUP);

/** The base of a command below `remote-db` that takes these options beside the group's: see `operatorCommand`. */
export function remoteDbCommand<O extends Options>(
  options: O,
  rules: OptionRules<typeof REMOTE_DB_OPTIONS & O> = {},
) {
  abstract class DeclaredRemoteDbCommand<R extends z.ZodType> extends operatorCommand(options)<R> {
    static override baseFlags = REMOTE_DB_FLAGS;

    static override get allOptions(): Options {
      return { ...REMOTE_DB_OPTIONS, ...options };
    }

    /** The group's options and the command's own, and who is warned; the group's questions come first. */
    protected override async resolve(): Promise<
      Resolved<typeof REMOTE_DB_OPTIONS & O> & { readonly warn: (line: string) => void }
    > {
      const resolved = await this.resolveOptions({ ...REMOTE_DB_OPTIONS, ...options }, rules);
      return { ...resolved, warn: this.warn };
    }

    /** What only opening the database shows to be wrong with its URL, such as a file that it names; the option is named here. */
    override async catch(error: Error): Promise<void> {
      const isUrl =
        error instanceof UsageError &&
        !(error instanceof CommandLineError) &&
        error.code === 'invalid-db-url';
      await super.catch(isUrl ? invalidValue('--db-url', error) : error);
    }
  }
  return DeclaredRemoteDbCommand;
}
