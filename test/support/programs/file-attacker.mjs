// A process of uid 1000 that plays against a program of root: it drops its rights for good, then puts links in the place of
// files, or of a directory, and takes them away again, as fast as it can, until it is told to stop.
// argv: JSON of { kind: 'files', directory, names, victim } or { kind: 'directory', directory, others }.
import { chmodSync, linkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const UID = 1000;
const SLICE = 50;
const attack = JSON.parse(process.argv[2] ?? '{}');
process.setgroups?.([]);
process.setgid?.(UID);
process.setuid?.(UID);

let swaps = 0;
let isStopped = false;
process.on('message', message => {
  if (message === 'stop') isStopped = true;
});
process.on('disconnect', () => process.exit(1));

const turn = attack.kind === 'files' ? swapFiles : swapDirectories;
const cleanUp = attack.kind === 'files' ? prepareFiles() : () => undefined;
process.send?.('ready');
run();

function run() {
  if (isStopped) {
    cleanUp();
    process.send?.({ swaps }, () => process.exit(0));
    return;
  }
  for (let i = 0; i < SLICE; i++) turn();
  setImmediate(run);
}

/** His own files are kept under other names, so that each can be put back in one step; with a mode to be corrected. */
function prepareFiles() {
  const kept = name => join(attack.directory, `.kept-${name}`);
  for (const name of attack.names) {
    linkSync(join(attack.directory, name), kept(name));
    chmodSync(kept(name), 0o666);
  }
  return () => {
    for (const name of attack.names) {
      renameSync(kept(name), join(attack.directory, name));
      // Where both are one file, a rename does nothing.
      rmSync(kept(name), { force: true });
    }
    rmSync(join(attack.directory, '.next'), { force: true });
  };
}

function swapFiles() {
  const next = join(attack.directory, '.next');
  for (const name of attack.names) {
    symlinkSync(attack.victim, next);
    renameSync(next, join(attack.directory, name));
  }
  for (const name of attack.names) {
    linkSync(join(attack.directory, `.kept-${name}`), next);
    renameSync(next, join(attack.directory, name));
    rmSync(next, { force: true });
  }
  swaps++;
}

/** The directory gives way to each of the others in turn: links, directories of root. */
function swapDirectories() {
  const { directory } = attack;
  for (const other of attack.others) {
    renameSync(directory, `${directory}.away`);
    if (tryRename(other, directory)) tryRename(directory, other);
    // The program may have made a directory in the moment when none was there.
    if (!tryRename(`${directory}.away`, directory)) {
      renameSync(directory, `${directory}.made-${swaps}`);
      renameSync(`${directory}.away`, directory);
    }
  }
  swaps++;
}

function tryRename(from, to) {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}
