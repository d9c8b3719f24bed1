import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
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
  /** Whether it is no import, but run in a thread of the same process. */
  readonly isThread?: boolean | undefined;
}

/** Static, dynamic and re-exporting imports of one file, and what it runs in threads of its own process. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const threads = /\bnew ThreadPool\b/.test(text) ? startedIn(text) : [];
  const statements = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g,
  );
  const local = (target: string) => relative(root, join(root, dirname(file), target));
  const imported = [...statements].map(([, type, fixed, dynamic]) => {
    const target = fixed ?? dynamic ?? '';
    const to = target.startsWith('.') ? local(target) : packageName(target);
    return { from: file, to, typeOnly: type !== undefined };
  });
  const run = threads.map(name => ({ from: file, to: `src/${name}.ts`, typeOnly: false, isThread: true }));
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

/**
 * The rooms of the house by floors, the lowest first. What is in a room imports what is on lower floors and in its own
 * room: rooms of one floor do not know each other.
 */
const FLOORS = [
  ['src/lib'],
  ['migrations', 'src/domain', 'src/networks'],
  ['src/db', 'src/clients', 'src/workers'],
  ['src/settings', 'src/transactions', 'src/services/local-keys', 'src/services/oracles'],
  ['src/services/remote-db', 'src/services/exits'],
  ['src/services/fleet', 'src/services/staking'],
  ['src/operator', 'src/signer', 'src/signer-process'],
  ['src/compose', 'src/cli'],
  ['src/commands'],
];

/** The rooms that never hold a validator key, and the two files that are the operator's way in. */
const KEYLESS =
  /^src\/(operator|transactions|services\/(staking|exits|oracles)|signer-process)\/|^src\/compose\/(operator|run-operator)\.ts$/;
/** The code that does hold them, and what opens it. */
const KEY_CODE = /^src\/(domain\/keys|signer)\//;
const OPENS_KEY_CODE = /^src\/compose\/(signer|signer-child)\.ts$/;

/** Which files may import a library of package.json; `*` is every one that may know of packages at all. */
const LIBRARIES: Readonly<Record<string, RegExp | '*'>> = {
  '@chainsafe/bls': /^src\/domain\/consensus\//,
  '@chainsafe/bls-keystore': /^src\/domain\/keys\//,
  '@chainsafe/blst': /^src\/domain\//,
  '@chainsafe/ssz': /^src\/domain\/consensus\//,
  '@electric-sql/pglite': /^src\/db\//,
  '@ipld/car': /^src\/clients\/ipfs\//,
  '@noble/hashes': /^src\/domain\/keys\//,
  '@oclif/core': /^src\/(commands|cli)\//,
  '@openzeppelin/merkle-tree': /^src\/domain\/protocol\//,
  '@scure/bip39': /^src\/domain\/keys\//,
  'bls-eth-wasm': /^src\/domain\/protocol\//,
  'cli-progress': /^src\/cli\/terminal\//,
  'fastest-levenshtein': /^src\/cli\/nearest-name\.ts$/,
  eta: /^src\/services\/fleet\/template-text\.ts$/,
  ethers: '*',
  'hash-wasm': /^src\/lib\/keccak\.ts$/,
  'ipfs-unixfs-exporter': /^src\/clients\/ipfs\//,
  'ipfs-unixfs-importer': /^src\/clients\/ipfs\//,
  kysely: /^(src\/db|migrations)\//,
  multiformats: /^src\/clients\//,
  'p-retry': /^src\/lib\/retry\.ts$/,
  pg: /^src\/db\//,
  pino: /^src\/lib\/logger\.ts$/,
  'prom-client': /^src\/lib\/metrics\.ts$/,
  'tiny-secp256k1': /^src\/lib\/secp256k1\.ts$/,
  undici: /^src\/clients\//,
  yaml: /^src\/domain\/fleet\//,
  zod: '*',
};

const program = sources.filter(file => file.startsWith('src/'));

/** Imports that leave a room towards places that it must not know. */
function trespasses(room: RegExp, forbidden: RegExp, options: { typesAllowed?: boolean } = {}): string[] {
  return imports
    .filter(i => room.test(i.from) && forbidden.test(i.to) && !(options.typesAllowed && i.typeOnly))
    .map(tell);
}

