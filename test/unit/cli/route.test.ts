import { describe, expect, it } from 'vitest';
import { groupOptions } from '../../../src/cli/flags/remote-db.ts';
import { routeArgv } from '../../../src/cli/route.ts';

const tree = {
  commands: new Set([
    'init',
    'start',
    'create-keys',
    'remote-db setup',
    'remote-db setup-web3signer',
    'status',
  ]),
  groups: new Map([['remote-db', groupOptions()]]),
};
const route = (line: string) => routeArgv(line.split(' ').filter(Boolean), tree);

describe('routeArgv', () => {
  it.each([
    ['remote-db --db-url=postgresql://a --vault=0x1 setup', ['--db-url=postgresql://a', '--vault=0x1']],
    ['remote-db --db-url postgresql://a --vault 0x1 setup', ['--db-url', 'postgresql://a', '--vault', '0x1']],
    ['remote-db setup --db-url postgresql://a --vault 0x1', ['--db-url', 'postgresql://a', '--vault', '0x1']],
    ['remote-db -v --vault 0x1 setup --json', ['-v', '--vault', '0x1', '--json']],
    ['remote-db --json --verbose setup --if-needed', ['--json', '--verbose', '--if-needed']],
    ['remote-db --db-url-file setup setup', ['--db-url-file', 'setup']],
    ['remote-db --keystores-dir - setup', ['--keystores-dir', '-']],
  ])('routeArgv routes "%s" to remote-db setup with its options', (line, argv) => {
    expect(route(line)).toEqual({ kind: 'command', words: ['remote-db', 'setup'], argv });
  });

  it.each([
    ['', []],
    ['--help', []],
    ['init --network mainnet --help', ['init']],
    ['remote-db', ['remote-db']],
    ['remote-db --help', ['remote-db']],
    ['remote-db --vault 0x1 --help', ['remote-db']],
    ['remote-db --vault 0x1 setup --help', ['remote-db', 'setup']],
  ])('routeArgv shows help for "%s"', (line, words) => {
    expect(route(line)).toEqual({ kind: 'help', words });
  });

  it.each([
    ['help', []],
    ['-h', []],
    ['help init', ['init']],
    ['help remote-db', ['remote-db']],
    ['help remote-db setup --json', ['remote-db', 'setup']],
    ['init -h', ['init']],
    ['remote-db -h', ['remote-db']],
    ['remote-db --vault 0x1 setup -h', ['remote-db', 'setup']],
    ['help start-local', ['start']],
  ])('routeArgv shows help for "%s", as people type it', (line, words) => {
    expect(route(line)).toEqual({ kind: 'help', words });
  });

  it.each([
    ['status --json', ['--json']],
    ['fleet status --json', ['--json']],
    ['remote-db status --json', ['--json']],
    ['remote-db --vault 0x1 -v status --json', ['--vault', '0x1', '-v', '--json']],
  ])('routeArgv routes "%s" to status', (line, argv) => {
    expect(route(line)).toEqual({ kind: 'command', words: ['status'], argv });
  });

  it.each(['help fleet status', 'help remote-db status', 'fleet status --help', 'remote-db status -h'])(
    'routeArgv shows help of status for "%s"',
    line => {
      expect(route(line)).toEqual({ kind: 'help', words: ['status'] });
    },
  );

  it.each(['fleet', 'fleet start'])('routeArgv knows no "%s"', line => {
    expect(() => route(line)).toThrow("No such command 'fleet'");
  });

  it('routeArgv knows the names that start has in newer operators', () => {
    for (const name of ['start-local', 'start-remote-signer', 'start-hashi-vault'])
      expect(route(`${name} --vault 0x1`)).toEqual({
        kind: 'command',
        words: ['start'],
        argv: ['--vault', '0x1'],
      });
  });

  it.each([
    ['creat-keys', 'create-keys'],
    ['remotedb', 'remote-db'],
    ['remote-db set-up', 'setup'],
    ['help inti', 'init'],
    ['nosuch', undefined],
  ])('routeArgv names the command that "%s" is nearest to', (line, name) => {
    const hint = name === undefined ? undefined : `Did you mean "${name}"?`;
    expect(() => route(line)).toThrow(expect.objectContaining({ code: 'no-such-command', hint }));
  });

  it('routeArgv leaves everything behind -- alone', () => {
    expect(route('init -- --help')).toEqual({ kind: 'command', words: ['init'], argv: ['--', '--help'] });
  });

  it.each([
    ['nosuch', "No such command 'nosuch'.", []],
    ['--nosuch=secret', 'No such option: --nosuch', []],
    ['remote-db nosuch', "No such command 'nosuch'.", ['remote-db']],
    ['remote-db --vault 0x1', 'Missing command.', ['remote-db']],
    ['remote-db --encrypt-key=secret setup', 'No such option: --encrypt-key', ['remote-db']],
  ])('routeArgv refuses "%s" in click’s words', (line, message, words) => {
    expect(() => route(line)).toThrow(expect.objectContaining({ message, words, exitCode: 2 }));
  });
});
