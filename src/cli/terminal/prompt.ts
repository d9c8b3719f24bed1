import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
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
  /** Width of the screen, in letters. */
  readonly columns: number;
}

/**
 * The screen, then the lines above it, which `2J` leaves (and some terminals move the screen there), then the cursor's place.
 * Terminals that do not know `3J` pass over it.
 */
const CLEAR = '\x1b[2J\x1b[3J\x1b[1;1H';
/** The width that is taken where the terminal does not tell its own. */
const USUAL_COLUMNS = 80;
/** How long what was typed ahead may take from the terminal to this process. */
const TYPED_AHEAD_MS = 50;

/** Questions on `input`, a terminal, and their texts on `output`. */
export function createPrompter(input: ReadStream, output: WriteStream): Prompter {
  return {
    askLine: (question, hidden = false) =>
      hidden
        ? readHiddenLine(input, output, printable(question))
        : readLine(input, output, printable(question)),
    waitForKey: async message => {
      await readKey(input, output, printable(message));
      output.write('\n');
    },
    print: text => void output.write(printable(text)),
    clear: () => {
      if (output.isTTY) output.write(CLEAR);
    },
    get columns() {
      return output.columns || USUAL_COLUMNS;
    },
  };
}

/** The terminal's own line editing and echo: what is typed appears as it would for any other program. */
async function readLine(input: ReadStream, output: WriteStream, question: string): Promise<string> {
  const lines = createInterface({ input, terminal: false });
  const answered = Promise.withResolvers<string>();
  const interrupt = () => {
    // The terminal has echoed ^C behind the question.
    output.write('\n');
    answered.reject(new Aborted({ isInterrupt: true }));
  };
  process.once('SIGINT', interrupt);
  lines.once('line', answered.resolve);
  lines.once('close', () => answered.reject(new Aborted()));
  try {
    output.write(question);
    return await answered.promise;
  } finally {
    process.off('SIGINT', interrupt);
    lines.close();
  }
}

async function readHiddenLine(input: ReadStream, output: WriteStream, question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // Takes the terminal out of its echoing mode before the question appears.
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  const answered = Promise.withResolvers<string>();
  lines.once('line', answered.resolve);
  // Its own end follows, which then says nothing new.
  lines.once('SIGINT', () => answered.reject(new Aborted({ isInterrupt: true })));
  lines.once('close', () => answered.reject(new Aborted()));
  try {
    output.write(question);
    return await answered.promise;
  } finally {
    lines.close();
    output.write('\n');
  }
}

/**
 * Waits for a key that is pressed after the question has appeared. What was typed before would answer unread, and what
 * comes with the key (a second press, something pasted) would answer the next question: both are dropped.
 */
async function readKey(input: ReadStream, output: WriteStream, question: string): Promise<void> {
  const controlC = 3;
  const controlD = 4;
  input.setRawMode(true);
  const aborted = Promise.withResolvers<never>();
  let pressed = Promise.withResolvers<void>();
  const read = (keys: Buffer) => {
    if (keys.includes(controlC)) aborted.reject(new Aborted({ isInterrupt: true }));
    if (keys.includes(controlD)) aborted.reject(new Aborted());
    pressed.resolve();
  };
  const end = () => aborted.reject(new Aborted());
  // It may be rejected while nothing waits for it.
  aborted.promise.catch(() => undefined);
  input.on('data', read).once('end', end);
  try {
    input.resume();
    await Promise.race([sleep(TYPED_AHEAD_MS), aborted.promise]);
    pressed = Promise.withResolvers<void>();
    output.write(question);
    await Promise.race([pressed.promise, aborted.promise]);
    await Promise.race([sleep(TYPED_AHEAD_MS), aborted.promise]);
  } catch (error) {
    output.write('\n');
    throw error;
  } finally {
    input.off('data', read).off('end', end);
    input.setRawMode(false);
    input.pause();
  }
}
