import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
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
  /** Empties the screen, so that a secret does not stay on it. */
  readonly clear: () => void;
}

/** Questions on `input`, a terminal, and their texts on `output`. */
export function createPrompter(input: ReadStream, output: WriteStream): Prompter {
  return {
    askLine: (question, hidden = false) => {
      output.write(question);
      return hidden ? readHiddenLine(input, output) : readLine(input);
    },
    waitForKey: async message => {
      output.write(message);
      await readKey(input);
      output.write('\n');
    },
    print: text => void output.write(text),
    clear: () => {
      if (output.isTTY) output.write('\x1b[2J\x1b[1;1H');
    },
  };
}

/** The terminal's own line editing and echo: what is typed appears as it would for any other program. */
async function readLine(input: ReadStream): Promise<string> {
  const lines = createInterface({ input, terminal: false });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => reject(new Aborted()));
      const interrupt = () => reject(new Aborted());
      process.once('SIGINT', interrupt);
      lines.once('close', () => process.off('SIGINT', interrupt));
    });
  } finally {
    lines.close();
  }
}

async function readHiddenLine(input: ReadStream, output: WriteStream): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => reject(new Aborted()));
    });
  } finally {
    lines.close();
    output.write('\n');
  }
}

async function readKey(input: ReadStream): Promise<void> {
  input.setRawMode(true);
  try {
    const keys = await new Promise<Buffer>((resolve, reject) => {
      input.once('data', resolve);
      input.once('end', () => reject(new Aborted()));
      input.resume();
    });
    const controlC = 3;
    const controlD = 4;
    if (keys.includes(controlC) || keys.includes(controlD)) throw new Aborted();
  } finally {
    input.setRawMode(false);
    input.pause();
  }
}
