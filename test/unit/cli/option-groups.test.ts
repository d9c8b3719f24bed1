import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  FOREIGN_GROUP,
  groupOptions,
  type HelpFlag,
  REQUIRED_GROUP,
} from '../../../src/cli/help/option-groups.ts';
import { renderRows, wrapWords } from '../../../src/cli/help/rows.ts';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';

const named = (...names: readonly string[]): HelpFlag[] => names.map(name => ({ name }));

describe('groupOptions', () => {
  it('options that must be given stand first, those that are ignored nowhere, and few others under one heading', () => {
    const flags = [
      ...named('verbose', 'data-dir'),
      { name: 'run-nodes', helpGroup: FOREIGN_GROUP },
      { name: 'vault', helpGroup: REQUIRED_GROUP },
    ];
    expect(groupOptions(flags).map(({ heading, flags }) => [heading, flags.map(({ name }) => name)])).toEqual(
      [
        ['REQUIRED', ['vault']],
        ['OPTIONS', ['verbose', 'data-dir']],
      ],
    );
  });

  it('every option of start that need not be given has a heading of its own kind', () => {
    const { commands } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'oclif.manifest.json'), 'utf8'));
    const groups = groupOptions(Object.values<HelpFlag>(commands.start.flags));
    expect(groups.map(({ heading }) => heading)).toEqual([
      'REQUIRED',
      'VAULT',
      'NODES',
      'SIGNING',
      'DATABASE',
      'TRANSACTIONS',
      'OBSERVABILITY',
      'VARIABLES',
    ]);
    expect(groups[0]?.flags.map(({ name }) => name)).toEqual([
      'vault',
      'consensus-endpoints',
      'execution-endpoints',
    ]);
  });
});

describe('rows of help', () => {
  it('the text of a long name begins on a line of its own, in the same column', () => {
    const rows = [
      { name: '--a', text: 'one two three' },
      { name: '--a-long-name', text: 'four' },
    ];
    expect(renderRows(rows, 20, 8)).toBe('--a     one two\n        three\n--a-long-name\n        four');
  });

  it('no word is broken, and neither is the name of a variable', () => {
    expect(wrapWords('the time of it [env: A_LONG_NAME]', 18)).toEqual([
      'the time of it',
      '[env: A_LONG_NAME]',
    ]);
  });
});
