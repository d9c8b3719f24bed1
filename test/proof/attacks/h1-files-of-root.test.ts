// Root writes the files of a validator client or a signer into a directory that belongs to that program's uid (--owner), as
// cron jobs and init containers do. The attacker is that uid. What he wants: a file or directory of root's as his own.
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startServer } from '../../../src/signer/http/signer-server.ts';
import { prepareSocketDirectory } from '../../../src/signer/http/socket-directory.ts';
import { readKeyDirectory } from '../../support/checkers/web3signer.ts';
import { type ProcessRun, runRemoteDb } from '../../support/faults/killed-process.ts';
import { createTestDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { ORACLES, startWorkflow, type WorkflowFixture } from '../../support/scenes/workflow-scene.ts';

const UID = 1000;
const OWNER = ['--owner', `${UID}:${UID}`];
const ROUNDS = 100;
/** Rounds by a process of the launchers' own, of as many; the others by one that stays. */
const FRESH_OF = 25;
const KEYS = 2;
const FILES = ['proposer_config.json', 'signer_keys.yml', 'validator_definitions.yml'];
const resources = new AsyncDisposableStack();
let workflow: WorkflowFixture;
let database: TestDatabase;
/** The home directory of the attacker, who may do in it what he likes. */
let home: string;
/** A file of root, and a directory of root with a file. */
let secret: string;
let folder: string;

beforeAll(async () => {
  if (process.getuid?.() !== 0) {
    throw new Error(
      'These attacks are of uid 1000 against root: run this file as root, in a container for example.',
    );
  }
  workflow = resources.use(await startWorkflow(KEYS));
  database = resources.use(await createTestDatabase());
  await workflow.run(database.url, ['setup', ...workflow.vaultArgs, ...workflow.keyArgs]);
  await workflow.run(database.url, workflow.uploadArgs(KEYS));
});
afterAll(() => resources.disposeAsync());

beforeEach(() => {
  const stage = mkdtempSync(join(tmpdir(), 'stakewise-h1-'));
  chmodSync(stage, 0o755);
  home = join(stage, 'home');
  mkdirSync(home);
  chownSync(home, UID, UID);
  secret = join(stage, 'shadow');
  writeFileSync(secret, 'root:$6$secret', { mode: 0o400 });
  folder = join(stage, 'etc');
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(join(folder, 'passwd'), 'root', { mode: 0o644 });
});
afterEach(() => rmSync(join(home, '..'), { recursive: true }));

/** Everything about the files of root that an attack could change. */
function victims() {
  const describe = (path: string) => {
    const { uid, gid, mode, nlink, ino } = lstatSync(path);
    return { path, uid, gid, mode, nlink, ino };
  };
  const below = (directory: string) => readdirSync(directory).map(name => describe(join(directory, name)));
  return [
    describe(secret),
    describe(folder),
    ...below(folder),
    readFileSync(secret, 'utf8'),
    readFileSync(join(folder, 'passwd'), 'utf8'),
  ];
}

const run = (args: readonly string[]) => workflow.runToEnd(database.url, args);
const signerArgs = (directory: string, ...more: string[]) =>
  workflow.setupWeb3SignerArgs(directory, ...OWNER, ...more);
const validatorArgs = (directory: string, ...more: string[]) => [
  ...workflow.setupValidatorArgs(0, 1, directory),
  ...more,
];

async function runWell(args: readonly string[]): Promise<ProcessRun> {
  const result = await run(args);
  expect(result.exitCode, result.stderr).toBe(0);
  return result;
}

/** The directory belongs to the owner asked for, and so does every file in it, with this mode. */
function expectOwned(directory: string, mode: number): void {
  expect(lstatSync(directory)).toMatchObject({ uid: UID, gid: UID });
  for (const name of readdirSync(directory)) {
    const stats = lstatSync(join(directory, name));
    expect([name, stats.isFile(), stats.uid, stats.gid, stats.mode & 0o7777, stats.nlink]).toEqual([
      name,
      true,
      UID,
      UID,
      mode,
      1,
    ]);
  }
}

function expectKeys(directory: string): void {
  expect([...readKeyDirectory(directory).publicKeys]).toHaveLength(KEYS * (1 + ORACLES));
}

const recordOf = (directory: string, ending: string) =>
  join(directory, readdirSync(directory).find(name => name.endsWith(ending)) ?? `no ${ending}`);

describe('H1 · files of root: what stands in the place of a file', () => {
  it.each(['.key-files', '.proven'])(
    'another uid: puts a link in the place of the record %s, to root’s backup of it → the link is replaced',
    async ending => {
      const directory = join(home, 'signer');
      await runWell(signerArgs(directory, '--layout', 'one-per-key'));
      const record = recordOf(directory, ending);
      const backup = join(folder, 'backup');
      writeFileSync(backup, readFileSync(record), { mode: 0o400 });
      const before = victims();
      unlinkSync(record);
      symlinkSync(backup, record);
      await runWell(signerArgs(directory, '--layout', 'one-per-key'));
      expect(victims()).toEqual(before);
      expectOwned(directory, 0o600);
      expectKeys(directory);
    },
  );

  it('another uid: puts a link to a secret of root in the place of the record of his files → the link is replaced', async () => {
    const directory = join(home, 'signer');
    await runWell(signerArgs(directory, '--layout', 'one-per-key'));
    const before = victims();
    unlinkSync(recordOf(directory, '.key-files'));
    symlinkSync(
      secret,
      join(directory, `.${workflow.network.name}-${workflow.ref.address.toLowerCase()}.key-files`),
    );
    await runWell(signerArgs(directory, '--layout', 'one-per-key'));
    expect(victims()).toEqual(before);
    expectOwned(directory, 0o600);
    expectKeys(directory);
  });

  it.each(['buckets', 'one-per-key'])(
    'another uid: puts links to a file of root in the place of all key files (%s) → they are replaced',
    async layout => {
      const directory = join(home, 'signer');
      await runWell(signerArgs(directory, '--layout', layout));
      const before = victims();
      for (const name of readdirSync(directory).filter(name => !name.startsWith('.'))) {
        unlinkSync(join(directory, name));
        symlinkSync(secret, join(directory, name));
      }
      await runWell(signerArgs(directory, '--layout', layout));
      expect(victims()).toEqual(before);
      expectOwned(directory, 0o600);
      expectKeys(directory);
    },
  );

  it.each([
    ['a link', symlinkSync],
    ['a second name', linkSync],
  ])(
    'another uid: puts %s of root’s file in the place of a client’s file, whose settings of others are kept → nothing of it is',
    async (_, place) => {
      const directory = join(home, 'client');
      await runWell(validatorArgs(directory, ...OWNER));
      const texts = {
        'signer_keys.yml': 'root-password: planted\n',
        'proposer_config.json': '{"planted": "root"}',
        'validator_definitions.yml': readFileSync(
          join(directory, 'validator_definitions.yml'),
          'utf8',
        ).replace('enabled: true', 'enabled: true\n  graffiti: planted'),
      };
      for (const [name, text] of Object.entries(texts)) {
        const file = join(folder, name);
        writeFileSync(file, text, { mode: 0o400 });
        unlinkSync(join(directory, name));
        // The kernel's protected_hardlinks forbids the second name to him where it is set.
        place(file, join(directory, name));
      }
      const before = victims();
      await runWell(validatorArgs(directory, ...OWNER));
      for (const name of FILES)
        expect(readFileSync(join(directory, name), 'utf8'), name).not.toContain('planted');
      expectOwned(directory, 0o644);
      // A file that had a second name has one less: it was replaced.
      const kept = (facts: ReturnType<typeof victims>) =>
        facts.map(one => (typeof one === 'string' ? one : { ...one, nlink: 0 }));
      expect(kept(victims())).toEqual(kept(before));
    },
  );

  it('another uid: gives his files another mode, each a second name of a file of root → they are written anew', async () => {
    const directory = join(home, 'client');
    await runWell(validatorArgs(directory, ...OWNER));
    const copies = FILES.map(name => join(folder, name));
    for (const [i, copy] of copies.entries()) {
      const file = join(directory, FILES[i] ?? '');
      writeFileSync(copy, readFileSync(file), { mode: 0o400 });
      unlinkSync(file);
      // The kernel's protected_hardlinks forbids it to him where it is set.
      linkSync(copy, file);
    }
    await runWell(validatorArgs(directory, ...OWNER));
    expectOwned(directory, 0o644);
    for (const copy of copies) {
      expect(lstatSync(copy)).toMatchObject({ uid: 0, gid: 0, mode: 0o100400, nlink: 1 });
    }
  });

  it('another uid: puts pipes that nobody writes to in the place of files → the command does not wait for them', async () => {
    const directory = join(home, 'signer');
    await runWell(signerArgs(directory, '--layout', 'one-per-key'));
    for (const name of readdirSync(directory)) {
      unlinkSync(join(directory, name));
      execFileSync('mkfifo', [join(directory, name)]);
    }
    const { exitCode, stderr } = await run(signerArgs(directory, '--layout', 'one-per-key'));
    // Without a record numbered files could be anybody's.
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('is in the way')]);
    const buckets = await run(signerArgs(directory));
    expect(buckets.exitCode, buckets.stderr).toBe(0);

    const client = join(home, 'client');
    await runWell(validatorArgs(client, ...OWNER));
    for (const name of FILES) {
      unlinkSync(join(client, name));
      execFileSync('mkfifo', [join(client, name)]);
    }
    await runWell(validatorArgs(client, ...OWNER));
    expectOwned(client, 0o644);
  });
});

