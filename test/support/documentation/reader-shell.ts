import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import {
  type CliRun,
  COMPILE_CACHE,
  type DialogueStep,
  PROGRAM,
  PROJECT_ROOT,
  runOnTerminal,
  withoutEscapes,
} from '../programs/cli.ts';
import { type OperatorProcess, startOperatorProcess } from '../programs/operator-process.ts';
import type { StandingProgram } from '../programs/standing-program.ts';
import { commandLines } from './markdown-page.ts';

export interface ReaderShellOptions {
  /** What stands in a page for a reader's own machines, and what takes its place. */
  readonly exchanged: readonly (readonly [string, string])[];
  /** Warnings that the page announces. */
  readonly announced?: readonly RegExp[];
  /** Runs the lines that call the program, where a page has too many of them for a process each. */
  readonly program?: StandingProgram;
}

/**
 * A shell of somebody who tries a page, which goes on from block to block: a folder that stands for the clone, a home, and
 * what was exported.
 */
export class ReaderShell {
  readonly folder: string;
  readonly home: string;
  readonly env: Record<string, string>;
  readonly #exchanged: readonly (readonly [string, string])[];
  readonly #announced: readonly RegExp[];
  readonly #program: StandingProgram | undefined;

  constructor(folder: string, { exchanged, announced = [], program }: ReaderShellOptions) {
    this.folder = join(folder, 'clone');
    this.home = join(folder, 'home');
    const programs = join(folder, 'bin');
    for (const path of [this.folder, this.home, programs]) mkdirSync(path);
    for (const program of ['operator', 'v3-operator']) {
      symlinkSync(join(PROJECT_ROOT, program), join(this.folder, program));
    }
    // Where the package is installed, it is a program of that name.
    symlinkSync(PROGRAM, join(programs, 'operator'));
    this.env = {
      PATH: `${programs}:${process.env.PATH ?? ''}`,
      HOME: this.home,
      LANG: 'C.UTF-8',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    };
    this.#exchanged = exchanged;
    this.#announced = announced;
    this.#program = program;
  }

  /** The text with what stands in it for a reader's own machines exchanged. */
  own(code: string): string {
    return this.#exchanged.reduce((all, [from, to]) => all.replaceAll(from, to), code);
  }

  /** Runs a block, and keeps what it exports. @returns what was printed */
  async run(code: string): Promise<string> {
    let printed = '';
    for (const part of this.#program === undefined ? [code] : commandLines(code)) {
      const { stdout, stderr, exitCode } = await this.attempt(part);
      expect(exitCode, `${part}\n${stdout}${stderr}`).toBe(0);
      expect(this.#errorsIn(stderr), part).toEqual([]);
      printed += stdout;
    }
    return printed;
  }

  /** Runs a block, or with a standing program a line, that may fail, and keeps what it exports where it does not. */
  async attempt(code: string): Promise<CliRun> {
    if (this.#program !== undefined && /^(?:\.\/)?operator /.test(code)) {
      const [line = ''] = commandLines(code);
      return this.#program.run(this.#wordsOf(line), { cwd: this.folder, env: this.env });
    }
    const script = `set -euo pipefail\n${this.own(code)}\nenv -0 >&3`;
    const child = spawn('bash', ['-c', script], {
      cwd: this.folder,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const streams = [child.stdout, child.stderr, child.stdio[3]] as NodeJS.ReadableStream[];
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject).once('close', resolve);
    });
    const [[stdout = '', stderr = '', variables = ''], exitCode] = await Promise.all([
      Promise.all(streams.map(stream => text(stream))),
      ended,
    ]);
    for (const variable of variables.split('\0')) {
      const at = variable.indexOf('=');
      if (at > 0) this.env[variable.slice(0, at)] = variable.slice(at + 1);
    }
    return { stdout, stderr, exitCode };
  }

  /** Runs a line of a launcher on a terminal. @returns what the terminal showed */
  async answer(line: string, dialogue: readonly DialogueStep[]): Promise<string> {
    const { screen, exitCode } = await runOnTerminal(this.#wordsOf(line), dialogue, {
      cwd: this.folder,
      env: this.env,
    });
    expect(exitCode, `${line}\n${screen}`).toBe(0);
    expect(this.#errorsIn(screen), line).toEqual([]);
    return screen;
  }

  /** Starts a line of a launcher that goes on until it is stopped. */
  start(line: string): OperatorProcess {
    const [command = '', ...args] = this.#wordsOf(line);
    return startOperatorProcess(args, { env: this.env, words: [command] });
  }

  #wordsOf(line: string): string[] {
    const [launcher = '', ...words] = this.own(line).split(' ');
    expect(['./operator', 'operator']).toContain(launcher);
    return words;
  }

  /** Lines that would make a reader stop. */
  #errorsIn(printed: string): string[] {
    // "error" alone is a word of mnemonics, too.
    const isTold = (line: string) =>
      /(?:error|warning|fatal):/i.test(line) || /\b(?:ERROR|WARN|WARNING|FATAL)\b/.test(line);
    return withoutEscapes(printed)
      .split('\n')
      .filter(line => isTold(line) && !this.#announced.some(announced => announced.test(line)));
  }
}
