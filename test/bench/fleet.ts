// npm run bench -- fleet: `operator status --json` as it is run, over a fleet of two signers with all keys and shares, ten validator
// clients with key managers, a chain with its oracles, a beacon node and an operator. Everything else is in other processes, and
// behind links: 5 ms each way, which is 10 ms for every answer. FLEETS chooses sizes; the first one is what the others are
// compared with, since CPU time has to grow with the keys.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { RESULT } from '../../src/cli/results/status.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { runProgram } from './child-process.ts';
import type { FillFleetOptions } from './fleet/fill-fleet.ts';
import { CLIENTS, EXITED, FOREIGN, LACKING, ORACLES, TOKEN, UNUSED_IN } from './fleet/fleet-keys.ts';
import type { FleetWorldOptions, FleetWorldPlaces } from './fleet/fleet-world.ts';
import { type Cost, check } from './measure.ts';
import { judge, loadText, median } from './operator-bench.ts';

const SIZES = (process.env.FLEETS || '10000,100000').split(',').map(Number);
const ONE_WAY_MS = 5;
const RUNS = 3;
/** What a look at 10,000 keys may cost. */
const TARGET = { keys: 10_000, cpuMs: 2_000, wallMs: 5_000, peakMb: 300 };
const WALLET = '0x73c5000000000000000000000000000000000001';

type Result = z.infer<typeof RESULT>;
type Facts<T> = Extract<T, { answer: 'answered' }> extends { facts: infer F } ? F : never;

/** A fleet, and what `status` is told of it. */
interface Fleet {
  readonly validators: number;
  readonly places: FleetWorldPlaces;
  readonly args: readonly string[];
  /** The options of a validator client. */
  readonly clientArgs: (url: string) => string[];
}

/** Prints the figures. @returns what a look costs */
async function benchSize(validators: number): Promise<Cost> {
  check(validators % (2 * CLIENTS * UNUSED_IN) === 0, `${validators} keys are not so many for each client`);
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-bench-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const server = stack.use(await startPostgresServer());
  const networkFile = join(folder, 'network.json');
  const options = {
    validators,
    delayMs: 2 * ONE_WAY_MS,
    databaseUrl: server.url,
    networkFile,
    wallet: WALLET,
  };
  const world = stack.use(await startWorld(options));
  const { places } = world;
  await fill({ ...places, url: server.url, validators, networkFile });
  const fleet = describeFleet({ folder, validators, places, networkFile });
  const { signerUrls, clientUrls } = places;
  console.log(
    `fleet: status --json of ${validators} keys × ${ORACLES} shares, ${signerUrls.length} signers, ${clientUrls.length} clients, links of ${ONE_WAY_MS} ms each way`,
  );
  const costs: Cost[] = [];
  for (let run = 0; run < RUNS; run++) {
    const { cost, result } = await look(fleet, places, 0);
    checkOrder(result, validators);
    costs.push(cost);
  }
  const cost = {
    wallMs: median(costs.map(({ wallMs }) => wallMs)),
    cpuMs: median(costs.map(({ cpuMs }) => cpuMs)),
    peakMb: Math.max(...costs.map(({ peakMb }) => peakMb)),
  };
  const bare = await measureBare(fleet);
  console.log(
    `  cost     ${costText(cost)}, medians of ${RUNS} and the highest peak (${loadText()}); CPU ${costs.map(one => Math.round(one.cpuMs)).join(', ')} ms`,
  );
  console.log(
    `  bare     ${costText(bare)}   every key selected by pg, every list fetched and parsed, one process, nothing compared`,
  );
  console.log(`  ratio    ${(cost.cpuMs / bare.cpuMs).toFixed(2)} (CPU)`);
  await checkDrift(fleet);
  return cost;
}

/** What `status` is told of the fleet, without signers and clients. */
function describeFleet({
  folder,
  validators,
  places,
  networkFile,
}: {
  readonly folder: string;
  readonly validators: number;
  readonly places: FleetWorldPlaces;
  readonly networkFile: string;
}): Fleet {
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const tokenFile = write('token', TOKEN);
  const named: Readonly<Record<string, string>> = {
    vault: places.vault,
    network: networkFile,
    'data-dir': join(folder, 'data'),
    'db-url-file': write('db-url', places.databaseUrl),
    'execution-endpoints': places.executionUrl,
    'consensus-endpoints': places.consensusUrl,
    'operator-url': places.operatorUrl,
    'hot-wallet-file': write('wallet.json', JSON.stringify({ address: WALLET.slice(2), version: 3 })),
    // A machine that has much to do is slower, and to be measured all the same.
    'ask-timeout': '300',
  };
  return {
    validators,
    places,
    args: ['status', '--json', ...Object.entries(named).flatMap(([name, value]) => [`--${name}`, value])],
    clientArgs: url => ['--keymanager', `${url}=${tokenFile}`],
  };
}

/** Runs `status` over these signers and clients. */
async function look(
  { args, clientArgs }: Fleet,
  { signerUrls, clientUrls }: Pick<FleetWorldPlaces, 'signerUrls' | 'clientUrls'>,
  exitCode: number,
): Promise<{ cost: Cost; result: Result }> {
  const { cost, stdout } = await runProgram(
    './operator',
    [...args, ...signerUrls.flatMap(url => ['--signer-url', url]), ...clientUrls.flatMap(clientArgs)],
    exitCode,
  );
  return { cost, result: RESULT.parse(JSON.parse(stdout)) };
}