describe('H1 · files of root: what stands in the place of the directory', () => {
  it('another uid: puts a link to a directory of root in the place of the output directory → refused with --owner', async () => {
    const directory = join(home, 'signer');
    symlinkSync(folder, directory);
    const before = victims();
    for (const args of [
      signerArgs(directory),
      signerArgs(`${directory}/`),
      validatorArgs(directory, ...OWNER),
    ]) {
      const { exitCode, stderr } = await run(args);
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('is a link')]);
      expect(stderr).toContain('Name the directory that the link leads to');
    }
    expect(victims()).toEqual(before);
    expect(readlinkSync(directory)).toBe(folder);
  });

  it('another uid: puts a link in the place of a directory above, what it leads to being there or not → refused', async () => {
    symlinkSync(folder, join(home, 'a'));
    mkdirSync(join(folder, 'ssh'), { mode: 0o755 });
    const before = victims();
    const attempts = [
      [join(home, 'a', 'ssh'), OWNER],
      [join(home, 'a', 'new', 'client'), OWNER],
      [join(home, 'a', 'new', 'client'), []],
    ] as const;
    for (const [directory, owner] of attempts) {
      const { exitCode, stderr } = await run(validatorArgs(directory, ...owner));
      expect([exitCode, stderr]).toEqual([
        1,
        expect.stringContaining(`leads through the link ${join(home, 'a')}`),
      ]);
    }
    expect(victims()).toEqual(before);
    expect(readdirSync(join(folder, 'ssh'))).toEqual([]);
  });

  it('another uid: moves a directory of root into the place of the output directory → it stays root’s', async () => {
    const directory = join(home, 'client');
    await runWell(validatorArgs(directory, ...OWNER));
    renameSync(directory, join(home, 'aside'));
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, 'id_rsa'), 'of root', { mode: 0o600 });
    const { exitCode, stderr } = await run(validatorArgs(directory, ...OWNER));
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('belongs to uid 0')]);
    expect(lstatSync(directory)).toMatchObject({ uid: 0, gid: 0, mode: 0o40700 });
    expect(readdirSync(directory)).toEqual(['id_rsa']);
  });

  it('another uid: moves a directory of root into the place of the one above the output → the one below stays root’s', async () => {
    const private_ = join(home, 'private');
    mkdirSync(join(private_, 'keys'), { recursive: true });
    writeFileSync(join(private_, 'keys', 'id_rsa'), 'of root', { mode: 0o600 });
    const { exitCode, stderr } = await run(validatorArgs(join(private_, 'keys'), ...OWNER));
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('belongs to uid 0')]);
    expect(lstatSync(join(private_, 'keys'))).toMatchObject({ uid: 0, gid: 0 });
  });

  it('another uid: puts his directory in the place of a socket’s → the socket is made in the one that was checked', async () => {
    const directory = join(home, 'run');
    await using prepared = await prepareSocketDirectory(join(directory, 'signer.sock'));
    renameSync(directory, join(home, 'aside'));
    symlinkSync(folder, directory);
    const before = victims();
    const server = await prepared.bind(at =>
      startServer((_, response) => response.end(), {
        listen: { kind: 'socket', path: prepared.path, at },
        log: { warn: () => undefined },
      }),
    );
    const made = lstatSync(join(home, 'aside', 'signer.sock'));
    expect([made.isSocket(), made.mode & 0o7777, made.uid]).toEqual([true, 0o600, 0]);
    await server[Symbol.asyncDispose]();
    expect(victims()).toEqual(before);
  });
});

