// Every page of the documentation: links lead somewhere, and what stands in code is there.
import { existsSync, globSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ERROR_CODES } from '../../../src/lib/error-codes.ts';
import { readWeb3SignerConfig } from '../../support/checkers/web3signer-config.ts';
import {
  documentationPages,
  type MarkdownPage,
  parseMarkdownPage,
} from '../../support/documentation/markdown-page.ts';
import { faultsOfCode, faultsOfCommand, isSaid } from '../../support/documentation/program-names.ts';
import { deployedFiles, readDeployed } from '../../support/monitoring.ts';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';

const pages = documentationPages();
const byPath = new Map(pages.map(page => [page.path, page]));
/** Those for users. */
const current = pages.filter(({ path }) => path === 'README.md' || path.startsWith('docs/'));

const codes = new Set(Object.keys(ERROR_CODES));

function faultsOfLinks({ path, anchors, links }: MarkdownPage): string[] {
  return links
    .filter(target => !/^[a-z]+:/.test(target))
    .flatMap(target => {
      const [file = '', anchor] = target.split('#');
      const linked = file === '' ? path : normalize(join(dirname(path), file));
      if (!existsSync(join(PROJECT_ROOT, linked))) return [`${path}: ${target} does not exist`];
      if (anchor === undefined) return [];
      const known = file === '' ? anchors : byPath.get(linked)?.anchors;
      return known?.has(anchor) === true ? [] : [`${path}: ${target} has no such heading`];
    });
}

const page = (text: string) => parseMarkdownPage('docs/errors.md', text);

describe('the pages of the documentation', () => {
  it('every page of docs/ is linked from README', () => {
    const linked = byPath.get('README.md')?.links ?? [];
    const own = pages.map(({ path }) => path).filter(path => path.startsWith('docs/'));
    expect(own.length).toBeGreaterThan(15);
    expect(own.filter(path => !linked.includes(path))).toEqual([]);
  });

  it('every relative link leads to a file, and to a heading of it', () => {
    expect(pages.flatMap(({ links }) => links).length).toBeGreaterThan(150);
    expect(pages.flatMap(faultsOfLinks)).toEqual([]);
  });

  it('a link that leads nowhere is found out', () => {
    expect(
      faultsOfLinks(page('# A title\n[a](#a-title) [b](#b) [c](nothing.md) [d](alerts.md#nothing)\n')),
    ).toEqual([
      'docs/errors.md: #b has no such heading',
      'docs/errors.md: nothing.md does not exist',
      'docs/errors.md: alerts.md#nothing has no such heading',
    ]);
  });

  it('every command, option, variable, code, file, path and script that a page names in code exists', () => {
    const faults = current.flatMap(({ path, codeSpans, blocks }) =>
      codeSpans
        // What a page lets its reader make.
        .filter(code => !blocks.some(block => block.code.includes(`/${code}\n`)))
        .flatMap(code => faultsOfCode(code).map(fault => `${path}: ${fault}`)),
    );
    expect(faults).toEqual([]);
  });

  it.each([
    ['--no-such-option', 'there is no option --no-such-option'],
    ['--hashi-vault-parallel 4', 'there is no option --hashi-vault-parallel'],
    ['operator upload', 'there is no command "upload"'],
    ['operator start --count 2', '"start" has no option --count'],
    ['remote-db assign --adopt', '"remote-db assign" has no option --adopt'],
    ['setup-validator --adopt', '"remote-db setup-validator" has no option --adopt'],
    ['HASHI_VAULT_TOKENS', 'there is no variable HASHI_VAULT_TOKENS'],
    ['db-unreachables', 'nothing is called db-unreachables'],
    ['signer_reachables', 'nothing is called signer_reachables'],
    ['deploy/grafana/nothing.json', 'there is no file deploy/grafana/nothing.json'],
    ['GET /readyness', 'nothing answers /readyness'],
    ['npm run nothing', 'there is no npm script nothing'],
  ])('%s, which does not exist, is found out', (code, fault) => {
    expect(faultsOfCode(code)).toEqual([fault]);
  });

  it('every command line in a block of code has a command and options that exist', () => {
    const lines = current
      .filter(({ path }) => path !== 'docs/commands.md')
      .flatMap(({ path, blocks }) =>
        blocks.flatMap(({ code }) =>
          code
            .replaceAll(/\\\n\s*/g, '')
            .split('\n')
            .filter(line => /^(?:\.\/)?operator /.test(line))
            .map(line => ({ path, line: line.replace(/ [>|].*$/, '') })),
        ),
      );
    expect(lines.length).toBeGreaterThan(30);
    expect(
      lines.flatMap(({ path, line }) => faultsOfCommand(line).map(fault => `${path}: ${fault}`)),
    ).toEqual([]);
  });

  it('every example in docs/commands.md has a command and options that exist', () => {
    const blocks = byPath.get('docs/commands.md')?.blocks ?? [];
    const examples = blocks.flatMap(({ code }) => [
      ...(code.split('\nEXAMPLES\n')[1] ?? '').matchAll(/^ {2}\$ (operator [^>|&\n]*\w)/gm),
    ]);
    expect(examples.length).toBeGreaterThan(40);
    expect(examples.flatMap(([, line = '']) => faultsOfCommand(line))).toEqual([]);
  });

  it('every page that a text of the program or of its deployment names exists', () => {
    const files = globSync(['src/**/*.ts', 'deploy/**/*.*', '.env.example'], { cwd: PROJECT_ROOT });
    const named = files.flatMap(path => readDeployed(path).match(/\bdocs\/[\w-]+(?:\/[\w-]+)*\.md\b/g) ?? []);
    expect(named.length).toBeGreaterThan(20);
    expect([...new Set(named)].filter(path => !byPath.has(path))).toEqual([]);
    // Who has the program has these pages beside it; what README once said stands there now.
    expect(files.filter(path => /see README/.test(readDeployed(path)))).toEqual([]);
  });

  it('blocks of YAML and JSON can be read, and those of ini are settings', () => {
    const blocks = pages.flatMap(({ path, blocks }) => blocks.map(block => ({ path, ...block })));
    const of = (language: string) => blocks.filter(block => block.language === language);
    for (const { code } of of('yaml')) expect(parse(code)).toBeTypeOf('object');
    for (const { code } of of('json')) expect(JSON.parse(code)).toBeTypeOf('object');
    for (const { path, code } of of('ini')) {
      const names = code
        .trimEnd()
        .split('\n')
        .map(line => /^([A-Z_]+)=\S+$/.exec(line)?.[1] ?? line);
      expect(names.flatMap(faultsOfCode), path).toEqual([]);
      expect(
        names.filter(name => !/^[A-Z_]+$/.test(name)),
        path,
      ).toEqual([]);
    }
    const languages = new Set(blocks.map(({ language }) => language));
    expect([...languages].sort()).toEqual(['', 'bash', 'hcl', 'ini', 'json', 'promql', 'text', 'ts', 'yaml']);
  });

  it('the configuration of Web3Signer in docs/remote-signers.md is one that it takes', () => {
    const [config] =
      byPath.get('docs/remote-signers.md')?.blocks.filter(block => block.language === 'yaml') ?? [];
    expect(readWeb3SignerConfig(config?.code ?? '', '26.7').size).toBeGreaterThan(10);
  });
});