function factsOf<T extends { readonly answer: string }>(seen: T | undefined): Facts<T> {
  if (seen?.answer !== 'answered') throw new Error(`wrong result: not seen: ${JSON.stringify(seen)}`);
  return (seen as unknown as { readonly facts: Facts<T> }).facts;
}

/** Everything was seen, and counted right; what is no drift, but no key of the vault either, was found. */
function checkOrder({ observation, differences }: Result, validators: number): void {
  const codes = differences.map(({ severity, code }) => `${severity} ${code}`).toSorted();
  check(codes.join() === 'note signer-keys-foreign,note validators-exited', codes.join());
  const stored = factsOf(observation.database);
  check(stored.total === validators && stored.stale === 0 && stored.planIntact === true, 'the database');
  const expected = validators * (ORACLES + 1);
  for (const [i, { seen }] of observation.signers.entries()) {
    const { loaded, expected: wanted, missing, extra } = factsOf(seen);
    const foreign = i === 1 ? FOREIGN : 0;
    check(wanted === expected && loaded === expected + foreign, `signer ${i} with ${loaded} of ${wanted}`);
    check(missing.total === 0 && extra.total === foreign, `signer ${i} lacks or has too much`);
  }
  check(observation.keymanagers.length === CLIENTS, `${observation.keymanagers.length} clients`);
  for (const [i, { seen }] of observation.keymanagers.entries()) {
    const { index, runs, missing, misplaced } = factsOf(seen);
    check(index === i && runs === validators / CLIENTS, `client ${i} runs ${runs} as #${index}`);
    check(missing.total === 0 && misplaced.total === 0, `client ${i} runs others`);
  }
  const { rows } = factsOf(observation.clients);
  check(rows.length === CLIENTS && rows.every(({ written }) => written?.current === true), 'written files');
  const { active, exited, unregistered } = factsOf(observation.beaconChain);
  const unused = validators / UNUSED_IN;
  check(active === validators - unused - EXITED && exited === EXITED, `${active} active, ${exited} exited`);
  check(unregistered === unused, `${unregistered} unused`);
  const { members } = factsOf(observation.oracles);
  check(members.length === ORACLES && members.every(({ result }) => result === 'answered'), 'the oracles');
  check(factsOf(observation.lease).holder === 'op-0', 'the lease');
  check(factsOf(observation.operators[0]?.seen).phase === 'running', 'the operator');
}

/** What is wrong is found, to the key: a look that compares nothing would be quicker. */
async function checkDrift(fleet: Fleet): Promise<void> {
  const { lackingSignerUrl, wrongClientUrl, clientUrls } = fleet.places;
  const wrong = { signerUrls: [lackingSignerUrl], clientUrls: [wrongClientUrl, ...clientUrls.slice(1)] };
  const { result } = await look(fleet, wrong, 3);
  const found = result.differences.map(({ code, what }) => `${code} ${/\d+/.exec(what)?.[0]}`);
  const wanted = [
    'keys-run-twice 1',
    'client-keys-misplaced 1',
    `signer-keys-missing ${LACKING}`,
    'client-keys-missing 1',
    `validators-exited ${EXITED}`,
  ];
  check(found.toSorted().join() === wanted.toSorted().join(), `${found}`);
  console.log(
    `  verified every count, ${FOREIGN} foreign keys and ${EXITED} exited validators; then ${found.slice(0, -1).join(', ')} and nothing else\n`,
  );
}

async function measureBare({ places, validators }: Fleet): Promise<Cost> {
  const script = join(import.meta.dirname, 'fleet/bare-status.ts');
  const { cost, stdout } = await runProgram(process.execPath, [script, JSON.stringify([places, validators])]);
  const [counted, wanted] = stdout.match(/\d+/g) ?? [];
  check(counted === String(Number(wanted) + FOREIGN), stdout);
  return cost;
}

async function fill(options: FillFleetOptions): Promise<void> {
  const script = join(import.meta.dirname, 'fleet/fill-fleet.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: 'inherit' });
  const [status] = await once(child, 'exit');
  check(status === 0, 'the database is filled');
}

async function startWorld(
  options: FleetWorldOptions,
): Promise<{ readonly places: FleetWorldPlaces } & AsyncDisposable> {
  const script = join(import.meta.dirname, 'fleet/fleet-world.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return {
    places: JSON.parse(String(line)),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

function costText({ wallMs, cpuMs, peakMb }: Cost): string {
  return `${(wallMs / 1000).toFixed(2)} s wall, ${(cpuMs / 1000).toFixed(2)} s CPU, ${Math.round(peakMb)} MB peak`;
}

let first: { readonly validators: number; readonly cost: Cost } | undefined;
for (const validators of SIZES) {
  const cost = await benchSize(validators);
  if (validators === TARGET.keys) {
    judge('CPU', cost.cpuMs, TARGET.cpuMs, 'ms');
    judge('wall', cost.wallMs, TARGET.wallMs, 'ms');
    judge('peak', cost.peakMb, TARGET.peakMb, 'MB');
  }
  if (first !== undefined) {
    const times = validators / first.validators;
    judge(`CPU in that of ${first.validators} keys`, cost.cpuMs / first.cost.cpuMs, times, 'times');
  }
  first ??= { validators, cost };
}
