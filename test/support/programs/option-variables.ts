import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from './cli.ts';

/** A variable of the environment, as the table of a command's options has it. */
export interface OptionVariable {
  readonly name: string;
  /** `--data-dir`. */
  readonly option: string;
  /** What stands for the value in help; `switch` for an option without one. */
  readonly placeholder: string;
  /** Whether the option is one of another program's, which is ignored or refused. */
  readonly isForeign: boolean;
}

const manifest = z.object({
  commands: z.record(
    z.string(),
    z.object({
      flags: z.record(
        z.string(),
        z.object({
          type: z.enum(['boolean', 'option']),
          description: z.string().optional(),
          helpValue: z.string().optional(),
          helpGroup: z.string().optional(),
        }),
      ),
    }),
  ),
});

/** The variables of every command, by its words: of oclif's manifest, which is made of the commands' tables of options. */
export function listOptionVariables(): Map<string, readonly OptionVariable[]> {
  const text = readFileSync(join(PROJECT_ROOT, 'oclif.manifest.json'), 'utf8');
  const { commands } = manifest.parse(JSON.parse(text));
  return new Map(
    Object.entries(commands).map(([id, { flags }]) => [
      id.replaceAll(':', ' '),
      Object.entries(flags).flatMap(([flag, { type, description, helpValue, helpGroup }]) => {
        const name = /\[env: (\w+)\]/.exec(description ?? '')?.[1];
        if (name === undefined) return [];
        const placeholder = type === 'boolean' ? 'switch' : (helpValue ?? '');
        const isForeign = helpGroup === 'OF THE PYTHON OPERATOR';
        return [{ name, option: `--${flag}`, placeholder, isForeign }];
      }),
    ]),
  );
}
