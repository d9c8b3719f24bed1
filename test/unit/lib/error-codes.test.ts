import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'rolldown/parseAst';
import { describe, expect, it } from 'vitest';
import {
  ERROR_CODES,
  type ErrorCode,
  type ErrorKind,
  EXIT_CODES_OF_KINDS,
  isErrorCode,
  isErrorCodeOf,
} from '../../../src/lib/error-codes.ts';
import { ERROR_TEXTS } from '../../../src/lib/error-texts.ts';
import { DifferencesError, ExternalError, OperatorError, UsageError } from '../../../src/lib/errors.ts';
import { PROJECT_ROOT, temporaryDirectory } from '../../support/programs/cli.ts';

/** What a member of the table may have. */
interface Facts {
  readonly kinds: readonly ErrorKind[];
  readonly shared?: true | undefined;
}
const table = Object.entries<Facts>(ERROR_CODES);
const codes = table.map(([code]) => code);
const texts = Object.values(ERROR_TEXTS).flatMap(({ meaning, remedy }) => [meaning, remedy]);

/** A node of a syntax tree (ESTree), as far as it is looked at. */
type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

function* nodesIn(value: unknown): Generator<Node> {
  if (!isNode(value)) return;
  if (!Array.isArray(value)) yield value;
  for (const member of Object.values(value)) yield* nodesIn(member);
}

function nameOf(node: unknown): string {
  return isNode(node) && typeof node.name === 'string' ? node.name : '';
}

/** The codes among the texts of an expression, such as both of `isTaken ? 'port-in-use' : 'cannot-listen'`. */
function codesIn(expression: unknown): ErrorCode[] {
  return [...nodesIn(expression)]
    .filter(node => node.type === 'Literal')
    .map(node => node.value)
    .filter(value => typeof value === 'string')
    .filter(isErrorCode);
}

/**
 * The codes that a file gives to errors: to a constructor of one, to a function of the file that has a parameter `code` for
 * them, to a member of a table or a constant of that name. What a round waits for is no error, though it may have a code.
 */
function codesMadeBy(file: string): Set<ErrorCode> {
  const text = readFileSync(join(PROJECT_ROOT, file), 'utf8');
  const nodes = [...nodesIn(parseAst(text, { lang: 'ts' }))];
  const places = new Map(nodes.flatMap(node => placeOfCode(node, text)));
  const made = new Set<ErrorCode>();
  for (const node of nodes) for (const code of codesIn(givenCode(node, places))) made.add(code);
  return made;
}

/** The name of a function with a parameter for a code, and which one that is. */
function placeOfCode(node: Node, text: string): [string, number][] {
  const isNamed = node.type === 'VariableDeclarator';
  const made = isNamed ? node.init : node;
  if (!isNode(made) || !Array.isArray(made.params)) return [];
  const place = made.params.findIndex(
    (parameter: unknown) =>
      isNode(parameter) &&
      nameOf(parameter) === 'code' &&
      text.slice(Number(parameter.start), Number(parameter.end)).includes('ErrorCode'),
  );
  const name = nameOf(node.id);
  return place === -1 || name === '' ? [] : [[name, place]];
}

/** The expression in a node that is an error's code. */
function givenCode(node: Node, places: ReadonlyMap<string, number>): unknown {
  const given = Array.isArray(node.arguments) ? node.arguments : [];
  if (node.type === 'NewExpression' && nameOf(node.callee).endsWith('Error')) return given[0];
  if (node.type === 'CallExpression') {
    if (isNode(node.callee) && node.callee.type === 'Super') return given[0];
    const place = places.get(nameOf(node.callee));
    return place === undefined ? undefined : given[place];
  }
  if (node.type === 'VariableDeclarator' && nameOf(node.id) === 'code') return node.init;
  if (node.type !== 'ObjectExpression' || !Array.isArray(node.properties)) return undefined;
  const members = new Map(node.properties.map((member: Node) => [nameOf(member.key), member.value]));
  // Endpoints that stand in for each other share a code for all that happens to them: see src/clients/failover.ts.
  return members.has('waitsFor') ? undefined : (members.get('code') ?? members.get('unavailableCode'));
}

const files = globSync('src/**/*.ts', { cwd: PROJECT_ROOT }).filter(
  file => !/\/error-(codes|texts)\.ts$/.test(file),
);
const filesOf = new Map<ErrorCode, string[]>();
for (const file of files.sort()) {
  for (const code of codesMadeBy(file)) filesOf.set(code, [...(filesOf.get(code) ?? []), file]);
}

