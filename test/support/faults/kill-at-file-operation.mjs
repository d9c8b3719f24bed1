// Preloaded (node --import) into a program under test: counts its calls of node:fs and node:fs/promises, methods of file
// handles included, and ends the process by SIGKILL at one of them.
// KILL_AT_FILE_OPERATION = `before|after:changing|any:N`: just before the N-th call is made, or when it has succeeded or
// failed; counting those that can change something, or reading ones too. Files of the program itself do not count, nor do
// the standard streams. Worker threads have none to count: nothing that they run imports node:fs.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, sep } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const withSync = names => names.flatMap(name => [name, `${name}Sync`]);
const CHANGING = new Set(
  withSync([
    'appendFile',
    'chmod',
    'chown',
    'close',
    'copyFile',
    'cp',
    'createWriteStream',
    'fchmod',
    'fchown',
    'fdatasync',
    'fsync',
    'ftruncate',
    'futimes',
    'lchmod',
    'lchown',
    'link',
    'lutimes',
    'mkdir',
    'mkdtemp',
    'open',
    'rename',
    'rm',
    'rmdir',
    'symlink',
    'truncate',
    'unlink',
    'utimes',
    'write',
    'writeFile',
    'writev',
    'datasync',
    'sync',
  ]),
);
const READING = new Set(
  withSync([
    'access',
    'createReadStream',
    'exists',
    'fstat',
    'lstat',
    'opendir',
    'read',
    'readdir',
    'readFile',
    'readlink',
    'readv',
    'realpath',
    'stat',
    'statfs',
  ]),
);

const [when, which, number] = (process.env.KILL_AT_FILE_OPERATION ?? '').split(':');
const program = `${dirname(dirname(dirname(import.meta.dirname)))}${sep}`;
const { writeSync } = fs;
let count = 0;
// readFileSync and its like call others of these functions; they are one operation.
let depth = 0;

function isCounted(name, target, args) {
  const isReading = READING.has(name) || (/^open(Sync)?$/.test(name) && isOpenedToRead(args[1] ?? 'r'));
  if (which === 'changing' && (isReading || /^close/.test(name))) return false;
  if (typeof target === 'number') return target > 2;
  const path = target instanceof URL ? target.pathname : String(target);
  // Entries of a directory that is held are reached through the handle's own path.
  return !path.startsWith(program) && !/^\/proc\/(?!self\/fd\/\d+\/)|\/node_modules\//.test(path);
}

function isOpenedToRead(flags) {
  const { O_ACCMODE = 3, O_RDONLY, O_CREAT } = fs.constants;
  return typeof flags === 'number' ? (flags & (O_ACCMODE | O_CREAT)) === O_RDONLY : flags === 'r';
}

function die(name, target) {
  writeSync(2, `killed ${when} ${name} ${typeof target === 'string' ? target : ''}\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** @param targetOf - the path or descriptor that the call is about */
function wrap(owner, name, targetOf) {
  const original = owner[name];
  if (typeof original !== 'function') return;
  owner[name] = function (...args) {
    const target = targetOf(this, args);
    const isPoint = depth === 0 && isCounted(name, target, args) && ++count === Number(number);
    if (isPoint && when === 'before') die(name, target);
    const end = () => die(name, target);
    if (isPoint && typeof args.at(-1) === 'function') return original.call(this, ...args.slice(0, -1), end);
    depth++;
    try {
      const result = original.apply(this, args);
      if (typeof result?.then !== 'function') return result;
      return isPoint ? result.then(end, end) : result;
    } finally {
      depth--;
      if (isPoint && name.endsWith('Sync')) end();
    }
  };
  // realpath.native and the like.
  Object.assign(owner[name], original);
}

if (isMainThread && number !== undefined) {
  const handle = await fs.promises.open(import.meta.filename);
  const handlePrototype = Object.getPrototypeOf(handle);
  await handle.close();
  for (const name of [...CHANGING, ...READING]) {
    wrap(fs, name, (_, [target]) => target);
    wrap(fs.promises, name, (_, [target]) => target);
    wrap(handlePrototype, name, self => self.fd);
  }
  const { open } = fs.promises;
  // Each handle has a function of its own to close it.
  fs.promises.open = async (...args) => {
    const opened = await open(...args);
    wrap(opened, 'close', self => self.fd);
    return opened;
  };
  syncBuiltinESMExports();
}