function tell({ from, to }: Pick<Import, 'from' | 'to'>): string {
  return `${from} imports ${to}`;
}

/** All that runs where these files run: what they import as values, what that imports, and so on; threads, too. */
function reachedFrom(roots: readonly string[], given: readonly Import[] = imports): string[] {
  const reached = new Set(roots);
  for (const file of reached) {
    for (const { from, to, typeOnly } of given) if (from === file && !typeOnly) reached.add(to);
  }
  return [...reached];
}

/** Place of a file's room among the floors. */
function floorOf(file: string): { readonly room: string; readonly floor: number } | undefined {
  for (const [floor, rooms] of FLOORS.entries()) {
    const room = rooms.find(name => file.startsWith(`${name}/`));
    if (room !== undefined) return { room, floor };
  }
  return undefined;
}

/** Imports, of values and of types, that lead up, or across to another room of the same floor. */
function climbs(given: readonly Import[]): string[] {
  return given
    .filter(({ from, to }) => {
      const here = floorOf(from);
      const there = floorOf(to);
      return (
        here !== undefined && there !== undefined && here.room !== there.room && there.floor >= here.floor
      );
    })
    .map(tell);
}

/** Files that import each other in a circle, by values or by types: the strongly connected parts (Tarjan). */
function circles(given: readonly Import[]): string[][] {
  const targets = Map.groupBy(
    given.filter(({ isThread }) => isThread !== true),
    ({ from }) => from,
  );
  const places = new Map<string, { readonly index: number; low: number }>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (file: string) => {
    const own = { index: places.size, low: places.size };
    places.set(file, own);
    open.push(file);
    for (const { to } of targets.get(file) ?? []) {
      const seen = places.get(to);
      if (seen === undefined) own.low = Math.min(own.low, visit(to).low);
      else if (open.includes(to)) own.low = Math.min(own.low, seen.index);
    }
    if (own.low === own.index) {
      const circle = open.splice(open.indexOf(file));
      if (circle.length > 1) found.push(circle.sort());
    }
    return own;
  };
  for (const file of targets.keys()) if (!places.has(file)) visit(file);
  return found;
}

describe('the floors', () => {
  it('the architecture tests find the sources and their imports', () => {
    expect(sources.length).toBeGreaterThan(250);
    expect(imports.some(i => i.to === 'src/lib/errors.ts')).toBe(true);
    expect(imports.some(i => i.to === 'src/db/database.ts' && i.typeOnly)).toBe(true);
  });

  it('every source file has a place on a floor, and no room is empty', () => {
    const built = sources.filter(file => !file.startsWith('test/'));
    expect(built.filter(file => floorOf(file) === undefined)).toEqual([]);
    const rooms = FLOORS.flat();
    expect(rooms.filter(room => !built.some(file => floorOf(file)?.room === room))).toEqual([]);
  });

  it('no file lies loose in src or in src/services', () => {
    expect(
      readdirSync(join(root, 'src'), { withFileTypes: true }).filter(entry => !entry.isDirectory()),
    ).toEqual([]);
    expect(program.filter(file => /^src\/services\/[^/]+$/.test(file))).toEqual([]);
  });

  it('no import runs up to a higher floor or across to another room of the same floor', () => {
    expect(climbs(imports)).toEqual([]);
  });

  it('no two source files import each other, whatever lies between', () => {
    expect(circles(imports)).toEqual([]);
  });

  it('the checks of imports find one that climbs, one that crosses, and a circle that only a type closes', () => {
    const pair = (from: string, to: string, typeOnly = false) => ({ from, to, typeOnly });
    const up = pair('src/services/exits/a.ts', 'src/operator/b.ts', true);
    const across = pair('src/db/a.ts', 'src/clients/b.ts');
    const down = pair('src/operator/b.ts', 'src/services/exits/a.ts');
    expect(climbs([up, across, down])).toEqual([tell(up), tell(across)]);
    const circle = [
      pair('a.ts', 'b.ts'),
      pair('b.ts', 'c.ts', true),
      pair('c.ts', 'a.ts'),
      pair('d.ts', 'a.ts'),
    ];
    expect(circles(circle)).toEqual([['a.ts', 'b.ts', 'c.ts']]);
    expect(circles(circle.slice(1))).toEqual([]);
    expect(reachedFrom(['a.ts'], circle)).toEqual(['a.ts', 'b.ts']);
  });
});

