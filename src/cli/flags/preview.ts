import { flag } from '../options/option.ts';

// One option with two names, wherever a command has either: what would happen, and nothing that is written. It goes as far as
// the command can without that, so that whatever stops the command stops it as well, with the same exit code.

/** `--check`, also called `--dry-run`, of commands that bring files in line with what they are made from: 3 where they differ. */
export function checkFlag(description: string) {
  return flag({ description, aliases: ['dry-run'] });
}

/** `--dry-run`, also called `--check`, of commands that do something once: 0 where nothing stops them. */
export function dryRunFlag(description: string) {
  return flag({
    description: `${description} Exits as the command would: with 0 if nothing stops it.`,
    aliases: ['check'],
  });
}
