// The week of docs/fleet.md as its team would live it: every block in its order, each on the machines that the page names, and every
// screen of the page beside what the program shows. What stands for the team's own machines is exchanged; nothing else is.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject } from 'vitest';
import { createDevnetCommands } from '../devnet/commands.ts';
import { freePort } from '../devnet/listen.ts';
import { startValidatorClient, type ValidatorClient } from '../devnet/validator-client.ts';
import { readSignerKeys } from '../support/checkers/validator-clients.ts';
import { commandLines, readMarkdownPage } from '../support/documentation/markdown-page.ts';
import { ReaderShell } from '../support/documentation/reader-shell.ts';
import { faultsOfScreen } from '../support/documentation/recorded-screen.ts';
import { it } from '../support/postgres/fixtures.ts';
import { copyDatabase, dropDatabase } from '../support/postgres/postgres.ts';
import type { OperatorProcess } from '../support/programs/operator-process.ts';
import { type SignerProcess, spawnSignerProcess } from '../support/programs/signer-process.ts';
import { type StandingProgram, startStandingPrograms } from '../support/programs/standing-program.ts';
import { writeGrownKeystores } from '../support/scenes/growing-vault.ts';
import { type OperatorScene, startOperatorScene } from '../support/scenes/operator-scene.ts';
import { waitUntil } from '../support/wait-until.ts';

const KEYS = 10;
const CLIENTS = 10;
const SIGNERS = ['signer-a', 'signer-b', 'signer-c'] as const;
const ETHER_OF_VALIDATOR = 32;

/** Warnings that the page announces, and that there is one node here. */
const ANNOUNCED = [
  /^Warning: Only one execution endpoint is given/,
  /^Warning: \d+ of \d+ keystores are not in /,
  /^Warning: This validator client gets \d+ keys beside the \d+ in its files/,
];

/** What the air-gapped machine has that was carried to `admin`, cheap to open: the README's own walk makes keys as it says. */
const PATIENCE = { timeout: 480_000 };

const page = readMarkdownPage('docs/fleet.md');

/** The blocks of the page in their order; each is asked for once, by what it is. */
class PageBlocks {
  readonly #left = [...page.blocks];

  /** The next block of a day. */
  next(heading: string, language = 'bash'): string {
    const at = this.#left.findIndex(block => block.heading === heading && block.language === language);
    const [block] = at < 0 ? [] : this.#left.splice(at, 1);
    if (block === undefined)
      throw new Error(`docs/fleet.md has no further block of ${language} under ${heading}`);
    return block.code;
  }

  get left(): readonly string[] {
    return this.#left.map(({ heading, code }) => `${heading}: ${code}`);
  }
}

/** The machines of the team. */
class Team implements AsyncDisposable {
  readonly admin: ReaderShell;
  readonly operatorHost: ReaderShell;
  readonly signers: ReadonlyMap<string, ReaderShell>;
  readonly clients: ReaderShell[];
  /** The key manager APIs of the validator clients. */
  readonly running: ValidatorClient[];
  readonly #folder: string;
  readonly #memory: string;
  readonly #ports: ReadonlyMap<string, number>;
  readonly #processes = new Map<string, SignerProcess>();
  readonly #exchanged: readonly [string, string][];
  readonly #networkFile: string;
  readonly #program: StandingProgram;

