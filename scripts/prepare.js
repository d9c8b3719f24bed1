// What npm runs after an installation in a clone: the build, where its tools are there. "npm ci --omit=dev" leaves them out, and
// then dist stays as it is: built elsewhere, or before.
// Possibly runs on an older Node: plain JavaScript only.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

if (await hasBundler()) await import('./build.js');
else {
  const isBuilt = existsSync(fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url)));
  const state = isBuilt
    ? 'dist stays as it is'
    : 'there is no dist yet: "npm ci" makes it, and "npm prune --omit=dev" then leaves only what the program needs';
  process.stderr.write(`The tools of the build are left out, and so is the build; ${state}.\n`);
}

async function hasBundler() {
  try {
    await import('rolldown');
    return true;
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return false;
    throw error;
  }
}
