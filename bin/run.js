#!/usr/bin/env node
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(`Error: Node.js 24 or newer is needed, this is ${process.versions.node}. Install it from your package manager or with "npm install --global node@24".\n`);
  process.exitCode = 1;
} else {
  const { main } = await import('../dist/src/cli/main.js');
  await main(import.meta.url);
}
