// Writes oclif.manifest.json, or with --check fails when it is not what the commands' sources say.
// Made from src, so that a stale dist cannot hide a change; the paths in it are those of dist, which is what runs.
//
// Made by oclif's Plugin, as "oclif manifest" makes it, and not by that command: it knows only the folder that package.json
// names, which is dist; it deletes the file before it begins, so it cannot compare; and it brings an @oclif/core of its own
// (4.14), which is not the one that reads the file (5.1). Asked in a copy whose package.json names src, it gives the same
// manifest, but for the paths.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin, settings } from '@oclif/core';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = `${root}oclif.manifest.json`;
settings.enableAutoTranspile = false;

const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const pjson = { ...manifest, oclif: { ...manifest.oclif, commands: './src/commands' } };
const plugin = new Plugin({
  root,
  pjson,
  isRoot: true,
  type: 'core',
  ignoreManifest: true,
  errorOnManifestCreate: true,
  respectNoCacheDefault: true,
});
await plugin.load();
for (const command of Object.values(plugin.manifest.commands)) {
  command.relativePath = ['dist', ...command.relativePath].map(part => part.replace(/\.ts$/, '.js'));
}
// oclif names them in the order in which it has read the folders, which another run may read in another one.
const commands = Object.fromEntries(
  Object.entries(plugin.manifest.commands).sort(([a], [b]) => (a < b ? -1 : 1)),
);
const text = `${JSON.stringify({ ...plugin.manifest, commands }, null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (text !== readFileSync(file, 'utf8')) {
  process.stderr.write('oclif.manifest.json is stale: run "npm run manifest".\n');
  process.exitCode = 1;
}