describe('H1 · files of root: races', { timeout: 600_000 }, () => {
  it('another uid: exchanges files for links while setup-validator compares and writes, 100 rounds → none won', async () => {
    const directory = join(home, 'client');
    await runWell(validatorArgs(directory, ...OWNER));
    const attack = { kind: 'files', directory, names: FILES, victim: secret };
    await race(attack, validatorArgs(directory, ...OWNER), run => expect(run.exitCode, run.stderr).toBe(0));
    await runWell(validatorArgs(directory, ...OWNER));
    expectOwned(directory, 0o644);
  });

  it('another uid: exchanges key files and records for links during setup-web3signer, 100 rounds → none won', async () => {
    const directory = join(home, 'signer');
    const args = signerArgs(directory, '--layout', 'one-per-key');
    await runWell(args);
    const attack = { kind: 'files', directory, names: readdirSync(directory), victim: secret };
    await race(attack, args, ({ exitCode, stderr }) => {
      // Where the record is a link at the moment, numbered files could be anybody's.
      expect(exitCode === 0 || stderr.includes('is in the way'), stderr).toBe(true);
    });
    await runWell(args);
    expectOwned(directory, 0o600);
    expectKeys(directory);
  });

  it('another uid: exchanges the output directory for a link and for one of root, 100 rounds → none won', async () => {
    const directory = join(home, 'client');
    const private_ = join(home, 'private');
    await runWell(validatorArgs(directory, ...OWNER));
    mkdirSync(private_, { mode: 0o700 });
    writeFileSync(join(private_, 'id_rsa'), 'of root', { mode: 0o600 });
    symlinkSync(folder, join(home, 'link'));
    const before = lstatSync(private_);
    const attack = { kind: 'directory', directory, others: [join(home, 'link'), private_] };
    const args = validatorArgs(directory, ...OWNER);
    const outcomes = { written: 0, refused: 0 };
    await race(attack, args, ({ exitCode, stderr }) => {
      expect([0, 1], stderr).toContain(exitCode);
      outcomes[exitCode === 0 ? 'written' : 'refused']++;
    });
    console.log(`directory exchanged: ${outcomes.written} rounds wrote, ${outcomes.refused} were refused`);
    const { uid, gid, mode, ino } = before;
    expect(lstatSync(private_)).toMatchObject({ uid, gid, mode, ino });
    expect(readdirSync(private_)).toEqual(['id_rsa']);
    await runWell(args);
    expectOwned(directory, 0o644);
  });
});

