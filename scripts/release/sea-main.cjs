// Main of the single executable. Node runs it instead of a file: it takes the program's files out of the executable, once for each
// version, and starts the program from there. Each start compares every file with its digest first, and mends what differs.
// CommonJS, as Node 24 reads nothing else there; it may require built-in modules only.
'use strict';
const { createHash, hash, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const { registerHooks } = require('node:module');
const { tmpdir } = require('node:os');
const { basename, dirname, isAbsolute, join, resolve } = require('node:path');
const sea = require('node:sea');
const { pathToFileURL } = require('node:url');
const { zstdDecompressSync } = require('node:zlib');

/** `{ version, name, files: [{ path, at, size, sha256 }], started: [path] }`, written by build-binary.js. */
const index = JSON.parse(sea.getAsset('index.json', 'utf8'));
const me = process.geteuid();
const GROUP_OR_OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** Two thirds of all bytes, which few commands use: looked at when it is loaded. */
const DATABASE = '@electric-sql/pglite';
const isOfDatabase = ({ path }) => path.startsWith(`node_modules/${DATABASE}/`);

/** All reading goes through one piece of memory: what is read once here would stay resident as long as the program runs. */
const piece = Buffer.allocUnsafeSlow(256 * 1024);

const args = process.argv.slice(2);
// The name that was typed: the program begins again under its full path.
process.env.STAKEWISE_PROGRAM ??= basename(process.argv0);
const part = index.started.find(
  path => args.length === 1 && resolve(args[0]).endsWith(`${index.name}/${path}`),
);

if (args[0] === '--version' || args[0] === 'version') {
  // Nothing is taken out for it: scripts ask for it often.
  const program = process.env.STAKEWISE_PROGRAM === 'v3-operator' ? 'v3-operator' : 'operator';
  process.stdout.write(`${program}, version ${index.version}\n`);
} else void run();

async function run() {
  let file;
  try {
    file = part === undefined ? join(unpack(places()), 'dist/src/cli/main.js') : startedPart();
  } catch (error) {
    process.stderr.write(`Error: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const { main } = await import(pathToFileURL(file).href);
  // A part runs by being loaded.
  await main?.();
}

/** A part that the program starts as a process of its own, from the folder from which it runs itself. */
function startedPart() {
  const file = resolve(args[0]);
  const base = file.slice(0, -`${index.name}/${part}`.length);
  process.argv.splice(1, 2, file);
  delete process.env.STAKEWISE_PROGRAM;
  return join(unpack([base]), part);
}

/** Folders in which the files may lie, the first that can be used is taken. */
function places() {
  const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env;
  const own = [CACHE_DIRECTORY?.split(':', 1)[0], XDG_CACHE_HOME, HOME && join(HOME, '.cache')];
  const found = own.filter(path => path && isAbsolute(path)).map(path => join(path, 'stakewise-operator'));
  return [...found, join(tmpdir(), `stakewise-operator-${me}`)];
}

/** @returns the folder that has all files of this version as they were packed */
function unpack(bases) {
  const reasons = [];
  for (const base of bases) {
    try {
      const folder = makeFolder(join(base, index.name));
      mend(folder, file => !isOfDatabase(file));
      registerHooks({
        resolve(name, context, next) {
          if (name === DATABASE) mend(folder, isOfDatabase);
          return next(name, context);
        },
      });
      return folder;
    } catch (error) {
      reasons.push(`${base}: ${error.message}`);
    }
  }
  throw new Error(
    `This program found no folder for its files.\n${reasons.join('\n')}\n` +
      'Set XDG_CACHE_HOME to a folder that this user may write to, and nobody else.',
  );
}

/**
 * Whoever can write to a folder, or exchange it from above, could have this user run other code between check and use.
 * @returns its path without links, which nobody else can lead elsewhere
 */
function makeFolder(wanted) {
  fs.mkdirSync(wanted, { recursive: true, mode: 0o700 });
  const folder = fs.realpathSync(wanted);
  if (basename(folder) !== index.name) throw new Error(`${wanted} is a link to ${folder}`);
  for (let path = folder; ; path = dirname(path)) {
    const { uid, mode } = fs.lstatSync(path);
    if (uid !== 0 && uid !== me) throw new Error(`${path} belongs to another user (uid ${uid})`);
    if ((mode & GROUP_OR_OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)
      throw new Error(`${path} can be written by other users (mode ${(mode & 0o7777).toString(8)})`);
    if (path === dirname(path)) return folder;
  }
}

/** Writes each file that is missing or differs: all of them at the first start, none later. */
function mend(folder, which) {
  let packed;
  const folders = new Set();
  for (const { path, at, size, sha256 } of index.files.filter(which)) {
    const file = join(folder, path);
    if (digest(file) === sha256) continue;
    packed ??= zstdDecompressSync(Buffer.from(sea.getRawAsset('files')));
    const parent = dirname(file);
    if (!folders.has(parent)) fs.mkdirSync(parent, { recursive: true, mode: 0o700 });
    folders.add(parent);
    // Other processes may be doing the same, or run from the folder.
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    fs.writeFileSync(draft, packed.subarray(at, at + size), { mode: 0o600, flag: 'wx' });
    fs.renameSync(draft, file);
    if (digest(file) !== sha256)
      throw new Error(`${file} is not as it was written: is the disk full or failing?`);
  }
}

function digest(file) {
  let handle;
  try {
    handle = fs.openSync(file, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0));
  } catch (error) {
    // A link is replaced by the file as well.
    if (error.code === 'ENOENT' || error.code === 'ELOOP') return undefined;
    throw error;
  }
  try {
    let length = fs.readSync(handle, piece);
    // Most files end within it.
    if (length < piece.length) return hash('sha256', piece.subarray(0, length));
    const digesting = createHash('sha256');
    for (; length > 0; length = fs.readSync(handle, piece)) digesting.update(piece.subarray(0, length));
    return digesting.digest('hex');
  } finally {
    fs.closeSync(handle);
  }
}
