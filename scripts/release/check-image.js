// Looks at the root folder of an image: its size, and that every program and library in it is for one machine. Runs nothing of it.
import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ELF = 0x7f454c46;
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { machine: { type: 'string' }, 'max-mb': { type: 'string' } },
});
const [root] = positionals;
const machines = new Map();
const head = Buffer.alloc(20);
const seen = new Set();
let bytes = 0;

look(root);
const megabytes = bytes / 1e6;
for (const [machine, count] of machines)
  console.log(`${count} programs and libraries, all for the ELF machine ${machine}`);
console.log(`${megabytes.toFixed(0)} MB unpacked`);
if (megabytes > Number(values['max-mb'])) throw new Error(`The image is larger than ${values['max-mb']} MB.`);
if (machines.size === 0) throw new Error(`${root} has no programs.`);

/** Follows no link: an absolute one leads out of the image. */
function look(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) look(file);
    if (!entry.isFile()) continue;
    const { size, ino } = lstatSync(file);
    // Several names of one file.
    if (seen.has(ino)) continue;
    seen.add(ino);
    bytes += size;
    const machine = elfMachine(file);
    if (machine === undefined) continue;
    if (String(machine) !== values.machine) throw new Error(`${file} is for the ELF machine ${machine}.`);
    machines.set(machine, (machines.get(machine) ?? 0) + 1);
  }
}

function elfMachine(file) {
  const handle = openSync(file, 'r');
  try {
    const length = readSync(handle, head, 0, head.length, 0);
    return length === head.length && head.readUInt32BE(0) === ELF ? head.readUInt16LE(18) : undefined;
  } finally {
    closeSync(handle);
  }
}
