import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  address,
  directory,
  file,
  integer,
  mnemonic,
  network,
} from '../../../../src/cli/options/value-kinds.ts';

const source = { kind: 'flag' } as const;

describe('value kinds', () => {
  it('the directory kind writes paths as the Python operator does', () => {
    const parse = (path: string) => directory({ exists: false }).parse(path, source);
    expect(parse('./validator0')).toBe('validator0');
    expect(parse('/a//b/./c/')).toBe('/a/b/c');
    expect(parse('../x')).toBe('../x');
    expect(parse('/')).toBe('/');
    expect(parse('~/.stakewise')).toBe(join(homedir(), '.stakewise'));
  });

  it('the directory and file kinds refuse in click’s words what is missing or of the other kind', () => {
    expect(() => directory({ exists: true }).parse('/nowhere', source)).toThrow(
      "Directory '/nowhere' does not exist.",
    );
    expect(() => directory({ exists: false }).parse(import.meta.filename, source)).toThrow(
      /^Directory '.*' is a file\.$/,
    );
    expect(() => file({ exists: true }).parse('/nowhere', source)).toThrow("File '/nowhere' does not exist.");
    expect(() => file({ exists: true }).parse('/', source)).toThrow("File '/' is a directory.");
  });

  it('value kinds read numbers, addresses, networks and mnemonics, and refuse wrong numbers and checksums', async () => {
    expect(integer({ min: 0, max: 9 }).parse(' 7 ', source)).toBe(7);
    expect(() => integer({ min: 0, max: 9 }).parse('10', source)).toThrow('10 is not in the range 0<=x<=9.');
    expect(() => integer({ min: 0 }).parse('1.5', source)).toThrow("'1.5' is not a valid integer.");
    const vault = '0x1234567890AbcdEF1234567890aBcdef12345678';
    expect(address.parse(vault.toLowerCase(), source)).toBe(vault);
    expect(() => address.parse(vault.replace('AbcdEF', 'abcdEF'), source)).toThrow(
      /Invalid Ethereum address: the checksum of 0x/,
    );
    expect(network.parse('HOLESKY', source)).toBe('holesky');
    expect(await mnemonic.parse(`${'Abandon '.repeat(23)} art`, source)).toBe(`${'abandon '.repeat(23)}art`);
  });
});
