// Puts the program, and nothing that it does not need, into an empty folder, with Node where its launchers look for it:
// "node scripts/release/stage.js FOLDER [--platform NAME] [--with-node]".
import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { appFiles } from './app-files.js';
import { thirdPartyLicences } from './licences.js';
import { assertNativeParts, fetchPlatform, HERE, PLATFORMS } from './platforms.js';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { platform: { type: 'string', default: HERE }, 'with-node': { type: 'boolean' } },
});
const [folder] = positionals;
if (folder === undefined) throw new Error('Name an empty folder.');
// Docker's name of it.
const name = values.platform.replace('amd64', 'x64');
const target = PLATFORMS[name];
if (target === undefined)
  throw new Error(`${values.platform} is not delivered: one of ${Object.keys(PLATFORMS).join(', ')}.`);
const { node, elsewhere } = name === HERE ? { node: process.execPath } : fetchPlatform(name);
const files = appFiles(target, { elsewhere });
assertNativeParts(files, target);
if (values['with-node']) files.push({ path: 'node_modules/node/bin/node', source: node, mode: 0o755 });
stage(resolve(folder), files);

function stage(to, files) {
  mkdirSync(to, { recursive: true });
  if (readdirSync(to).length > 0) throw new Error(`${to} is not empty.`);
  for (const { path, source, mode } of files) {
    const file = join(to, path);
    mkdirSync(dirname(file), { recursive: true });
    copyFileSync(source, file);
    chmodSync(file, mode);
  }
  writeFileSync(join(to, 'THIRD-PARTY-LICENCES.txt'), thirdPartyLicences());
  console.log(`${files.length + 1} files in ${to}`);
}