/** Plays the attack against the command, round by round, until the end; after each root's files are as before. */
async function race(
  attack: Readonly<Record<string, unknown>>,
  args: readonly string[],
  check: (run: ProcessRun) => void,
): Promise<void> {
  const before = victims();
  const attacker = fork(join(import.meta.dirname, '../../support/programs/file-attacker.mjs'), [
    JSON.stringify(attack),
  ]);
  const swaps = attackerEnd(attacker);
  let won = 0;
  try {
    await Promise.race([once(attacker, 'message'), swaps]);
    for (let round = 0; round < ROUNDS; round++) {
      const isFresh = round % FRESH_OF === 0;
      check(await (isFresh ? runRemoteDb({ args, databaseUrl: database.url }) : run(args)));
      won += Number(JSON.stringify(victims()) !== JSON.stringify(before));
    }
  } finally {
    if (attacker.connected) attacker.send('stop');
  }
  const count = await swaps;
  console.log(`${attack.kind}: ${count} exchanges in ${ROUNDS} rounds, ${won} won`);
  expect(won, 'rounds won').toBe(0);
  expect(victims()).toEqual(before);
  expect(count, 'exchanges').toBeGreaterThan(ROUNDS);
}

async function attackerEnd(attacker: ChildProcess): Promise<number> {
  let swaps: number | undefined;
  attacker.on('message', message => {
    if (typeof message === 'object' && message !== null && 'swaps' in message) swaps = Number(message.swaps);
  });
  const [code, signal] = await once(attacker, 'exit');
  if (swaps === undefined) throw new Error(`the attacker ended by himself: ${code ?? signal}`);
  return swaps;
}

