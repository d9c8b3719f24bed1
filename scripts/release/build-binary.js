// "npm run build:binary": one file with Node and the program in it, for each platform. The blob holds no compiled code and no
// snapshot, so it is the same for all of them, but for the native parts.
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { constants, zstdCompressSync } from 'node:zlib';
import { inject } from 'postject';
import { appFiles, manifest, root } from './app-files.js';
import { assertNativeParts, fetchPlatform, HERE, PLATFORMS } from './platforms.js';

/** Node's own mark in its executable, behind which it notes whether there is a blob. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const ZSTD_LEVEL = 19;

const { values } = parseArgs({ options: { platform: { type: 'string', multiple: true } } });
const names = values.platform ?? [HERE];
const output = join(root, 'release');
mkdirSync(output, { recursive: true });
for (const name of names) await buildBinary(name);

async function buildBinary(name) {
  if (PLATFORMS[name] === undefined)
    throw new Error(`There is no Node for ${name}: one of ${Object.keys(PLATFORMS).join(', ')}.`);
  const { node, elsewhere } = fetchPlatform(name);
  const files = appFiles(PLATFORMS[name], { elsewhere, launchers: false });
  assertNativeParts(files, PLATFORMS[name]);
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-binary-'));
  try {
    const blob = makeBlob(folder, files);
    const binary = join(output, `operator-${name}`);
    copyFileSync(node, binary);
    chmodSync(binary, 0o755);
    await inject(binary, 'NODE_SEA_BLOB', readFileSync(blob), { sentinelFuse: FUSE });
    console.log(
      `${binary}: ${(statSync(binary).size / 1e6).toFixed(1)} MB, ${files.length} files of the program`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeBlob(folder, files) {
  let at = 0;
  const contents = files.map(({ source }) => readFileSync(source));
  const entries = files.map(({ path }, i) => {
    const entry = { path, at, size: contents[i].length, sha256: hash('sha256', contents[i]) };
    at += entry.size;
    return entry;
  });
  const version = manifest.version;
  // Two builds of one version are not mixed.
  const digest = hash('sha256', JSON.stringify(entries)).slice(0, 16);
  const index = {
    version,
    name: `${version}-${digest}`,
    started: ['dist/src/compose/signer-child.js'],
    files: entries,
  };
  for (const path of index.started)
    if (!entries.some(entry => entry.path === path)) throw new Error(`${path} is not in the bundle.`);
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
  writeFileSync(join(folder, 'files'), zstdCompressSync(Buffer.concat(contents), { params }));
  copyFileSync(join(root, 'scripts/release/sea-main.cjs'), join(folder, 'main.cjs'));
  const config = {
    main: 'main.cjs',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    execArgv: ['--disable-sigusr1'],
    // "start" begins again with flags of V8, some of which NODE_OPTIONS may not hold. "none" would not keep Node from reading the files of
    // --env-file itself; "--" in execArgv would, but Node puts the options of the command line behind it, where they are none.
    execArgvExtension: 'cli',
    assets: { 'index.json': 'index.json', files: 'files' },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  execFileSync(process.execPath, ['--experimental-sea-config', 'config.json'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(folder, 'blob');
}
