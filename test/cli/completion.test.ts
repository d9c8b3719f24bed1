// What the Tab key does in real shells: bash always, zsh and fish where they are installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '@oclif/core';
import { Config } from '@oclif/core/config';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { describeCompletion } from '../../src/cli/completion/completed-program.ts';
import { FOREIGN_OPTIONS } from '../../src/cli/flags/foreign-settings.ts';
import { FOREIGN_GROUP } from '../../src/cli/help/option-groups.ts';
import { flagName, type Options } from '../../src/cli/options/option.ts';
import { it } from '../support/fixtures.ts';
import { PROJECT_ROOT, runCli, temporaryDirectory } from '../support/programs/cli.ts';
import { unseenResults } from '../support/programs/json-results.ts';
import { LINE_EDITORS, type LineEditor, typeLine } from '../support/programs/typed-line.ts';

const shells = LINE_EDITORS.filter(shell => spawnSync(shell, ['-c', 'exit']).status === 0);
const folder = temporaryDirectory();
const scriptOf = (shell: LineEditor) => join(folder.path, `operator.${shell}`);

beforeAll(async () => {
  for (const shell of LINE_EDITORS) {
    const run = await runCli(['completion', shell]);
    expect(run.stderr).toBe('');
    writeFileSync(scriptOf(shell), run.stdout);
  }
});
afterAll(() => {
  folder[Symbol.dispose]();
});

/** What is typed, with tabs, and the words that the command gets. */
const LINES: readonly (readonly [keys: readonly string[], words: readonly string[]])[] = [
  [['operator merge\t'], ['merge-deposit-data']],
  [['operator remote-db as\t'], ['remote-db', 'assign']],
  [['operator remote-db --db-schema as ver\t'], ['remote-db', '--db-schema', 'as', 'verify']],
  [
    ['v3-operator start --net\t', 'hoo\t'],
    ['start', '--network', 'hoodi'],
  ],
  [['operator start --network=hoo\t'], ['start', '--network=hoodi']],
  [['operator init --language ital\t'], ['init', '--language', 'italian']],
  [['operator start --env-file ./sub/fi\t'], ['start', '--env-file', './sub/file.env']],
  [['operator start --env-file=sub/fi\t'], ['start', '--env-file=sub/file.env']],
  [
    ['operator start --network su\t', 'fi\t'],
    ['start', '--network', 'sub/file.env'],
  ],
  [['operator completion fi\t'], ['completion', 'fish']],
  [
    ['operator config remote-db ass\t', '--ref\t', '1.0.2\t'],
    ['config', 'remote-db', 'assign', '--reference-version', '1.0.2'],
  ],
  [['operator help tx can\t'], ['help', 'tx', 'cancel']],
  [
    ['operator fle\t', 'st\t', '--watch-i\t'],
    ['fleet', 'status', '--watch-interval'],
  ],
  [
    ['operator remote-db stat\t', '--keym\t'],
    ['remote-db', 'status', '--keymanager'],
  ],
];