describe('H1 · files of root: what must go on working', () => {
  it.each(['0777', '2777'])(
    'another uid: shares an emptyDir of mode %s with the command → it is given to the owner, again and again',
    async octal => {
      const mode = Number.parseInt(octal, 8);
      const volume = join(home, '..', 'empty-dir');
      mkdirSync(volume);
      chownSync(volume, 0, 2000);
      chmodSync(volume, mode);
      for (const directory of [join(volume, 'below'), join(volume, 'further', 'below'), volume]) {
        for (let time = 0; time < 2; time++) {
          await runWell(signerArgs(directory));
          expect(lstatSync(directory)).toMatchObject({ uid: UID, gid: UID });
          expectKeys(directory);
        }
      }
      expect(statSync(volume).mode & 0o7777, 'its mode stays').toBe(mode);
      expectOwned(join(volume, 'below'), 0o600);
    },
  );

  it('another container: mounts secrets as Kubernetes does, a link to a link to a directory → they are read', async () => {
    const volume = join(home, '..', 'secrets');
    const data = join(volume, '..2026_11_29_07_00_00.123456789');
    mkdirSync(data, { recursive: true });
    symlinkSync('..2026_11_29_07_00_00.123456789', join(volume, '..data'));
    writeFileSync(join(data, 'encrypt-key'), readFileSync(join(workflow.folder, 'encrypt-key')), {
      mode: 0o600,
    });
    writeFileSync(join(data, 'db-url'), database.url, { mode: 0o600 });
    for (const name of ['encrypt-key', 'db-url']) symlinkSync(join('..data', name), join(volume, name));
    const args = signerArgs(join(home, 'signer')).map(word =>
      word === join(workflow.folder, 'encrypt-key') ? join(volume, 'encrypt-key') : word,
    );
    expect(args).toContain(join(volume, 'encrypt-key'));
    const [command = '', ...words] = args;
    await runWell([command, '--db-url-file', join(volume, 'db-url'), ...words]);
    expectKeys(join(home, 'signer'));

    const keystores = join(home, '..', 'keystores');
    const source = workflow.uploadArgs(KEYS)[workflow.uploadArgs(KEYS).indexOf('--keystores-dir') + 1] ?? '';
    mkdirSync(keystores);
    symlinkSync(source, join(keystores, '..data'));
    for (const name of readdirSync(source)) symlinkSync(join('..data', name), join(keystores, name));
    await runWell(
      workflow
        .uploadArgs(KEYS)
        .map(word => (word.startsWith(source) ? word.replace(source, keystores) : word)),
    );
  });

  it('local user: names an output directory by links of his own, without --owner or above it → they are followed', async () => {
    const real = join(home, '..', 'real');
    mkdirSync(join(real, 'client'), { recursive: true });
    symlinkSync(real, join(home, '..', 'linked'));
    symlinkSync(join(real, 'client'), join(home, '..', 'client'));
    await runWell(validatorArgs(join(home, '..', 'client')));
    expect(lstatSync(join(real, 'client'))).toMatchObject({ uid: 0 });
    expect(readdirSync(join(real, 'client')).sort()).toEqual(FILES);
    // A link of root's in a directory of root's: nobody else could have put it there.
    await runWell(validatorArgs(join(home, '..', 'linked', 'new', 'client'), ...OWNER));
    expectOwned(join(real, 'new', 'client'), 0o644);
    expect(existsSync(join(home, '..', 'linked', 'new', 'client'))).toBe(true);
  });
});