  constructor(
    folder: string,
    scene: OperatorScene,
    own: {
      readonly databaseUrl: string;
      readonly ports: ReadonlyMap<string, number>;
      readonly running: ValidatorClient[];
      readonly program: StandingProgram;
    },
  ) {
    this.#program = own.program;
    this.#folder = folder;
    this.#memory = mkdtempSync('/dev/shm/stakewise-week-');
    this.#ports = own.ports;
    this.#networkFile = scene.networkFile;
    this.running = own.running;
    const local = (name: string) => `127.0.0.1:${own.ports.get(name)}`;
    this.#exchanged = [
      ['http://node-a:8545,http://node-b:8545', scene.devnet.rpcUrl],
      ['http://node-a:5052', scene.beacon.url],
      ['0x8189aF89A7718C1baB5628399FC0ba50C6949bCc', scene.vault],
      ['=mainnet', `=${scene.networkFile}`],
      ...SIGNERS.map((name): [string, string] => [`http://${name}:9000`, `http://${local(name)}`]),
      ...own.running.map(({ url }, i): [string, string] => [`http://client-${i}:5062`, url]),
      ['http://op-0:9101', `http://${local('op-0')}`],
      ['--health-port=9101', `--health-port=${own.ports.get('op-0')}`],
      ['=0.0.0.0', '=127.0.0.1'],
    ];
    this.admin = this.machine('admin', own.databaseUrl);
    this.operatorHost = this.machine('op-0', own.databaseUrl);
    this.signers = new Map(SIGNERS.map(name => [name, this.machine(name, own.databaseUrl)]));
    this.clients = own.running.map((_, i) => this.machine(`client-${i}`, own.databaseUrl));
  }

  /** A machine with the secret of the database. */
  machine(name: string, databaseUrl: string): ReaderShell {
    const folder = join(this.#folder, name);
    mkdirSync(folder);
    const shell = new ReaderShell(folder, {
      exchanged: [
        ...this.#exchanged,
        ['/dev/shm/web3signer', join(this.#memory, name)],
        ['localhost:9000', `127.0.0.1:${this.#ports.get(name)}`],
      ],
      announced: ANNOUNCED,
      program: this.#program,
    });
    mkdirSync(join(shell.home, 'stakewise-secrets'));
    writeFileSync(join(shell.home, 'stakewise-secrets/db-url'), databaseUrl, { mode: 0o600 });
    return shell;
  }

  /** Has a signer start on its key files, as Web3Signer would. */
  async startSigner(name: string): Promise<void> {
    const source = ['--network', this.#networkFile, '--keys-dir', join(this.#memory, name, 'keys')];
    const listen = ['--listen', `127.0.0.1:${this.#ports.get(name)}`];
    this.#processes.set(name, await spawnSignerProcess([...source, ...listen]));
  }

  /** The machine of a signer is gone, with its memory. */
  async loseSigner(name: string): Promise<void> {
    await this.#processes.get(name)?.[Symbol.asyncDispose]();
    this.#processes.delete(name);
    rmSync(join(this.#memory, name), { recursive: true });
  }

  /** A block on each client, with its own number. */
  async onClients(code: string, indexes: Iterable<number> = this.clients.keys()): Promise<void> {
    for (const index of indexes)
      await this.clients[index]?.run(code.replace('--validator-index=0', `--validator-index=${index}`));
  }

  /** Has every client read its files. */
  restartClients(): void {
    for (const [index, shell] of this.clients.entries()) {
      const client = this.running[index];
      const keys = readFileSync(join(shell.folder, 'validator/signer_keys.yml'), 'utf8');
      if (client !== undefined) client.keys = readSignerKeys(keys);
    }
  }

  async onSigners(code: string): Promise<void> {
    for (const shell of this.signers.values()) await shell.run(code);
  }

  /** What a screen shows, with the names that the page has for the machines. */
  named(screen: string): string {
    return this.#exchanged
      .filter(([name]) => name.startsWith('http://'))
      .reduce((text, [name, own]) => text.replaceAll(own, name.replace(/,.*/, '')), screen);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const signer of this.#processes.values()) await signer[Symbol.asyncDispose]();
    rmSync(this.#memory, { recursive: true });
  }
}

describe('docs/fleet.md', () => {
  it(
    'its lines lead a team of three signers and ten clients through the week, each day from its differences to none',
    PATIENCE,
    async ({ directory, empty }) => {
      await using stack = new AsyncDisposableStack();
      const oracles = { oracles: 4, threshold: 3 };
      const scene = stack.use(
        await startOperatorScene({ validators: KEYS, hasEmbeddedDatabase: false, ...oracles }),
      );
      const { devnet } = scene;
      const ports = new Map<string, number>();
      for (const name of [...SIGNERS, 'op-0']) ports.set(name, await freePort());
      const running: ValidatorClient[] = [];
      for (let index = 0; index < CLIENTS; index++)
        running.push(stack.use(await startValidatorClient('lighthouse', { token: `token-of-${index}` })));
      const program = stack.use(startStandingPrograms(2));
      const own = { databaseUrl: empty.url, ports, running, program };
      const team = stack.use(new Team(directory, scene, own));
      const { admin, operatorHost } = team;
      await using world = createDevnetCommands(devnet, ETHER_OF_VALIDATOR);
      const blocks = new PageBlocks();

      /** Insists that `status` shows the screens of the page, and these differences by their codes, notes left out. */
      const expectDrift = async (codes: readonly string[], ...screens: readonly string[]) => {
        const [screen, json] = await Promise.all([
          admin.attempt(statusLine),
          admin.attempt(`${statusLine} --json`),
        ]);
        const shown = team.named(screen.stdout);
        for (const recorded of screens) expect(faultsOfScreen(recorded, shown), shown).toEqual([]);
        const { differences } = JSON.parse(json.stdout) as {
          differences: { code: string; severity: string }[];
        };
        const found = differences.filter(({ severity }) => severity !== 'note').map(({ code }) => code);
        expect([...new Set(found)].sort()).toEqual(codes);
        expect([screen.exitCode, json.exitCode]).toEqual([3, 3]);
      };
      /** Insists that nothing has to be mended. */
      const expectOrder = async (...screens: readonly string[]) => {
        const { exitCode, stdout } = await admin.attempt(statusLine);
        const shown = team.named(stdout);
        expect(exitCode, shown).toBe(0);
        for (const recorded of screens) expect(faultsOfScreen(recorded, shown), shown).toEqual([]);
      };

      // The team.
      const [everywhere, secret] = [blocks.next('The team'), blocks.next('The team')];
      for (const shell of [admin, operatorHost, ...team.signers.values(), ...team.clients])
        await shell.run(everywhere);
      for (const shell of [admin, ...team.signers.values()]) await shell.run(secret);
      writeFileSync(join(admin.folder, 'fleet.env'), admin.own(blocks.next('The team', 'ini')));
      mkdirSync(join(admin.folder, 'tokens'));
      for (const [index, { token }] of running.entries())
        writeFileSync(join(admin.folder, `tokens/client-${index}`), token, { mode: 0o600 });
      const vaultFolder = join(admin.home, '.stakewise', scene.vault.toLowerCase());

      // Monday.
      const monday = 'Monday: the first key';
      expect(blocks.next(monday)).toBe(`operator create-keys --count=${KEYS}\n`);
      cpSync(scene.vaultDir, vaultFolder, { recursive: true });
      const hisFolder = join(operatorHost.home, '.stakewise', scene.vault.toLowerCase());
      cpSync(join(scene.vaultDir, 'wallet'), join(hisFolder, 'wallet'), { recursive: true });
      const [setup = '', ...more] = commandLines(blocks.next(monday));
      const printed = await admin.attempt(setup);
      const publicKey = /--vault-public-key (0x[0-9a-f]{64})/.exec(printed.stdout + printed.stderr)?.[1];
      for (const line of more) await admin.run(line);
      const believed = blocks.next(monday).replace(/0x[0-9a-f]{64}/, `${publicKey}`);
      for (const shell of [operatorHost, ...team.signers.values(), ...team.clients])
        await shell.run(believed);
      const encryptKey = readFileSync(join(admin.home, 'stakewise-secrets/key'));
      for (const shell of team.signers.values())
        writeFileSync(join(shell.home, 'stakewise-secrets/key'), encryptKey, { mode: 0o600 });
      expect(blocks.next(monday)).toMatch(/^pg_dump --format=custom --file=monday\.dump /);
      const backup = `${empty.name}_monday`;
      const server = inject('postgres').url;
      await copyDatabase(server, backup, empty.name);
      stack.defer(() => dropDatabase(server, backup));
      await team.onSigners(blocks.next(monday));
      for (const name of SIGNERS) await team.startSigner(name);
      await team.onClients(blocks.next(monday));
      team.restartClients();
      const start = blocks.next(monday).trim();
      let operator = operatorHost.start(start);
      stack.defer(() => operator[Symbol.asyncDispose]());
      await registerAll(scene, operator, 2);
      await waitUntil('the operator to be ready', () => isReady(ports.get('op-0')));
      const statusLine = blocks.next(monday).trim();
      await expectOrder(blocks.next(monday, 'text'));

      // Tuesday.
      const tuesday = 'Tuesday: the vault grows';
      await registerAll(scene, operator, 6);
      await expectDrift(['keys-run-out'], blocks.next(tuesday, 'text'));
      expect(blocks.next(tuesday)).toBe(`operator create-keys --count=${KEYS}\n`);
      const secretKeys = Array.from({ length: KEYS }, (_, i) => new Uint8Array(32).fill(i + 101, 1));
      const created = secretKeys.map(secretKey => ({ secretKey }));
      writeGrownKeystores(join(vaultFolder, 'keystores'), created, KEYS);
      const config = join(vaultFolder, 'config.json');
      const counted = { ...JSON.parse(readFileSync(config, 'utf8')), mnemonic_next_index: 2 * KEYS };
      writeFileSync(config, JSON.stringify(counted));
      await admin.run(blocks.next(tuesday));
      await world.run(`root ${join(vaultFolder, 'deposit_data.json')}`);
      await uploadAndBackUp(admin, blocks.next(tuesday), 'tuesday.dump');
      await expectDrift(
        ['client-files-outdated', 'client-keys-missing', 'signer-keys-missing'],
        blocks.next(tuesday, 'text'),
      );
      await team.onSigners(blocks.next(tuesday));
      await team.onClients(blocks.next(tuesday));
      team.restartClients();
      expect(running.map(({ keys }) => keys.length)).toEqual(running.map(() => 2));
      await expectOrder();

      // Wednesday.
      const wednesday = 'Wednesday: the oracles change';
      await devnet.updateOracles({ count: 5, threshold: 4 });
      await expectDrift(['oracle-set-outdated'], blocks.next(wednesday, 'text'));
      await uploadAndBackUp(admin, blocks.next(wednesday), 'wednesday.dump');
      await expectDrift(['signer-keys-missing'], blocks.next(wednesday, 'text'));
      await team.onSigners(blocks.next(wednesday));
      await expectOrder();
      await operator.printed('Successfully rotated exit signatures');

      // Thursday.
      const thursday = 'Thursday: a signer is lost';
      await team.loseSigner('signer-b');
      await expectDrift(['not-seen'], blocks.next(thursday, 'text'), recordedInReadme());
      await team.signers.get('signer-b')?.run(blocks.next(thursday));
      await team.startSigner('signer-b');
      await expectOrder();

      // Friday.
      const friday = 'Friday: a client is lost';
      const [, , , , , , , old] = running;
      if (old === undefined) throw new Error('there is no client 7');
      old.faults.down = true;
      await expectDrift(['not-seen'], blocks.next(friday, 'text'));
      const successor = team.machine('client-7-successor', empty.url);
      for (const block of [everywhere, believed]) await successor.run(block);
      await successor.run(blocks.next(friday));
      team.clients[7] = successor;
      const next = stack.use(await startValidatorClient('lighthouse', { token: old.token }));
      running[7] = next;
      team.restartClients();
      const environment = join(admin.folder, 'fleet.env');
      const before = readFileSync(environment, 'utf8');
      writeFileSync(environment, before.replace(old.url, `${next.url}=tokens/client-7, ${old.url}`));
      old.faults.down = false;
      await expectDrift(['keys-run-twice'], blocks.next(friday, 'text'));
      writeFileSync(environment, before.replace(old.url, next.url));
      await expectOrder();

      // Saturday.
      const saturday = 'Saturday: the database is restored';
      expect((await operator.stop()).exitCode).toBe(0);
      expect(blocks.next(saturday)).toMatch(/^pg_restore --clean .* monday\.dump\n$/);
      await dropDatabase(server, empty.name);
      await copyDatabase(server, empty.name, backup);
      const drift = [
        'deposit-data-root-differs',
        'keys-not-uploaded',
        'keys-run-out',
        'not-seen',
        'oracle-set-outdated',
        'signer-keys-missing',
      ];
      await expectDrift(drift, blocks.next(saturday, 'text'));
      const [upload, compare, write, sync, work] = Array.from({ length: 5 }, () => blocks.next(saturday));
      const refusal = blocks.next(saturday, 'text');
      const keysBefore = running.map(({ keys }) => keys);
      const [client] = team.clients;
      const refused = await client?.attempt(write ?? '');
      expect(refused?.exitCode).toBe(1);
      expect(faultsOfScreen(refusal, refused?.stderr ?? '')).toEqual([]);
      const [, syncLine = ''] = commandLines(sync ?? '');
      const [, startLine = ''] = commandLines(work ?? '');
      const old3 = await team.signers.get('signer-a')?.attempt(syncLine);
      expect(old3?.exitCode).toBe(1);
      expect(old3?.stderr).toContain('older state than was seen here before');
      const early = operatorHost.start(startLine);
      expect(await early.ended).toBe(1);
      expect(early.output).toContain('older state than was seen here before');
      for (const [shell, line] of [
        [client, write],
        [team.signers.get('signer-a'), syncLine],
      ] as const) {
        if (shell === undefined) throw new Error('there is no such machine');
        shell.env.VAULT_PUBLIC_KEY = '';
        const braked = await shell.attempt(line ?? '');
        shell.env.VAULT_PUBLIC_KEY = `${publicKey}`;
        expect(braked.exitCode).toBe(3);
        expect(braked.stderr).toContain('nothing was changed');
      }
      await admin.run(upload ?? '');
      await team.onClients(compare ?? '');
      await team.onClients(write ?? '');
      await team.onSigners(sync ?? '');
      const [forget = ''] = commandLines(work ?? '');
      expect(startLine).toBe(start);
      await operatorHost.run(forget);
      operator = operatorHost.start(startLine);
      await operator.printed('Started operator service');
      await waitUntil('the operator to be ready', () => isReady(ports.get('op-0')));
      team.restartClients();
      expect(running.map(({ keys }) => keys)).toEqual(keysBefore);
      await expectOrder();

      // Sunday.
      const sunday = 'Sunday: nothing happens';
      expect(blocks.next(sunday)).toBe(`${statusLine} --watch\n`);
      await admin.run(blocks.next(sunday));

      expect(blocks.left).toEqual([]);
    },
  );
});

/** Has so much ether come that the vault gets so many validators, and waits for them. */
async function registerAll(
  { devnet }: OperatorScene,
  operator: OperatorProcess,
  validators: number,
): Promise<void> {
  const { registered } = await devnet.readVaultLog();
  await devnet.depositEther((validators - registered.length) * ETHER_OF_VALIDATOR);
  await waitUntil(
    `${validators} registered validators`,
    async () => (await devnet.readVaultLog()).registered.length === validators,
    { lastSeen: () => operator.output },
  );
}

/** Whether the operator with probes at this port is ready. */
async function isReady(port: number | undefined): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
  return answer?.ok === true;
}

/** An upload, and the backup behind it, which only Monday's is used of. */
async function uploadAndBackUp(admin: ReaderShell, block: string, file: string): Promise<void> {
  const [upload = '', dump = ''] = commandLines(block);
  await admin.run(upload);
  expect(dump).toContain(`pg_dump --format=custom --file=${file} `);
}

/** The screen of README. */
function recordedInReadme(): string {
  const screens = readMarkdownPage('README.md').blocks.filter(
    ({ language, code }) => language === 'text' && code.startsWith('Vault '),
  );
  expect(screens).toHaveLength(1);
  return screens.map(({ code }) => code).join('');
}
