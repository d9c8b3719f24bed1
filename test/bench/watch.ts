// npm run bench -- watch: what an idle second of `setup-web3signer --watch` and of `setup-validator --watch` costs beside a database
// that does not change: CPU of the whole process, and statements on the wire. FLEETS names another size, SECONDS another time.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateEncryptionKey } from '../../src/domain/keys/envelope.ts';
import { startWireProxy } from '../support/faults/wire-proxy.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { startWatchProcess } from '../support/programs/watch-process.ts';
import { check } from './measure.ts';
import { prepareFleet, readSize } from './scale/fleet.ts';
import { runMeasured } from './scale/measured-program.ts';

const SIZE = readSize(process.env.FLEETS || '1000x11');
const SECONDS = Number(process.env.SECONDS || '60');
const CPU_MS_PER_SECOND = 5;
const STATEMENTS_PER_SECOND = 1;
/** A tick of the kernel's clock for processes (USER_HZ). */
const MS_PER_TICK = 10;

await using server = await startPostgresServer();
await using fleet = await prepareFleet(SIZE);
const { vault } = fleet.devnet.addresses;
const keyFile = join(fleet.folder, 'encrypt-key');
writeFileSync(keyFile, generateEncryptionKey(), { mode: 0o600 });
const keyArgs = ['--encrypt-key-file', keyFile];
const vaultArgs = [
  '--vault',
  vault,
  '--network',
  fleet.networkFile,
  '--data-dir',
  join(fleet.folder, 'data'),
];
const env = { REMOTE_DB_URL: server.url };
console.log(`watch: idle seconds beside ${SIZE.validators} validators of ${SIZE.oracles} oracles`);
await runMeasured({ title: 'setup', args: ['remote-db', 'setup', ...vaultArgs, ...keyArgs], env });
const upload = [
  'upload-keypairs',
  ...vaultArgs,
  ...keyArgs,
  '--execution-endpoints',
  fleet.devnet.rpcUrl,
  '--keystores-dir',
  fleet.keystoresDirectory,
  '--deposit-data-file',
  fleet.depositDataFile,
];
await runMeasured({ title: 'upload-keypairs', args: ['remote-db', ...upload], env });

let isMissed = false;
const client = [
  '--validator-index',
  '0',
  '--total-validators',
  '2',
  '--web3signer-endpoint',
  'http://signer:9000',
];
const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ['setup-web3signer', keyArgs],
  ['setup-validator', [...client, '--fee-recipient', vault]],
];
for (const [command, more] of COMMANDS) {
  for (const interval of ['5', '1']) {
    await using proxy = await startWireProxy({ serverUrl: server.url });
    const directory = join(fleet.folder, `${command}-${interval}`);
    const args = [command, ...vaultArgs, ...more, '--output-dir', directory, '--watch-interval', interval];
    await using watch = await startWatchProcess(args, { databaseUrl: proxy.url, cwd: fleet.folder });
    const { keysWritten } = await watch.ready();
    // What the first look has left to be collected is not an idle second's.
    await sleep(10_000);
    const before = { cpuMs: cpuMsOf(watch.pid), statements: proxy.statements, at: performance.now() };
    await sleep(SECONDS * 1_000);
    const seconds = (performance.now() - before.at) / 1_000;
    const cpuMs = (cpuMsOf(watch.pid) - before.cpuMs) / seconds;
    const statements = (proxy.statements - before.statements) / seconds;
    const { report } = await watch.readiness();
    check(report.ready === true && report.keysWritten === keysWritten, 'the files are right at the end, too');
    check(proxy.statements > before.statements, 'the watch has looked');
    const isMet = cpuMs <= CPU_MS_PER_SECOND && statements <= STATEMENTS_PER_SECOND * 1.05;
    isMissed ||= !isMet;
    console.log(
      `  ${command} every ${interval} s, ${keysWritten} keys: ${cpuMs.toFixed(2)} of ${CPU_MS_PER_SECOND} ms CPU and ${statements.toFixed(2)} of ${STATEMENTS_PER_SECOND} statements in an idle second, ${residentMb(watch.pid)} MB ${isMet ? 'met' : 'MISSED'}`,
    );
  }
}
if (isMissed) process.exitCode = 3;

/** CPU of all threads of a process so far, in steps of ten milliseconds. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13) ?? [];
  return fields.reduce((sum, ticks) => sum + Number(ticks) * MS_PER_TICK, 0);
}

function residentMb(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}
