// Writes oclif.manifest.json, or with --check fails when it is not what the commands' sources say.
// Made from src, so that a stale dist cannot hide a change; the paths in it are those of dist, which is what runs.
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
const text = `${JSON.stringify(plugin.manifest, null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (text !== readFileSync(file, 'utf8')) {
  process.stderr.write('oclif.manifest.json is stale: run "npm run manifest".\n');
  process.exitCode = 1;
}
