// The task that counts the oracles that answer, against servers that can be made to fail.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkOracles } from '../../../src/operator/tasks/check-oracles-task.ts';
import { readSamples, testMetrics } from '../../support/operator-metrics.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { startServer, type TestServer } from '../../support/servers/http-server.ts';

const resources = new AsyncDisposableStack();
const broken = new Set<number>();
let servers: TestServer[];

beforeAll(async () => {
  servers = await Promise.all(
    [0, 1, 2].map(i =>
      startServer(() => (broken.has(i) ? { status: 500 } : { body: '{"network": "devnet"}' })),
    ),
  );
  for (const server of servers) resources.use(server);
});
afterAll(() => resources.disposeAsync());

it('the operator counts the oracles that answer, and says when they are too few and when they are enough again', async () => {
  const { log, texts } = recordingLog();
  const metrics = testMetrics();
  const asked: string[] = [];
  const oracles = servers.map(({ url }, i) => ({
    publicKey: new Uint8Array(64),
    address: `0x${i}`,
    endpoints: [url],
  }));
  const task = checkOracles(
    {
      metrics,
      log,
      http: {},
      chain: {
        readSnapshot: async () =>
          ({ events: { config: { ipfsHash: 'Qm1' } }, keeper: { validatorsMinOracles: 2 } }) as never,
      },
      oracleSets: {
        configFor: async hash => {
          asked.push(String(hash));
          return { oracles } as never;
        },
      },
    },
    { network: { secondsPerSlot: 12, slotsPerEpoch: 32, contracts: { keeper: '0x' } }, timeoutMs: 5_000 },
  );
  const pass = () => task.run(new AbortController().signal);
  const figures = async () => {
    const samples = await readSamples(metrics);
    return ['oracles', 'oracles_reachable', 'oracles_required'].map(name => samples.get(name));
  };

  expect(await figures()).toEqual([0, 0, 0]);
  expect(await pass()).toBeUndefined();
  expect(await figures()).toEqual([3, 3, 2]);
  broken.add(0);
  expect(await pass()).toBeUndefined();
  expect(await figures()).toEqual([3, 2, 2]);
  broken.add(1);
  for (let i = 0; i < 2; i++) {
    expect(await pass()).toBe('more oracles: 1 of 3 oracles answer, 2 have to approve');
  }
  expect(await figures()).toEqual([3, 1, 2]);
  expect(texts('warn')).toEqual(['Too few oracles answer: 1 of 3 oracles answer, 2 have to approve']);
  broken.clear();
  expect(await pass()).toBeUndefined();
  expect(texts('info')).toEqual(['Enough oracles answer again: 3 of 3 oracles answer, 2 have to approve']);
  expect(new Set(asked)).toEqual(new Set(['Qm1']));
});
