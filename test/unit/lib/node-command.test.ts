import { describe, expect, it } from 'vitest';
import { givenNodeFlags, nodeCommand, ownWords } from '../../../src/lib/node-command.ts';

// The single executable's forms are tried where it runs: test/delivery/binary.test.ts.
describe('the command line of Node', () => {
  it('Node is given its options before the file, and never listens to SIGUSR1', () => {
    expect(nodeCommand(['--no-maglev'], ['main.js', '--json'])).toEqual([
      process.execPath,
      '--disable-sigusr1',
      '--no-maglev',
      '--',
      'main.js',
      '--json',
    ]);
  });

  it('a process begins again from its script and arguments, with the options that it was given', () => {
    expect(ownWords(process.argv.slice(2))).toEqual(process.argv.slice(1));
    expect(givenNodeFlags()).not.toContain('--disable-sigusr1');
  });
});
