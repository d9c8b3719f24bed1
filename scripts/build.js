// Bundles src and what it imports to dist. Also runs as `prepare`, possibly on an older Node: plain JavaScript only.
// One file for each command, thread and child process, and chunks of what they share: loaded module by module, with comments
// and unused parts, the program would take 12 MB more of an operator's memory for as long as it runs.
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
/** These find files of their own (native code, WebAssembly, a thread, commands) beside their modules. */
const EXTERNAL =
  /^(@chainsafe\/bls|@chainsafe\/blst|@electric-sql\/pglite|@oclif\/core|bls-eth-wasm|pg-native|pino|tiny-secp256k1)(\/|$)/;

const sources = readdirSync(join(root, 'src'), { recursive: true })
  .filter(name => name.endsWith('.ts'))
  .map(name => `src/${name.replaceAll('\\', '/')}`);
const commands = sources.filter(path => path.startsWith('src/commands/'));
/** Threads and child processes: they are started by the name that `startedFile` is given. */
const started = sources.flatMap(path =>
  [...readFileSync(join(root, path), 'utf8').matchAll(/startedFile\('([^']+)'\)/g)].map(
    ([, name]) => `src/${name}.ts`,
  ),
);
const inputs = ['src/cli/main.ts', ...started, ...commands].map(path => [
  path.slice(0, -'.ts'.length),
  join(root, path),
]);

/** V8 keeps a text with a single character beyond Latin-1 in twice the memory: 2.5 MB for check marks and quotation marks. */
const asLatin1 = {
  name: 'as-latin-1',
  generateBundle(_options, chunks) {
    for (const chunk of Object.values(chunks)) {
      if (chunk.type === 'chunk') chunk.code = chunk.code.replace(/[^\0-\xff]/g, escapeUnit);
    }
  },
};

function escapeUnit(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

rmSync(join(root, 'dist'), { recursive: true, force: true });
const bundle = await rolldown({
  input: Object.fromEntries(inputs),
  external: EXTERNAL,
  platform: 'node',
  cwd: root,
  // Of its modules the one that unused parts can be left out of: twenty hashes, each with its WebAssembly.
  resolve: { alias: { 'hash-wasm': 'hash-wasm/dist/index.esm.js' } },
  plugins: [asLatin1],
});
await bundle.write({
  dir: join(root, 'dist'),
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'src/chunks/[name]-[hash].js',
  // Names stay, for stack traces.
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  keepNames: true,
});
await bundle.close();