describe('the table of error codes', () => {
  it('the table of error codes has only codes that are thrown somewhere in src', () => {
    expect(codes.filter(code => isErrorCode(code) && !filesOf.has(code))).toEqual([]);
  });

  it('the table of error codes marks the codes that several files throw as shared, and no others', () => {
    const several = [...filesOf].filter(([, places]) => places.length > 1);
    const shared = table.filter(([, facts]) => facts.shared === true).map(([code]) => code);
    expect(several.map(([code]) => code).sort()).toEqual(shared);
  });

  it('the table of error codes is in alphabetical order', () => {
    expect(codes).toEqual([...codes].sort());
    expect(Object.keys(ERROR_TEXTS)).toEqual(codes);
  });

  it('the table of error codes says of each code in full sentences what it means and what to do', () => {
    expect(texts.filter(text => !/^["A-Z-].*[^.]\.$/.test(text))).toEqual([]);
  });

  it('the table of error codes names only options that a command, the signer or one of its tools has', () => {
    const foreign = ['--help', '--key-manager-api-enabled', '--tls-known-clients-file'];
    const { commands } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, { flags: Record<string, unknown> }>;
    };
    const flags = Object.values(commands).flatMap(command => Object.keys(command.flags));
    const known = new Set(flags.map(name => `--${name}`).concat(foreign));
    const named = texts.flatMap(text => text.match(/--[a-z][a-z0-9-]*/g) ?? []);
    expect(named.filter(name => !known.has(name))).toEqual([]);
  });

  it('the texts of error codes are loaded by no file of the program', () => {
    const loading = files.filter(file =>
      readFileSync(join(PROJECT_ROOT, file), 'utf8').includes("error-texts.ts'"),
    );
    expect(loading).toEqual([]);
  });

  it('isErrorCode knows no code by the name of a member that every object has', () => {
    expect([isErrorCode('constructor'), isErrorCode('timeout')]).toEqual([false, true]);
    expect([isErrorCodeOf('usage', 'timeout'), isErrorCodeOf('external', 'timeout')]).toEqual([false, true]);
  });
});

describe('the classes of errors', () => {
  it('the classes of errors end the program with the exit code of the kind that the table gives to their codes', () => {
    const exitCodes = {
      usage: new UsageError('invalid-url', 'Wrong.').exitCode,
      differences: new DifferencesError('files-differ', 'Differs.').exitCode,
      external: new ExternalError('timeout', 'Down.').exitCode,
      failure: new OperatorError('disk-full', 'Full.').exitCode,
    };
    expect(EXIT_CODES_OF_KINDS).toEqual({ ...exitCodes, bug: 70 });
  });

  it('the classes of errors take no code that is misspelt or of another kind', () => {
    // @ts-expect-error -- no such code
    new OperatorError('disk-ful', 'Full.');
    // @ts-expect-error -- a code of UsageError
    new OperatorError('invalid-url', 'Wrong.');
    // @ts-expect-error -- a code of ExternalError
    new UsageError('timeout', 'Down.');
    // @ts-expect-error -- a code of OperatorError
    new ExternalError('disk-full', 'Full.');
    // @ts-expect-error -- a code of UsageError
    new DifferencesError('invalid-url', 'Wrong.');
    const error: OperatorError = new ExternalError('timeout', 'Down.');
    // @ts-expect-error -- a comparison with no code
    expect(error.code === 'time-out').toBe(false);
    // @ts-expect-error -- a comparison with a code of another kind
    expect(error instanceof ExternalError && error.code === 'disk-full').toBe(false);
  });
});

describe('docs/errors.md', () => {
  function check(...words: string[]) {
    const script = join(PROJECT_ROOT, 'scripts/error-reference.js');
    const { status, stderr } = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8' });
    return { status, stderr };
  }

  it('docs/errors.md is what the table of error codes says', () => {
    expect(check('--check')).toEqual({ status: 0, stderr: '' });
  });

  it('docs/errors.md is called stale by --check when a word of it was changed, or when it is missing', () => {
    using directory = temporaryDirectory();
    const page = join(directory.path, 'errors.md');
    const stale = { status: 1, stderr: 'docs/errors.md is stale: run "npm run errors".\n' };
    expect(check('--check', page)).toEqual(stale);
    expect(check(page)).toEqual({ status: 0, stderr: '' });
    expect(check('--check', page)).toEqual({ status: 0, stderr: '' });
    writeFileSync(page, readFileSync(page, 'utf8').replace('quota', 'quote'));
    expect(check('--check', page)).toEqual(stale);
  });

  it('docs/errors.md explains every code once, under a heading to link to', () => {
    const page = readFileSync(join(PROJECT_ROOT, 'docs/errors.md'), 'utf8');
    const headings = [...page.matchAll(/^### `(.*)`$/gm)].map(([, code]) => code);
    expect(headings.sort()).toEqual(codes);
    const links = [...page.matchAll(/\]\(#(.*?)\)/g)].map(([, code]) => code);
    expect(links.filter(code => !headings.includes(code))).toEqual([]);
  });
});
