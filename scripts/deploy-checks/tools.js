// The tools of scripts/deploy-tools.sh, and temporary folders.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** @param folder - where deploy-tools.sh has put them; its own default when left out */
export function createTools(
  folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'stakewise-deploy-tools'),
) {
  const env = { ...process.env, PATH: [join(folder, 'bin'), process.env.PATH].join(delimiter) };

  /** Runs a tool to its end, whatever it ends with. */
  function attempt(command, args, options = {}) {
    const run = spawnSync(command, args, {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      ...options,
      env: { ...env, ...options.env },
    });
    if (run.error?.code === 'ENOENT')
      throw new Error(`${command} is not installed: scripts/deploy-tools.sh does that.`);
    if (run.error !== undefined) throw run.error;
    return run;
  }

  /** Runs a tool that has to succeed. @returns what it wrote to stdout */
  function run(command, args, options = {}) {
    const { status, stdout, stderr } = attempt(command, args, options);
    if (status !== 0) throw new Error(`$ ${command} ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Like `attempt`, without stopping this process, which may be the server that the tool asks. */
  function attemptBeside(command, args, options = {}) {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd: root, ...options, env: { ...env, ...options.env } });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', text => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', text => (stderr += text));
      child.once('error', reject);
      child.once('close', status => resolve({ status, stdout, stderr }));
    });
  }
  return { attempt, run, attemptBeside };
}

/** Gives a temporary folder to a function, and removes it afterwards. */
export async function inFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-deploy-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
