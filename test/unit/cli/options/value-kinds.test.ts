import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  address,
  directory,
  file,
  httpUrls,
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

  it('the URL kind takes a percent sign in a password as it stands', async () => {
    const urls = await httpUrls.parse('http://user:50%off@node:8545, http://user:100%@other', source);
    expect(urls.map(url => url.reveal())).toEqual(['http://user:50%off@node:8545', 'http://user:100%@other']);
    expect(urls[0]?.secrets).toEqual(['50%off', 'user:50%off']);
  });

  it.each([
    ['http://user:Plan,ted@node:8545', '%2C'],
    ['http://user:Plan#ted@node:8545', '%23'],
    ['http://user:Plan/ted@node:8545', '%2F'],
    ['http://user:Plan?ted@node:8545', '%3F'],
    ['http://a:8545,user:Planted@node:8545', '%2C'],
  ])(
    'the URL kind refuses %s, says what to escape, and shows no part of the password',
    async (typed, escaped) => {
      await expect(httpUrls.parse(typed, source)).rejects.toMatchObject({
        code: 'invalid-url',
        message: expect.not.stringMatching(/Plan|ted@/),
        hint: expect.stringContaining(escaped),
      });
    },
  );

  it('value kinds read numbers, addresses, networks and mnemonics, and refuse wrong numbers and checksums', async () => {
    expect(integer({ min: 0, max: 9 }).parse(' 7 ', source)).toBe(7);
    expect(() => integer({ min: 0, max: 9 }).parse('10', source)).toThrow('10 is not in the range 0<=x<=9.');
    expect(() => integer({ min: 0 }).parse('1.5', source)).toThrow("'1.5' is not a valid integer.");
    const vault = '0x1234567890AbcdEF1234567890aBcdef12345678';
    expect(address.parse(vault.toLowerCase(), source)).toBe(vault);
    expect(address.parse(vault.toUpperCase(), source)).toBe(vault);
    expect(() => address.parse(vault.replace('AbcdEF', 'abcdEF'), source)).toThrow(
      /Invalid Ethereum address: the checksum of 0x/,
    );
    expect(network.parse('HOLESKY', source)).toBe('holesky');
    expect(await mnemonic.parse(`${'Abandon '.repeat(23)} art`, source)).toBe(`${'abandon '.repeat(23)}art`);
  });
});