describe('who imports whom', () => {
  it('domain computes: it opens no file, no socket, no process, and waits for nothing', () => {
    const machines = /^(pg|kysely|undici|pino|@oclif\/core|node:(fs|net|http|process|child_process).*)$/;
    expect(trespasses(/^src\/domain\//, machines)).toEqual([]);
    expect(
      trespasses(
        /^src\/domain\//,
        /^src\/lib\/(logger|retry|files|file-set|held-.*|output-directory|locks\/.*)\.ts$/,
      ),
    ).toEqual([]);
  });

  it('db and clients never know each other, what stands above them, or a key', () => {
    expect(trespasses(/^src\/db\//, /^src\/(?!db\/|domain\/|lib\/)/)).toEqual([]);
    expect(trespasses(/^src\/clients\//, /^src\/(?!clients\/|domain\/|lib\/)/)).toEqual([]);
    expect(trespasses(/^src\/(db|clients)\//, KEY_CODE)).toEqual([]);
  });

  it('services and transactions are given open handles: they open nothing themselves', () => {
    const given = /^src\/(services|transactions)\//;
    expect(
      trespasses(given, /^src\/(commands|cli|compose|settings|signer|signer-process|operator)\//),
    ).toEqual([]);
    expect(trespasses(given, /^(pg|kysely|@electric-sql\/pglite|undici|@oclif\/core)$/)).toEqual([]);
  });

  it('the signer uses only the services that open keys, and only compose/signer.ts knows it', () => {
    const services =
      'services/(remote-db/(open-keys|unlock-vault|visible-rows)|local-keys/read-keystores)\\.ts';
    const allowed = new RegExp(`^src/(?!signer/|domain/|lib/|clients/|workers/|${services})`);
    expect(trespasses(/^src\/signer\//, allowed, { typesAllowed: true })).toEqual([]);
    expect(trespasses(/^src\/(?!signer\/|compose\/signer\.ts)/, /^src\/signer\//)).toEqual([]);
  });

  it('settings are read by who starts and opens: others are told the part that they need', () => {
    expect(trespasses(/^src\/(?!commands|cli|compose|settings|signer)/, /^src\/settings\//)).toEqual([]);
    // The signer and who spawns it know the types of what they are told.
    expect(trespasses(/^src\/signer/, /^src\/settings\//, { typesAllowed: true })).toEqual([]);
  });

  it('each library of package.json is imported in the rooms that are listed for it, and nowhere else', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(Object.keys(LIBRARIES).sort()).toEqual(Object.keys(dependencies).sort());
    const outside = imports.filter(
      ({ from, to }) => !from.startsWith('test/') && !/^(src|migrations|node:)/.test(to),
    );
    const allowedIn = ({ from, to }: Import) => {
      const rooms = LIBRARIES[to];
      return rooms === '*' || (rooms?.test(from) ?? false);
    };
    expect(outside.filter(one => !allowedIn(one)).map(tell)).toEqual([]);
    expect(Object.keys(LIBRARIES).filter(name => !outside.some(({ to }) => to === name))).toEqual([]);
  });

  it('the parts of ethers that ask nodes are imported in src/clients only', () => {
    const asking = /from 'ethers(\/(providers|contract))?'/;
    const asks = program.filter(file => asking.test(readFileSync(join(root, file), 'utf8')));
    expect(asks).not.toEqual([]);
    expect(asks.filter(file => !file.startsWith('src/clients/'))).toEqual([]);
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

describe('the walls around keys', () => {
  const keyless = program.filter(file => KEYLESS.test(file));

  it('no keyless room imports domain/keys or the signer, not even a type', () => {
    const rooms = ['operator/', 'transactions/', 'services/staking/', 'services/exits/', 'services/oracles/'];
    for (const room of [...rooms, 'signer-process/', 'compose/operator.ts', 'compose/run-operator.ts']) {
      expect(keyless.filter(file => file.startsWith(`src/${room}`))).not.toEqual([]);
    }
    expect(trespasses(KEYLESS, KEY_CODE)).toEqual([]);
    expect(trespasses(KEYLESS, OPENS_KEY_CODE)).toEqual([]);
  });

  it('keyless rooms reach no code of keys through other files either, nor in threads of the same process', () => {
    const reached = reachedFrom(keyless);
    expect(reached).toContain('src/signer-process/spawn-signer.ts');
    expect(reached).toContain('src/workers/verify-worker.ts');
    expect(reached).toContain('src/services/fleet/operator-files/read-operator-config.ts');
    expect(reached.filter(file => KEY_CODE.test(file) || OPENS_KEY_CODE.test(file))).toEqual([]);
  });

  it('only the thread pool starts threads, and each file that makes a pool names the file that its threads run', () => {
    const holding = (pattern: RegExp) =>
      program.filter(file => pattern.test(readFileSync(join(root, file), 'utf8')));
    expect(holding(/\bnew Worker\b/)).toEqual(['src/workers/thread-pool.ts']);
    expect(holding(/\bextends ThreadPool\b/)).toEqual([]);
    const threads = imports.filter(({ isThread }) => isThread);
    expect(holding(/\bnew ThreadPool\b/)).toEqual(threads.map(({ from }) => from));
    expect(threads.map(({ to }) => to)).toEqual([
      'src/signer/keys/sign-worker.ts',
      'src/workers/verify-worker.ts',
      'src/workers/worker.ts',
    ]);
  });

  it('the signer, which does hold keys, is seen to reach the code of keys', () => {
    const reached = reachedFrom(['src/compose/signer-child.ts']);
    expect(reached).toContain('src/domain/keys/keystore.ts');
    expect(reached).toContain('src/signer/keys/sign-worker.ts');
  });
});

describe('the edges', () => {
  const read = (file: string) =>
    readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');

  it('the environment is read in one place, for the options: nothing deeper looks at a variable', () => {
    const looks = /\bprocess\??\.env\b|\bprocess\[|\benv\b[^{}]*\}\s*=\s*process\b|['"]node:process['"]/;
    const looking = program.filter(file => looks.test(read(file)));
    expect(looking).toEqual([
      // Lies below settings, and is done before anything else: Node's own options, which Node shows nowhere else.
      'src/lib/guard-memory.ts',
      'src/settings/environment.ts',
      // Reads none: hands the few variables on that the signer's process gets.
      'src/signer-process/spawn-signer.ts',
    ]);
    expect(read('src/lib/guard-memory.ts').match(/process\.env\.\w+/g)).toEqual(['process.env.NODE_OPTIONS']);
    expect(trespasses(/^src\/(?!cli\/)/, /^src\/settings\/environment\.ts$/)).toEqual([]);
    for (const hidden of [
      'const { env } = process;',
      "import { env } from 'node:process';",
      "process['env']",
    ])
      expect(looks.test(hidden)).toBe(true);
  });

  it('only the edges print, and what they print passes through foreign-text.ts', () => {
    const prints = /\b(process\.(stdout|stderr)|output)\.write\(|\bconsole\.|pino\.destination\(/;
    const edges = program.filter(file => prints.test(read(file)));
    expect(edges).toEqual([
      'src/cli/main.ts',
      'src/cli/operator-command.ts',
      'src/cli/program.ts',
      'src/cli/terminal/live-screen.ts',
      'src/cli/terminal/progress.ts',
      'src/cli/terminal/prompt.ts',
      'src/compose/signer-child.ts',
      'src/lib/logger.ts',
      'src/lib/termination-log.ts',
    ]);
    // The version; what presentError gives; a stack.
    const byOthers = ['src/cli/main.ts', 'src/cli/program.ts', 'src/compose/signer-child.ts'];
    const cleaning = edges.filter(file => /from '\..*\/foreign-text\.ts'/.test(read(file)));
    expect([...cleaning, ...byOthers].sort()).toEqual(edges);
  });

  it('the program tells the message of another maker’s error through messageOf only', () => {
    const caught = /\$\{(error|cause|thrown)(\.message)?\}/;
    const allowed = ['src/cli/options/resolve-options.ts', 'src/cli/present-error.ts'];
    expect(program.filter(file => caught.test(read(file)) && !allowed.includes(file))).toEqual([]);
  });

  it('what a schema has against a document is told by match-schema.ts only, in a user’s words', () => {
    const tells = /\bissues\b|prettifyError|treeifyError|flattenError/;
    expect(program.filter(file => tells.test(read(file)))).toEqual(['src/lib/match-schema.ts']);
    for (const told of ['const [issue] = parsed.error.issues;', 'z.prettifyError(error)'])
      expect(tells.test(told)).toBe(true);
  });

  it('the text of a file is decoded by text.ts, which knows byte order marks', () => {
    const decodes =
      /readFile(Bytes|AtOnce|Sync)?\([^()]*(\([^()]*\))?[^()]*\)\)?\.toString\(|readFile(Sync)?\([^;\n]*['"]utf-?8['"]/;
    expect(program.filter(file => decodes.test(read(file)))).toEqual([
      // The package's own, and what the kernel writes.
      'src/cli/main.ts',
      'src/db/pglite-directory.ts',
      'src/lib/locks/lock-holder.ts',
    ]);
    for (const decoded of ["(await readFileBytes(join(a, 'b'))).toString()", "readFileSync(path, 'utf8')"])
      expect(decodes.test(decoded)).toBe(true);
  });

  it('only files that connect ask for the whole of a URL', () => {
    const revealing = program.filter(file => read(file).includes('.reveal('));
    const connects =
      /^src\/(clients\/|compose\/(fleet|nodes|operator)\.ts|cli\/choose-key-source\.ts|domain\/fleet\/validator-config\.ts)/;
    expect(revealing.length).toBeGreaterThan(3);
    expect(revealing.filter(file => !connects.test(file))).toEqual([]);
  });
});

describe('lists that grow with the keys', () => {
  const callee = /([\w.#]+(?:<[^<>()]*>)?)\($/;

  /** Calls that spread a list into their arguments, as `file:line callee`; declarations of rest parameters are none. */
  function spreadCalls(file: string, source: string): string[] {
    const text = source.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
    return [...text.matchAll(/(?<=[(,]\s*)\.\.\.(?=[\w([{])(?!\w+\??:)/g)].flatMap(({ index }) => {
      let depth = 0;
      let place = index - 1;
      for (; place >= 0 && depth >= 0; place--) {
        const character = text.charAt(place);
        if (')]}'.includes(character)) depth += 1;
        if ('([{'.includes(character)) depth -= 1;
      }
      const [, name] = callee.exec(text.slice(0, place + 2)) ?? [];
      if (name === undefined) return [];
      return [`${file}:${text.slice(0, index).split('\n').length} ${name}`];
    });
  }

  // Each hands on a list whose length a signature or a constant bounds.
  const BOUNDED = [
    // The events of an emitter, with the arguments that they came with.
    /^src\/db\/connection-guard\.ts:\d+ emit$/,
    // The result of a lookup, in the order of a callback's parameters.
    /^src\/clients\/signer\/signer-endpoint\.ts:\d+ callback$/,
    // One object for each kind of event: there are a handful.
    /^src\/clients\/execution\/contracts\/keeper-events\.ts:\d+ Object\.assign$/,
  ];

  it('lists that grow with the keys are never spread into arguments: a stack takes 125,000 at most', () => {
    const found = program.flatMap(file => spreadCalls(file, readFileSync(join(root, file), 'utf8')));
    expect(found.filter(call => !BOUNDED.some(bounded => bounded.test(call)))).toEqual([]);
    expect(BOUNDED.filter(bounded => !found.some(call => bounded.test(call)))).toEqual([]);
  });

  it('the check of spread arguments finds every form of call, and takes no copy or parameter for one', () => {
    const spread = [
      'wipe(...keys);',
      'return concatBytes(\n  ...entries.flatMap(entry => [entry.publicKey, sign(entry)]),\n);',
      'found.keys.push(first, ...(await load({ all: [1] })));',
      'const most = Math.max(0, ...lists.map(list => list.length));',
      'const [text] = String.fromCharCode(...bytes);',
      'new Foo<Bar>(...list)',
    ];
    expect(spread.flatMap(text => spreadCalls('a.ts', text))).toEqual([
      'a.ts:1 wipe',
      'a.ts:2 concatBytes',
      'a.ts:1 found.keys.push',
      'a.ts:1 Math.max',
      'a.ts:1 String.fromCharCode',
      'a.ts:1 Foo<Bar>',
    ]);
    const harmless = [
      'wipe([...keys, seed]);',
      'new Map([...known, ...added].map(nameOf));',
      'send({ ...options, keys });',
      'function join(...parts: string[]) {}',
      'const path = (first, ...rest) => join(first);',
      "log.info('Waiting (a moment)...');",
    ];
    expect(harmless.flatMap(text => spreadCalls('a.ts', text))).toEqual([]);
  });
});

describe('the bundle', () => {
  it('the bundle has a file for everything that is started by itself', () => {
    const started = sources.flatMap(file => startedIn(readFileSync(join(root, file), 'utf8')));
    expect(started.length).toBeGreaterThan(3);
    expect(started.filter(name => !sources.includes(`src/${name}.ts`))).toEqual([]);
    expect(started.filter(name => !existsSync(join(root, `dist/src/${name}.js`)))).toEqual([]);
  });

  it('the bundle keeps the code that handles keys out of what the operator loads', () => {
    const declaredIn = (files: readonly string[], pattern: RegExp) =>
      files.flatMap(file =>
        [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].map(([, found = '']) => found),
      );
    /** Functions that only files of these folders declare, and export: their names stay in the bundle. */
    const ownedBy = (rooms: RegExp) => {
      const others = new Set(
        declaredIn(
          sources.filter(file => !rooms.test(file)),
          /(function \w+\()/g,
        ),
      );
      const own = sources.filter(file => rooms.test(file));
      return declaredIn(own, /^export (?:async )?(function \w+\()/gm).filter(name => !others.has(name));
    };
    const holds = (file: string, declarations: readonly string[]) => {
      const text = readFileSync(file, 'utf8');
      return declarations.some(declaration => text.includes(declaration));
    };
    const keyCode = ['domain/keys', 'signer/keys', 'signer/gates', 'signer/http'].flatMap(room => {
      const owned = ownedBy(new RegExp(`^src/${room}/`));
      expect(owned, room).not.toEqual([]);
      return owned;
    });
    const holdsKeyCode = (file: string) => holds(file, keyCode);
    const chunks = globSync('dist/src/**/*.js', { cwd: root }).map(file => join(root, file));
    expect(chunks.filter(holdsKeyCode).length).toBeGreaterThan(3);
    const reached = new Set(chunks.filter(file => /\/run-operator-[^/]*\.js$/.test(file)));
    for (const file of reached) {
      for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/["'`](\.\.?\/[\w/.-]+\.js)["'`]/g)) {
        reached.add(join(dirname(file), target));
      }
    }
    expect(reached.size).toBeGreaterThan(10);
    for (const room of [
      'operator',
      'transactions',
      'services/staking',
      'services/exits',
      'services/oracles',
      'signer-process',
    ]) {
      const owned = ownedBy(new RegExp(`^src/${room}/`));
      expect(
        [...reached].some(file => holds(file, owned)),
        room,
      ).toBe(true);
    }
    expect([...reached].filter(holdsKeyCode)).toEqual([]);
  });

  it('the bundle brings WebAssembly of many megabytes into the operator only when there is something to sign or approve', () => {
    const chunks = globSync('dist/src/**/*.js', { cwd: root }).map(file => join(root, file));
    const loaded = new Set(chunks.filter(file => /\/run-operator-[^/]*\.js$/.test(file)));
    for (const file of loaded) {
      const text = readFileSync(file, 'utf8');
      // Not what is imported later, which stands in brackets.
      for (const [, target = ''] of text.matchAll(/(?:from|import)\s*["'`](\.\.?\/[\w/.-]+\.js)["'`]/g)) {
        loaded.add(join(dirname(file), target));
      }
    }
    expect(loaded.size).toBeGreaterThan(10);
    const brings = (file: string) =>
      /["'`](tiny-secp256k1|bls-eth-wasm)["'`]/.test(readFileSync(file, 'utf8'));
    expect(chunks.filter(brings)).not.toEqual([]);
    expect([...loaded].filter(brings)).toEqual([]);
  });
});

describe('the tree', () => {
  it('no room or file of the sources has a name that says nothing', () => {
    const names = /(^|\/)(utils?|helpers?|common|shared|misc|types|interfaces|models)(\/|\.ts$)/;
    expect(sources.filter(file => names.test(file))).toEqual([]);
  });

  it('no literal is spread into another literal in sources, tests and scripts', () => {
    const packed = /\.\.\.[{[]/;
    const everywhere = globSync(
      ['src/**/*.ts', 'migrations/*.ts', 'test/**/*.{ts,mjs}', 'scripts/**/*.{js,cjs,ts}'],
      {
        cwd: root,
      },
    );
    const others = everywhere.filter(file => file !== 'test/architecture.test.ts');
    const found = others.flatMap(file => {
      const lines = readFileSync(join(root, file), 'utf8').split('\n');
      return lines.flatMap((line, index) => (packed.test(line) ? [`${file}:${index + 1}`] : []));
    });
    expect(found).toEqual([]);
    expect(
      ['  ...{ a, b },', '[...[a, b], c]', '{ ...a, ...(b ? {} : { c }) }'].map(one => packed.test(one)),
    ).toEqual([true, true, false]);
  });

  it('the titles of tests begin with their subject: none with a preposition or a verb of a sentence that began above', () => {
    const glued =
      /(?:^\s*(?:it|test)(?:\.\w+)*\(|^.*\]\)\()\s*['"`](?:of|to|that|with|without|is|are|has|have|does|keeps|takes|gives|says|refuses|stays|asks|ends|needs|stands) /gm;
    const others = globSync('test/**/*.test.ts', { cwd: root }).filter(
      file => !file.endsWith('architecture.test.ts'),
    );
    const found = others.flatMap(file =>
      [...readFileSync(join(root, file), 'utf8').matchAll(glued)].map(
        ([title]) => `${file}: ${title.trim()}`,
      ),
    );
    expect(found).toEqual([]);
    const titles = [
      "  it('keeps all ten keys', ",
      'it.each([])("of two of ten", ',
      "  it('upload-keypairs keeps', ",
    ];
    expect(titles.map(title => title.match(glued) !== null)).toEqual([true, true, false]);
  });

  it('doc comments begin with their subject: none with a preposition that completes a name', () => {
    const clipped =
      /\/\*\*\s+(?:\*\s+)?(?:Of|That|For|Whose|With|Without|In|Into|On|By|As|At|To|From|After|Before|Beside|Under)\b.*/g;
    const everywhere = globSync(
      ['src/**/*.ts', 'migrations/*.ts', 'test/**/*.{ts,mjs}', 'scripts/**/*.{js,cjs,ts}'],
      {
        cwd: root,
      },
    );
    const others = everywhere.filter(file => file !== 'test/architecture.test.ts');
    const found = others.flatMap(file =>
      [...readFileSync(join(root, file), 'utf8').matchAll(clipped)].map(
        ([comment]) => `${file}: ${comment.trim()}`,
      ),
    );
    expect(found).toEqual([]);
    const comments = [
      '/** Of the vault. */',
      '/** Beside the key files. */',
      '/**\n * In the order of their indexes.\n */',
      '/** The vault of the recorded runs. */',
      '/** Only what is given. */',
      '// As the oracles do.',
    ];
    expect(comments.map(comment => comment.match(clipped) !== null)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('the command manifest is fresh', () => {
    execFileSync(process.execPath, ['scripts/manifest.js', '--check'], { cwd: root, stdio: 'pipe' });
  });
});