describe('the script of "completion"', () => {
  it('bash is here', () => expect(shells).toContain('bash'));

  it.for(shells.flatMap(shell => LINES.map(([keys, words]) => [shell, keys, words] as const)))(
    '%s completes %j',
    async ([shell, keys, words], { directory }) => {
      mkdirSync(join(directory, 'sub'));
      writeFileSync(join(directory, 'sub/file.env'), '');
      expect(await typeLine(shell, keys, { script: scriptOf(shell), directory })).toEqual(words);
    },
  );

  it.for(shells)('%s offers directories only where one is wanted', async (shell, { directory }) => {
    mkdirSync(join(directory, 'sub'));
    writeFileSync(join(directory, 'sub-file'), '');
    const keys = ['operator start --data-dir ./su\t'];
    const words = await typeLine(shell, keys, { script: scriptOf(shell), directory });
    expect(words.map(word => word.replace(/\/$/, ''))).toEqual(['start', '--data-dir', './sub']);
  });

  it('zsh also finds it by its name in fpath', async ({ directory }) => {
    // In bash there is nothing to find.
    for (const shell of shells.filter(name => name === 'zsh')) {
      const fpath = join(directory, 'functions');
      mkdirSync(fpath);
      writeFileSync(join(fpath, '_operator'), readFileSync(scriptOf(shell)));
      const settings = join(directory, 'settings');
      writeFileSync(settings, `fpath=(${fpath} $fpath); autoload -Uz compinit && compinit -D -u\n`);
      const words = await typeLine(shell, ['operator remote-db as\t'], { script: settings, directory });
      expect(words).toEqual(['remote-db', 'assign']);
    }
  });

  it('it starts no program when a word is completed', async ({ directory }) => {
    const line = 'COMP_WORDS=(operator remote-db v); COMP_CWORD=2; _stakewise_operator; echo "$COMPREPLY"';
    const script = `PATH=${directory}; . ${scriptOf('bash')}; ${line}`;
    expect(execFileSync('/bin/bash', ['--norc', '-c', script], { encoding: 'utf8' })).toBe('verify\n');
  });

  it('bash offers every command, and every option but those of the Python operator', () => {
    const offered = (...words: string[]) => {
      const line = `COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
      const script = `. ${scriptOf('bash')}; ${line}; _stakewise_operator; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split('\n');
    };
    const { commands } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'oclif.manifest.json'), 'utf8'));
    const first = new Set(Object.keys(commands).map(id => id.split(':')[0] ?? ''));
    expect(offered('operator', '').sort()).toEqual([...first, 'fleet', 'help'].sort());
    expect(offered('operator', 'fleet', '')).toEqual(['status']);
    for (const name of ['fleet', 'remote-db'])
      expect(offered('operator', name, 'status', '--')).toEqual(offered('operator', 'status', '--'));
    for (const id of Object.keys(commands)) {
      const flags: Command.Flag.Any[] = Object.values(commands[id].flags);
      const own = flags.filter(({ helpGroup }) => helpGroup !== FOREIGN_GROUP).map(({ name }) => name);
      const expected = [...own, 'help'].map(name => `--${name}`).sort();
      expect(offered('operator', ...id.split(':'), '--').sort(), id).toEqual(expected);
    }
  });

  it('every word that an option takes is completed', async () => {
    const config = await Config.load({ root: PROJECT_ROOT, userPlugins: false });
    const completed = new Map(describeCompletion(config).commands.map(one => [one.words, one.options]));
    let count = 0;
    for (const file of globSync('**/*.ts', { cwd: join(PROJECT_ROOT, 'src/commands') })) {
      const words = file.replace(/\.ts$/, '').replaceAll('/', ' ');
      const { default: command }: { default: { allOptions: Options } } = await import(
        join(PROJECT_ROOT, 'src/commands', file)
      );
      for (const [key, { value }] of Object.entries(command.allOptions)) {
        if (value.choices === undefined || key in FOREIGN_OPTIONS) continue;
        const option = completed.get(words)?.find(({ name }) => name === `--${flagName(key)}`);
        // "grants" takes its group's options and reads none of them.
        expect(option?.value?.words, `${words} --${flagName(key)}`).toEqual(value.choices);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(20);
  });
});

describe('"completion"', () => {
  it('nothing is written anywhere, and --json has the script in its document', async ({ directory }) => {
    const plain = await runCli(['completion', 'fish'], { env: { HOME: directory } });
    const json = await runCli(['completion', 'fish', '--json'], { env: { HOME: directory } });
    expect(JSON.parse(json.stdout)).toEqual({ shell: 'fish', script: plain.stdout });
    expect(readdirSync(directory)).toEqual([]);
  });

  it.for([
    [[], "Missing argument 'SHELL'."],
    [['powershell'], "'powershell' is not one of 'bash', 'zsh', 'fish'."],
    [['bash', 'zsh'], 'Got unexpected extra argument (zsh)'],
  ] as const)('the words %j are refused', async ([words, message]) => {
    const run = await runCli(['completion', ...words]);
    expect(run.stderr).toContain(`Error: ${message}\n`);
    expect(run.stdout).toBe('');
    expect(run.exitCode).toBe(2);
  });

  it('its result with --json has been shown', () => expect(unseenResults(import.meta.filename)).toEqual([]));
});
