// The program's own command lines in blocks of shell, as words, and files for the options that read some.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from '../programs/cli.ts';
import { commandLines } from './markdown-page.ts';

/** The ways in which the pages call the program: in a clone, installed, as a service of the compose file, and in the image. */
const CALLS = [
  /^(?:\S*\/)?operator (.*)$/,
  /^docker-compose run --rm admin (.*)$/,
  /^docker run .* src\/main\.py (.*)$/,
];

/** What stands behind the program in each line of a block that calls it; redirections and what is left out are cut off. */
export function programLines(code: string): string[] {
  return commandLines(code)
    .flatMap(line => CALLS.flatMap(call => call.exec(line.trim())?.[1] ?? []))
    .map(line => line.replace(/ >.*$/, '').replaceAll(/ …/g, ''));
}

/** What a block exports. */
export function exportLines(code: string): string[] {
  return commandLines(code).filter(line => line.startsWith('export '));
}

const manifest = z.object({
  commands: z.record(
    z.string(),
    z.object({
      flags: z.record(
        z.string(),
        z.object({ helpValue: z.string().optional(), description: z.string().optional() }),
      ),
    }),
  ),
});

/** How a value is written that has a URL and, behind the last "=", a file. */
const URL_AND_FILE = 'URL=FILE';
type PathKind = 'FILE' | 'DIRECTORY' | typeof URL_AND_FILE;

/** Options and variables whose value is, or ends with, the path of a file or a directory that has to be there. */
function pathOptions(): Map<string, PathKind> {
  const text = readFileSync(join(PROJECT_ROOT, 'oclif.manifest.json'), 'utf8');
  const flags = Object.values(manifest.parse(JSON.parse(text)).commands).flatMap(command =>
    Object.entries(command.flags),
  );
  return new Map(
    flags.flatMap(([flag, { helpValue, description = '' }]) => {
      if (helpValue !== 'FILE' && helpValue !== 'DIRECTORY' && helpValue !== URL_AND_FILE) return [];
      const variable = /\[env: (\w+)\]/.exec(description)?.[1];
      const names = variable === undefined ? [`--${flag}`] : [`--${flag}`, variable];
      return names.map((name): [string, PathKind] => [name, helpValue]);
    }),
  );
}

/** What stands in a file that an option reads, where that is looked at. */
const CONTENTS: readonly (readonly [RegExp, string])[] = [
  [/db-url-file$|DB_URL_FILE$/, 'postgresql://user:pass@localhost/operator'],
  [/encrypt-key-file$|ENCRYPT_KEY_FILE$/, Buffer.alloc(32, 7).toString('base64')],
];

const paths = pathOptions();

/** A reader's machine, as far as the options of a command line look at it. */
export class ReadersFiles {
  readonly folder: string;
  readonly home: string;

  constructor(folder: string) {
    this.folder = join(folder, 'work');
    this.home = join(folder, 'home');
    for (const path of [this.folder, this.home]) mkdirSync(path);
  }

  /** Paths from the root lie below this folder. */
  #own(line: string): string {
    return line.replaceAll(/(^|[ =])\/(?=(?:data|dev|etc|run)\b)/g, `$1${this.folder}/root/`);
  }

  /** The words of a line as a shell makes them; the files that its options name are there afterwards. */
  words(line: string): string[] {
    const words = this.#expand(`set -- ${this.#own(line)}; printf '%s\\0' "$@"`);
    for (const [index, word] of words.entries()) {
      const [, option = '', value = words[index + 1] ?? ''] = /^(--[\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
      this.#make(option, value);
    }
    return words;
  }

  /** The variables of some lines with `export`. */
  variables(lines: readonly string[]): Record<string, string> {
    const names = lines.flatMap(line => /^export (\w+)=/.exec(line)?.[1] ?? []);
    const values = this.#expand(
      [...lines.map(line => this.#own(line)), ...names.map(name => `printf '%s\\0' "$${name}"`)].join('\n'),
    );
    for (const [index, name] of names.entries()) this.#make(name, values[index] ?? '');
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
  }

  #expand(script: string): string[] {
    const env = { PATH: process.env.PATH ?? '', HOME: this.home };
    const text = execFileSync('bash', ['-c', script], { cwd: this.folder, env, encoding: 'utf8' });
    return text.split('\0').slice(0, -1);
  }

  #make(name: string, value: string): void {
    const kind = paths.get(name);
    const named = kind === URL_AND_FILE ? value.slice(value.lastIndexOf('=') + 1) : value;
    const path = resolve(this.folder, named);
    if (kind === undefined || value === '' || existsSync(path)) return;
    mkdirSync(kind === 'DIRECTORY' ? path : dirname(path), { recursive: true });
    if (kind === 'DIRECTORY') return;
    const content = CONTENTS.find(([pattern]) => pattern.test(name))?.[1] ?? 'content';
    writeFileSync(path, `${content}\n`, { mode: 0o600 });
  }
}
