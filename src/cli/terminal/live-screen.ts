import type { WriteStream } from 'node:tty';
import { printable } from '../../lib/foreign-text.ts';

const HOME = '\u001b[H';
const CLEAR = '\u001b[2J';
const TO_END_OF_LINE = '\u001b[K';
const TO_END_OF_SCREEN = '\u001b[J';

/**
 * A screen that is drawn again and again. Each picture is written over the last one in one go, and only what stands behind its lines
 * is cleared: a screen that is cleared first flickers. Where there is no terminal the pictures come one after another.
 */
export class LiveScreen {
  readonly #output: WriteStream;
  #isDrawn = false;

  constructor(output: WriteStream) {
    this.#output = output;
  }

  draw(lines: readonly string[]): void {
    const cleaned = lines.map(printable);
    if (!this.#output.isTTY) {
      this.#output.write(`${this.#isDrawn ? '\n' : ''}${cleaned.join('\n')}\n`);
      this.#isDrawn = true;
      return;
    }
    // A picture of more lines than the terminal has would scroll away from its beginning.
    const shown = cleaned.slice(0, Math.max(1, this.#output.rows - 1));
    const picture = shown.map(line => `${line}${TO_END_OF_LINE}\n`).join('');
    this.#output.write(`${this.#isDrawn ? '' : CLEAR}${HOME}${picture}${TO_END_OF_SCREEN}`);
    this.#isDrawn = true;
  }
}
