#!/usr/bin/env -S node --
import { existsSync } from 'node:fs';

const major = Number(process.versions.node.split('.')[0]);
const program = new URL('../dist/src/cli/main.js', import.meta.url);
if (major < 24) {
  process.stderr.write(
    `Error: Node.js 24 or newer is needed, this is ${process.versions.node}. Install it from your package manager or with "npm install --global node@24".\n`,
  );
  process.exitCode = 1;
} else if (!existsSync(program)) {
  process.stderr.write('Error: the program is not built yet. Run "npm ci" in its directory.\n');
  process.exitCode = 1;
} else {
  const { main } = await import(program.href);
  await main();
}
