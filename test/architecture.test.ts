import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const sources = globSync(
  ['src/**/*.ts', 'migrations/*.ts', 'test/devnet/**/*.ts', 'test/support/checkers/**/*.ts'],
  {
    cwd: root,
  },
).sort();

interface Import {
  readonly from: string;
  /** A file of this project, relative to its root, or a package's name. */
  readonly to: string;
  readonly typeOnly: boolean;
}

/** Static, dynamic and re-exporting imports of one file, and what it runs in threads of its own process. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const threads = text.includes('new Worker(') ? startedIn(text) : [];
  const statements = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g,
  );
  const local = (target: string) => relative(root, join(root, dirname(file), target));
  const imported = [...statements].map(([, type, fixed, dynamic]) => {
    const target = fixed ?? dynamic ?? '';
    const to = target.startsWith('.') ? local(target) : packageName(target);
    return { from: file, to, typeOnly: type !== undefined };
  });
  const run = threads.map(name => ({ from: file, to: `src/${name}.ts`, typeOnly: false }));
  return [...imported, ...run];
}

/** Parts that a file starts by themselves: threads and child processes. */
function startedIn(text: string): string[] {
  return [...text.matchAll(/startedFile\('([^']+)'\)/g)].map(([, name = '']) => name);
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

const imports = sources.flatMap(importsOf);

/** Imports that leave a room towards places that it must not know. */
function trespasses(room: RegExp, forbidden: RegExp, options: { typesAllowed?: boolean } = {}): string[] {
  return imports
    .filter(i => room.test(i.from) && forbidden.test(i.to) && !(options.typesAllowed && i.typeOnly))
    .map(i => `${i.from} imports ${i.to}`);
}

describe('who imports whom', () => {
  it('finds the sources at all', () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(imports.some(i => i.to === 'src/lib/errors.ts')).toBe(true);
  });

  it('lib knows nothing of the rest', () => {
    expect(trespasses(/^src\/lib\//, /^src\/(?!lib\/)/)).toEqual([]);
  });

  it('domain imports lib and crypto packages only', () => {
    expect(trespasses(/^src\/domain\//, /^src\/(?!domain\/|lib\/|networks)/)).toEqual([]);
    expect(
      trespasses(
        /^src\/domain\//,
        /^(pg|kysely|undici|pino|@oclif\/core|node:(fs|net|http|process|child_process).*)$/,
      ),
    ).toEqual([]);
    const logger = /^src\/lib\/(logger|files|retry)\.ts$/;
    expect(trespasses(/^src\/domain\//, logger)).toEqual([]);
  });

  it('db and clients never know each other, nor what stands above them', () => {
    expect(
      trespasses(/^src\/db\//, /^src\/(clients\/|services\/|commands\/|cli\/|compose|workers\/)/),
    ).toEqual([]);
    expect(
      trespasses(/^src\/clients\//, /^src\/(db\/|services\/|commands\/|cli\/|compose|workers\/)/),
    ).toEqual([]);
  });

  it('services are given open handles: they open nothing themselves', () => {
    expect(trespasses(/^src\/services\//, /^src\/(commands\/|cli\/|compose|config)/)).toEqual([]);
    expect(trespasses(/^src\/services\//, /^(pg|kysely|@electric-sql\/pglite|undici|@oclif\/core)$/)).toEqual(
      [],
    );
  });

  it('the signer uses only the services that open keys, and stands below whatever composes it', () => {
    const keys = 'services/(open-keys|unlock-vault|read-keystores|visible-rows)';
    const allowed = new RegExp(`^src/(?!signer/|domain/|lib/|clients/|workers/|${keys})`);
    expect(trespasses(/^src\/signer\//, allowed, { typesAllowed: true })).toEqual([]);
    expect(trespasses(/^src\/(?!signer\/|compose-signer|cli\/)/, /^src\/signer\//)).toEqual([]);
  });

  it('whoever spawns the signer never reaches its code: keys stay in the child', () => {
    const reached = new Set(['src/signer-process/spawn-signer.ts']);
    for (const file of reached) {
      for (const { to, typeOnly } of imports.filter(i => i.from === file)) if (!typeOnly) reached.add(to);
    }
    expect(
      [...reached].filter(to => /^src\/(signer\/|domain\/keys|compose-signer|signer-child)/.test(to)),
    ).toEqual([]);
  });

  it('the operator and all that it reaches never hold a validator key', () => {
    const isRoot = (file: string) => /^src\/(operator\/|run-operator|compose-operator)/.test(file);
    const reached = new Set(sources.filter(isRoot));
    for (const file of reached) {
      for (const { to, typeOnly } of imports.filter(i => i.from === file)) if (!typeOnly) reached.add(to);
    }
    expect(reached.has('src/signer-process/spawn-signer.ts')).toBe(true);
    expect(reached.has('src/workers/verify-worker.ts')).toBe(true);
    expect(
      [...reached].filter(to => /^src\/(signer\/|domain\/keys|compose-signer|signer-child)/.test(to)),
    ).toEqual([]);
  });

  it('each outside library has one room', () => {
    const notIn = (room: RegExp) => new RegExp(`^(?!${room.source})`);
    expect(trespasses(notIn(/src\/db\/|migrations\//), /^(kysely|pg|@electric-sql\/pglite)$/)).toEqual([]);
    expect(trespasses(notIn(/src\/commands\/|src\/cli\//), /^@oclif\/core$/)).toEqual([]);
    expect(trespasses(notIn(/src\/lib\/logger/), /^pino$/)).toEqual([]);
    expect(trespasses(notIn(/src\/lib\/metrics/), /^prom-client$/)).toEqual([]);
    expect(trespasses(notIn(/src\/clients\/|test\//), /^undici$/)).toEqual([]);
    expect(trespasses(notIn(/src\/render/), /^eta$/)).toEqual([]);
  });

  it('config.ts is read by commands, cli and compose only', () => {
    expect(trespasses(/^src\/(?!commands\/|cli\/|compose|config)/, /^src\/config\.ts$/)).toEqual([]);
  });

  it('the devnet and the checkers share no code with the program', () => {
    expect(trespasses(/^test\/(devnet|support\/checkers)\//, /^src\//)).toEqual([]);
  });

  it('migrations import kysely only, and every file of them is listed', () => {
    expect(trespasses(/^migrations\/(?!index)/, /^(?!kysely$)/)).toEqual([]);
    const listed = importsOf('migrations/index.ts').map(i => i.to);
    const files = globSync('migrations/*.ts', { cwd: root }).filter(f => !f.endsWith('index.ts'));
    expect(listed.filter(to => to.startsWith('migrations/')).sort()).toEqual(files.sort());
  });
});

describe('the edges', () => {
  const read = (file: string) =>
    readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const program = sources.filter(file => file.startsWith('src/'));

  it('are the only ones that print, and what they print passes through foreign-text.ts', () => {
    const prints = /\b(process\.(stdout|stderr)|output)\.write\(|\bconsole\.|pino\.destination\(/;
    const edges = program.filter(file => prints.test(read(file)));
    expect(edges).toEqual([
      'src/cli/main.ts',
      'src/cli/operator-command.ts',
      'src/cli/program.ts',
      'src/cli/progress.ts',
      'src/cli/prompt.ts',
      'src/lib/logger.ts',
      'src/lib/termination-log.ts',
      'src/compose/signer-child.ts',
    ]);
    // The version; what presentError gives; a stack.
    const byOthers = ['src/cli/main.ts', 'src/cli/program.ts', 'src/compose/signer-child.ts'];
    const cleaning = edges.filter(file => /from '\..*\/foreign-text\.ts'/.test(read(file)));
    expect([...cleaning, ...byOthers].sort()).toEqual(edges);
  });

  it('tell the message of an error of another maker through messageOf only', () => {
    const caught = /\$\{(error|cause|thrown)(\.message)?\}/;
    const allowed = ['src/cli/resolve-options.ts', 'src/cli/present-error.ts'];
    expect(program.filter(file => caught.test(read(file)) && !allowed.includes(file))).toEqual([]);
  });

  it('never get the whole of a URL: only who connects asks for it', () => {
    const revealing = program.filter(file => read(file).includes('.reveal('));
    const connects =
      /^src\/(clients\/|compose(-operator)?\.ts|cli\/key-source-options|domain\/fleet\/validator-config)/;
    expect(revealing.length).toBeGreaterThan(3);
    expect(revealing.filter(file => !connects.test(file))).toEqual([]);
  });
});

describe('the bundle', () => {
  it('has a file for everything that is started by itself', () => {
    const started = sources.flatMap(file => startedIn(readFileSync(join(root, file), 'utf8')));
    expect(started.length).toBeGreaterThan(3);
    expect(started.filter(name => !sources.includes(`src/${name}.ts`))).toEqual([]);
    expect(started.filter(name => !existsSync(join(root, `dist/src/${name}.js`)))).toEqual([]);
  });

  it('keeps the code that handles keys out of what the operator loads', () => {
    const declaredIn = (files: readonly string[], pattern: RegExp) =>
      files.flatMap(file =>
        [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map(([, found = '']) => found),
      );
    const handlesKeys = /^src\/(domain\/keys\/|signer\/(key-|sign-|wallet))/;
    const others = new Set(
      declaredIn(
        sources.filter(file => !handlesKeys.test(file)),
        /(function \w+\()/g,
      ),
    );
    const keyCode = declaredIn(
      sources.filter(file => handlesKeys.test(file)),
      /^export (?:async )?(function \w+\()/gm,
    ).filter(name => !others.has(name));
    const holdsKeyCode = (file: string) => {
      const text = readFileSync(file, 'utf8');
      return keyCode.some(declaration => text.includes(declaration));
    };
    const chunks = globSync('dist/src/**/*.js', { cwd: root }).map(file => join(root, file));
    expect(chunks.filter(holdsKeyCode).length).toBeGreaterThan(3);
    const reached = new Set(chunks.filter(file => /\/run-operator-[^/]*\.js$/.test(file)));
    for (const file of reached) {
      for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/["'`](\.\.?\/[\w/.-]+\.js)["'`]/g)) {
        reached.add(join(dirname(file), target));
      }
    }
    expect(reached.size).toBeGreaterThan(10);
    expect([...reached].filter(holdsKeyCode)).toEqual([]);
  });
});

describe('the tree', () => {
  it('has no rooms whose name says nothing', () => {
    const names = /(^|\/)(utils?|helpers?|common|shared|misc|types|interfaces|models)(\/|\.ts$)/;
    expect(sources.filter(file => names.test(file))).toEqual([]);
  });

  it('commands stay thin: their options are a table, their work is a service', () => {
    const longest = globSync('src/commands/**/*.ts', { cwd: root }).map(file => {
      const [, run = ''] = readFileSync(join(root, file), 'utf8').split('async run()');
      return { file, lines: run.split('\n').length };
    });
    expect(longest.filter(({ lines }) => lines < 5 || lines > 60)).toEqual([]);
  });

  it('the command manifest is fresh', () => {
    execFileSync(process.execPath, ['scripts/manifest.js', '--check'], { cwd: root, stdio: 'pipe' });
  });
});
