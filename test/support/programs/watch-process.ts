import { waitUntil } from '../wait-until.ts';
import { startBareProcess } from './held-process.ts';

/** A command with `--watch`, running, and what its probes answer. */
export interface WatchProcess extends AsyncDisposable {
  readonly pid: number;
  /** All that it has written. */
  readonly output: string;
  /** Exit code; the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  kill(signal: NodeJS.Signals): void;
  printed(text: string | RegExp): Promise<void>;
  /** Status and document of `/readyz`. */
  readiness(): Promise<{ readonly status: number; readonly report: Readonly<Record<string, unknown>> }>;
  /** Waits until `/readyz` answers 200, and gives its document. */
  ready(): Promise<Readonly<Record<string, unknown>>>;
  /** Waits until `/readyz` answers 503 with a problem of this code, and gives its document. */
  refused(code: string): Promise<Readonly<Record<string, unknown>>>;
  /** The value of a figure with its labels, such as `key_sync_up_to_date`; undefined where there is none. */
  figure(name: string, labels?: string): Promise<number | undefined>;
  /** Status of a path. */
  statusOf(path: string): Promise<number>;
}

/** Starts the built program's `remote-db` command with `--watch`, probes and figures on a port of its own. */
export async function startWatchProcess(
  args: readonly string[],
  { databaseUrl, cwd }: { readonly databaseUrl: string; readonly cwd: string },
): Promise<WatchProcess> {
  const watch = ['--watch', '--health-port', '0'];
  const child = startBareProcess(['remote-db', ...args, ...watch], {
    cwd,
    env: { REMOTE_DB_URL: databaseUrl },
  });
  await child.printed(/Probes at /);
  const url = /Probes at (http:\S+)\/healthz/.exec(child.output)?.[1] ?? '';
  const readiness = async () => {
    const answer = await fetch(`${url}/readyz`);
    return { status: answer.status, report: (await answer.json()) as Record<string, unknown> };
  };
  const wait = async (what: string, isSeen: (seen: Awaited<ReturnType<typeof readiness>>) => boolean) => {
    let last: unknown;
    const seen = await waitUntil(
      what,
      async () => {
        const now = await readiness();
        last = now;
        return isSeen(now) && now;
      },
      { lastSeen: () => `${JSON.stringify(last)}\n${child.output}` },
    );
    return seen.report;
  };
  return {
    pid: child.pid,
    get output() {
      return child.output;
    },
    ended: child.ended,
    kill: signal => child.kill(signal),
    printed: text => child.printed(text),
    readiness,
    ready: () => wait('the files to be right', ({ status }) => status === 200),
    refused: code =>
      wait(
        `the problem ${code}`,
        ({ status, report }) => status === 503 && (report.problem as { code?: string } | null)?.code === code,
      ),
    async figure(name, labels = '') {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.split('\n').filter(line => line.startsWith(name) && line.includes(labels));
      const value = lines
        .find(line => /^[^ {]+/.exec(line)?.[0] === name)
        ?.split(' ')
        .at(-1);
      return value === undefined ? undefined : Number(value);
    },
    statusOf: async path => (await fetch(`${url}${path}`)).status,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
