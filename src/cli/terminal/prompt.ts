import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { printable } from '../../lib/foreign-text.ts';
import { Aborted } from './aborted.ts';

/**
 * Questions on a terminal, in click's words. Lines are read through node:readline rather than @inquirer/prompts, which
 * repaints its own question with colours and symbols and so cannot print click's prompts byte for byte.
 */
export interface Prompter {
  /** Asks for one line. @param hidden - the answer is not shown @throws Aborted on Ctrl-C and end of input */
  readonly askLine: (question: string, hidden?: boolean) => Promise<string>;
  /** Waits for any key. @throws Aborted on Ctrl-C */
  readonly waitForKey: (message: string) => Promise<void>;
  /** Prints beside the questions. */
  readonly print: (text: string) => void;
  /** Empties the screen and what was scrolled off it, so that a secret does not stay there. */
  readonly clear: () => void;
}

/**
 * The screen, then the lines above it, which `2J` leaves (and some terminals move the screen there), then the cursor's place.
 * Terminals that do not know `3J` pass over it.
 */
const CLEAR = '\x1b[2J\x1b[3J\x1b[1;1H';

/** Questions on `input`, a terminal, and their texts on `output`. */
export function createPrompter(input: ReadStream, output: WriteStream): Prompter {
  return {
    askLine: (question, hidden = false) =>
      hidden
        ? readHiddenLine(input, output, printable(question))
        : readLine(input, () => output.write(printable(question))),
    waitForKey: async message => {
      await readKey(input, () => output.write(printable(message)));
      output.write('\n');
    },
    print: text => void output.write(printable(text)),
    clear: () => {
      if (output.isTTY) output.write(CLEAR);
    },
  };
}

/**
 * The terminal's own line editing and echo: what is typed appears as it would for any other program.
 * @param ask - prints the question, once everything listens
 */
async function readLine(input: ReadStream, ask: () => void): Promise<string> {
  const lines = createInterface({ input, terminal: false });
  const answered = Promise.withResolvers<string>();
  const abort = () => answered.reject(new Aborted());
  process.once('SIGINT', abort);
  lines.once('line', answered.resolve);
  lines.once('close', abort);
  try {
    ask();
    return await answered.promise;
  } finally {
    process.off('SIGINT', abort);
    lines.close();
  }
}

async function readHiddenLine(input: ReadStream, output: WriteStream, question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // Takes the terminal out of its echoing mode before the question appears.
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  const answered = Promise.withResolvers<string>();
  lines.once('line', answered.resolve);
  lines.once('close', () => answered.reject(new Aborted()));
  try {
    output.write(question);
    return await answered.promise;
  } finally {
    lines.close();
    output.write('\n');
  }
}

async function readKey(input: ReadStream, ask: () => void): Promise<void> {
  input.setRawMode(true);
  const pressed = Promise.withResolvers<Buffer>();
  input.once('data', pressed.resolve);
  input.once('end', () => pressed.reject(new Aborted()));
  try {
    ask();
    input.resume();
    const keys = await pressed.promise;
    const controlC = 3;
    const controlD = 4;
    if (keys.includes(controlC) || keys.includes(controlD)) throw new Aborted();
  } finally {
    input.setRawMode(false);
    input.pause();
  }
}
