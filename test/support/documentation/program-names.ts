// What the pages may name in code, and what of it the program has: its own tables say so, and for names of others the files that
// the program and its deployment are made of.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { WEB3SIGNER_OPTIONS } from '../checkers/web3signer-config.ts';
import { PROJECT_ROOT } from '../programs/cli.ts';
import { listOptionVariables } from '../programs/option-variables.ts';

const read = (path: string) => readFileSync(join(PROJECT_ROOT, path), 'utf8');

const manifestSchema = z.object({
  commands: z.record(
    z.string(),
    z.object({
      flags: z.record(
        z.string(),
        z.object({ char: z.string().optional(), aliases: z.array(z.string()).optional() }),
      ),
    }),
  ),
});

/** The options of every command, by its words, as `--name` and `-n`. */
function readCommandOptions(): Map<string, ReadonlySet<string>> {
  const { commands } = manifestSchema.parse(JSON.parse(read('oclif.manifest.json')));
  return new Map(
    Object.entries(commands).map(([id, { flags }]) => {
      const options = Object.entries(flags).flatMap(([name, { char, aliases = [] }]) => [
        `--${name}`,
        ...aliases.map(alias => `--${alias}`),
        ...(char === undefined ? [] : [`-${char}`]),
      ]);
      return [id.replaceAll(':', ' '), new Set([...options, '--help'])];
    }),
  );
}

const commandOptions = readCommandOptions();
const groups = new Set([...commandOptions.keys()].flatMap(words => words.match(/^(\S+) /)?.[1] ?? []));
const ownOptions = new Set(['--version']);
for (const options of commandOptions.values()) for (const option of options) ownOptions.add(option);

/** Options of other programs that a page may name alone, by whose they are. */
const OPTIONS_OF_OTHERS: Readonly<Record<string, readonly string[]>> = {
  Node: ['--require', '--import', '--inspect', '--heap-prof'],
  docker: ['--user', '--entrypoint', '--read-only', '--tmpfs', '--platform'],
  helm: ['--set', '--namespace', '--values'],
  Lighthouse: ['--init-slashing-protection', '--builder-proposals', '--disable-auto-discover'],
  Teku: [
    '--config-file',
    '--validators-external-signer-url',
    '--validators-external-signer-public-keys',
    '--validators-proposer-config',
    '--exit-when-no-validator-keys-enabled',
  ],
  Prysm: [
    '--validators-external-signer-key-file',
    '--proposer-settings-file',
    '--suggested-gas-limit',
    '--enable-builder',
  ],
};
const optionsOfOthers = new Set([
  ...Object.values(OPTIONS_OF_OTHERS).flat(),
  ...WEB3SIGNER_OPTIONS.map(name => `--${name}`),
]);

/** Variables of other programs that a page names to say that they are not read. */
const VARIABLES_NOT_READ = new Set(['VAULT_ADDR', 'VAULT_TOKEN']);
/** Commands of other generations of the Python operator, and what the release that docs/kubernetes.md plays through has. */
const NAMES_OF_OTHERS = new Set([
  'op-stakewise-operator-status',
  'op-stakewise-teku-2',
  'process-meta-vaults',
  'process-redeemer',
  'start-api',
  'start-relayer',
]);
const variables = new Set([...listOptionVariables().values()].flat().map(({ name }) => name));

const SOURCES = [
  'src/**/*.ts',
  'deploy/**/*',
  'templates/*',
  'scripts/**/*',
  'test/support/**/*.ts',
  'test/integration/signer/conformance.test.ts',
  'migrations/*.ts',
  '.env.example',
  'Dockerfile',
  'package.json',
  'package-lock.json',
];
const sourceFiles = globSync(SOURCES, { cwd: PROJECT_ROOT }).filter(
  path => /\.\w+$|Dockerfile$/.test(path) && !path.startsWith('test/support/documentation/'),
);
const programText = globSync('src/**/*.ts', { cwd: PROJECT_ROOT }).map(read).join('\n');
const knownWords = new Set(
  sourceFiles.flatMap(path =>
    [...read(path).matchAll(/[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*/g)].map(([word]) => word),
  ),
);
for (const path of globSync('{test,deploy,scripts}/**/*', { cwd: PROJECT_ROOT }))
  for (const part of path.split('/')) knownWords.add(part.replace(/\..*$/, ''));

const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(read('package.json')));

/** Whether the program prints this, or has it in a text. */
export function isSaid(text: string): boolean {
  return programText.includes(text);
}

