import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { freePort } from '../devnet/listen.ts';
import { waitUntil } from '../support/wait-until.ts';

/** A Prometheus of the test's own. */
export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  /** What it has logged. */
  readonly output: string;
  rules(): Promise<readonly Rule[]>;
}

const ruleSchema = z.looseObject({
  name: z.string(),
  health: z.string(),
  state: z.string(),
  lastError: z.string().optional(),
});
type Rule = z.infer<typeof ruleSchema>;
const rulesAnswer = z.looseObject({
  data: z.looseObject({ groups: z.array(z.looseObject({ rules: z.array(ruleSchema) })) }),
});
const queryAnswer = z.discriminatedUnion('status', [
  z.looseObject({
    status: z.literal('success'),
    data: z.looseObject({
      resultType: z.literal('vector'),
      result: z.array(
        z.looseObject({
          metric: z.record(z.string(), z.string()),
          value: z.tuple([z.number(), z.string()]),
        }),
      ),
    }),
  }),
  z.looseObject({ status: z.literal('error'), error: z.string() }),
]);
type Sample = Extract<z.infer<typeof queryAnswer>, { status: 'success' }>['data']['result'][number];

/** Starts one with this configuration, and waits until it answers. */
export async function startPrometheus(
  program: string,
  { folder, config }: { readonly folder: string; readonly config: string },
): Promise<Prometheus> {
  const path = join(folder, 'prometheus.yml');
  writeFileSync(path, config);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    program,
    [
      `--config.file=${path}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const closed = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (!hasEnded()) child.kill('SIGTERM');
    await closed;
  };
  await using stack = new AsyncDisposableStack();
  stack.defer(stop);
  await waitUntil(
    'Prometheus to be ready',
    async () => {
      if (hasEnded()) throw new Error(`Prometheus ended:\n${output}`);
      return await fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    },
    { everyMs: 100, lastSeen: () => output },
  );
  const open = stack.move();
  return {
    url,
    get output() {
      return output;
    },
    async rules() {
      const { data } = rulesAnswer.parse(await (await fetch(`${url}/api/v1/rules`)).json());
      return data.groups.flatMap(group => group.rules);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** What an expression gives now. @throws Error for one that Prometheus does not take */
export async function askPrometheus({ url }: Prometheus, expr: string): Promise<readonly Sample[]> {
  const response = await fetch(`${url}/api/v1/query`, {
    method: 'POST',
    body: new URLSearchParams({ query: expr }),
  });
  const answer = queryAnswer.parse(await response.json());
  if (answer.status === 'error') throw new Error(`${answer.error}: ${expr}`);
  return answer.data.result;
}
