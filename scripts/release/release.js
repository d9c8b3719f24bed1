// "npm run release": everything that is delivered as a file, into release/dist: single executables and tarballs with Node inside for each
// platform, the list of what is in them (CycloneDX), the licences of others, and the SHA-256 sums of all that.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { manifest, productionPackages, root } from './app-files.js';
import { thirdPartyLicences } from './licences.js';
import { HERE, PLATFORMS } from './platforms.js';

const { version } = manifest;
const output = join(root, 'release', 'dist');
rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });

const script = name => join(root, 'scripts', 'release', name);
const run = (program, args, options = {}) =>
  execFileSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
    ...options,
  });

for (const name of Object.keys(PLATFORMS)) {
  run(process.execPath, [script('build-binary.js'), '--platform', name]);
  copyFileSync(
    join(root, 'release', `operator-${name}`),
    join(output, `stakewise-operator-${version}-${name}`),
  );
  packTarball(name);
}
writeFileSync(join(output, `stakewise-operator-${version}.cdx.json`), listComponents());
writeFileSync(join(output, 'THIRD-PARTY-LICENCES.txt'), thirdPartyLicences());
const sums = [];
for (const name of readdirSync(output).sort()) sums.push(`${await sha256(join(output, name))}  ${name}\n`);
writeFileSync(join(output, 'SHA256SUMS'), sums.join(''));
console.log(
  `${sums.join('')}\nRun here: ${HERE}. Built and not run: ${Object.keys(PLATFORMS)
    .filter(name => name !== HERE)
    .join(', ')}.`,
);

/** `oclif pack tarballs` takes Node from nodejs.org alone; the launchers find the one that lies where npm would put it. */
function packTarball(name) {
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-tarball-'));
  try {
    const top = `stakewise-operator-${version}-${name}`;
    run(process.execPath, [script('stage.js'), join(folder, top), '--with-node', '--platform', name]);
    // The same bytes whoever packs, and when.
    const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
    run('tar', [...same, '-C', folder, '-czf', join(output, `${top}.tar.gz`), top]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * `npm sbom --omit dev` leaves out what the program needs and a development dependency needs, too. So npm is shown a package without any.
 * @returns the production packages of the lock file, and Node, as CycloneDX
 */
function listComponents() {
  const { devDependencies: _, ...own } = manifest;
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-parts-'));
  let sbom;
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
    const lock = { name: own.name, version, lockfileVersion: 3, requires: true };
    lock.packages = { '': own, ...Object.fromEntries(productionPackages()) };
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    const kind = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
    sbom = JSON.parse(run('npm', ['sbom', ...kind, '--package-lock-only'], { cwd: folder }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  // npm names it after the folder.
  sbom.metadata.component.name = manifest.name;
  const node = manifest.devDependencies.node;
  sbom.components.push({
    'bom-ref': `node@${node}`,
    type: 'platform',
    name: 'node',
    version: node,
    purl: `pkg:npm/node@${node}`,
    licenses: [{ license: { id: 'MIT' } }],
  });
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}

async function sha256(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
