import { exitCodeOf } from '../../lib/stop-signals.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Says what has become of a command's work when Ctrl-C or SIGTERM ends it, and ends it then as the kernel would have: by the
 * signal, or as the first process of a container with the exit code that shells show for it. What listens for the same signal
 * besides, a question on the terminal, ends the command in its own way.
 */
export class Interruption implements Disposable {
  readonly #tell: (line: string) => void;
  #kept: string;

  /**
   * @param kept - what there is to say when the work begins
   * @param tell - prints a line where nothing else stands
   */
  constructor(kept: string, tell: (line: string) => void) {
    this.#kept = kept;
    this.#tell = tell;
    for (const name of SIGNALS) process.on(name, this.#end);
  }

  /** What there is to say from now on. An arrow function, so that services can be given it as it is. */
  readonly whenInterrupted = (kept: string): void => {
    this.#kept = kept;
  };

  get kept(): string {
    return this.#kept;
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#end);
  }

  readonly #end = (name: NodeJS.Signals): void => {
    // The first process of a container has a listener that ends it when there is no other one.
    const isFirst = process.pid === 1;
    if (process.listenerCount(name) > (isFirst ? 2 : 1)) return;
    this.#tell(`Interrupted. ${this.#kept}`);
    this[Symbol.dispose]();
    if (isFirst) process.exit(exitCodeOf(name));
    process.kill(process.pid, name);
  };
}
