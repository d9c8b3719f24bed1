// The network's validators: begin with a snapshot, read as many deposits of keys that are known, and some of new ones, whose
// signatures are verified; in Postgres and in the embedded database. DEPOSITS and FRESH make another size.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { EMBEDDED_FLAGS } from '../../src/cli/lean-process.ts';
import { connectExecutionNode, type ExecutionNode } from '../../src/clients/execution/execution-node.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { migrateDatabase } from '../../src/db/migrator.ts';
import { signMessage } from '../../src/domain/consensus/bls.ts';
import { depositSigningRoot, findInvalidDeposits } from '../../src/domain/consensus/deposit-signature.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';
import { createNetworkValidators } from '../../src/services/staking/network-validators/network-validators.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { CREDENTIALS, DEPOSIT_CONTRACT, FORK_VERSION } from './deposit-inputs.ts';
import { type Cost, check, measure } from './measure.ts';
import { withClient } from './with-client.ts';

const KNOWN = Number(process.env.DEPOSITS || 2_000_000);
const FRESH = Number(process.env.FRESH || 10_000);

interface Server {
  readonly rpcUrl: string;
  readonly ipfsUrl: string;
  readonly cid: string;
}

interface Step {
  readonly snapshot: Cost;
  readonly known: Cost;
  readonly fresh: Cost;
}

/** Prints the figures. */
async function benchDepositSync(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-bench-'));
  try {
    console.log(`deposit-sync: ${KNOWN} validators, as many deposits, ${FRESH} new ones`);
    await using postgres = await startPostgresServer();
    for (const kind of ['postgres', 'pglite'] as const) {
      const url = kind === 'postgres' ? postgres.url : `pglite:${join(folder, 'db')}`;
      await using server = await startServer();
      const step: Step = JSON.parse(await runScript('deposit-sync.ts', [url, JSON.stringify(server)]));
      const size = kind === 'postgres' ? await sizeInPostgres(url) : sizeOf(join(folder, 'db'));
      const network = { ...networkOf(server), genesisForkVersion: Buffer.from(FORK_VERSION).toString('hex') };
      const steady = JSON.parse(
        await runScript('deposit-steady.mjs', [
          url,
          JSON.stringify(server),
          JSON.stringify(network),
          String(KNOWN),
        ]),
      );
      console.log(`  ${kind}`);
      const perSecond = (count: number, { wallMs }: Cost) => Math.round((count * 1000) / wallMs);
      console.log(`    snapshot ${costText(step.snapshot)}, ${perSecond(KNOWN, step.snapshot)} validators/s`);
      console.log(
        `    known    ${costText(step.known)}, ${perSecond(KNOWN, step.known)} events/s, nothing to verify`,
      );
      console.log(
        `    new      ${costText(step.fresh)}, ${perSecond(FRESH, step.fresh)} events/s, each signature verified`,
      );
      console.log(`    disk     ${Math.round(size / 1e6)} MB`);
      console.log(
        `    steady   ${steady.rssMb} MB resident in a fresh process (${steady.beganMb} at first), 10,000 keys looked up in ${steady.lookupMs} ms`,
      );
    }
    console.log(`    bare     ${Math.round(await bareRate())} signatures/s in batches, one thread\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function step(url: string, server: Server): Promise<Step> {
  await using database = await openDatabase({ url, statementTimeoutMs: 0 });
  await migrateDatabase(database, { programVersion: '1.0.0' });
  const node = await connect(server);
  const validators = open(database, node, server);
  const snapshot = await measure(() => validators.sync());
  await node.send('bench_finalize', [KNOWN]);
  const known = await measure(() => validators.sync());
  check(known.value.added === 0, `${known.value.added} validators that the snapshot lacks`);
  await node.send('bench_finalize', [KNOWN + FRESH]);
  const fresh = await measure(() => validators.sync());
  check(fresh.value.added === FRESH, `${fresh.value.added} new validators`);
  node.destroy();
  return { snapshot: snapshot.cost, known: known.cost, fresh: fresh.cost };
}

function connect(server: Server): Promise<ExecutionNode> {
  return connectExecutionNode(
    {},
    { endpoints: [server.rpcUrl], chainId: 31_337, timeoutMs: 60_000, retryTimeoutMs: 0 },
  );
}

function open(database: Database, node: ExecutionNode, server: Server) {
  return createNetworkValidators({ database, node, http: {} }, { network: networkOf(server) });
}

function networkOf({ cid, ipfsUrl }: Server) {
  const contracts = {
    ...resolveNetwork('holesky').contracts,
    depositContract: DEPOSIT_CONTRACT,
    depositContractGenesisBlock: 1,
  };
  return {
    chainId: 31_337,
    contracts,
    genesisForkVersion: FORK_VERSION,
    genesisValidatorsIpfsHash: cid,
    ipfsGateways: [ipfsUrl],
  };
}

/** Signatures per second, 128 at a time. */
async function bareRate(): Promise<number> {
  const deposits = Array.from({ length: 512 }, (_, i) => {
    const secretKey = new Uint8Array(32).fill(2);
    new DataView(secretKey.buffer).setUint32(28, i);
    const message = {
      publicKey: publicKeyOf(secretKey),
      withdrawalCredentials: CREDENTIALS,
      amountGwei: 32_000_000_000n,
    };
    return { ...message, signature: signMessage(secretKey, depositSigningRoot(message, FORK_VERSION)) };
  });
  const { cost } = await measure(() => {
    for (let from = 0; from < deposits.length; from += 128) {
      check(findInvalidDeposits(deposits.slice(from, from + 128), FORK_VERSION).length === 0, 'signatures');
    }
  });
  return (deposits.length * 1000) / cost.cpuMs;
}

async function startServer(): Promise<Server & AsyncDisposable> {
  const script = join(import.meta.dirname, 'deposit-server.ts');
  const child = spawn(process.execPath, [script, String(KNOWN), String(FRESH)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    ...(JSON.parse(String(line)) as Server),
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

async function runScript(script: string, args: readonly string[]): Promise<string> {
  // Optimised code of the embedded database alone is 100 MB; see the launchers.
  const flags = args[0]?.startsWith('pglite:') ? EMBEDDED_FLAGS : [];
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [status]] = await Promise.all([readText(child.stdout), once(child, 'exit')]);
  if (status !== 0) throw new Error(`${script} ended with ${status}`);
  return output;
}

async function sizeInPostgres(url: string): Promise<number> {
  const table = 'stakewise_operator.network_validators';
  const { rows } = await withClient(url, client =>
    client.query<{ size: string }>(`select pg_total_relation_size('${table}') as size`),
  );
  return Number(rows[0]?.size);
}

function sizeOf(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function costText({ wallMs, cpuMs, peakMb }: Cost): string {
  return `${(wallMs / 1000).toFixed(1)} s, ${(cpuMs / 1000).toFixed(1)} s CPU, ${Math.round(peakMb)} MB peak`;
}

const [url, server] = process.argv.slice(2);
if (url === undefined || server === undefined) await benchDepositSync();
else console.log(JSON.stringify(await step(url, JSON.parse(server))));
