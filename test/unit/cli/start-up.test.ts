import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../support/programs/cli.ts';

const DIST = join(PROJECT_ROOT, 'dist/src');
const PROGRAM = globSync('chunks/program-*.js', { cwd: DIST });

/** What a library brings into the file that has it, or its name where it is not bundled. */
const MARKS = {
  zod: 'ZodType',
  'the library of SSZ': 'ContainerType',
  blst: '@chainsafe/blst',
  'the library of Merkle proofs': 'processMultiProof',
  'curves in JavaScript': 'secp256k1',
  pg: 'SASLInitialResponse',
} as const;

/** Files of the bundle that are loaded when a command starts: what it imports when it is needed is not among them. */
function loadedWith(command: string): Set<string> {
  const loaded = new Set([...PROGRAM, `commands/${command}.js`].map(file => join(DIST, file)));
  for (const file of loaded) {
    const text = readFileSync(file, 'utf8');
    for (const [, target = ''] of text.matchAll(/\b(?:from|import)["'`](\.\.?\/[\w/.-]+\.js)["'`]/g))
      loaded.add(join(dirname(file), target));
  }
  return loaded;
}

function librariesOf(command: string): string[] {
  const texts = [...loadedWith(command)].map(file => readFileSync(file, 'utf8'));
  return Object.entries(MARKS).flatMap(([library, mark]) =>
    texts.some(text => text.includes(mark)) ? [library] : [],
  );
}

describe('what is loaded when a command starts', () => {
  it.each([
    ['merge-deposit-data', []],
    ['get-validators-root', []],
    ['remote-db/setup-operator', ['pg']],
    ['remote-db/setup-validator', ['pg']],
  ])('%s is started with no library that it may not need: %j', (command, libraries) => {
    expect(PROGRAM).toHaveLength(1);
    expect(loadedWith(command).size).toBeGreaterThan(10);
    expect(librariesOf(command)).toEqual(libraries);
  });

  it('the marks of the libraries are found where these are loaded', () => {
    const everywhere = [
      'signer',
      'create-keys',
      'recover',
      'remote-db/verify',
      'start',
      'validators-exit',
    ].flatMap(librariesOf);
    const onDemand = globSync('chunks/{run-operator,execution-node}-*.js', { cwd: DIST }).flatMap(chunk =>
      librariesOf(`../${chunk.replace(/\.js$/, '')}`),
    );
    expect([...new Set([...everywhere, ...onDemand])].sort()).toEqual(Object.keys(MARKS).sort());
  });
});
