import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { spawn } from '@lydell/node-pty';
import { PATIENCE_MS } from '../wait-until.ts';

/** Shells whose line editors are tried. */
export const LINE_EDITORS = ['bash', 'zsh', 'fish'] as const;
export type LineEditor = (typeof LINE_EDITORS)[number];

const READY = 'READY-TO-TYPE';

/** Each shell without anybody's settings, with commands that print the words they get, each on a line of its own. */
const SETTINGS: Readonly<Record<LineEditor, (script: string) => string>> = {
  bash: script => `
    operator() { printf '<%s>\\n' "$@"; echo END-OF-WORDS; }
    v3-operator() { operator "$@"; }
    PS1=''; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'
    source ${script}
    echo ${READY}`,
  zsh: script => `
    autoload -Uz compinit && compinit -D -u
    operator() { printf '<%s>\\n' "$@"; echo END-OF-WORDS }
    v3-operator() { operator "$@" }
    PS1=''; unsetopt zle_bracketed_paste beep 2>/dev/null
    source ${script}
    echo ${READY}`,
  fish: script => `
    function operator; printf '<%s>\\n' $argv; echo END-OF-WORDS; end
    function v3-operator; operator $argv; end
    function fish_prompt; end
    set -g fish_greeting
    source ${script}
    echo ${READY}`,
};

/**
 * Types a line on a terminal of an interactive shell, tabs for completion in it, and runs it.
 * @param keys - typed one after another, when the shell has shown what came of the last ones
 * @returns the words that the command got
 */
export async function typeLine(
  shell: LineEditor,
  keys: readonly string[],
  { script, directory }: { readonly script: string; readonly directory: string },
): Promise<string[]> {
  const settings = join(directory, shell === 'zsh' ? '.zshrc' : `settings.${shell}`);
  writeFileSync(settings, SETTINGS[shell](script));
  const words = {
    bash: ['--noprofile', '--rcfile', settings, '-i'],
    zsh: ['-d', '-i'],
    fish: ['--no-config', '--interactive', '--init-command', `source ${settings}`],
  };
  const terminal = spawn(shell, words[shell], {
    cwd: directory,
    cols: 300,
    rows: 50,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: directory,
      ZDOTDIR: directory,
      TERM: 'xterm',
      LANG: 'C.UTF-8',
    },
  });
  let screen = '';
  let wake = () => {};
  terminal.onData(data => {
    screen += data;
    wake();
  });
  const exited = new Promise<never>((_, reject) =>
    terminal.onExit(({ exitCode }) => reject(new Error(`${shell} ended with ${exitCode}:\n${screen}`))),
  );
  exited.catch(() => undefined);
  const impatience = setTimeout(() => terminal.kill('SIGKILL'), 2 * PATIENCE_MS);
  /** Waits until the shell has shown this behind a place of the screen. */
  const shown = async (isShown: () => boolean) => {
    while (!isShown()) {
      const more = new Promise<void>(resolve => {
        wake = resolve;
      });
      await Promise.race([more, exited]);
    }
  };
  try {
    await shown(() => screen.includes(READY));
    for (const key of keys) {
      const before = screen.length;
      terminal.write(key);
      await shown(() => screen.length > before);
    }
    terminal.write('\r');
    await shown(() => /END-OF-WORDS\r?\n/.test(stripVTControlCharacters(screen)));
    const text = stripVTControlCharacters(screen);
    return [...text.matchAll(/^<(.*)>\r?$/gm)].map(([, word = '']) => word);
  } finally {
    clearTimeout(impatience);
    terminal.kill('SIGKILL');
  }
}
