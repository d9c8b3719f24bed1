#!/usr/bin/env node
// The program from its source, through Node's type stripping: nothing to build while working on it.
const { main } = await import('../src/cli/main.ts');
await main();