describe('docs/machines.md', () => {
  const { text } = byPath.get('docs/machines.md') ?? page('');

  it('the parts that it names are services of the compose file and units of systemd', () => {
    const { services } = parse(readDeployed('deploy/compose/compose.yaml'), { merge: true }) as {
      services: Record<string, unknown>;
    };
    const rows = [...text.matchAll(/^\| [^|]+ \| [^|]+ \| [^|]+ \| ([^|]+) \| ([^|]+) \|$/gm)].slice(2);
    const namesIn = (cell: string) => [...cell.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name);
    const inCompose = rows.flatMap(([, cell = '']) => namesIn(cell));
    expect(inCompose).toHaveLength(8);
    expect(inCompose.filter(name => services[name] === undefined)).toEqual([]);
    const units = rows.flatMap(([, , cell = '']) => namesIn(cell));
    expect(units.sort()).toEqual(['stakewise-operator', 'stakewise-signer', 'stakewise-sync-keys']);
    for (const unit of units) expect(deployedFiles(`deploy/systemd/${unit}.service`)).toHaveLength(1);
  });

  it('the ports of the program and of Web3Signer are those that are theirs unless told otherwise', () => {
    const commands = readDeployed('docs/commands.md').replaceAll(/\s+/g, ' ');
    const rows = [...text.matchAll(/^\| [^|]+ \| ([^|]+) \| (\d+)[^|]*\| [^|]+ \|$/gm)];
    const portsOf = (name: RegExp) => rows.filter(([, to = '']) => name.test(to)).map(([, , port]) => port);
    expect(new Set(portsOf(/^Web3Signer/))).toEqual(new Set(['9000', '9001']));
    expect(commands).toContain('Host and port to listen on. Default is 127.0.0.1:9000.');
    expect(commands).toContain('The port that Web3Signer listens on. Default is 9000.');
    expect(commands).toContain('The port that metrics are served on. Default is 9001.');
    expect(portsOf(/^operator$/)).toEqual(['9100', '9101']);
    expect(commands).toContain('The prometheus metrics port. Default is 9100.');
    expect(readDeployed('deploy/compose/compose.yaml')).toContain('HEALTH_PORT: "9101"');
  });
});

describe('docs/troubleshooting.md', () => {
  const { text, links } = byPath.get('docs/troubleshooting.md') ?? page('');
  const rows = [...text.matchAll(/^\| (.*?) \| .* \|$/gm)].map(([, cell = '']) => cell);
  /** What other programs print. */
  const OF_OTHERS = ['http: ContentLength=… with Body length 0'];

  it('every error code is linked to its section, and exists', () => {
    const linked = links.flatMap(target => /^errors\.md#(.+)$/.exec(target)?.[1] ?? []);
    expect(linked.length).toBeGreaterThan(60);
    expect(linked.filter(code => !codes.has(code))).toEqual([]);
    // A code in words is a link, and to itself.
    const named = [...text.matchAll(/(\[?)`([a-z][a-z0-9]*(?:-[a-z0-9]+)+)`(?:\]\(errors\.md#([\w-]+)\))?/g)];
    for (const [whole, , code = '', target] of named) if (codes.has(code)) expect(target, whole).toBe(code);
  });

  it('what is quoted as seen is said by the program', () => {
    const quoted = rows.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, words = '']) => words));
    const said = quoted.filter(words => words.includes(' ') && !OF_OTHERS.includes(words));
    expect(said.length).toBeGreaterThan(12);
    expect(said.filter(words => !isSaid(words))).toEqual([]);
  });
});
