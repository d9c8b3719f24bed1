// npm run bench [-- NAME…]: what the program costs for 10,000 keys and 11 oracles, each figure from a process of its own,
// its result verified, beside the bare cost of the same primitives in the same run. Repeat it on a machine that is shared.
// npm run bench -- --compare REV [--pairs N] [NAME…]: the same of another revision and of this checkout, in turn.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCHES as BULK_BENCHES } from './benches.ts';
import { compareRevisions } from './compare/compare.ts';
import { KEYSTORE_BENCHES } from './keystore-benches.ts';
import { buildIfStale, prepareBench } from './prepare.ts';
import { printFigure, printHead, summarize } from './print.ts';
import { UPLOAD_BENCHES } from './upload-benches.ts';

/** The signing path, and the operator's: each prints its figures itself, in a process of its own. */
const SIGNING_PATH = [
  'signer',
  'exit-shards',
  'keymanager-import',
  'deposit-sync',
  'registration',
  'rotation',
  'stake-pass',
  'steady',
];
/** These run for so long that they are asked for by name. */
const ON_DEMAND = ['bars', 'fleet', 'import', 'scale', 'watch'];
const BENCHES = [...BULK_BENCHES, ...KEYSTORE_BENCHES, ...UPLOAD_BENCHES];
const names = [...BENCHES.map(bench => bench.name), ...SIGNING_PATH, ...ON_DEMAND];

const { values, positionals: wanted } = parseArgs({
  options: { compare: { type: 'string' }, pairs: { type: 'string', default: '3' } },
  allowPositionals: true,
});
const unknown = wanted.filter(name => !names.includes(name));
if (unknown.length > 0) {
  console.error(`No such bench: ${unknown.join(', ')}. There are: ${names.join(', ')}.`);
  process.exit(2);
}
if (values.compare !== undefined) {
  buildIfStale();
  const options = {
    root: join(import.meta.dirname, '../..'),
    revision: values.compare,
    pairs: Math.max(1, Math.trunc(Number(values.pairs)) || 1),
    names: wanted,
    defaultNames: names.filter(name => !ON_DEMAND.includes(name)),
  };
  process.exit(await compareRevisions(options, line => console.log(line)));
}
const chosen = BENCHES.filter(bench => wanted.length === 0 || wanted.includes(bench.name));
await using context = await prepareBench({ needsDatabase: chosen.some(bench => bench.needsDatabase) });
printHead(availableParallelism());
let isMissed = false;
for (const bench of chosen) {
  const figure = await bench.run(context);
  printFigure(bench, figure);
  isMissed ||= summarize(bench, figure).some(line => !line.isMet);
}
const programs = wanted.length === 0 ? SIGNING_PATH : [...SIGNING_PATH, ...ON_DEMAND];
for (const name of programs.filter(name => wanted.length === 0 || wanted.includes(name))) {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], {
    stdio: 'inherit',
  });
  isMissed ||= status !== 0;
}
// A busy machine misses targets too: the figures are there to be read, but CI can ask.
if (isMissed) process.exitCode = 3;
