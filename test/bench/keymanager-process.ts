// The devnet's key manager in a process of its own: prints its URL, and when stdin ends what it has received.
import { startKeymanager } from '../devnet/keymanager.ts';
import { EXIT_CHAIN } from '../support/scenes/signing-fixtures.ts';

export interface Received {
  readonly imports: number;
  /** The size of the bodies of all imports together. */
  readonly bytes: number;
  readonly kdfs: readonly string[];
  /** CPU time of the process since it was listening. */
  readonly cpuMs: number;
}

await using keymanager = await startKeymanager(EXIT_CHAIN);
const before = process.cpuUsage();
console.log(keymanager.url);
for await (const _ of process.stdin);
const { user, system } = process.cpuUsage(before);
const imports = keymanager.requests.filter(({ method }) => method === 'POST');
const received: Received = {
  imports: imports.length,
  bytes: imports.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0),
  kdfs: [...keymanager.seenKdfs],
  cpuMs: (user + system) / 1000,
};
console.log(JSON.stringify(received));
