// What stays resident when everything has been read and 10,000 keys are looked up again
// and again: node test/bench/deposit-steady.mjs DB_URL SERVER. Prints JSON.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectExecutionNode } from '../../src/clients/execution/execution-node.ts';
import { openDatabase } from '../../src/db/database.ts';
import { createNetworkValidators } from '../../src/services/staking/network-validators/network-validators.ts';

const [url, server, network, count] = process.argv.slice(2);
const { rpcUrl } = JSON.parse(server);
const { genesisForkVersion, ...facts } = JSON.parse(network);

const database = await openDatabase({ url });
const node = await connectExecutionNode(
  {},
  { endpoints: [rpcUrl], chainId: 31_337, timeoutMs: 60_000, retryTimeoutMs: 0 },
);
const validators = createNetworkValidators(
  { database, node, http: {} },
  { network: { ...facts, genesisForkVersion: Buffer.from(genesisForkVersion, 'hex') } },
);
await validators.sync();
const keys = Array.from({ length: Math.min(Number(count), 10_000) }, (_, i) =>
  createHash('sha384').update(String(i)).digest(),
);
const beganMb = Math.round(process.memoryUsage.rss() / 1e6);
let lookupMs = 0;
for (let round = 0; round < 10; round++) {
  const began = performance.now();
  const found = await validators.findRegistered(keys);
  lookupMs = Math.round(performance.now() - began);
  if (found.size !== keys.length) throw new Error('a key is missing');
  await sleep(200);
}
node.destroy();
console.log(JSON.stringify({ beganMb, rssMb: Math.round(process.memoryUsage.rss() / 1e6), lookupMs }));
await database.close();