/** What in a piece of code in a page is nowhere else. */
export function faultsOfCode(code: string): string[] {
  return [
    ...faultsOfCommand(code),
    ...faultsOfOption(code),
    ...faultsOfVariable(code),
    ...faultsOfWord(code),
    ...faultsOfPath(code),
    ...faultsOfRoute(code),
    ...faultsOfScript(code),
  ];
}

/**
 * A line of the program, such as `operator tx list`, `remote-db verify` or `start --once`: its command has to be there, and each
 * option of it. What stands for something else (`…`) is passed over.
 */
export function faultsOfCommand(line: string): string[] {
  const [, launcher = '', rest = ''] =
    /^((?:\.\/)?(?:v3-)?operator |python (?:\.\/|\/app\/)?src\/main\.py )?(.*)$/s.exec(line) ?? [];
  const words = rest
    .replace(/^config (?=\w)/, '')
    .split(' ')
    .filter(word => word !== '…' && word !== '');
  const own = words.filter(word => !word.startsWith('-'));
  const command = commandOf(own);
  const given = words.filter(word => /^--?[a-z]/.test(word)).map(word => word.replace(/=.*$/s, ''));
  if (command === undefined) {
    const isGroup = own.length === 0 || groups.has(own[0] ?? '');
    return launcher === '' || isGroup ? [] : [`there is no command "${own.join(' ')}"`];
  }
  // A word of the language, such as "start", alone or with others that are no options, says nothing.
  if (launcher === '' && given.length === 0) return [];
  const options = commandOptions.get(command);
  return given
    .filter(option => options?.has(option) !== true && option !== '--node-options')
    .map(option => `"${command}" has no option ${option}`);
}

/** The command that words begin with, the group left out where its commands stand alone. */
function commandOf(words: readonly string[]): string | undefined {
  const [first = '', second = ''] = words;
  const inGroup = groups.has(first) ? words.slice(1).map(word => `${first} ${word}`) : [];
  const candidates = [`${first} ${second}`, ...inGroup, first, `remote-db ${first}`, `tx ${first}`];
  return candidates.find(candidate => commandOptions.has(candidate));
}

function faultsOfOption(code: string): string[] {
  const option = /^(--[a-z][\w-]*)(?:[ =].*)?$/.exec(code)?.[1];
  if (option === undefined || ownOptions.has(option) || optionsOfOthers.has(option)) return [];
  // All options that begin so.
  if (option.endsWith('-') && [...ownOptions].some(own => own.startsWith(option))) return [];
  return [`there is no option ${option}`];
}

function faultsOfVariable(code: string): string[] {
  const name = /^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=.*)?$/.exec(code)?.[1];
  if (name === undefined || variables.has(name)) return [];
  return knownWords.has(name) || VARIABLES_NOT_READ.has(name) ? [] : [`there is no variable ${name}`];
}

/** Names with hyphens or underscores: error codes, metrics, services, roles, reasons and the like. */
function faultsOfWord(code: string): string[] {
  if (!/^[a-z0-9]+(?:[-_][a-z0-9]+)+$/.test(code)) return [];
  const isKnown = knownWords.has(code) || NAMES_OF_OTHERS.has(code) || commandOf([code]) !== undefined;
  return isKnown ? [] : [`nothing is called ${code}`];
}

function faultsOfPath(code: string): string[] {
  if (!/^(?:docs|src|test|deploy|scripts|templates|migrations|bin)\/[\w./*-]*$/.test(code)) return [];
  // Python's own, by which the charts call the program.
  if (code === 'src/main.py' || existsSync(join(PROJECT_ROOT, code))) return [];
  return globSync(code, { cwd: PROJECT_ROOT }).length > 0 ? [] : [`there is no file ${code}`];
}

/** Paths that a server of the program, or Web3Signer, answers. */
function faultsOfRoute(code: string): string[] {
  const path = /^(?:(?:GET|POST|DELETE) )?(\/[a-z]\w*(?:\/\w+)*)\/?…?$/.exec(code)?.[1];
  if (path === undefined || /^\/(?:app|data|dev|etc|opt|run|tmp|usr|var)\b/.test(path)) return [];
  return isSaid(path) ? [] : [`nothing answers ${path}`];
}

function faultsOfScript(code: string): string[] {
  return [...code.matchAll(/\bnpm run ([\w:-]+)/g)]
    .filter(([, name = '']) => scripts[name] === undefined)
    .map(([, name = '']) => `there is no npm script ${name}`);
}
