import { describe, expect, it } from 'vitest';
import { type DialogueStep, runOnTerminal, temporaryDirectory } from '../../support/programs/cli.ts';

const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const ANY_KEY = 'Press any key when you have written down your mnemonic.';
const CONFIRM = 'to confirm you have written it down\r\n\r\n: ';
const ESCAPE = '\u001b';

/**
 * All that can be read in a terminal's window: the screen and what has gone off it upwards. As most of them do, it keeps
 * what `2J` takes off the screen among the lines above; `3J` empties those.
 */
function readable(output: string): string {
  let screen = '';
  let above = '';
  for (const part of output.split(ESCAPE)) {
    if (part.startsWith('[2J')) {
      above += screen;
      screen = '';
    }
    if (part.startsWith('[3J')) above = '';
    screen += part;
  }
  return `${above}${screen}`.toLowerCase();
}

/** A word with its number, as the words are shown. */
const NUMBERED = /(\d+)\. ([a-z]+)/g;

/** The words that were shown with their numbers, of the last time. */
function mnemonicIn(output: string): string {
  const words = [...output.matchAll(NUMBERED)].map(([, , word]) => word);
  if (words.length === 0 || words.length % 24 !== 0) throw new Error('no mnemonic was shown');
  return words.slice(-24).join(' ');
}

/** Neither as they are shown, nor as they are typed. */
function expectNoWords(window: string, mnemonic: string): void {
  expect(window).not.toMatch(NUMBERED);
  expect(window).not.toContain(mnemonic);
}

async function initialise(dialogue: readonly DialogueStep[]): Promise<{ output: string; exitCode: number }> {
  using directory = temporaryDirectory();
  const args = ['init', '--network', 'hoodi', '--vault', VAULT, '--language', 'english'];
  const run = await runOnTerminal([...args, '--data-dir', directory.path], dialogue);
  return { output: run.screen, exitCode: run.exitCode };
}

describe('L8 · the mnemonic in a terminal', () => {
  it('local user: scrolls back after "init" → the mnemonic is neither on the screen nor above it', async () => {
    let mnemonic = '';
    const whileAsked: string[] = [];
    const { output, exitCode } = await initialise([
      {
        on: ANY_KEY,
        type: shown => {
          mnemonic = mnemonicIn(shown);
          expect(mnemonicIn(readable(shown)), 'they are shown at all').toBe(mnemonic);
          return 'x';
        },
      },
      {
        on: CONFIRM,
        type: shown => {
          whileAsked.push(readable(shown));
          return `${mnemonic.toUpperCase()}\r`;
        },
      },
    ]);
    expect(exitCode).toBe(0);
    expect(whileAsked).toHaveLength(1);
    expectNoWords(whileAsked[0] ?? '', mnemonic);
    expectNoWords(readable(output), mnemonic);
    expect(readable(output)).toContain('successfully initialized');
  });

  it.each([
    ['the words are shown', [{ on: ANY_KEY, type: '\u0003' }]],
    [
      'they are typed back',
      [
        { on: ANY_KEY, type: 'x' },
        { on: CONFIRM, type: '\u0003' },
      ],
    ],
  ])(
    'local user: scrolls back after Ctrl-C while %s → the words of the mnemonic are not there',
    async (_, dialogue) => {
      const { output, exitCode } = await initialise(dialogue);
      expect(exitCode).toBe(130);
      expect(readable(output)).toContain('aborted!');
      expectNoWords(readable(output), mnemonicIn(output));
    },
  );
});
