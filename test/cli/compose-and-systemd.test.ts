// deploy/compose and deploy/systemd: every command line of the operator runs with the variables, secrets and folders that the file
// gives it. No Docker and no systemd: what they do themselves is checked by "npm run check:deploy".
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../devnet/listen.ts';
import { readLighthouseDefinitions, readSignerKeys } from '../support/checkers/validator-clients.ts';
import { readKeyDirectory } from '../support/checkers/web3signer.ts';
import { type CliRun, PROJECT_ROOT, runCli } from '../support/programs/cli.ts';
import {
  type ComposeService,
  mountsOf,
  readComposeFile,
  serviceCommand,
} from '../support/programs/compose-file.ts';
import { startOperatorProcess } from '../support/programs/operator-process.ts';
import { listOptionVariables } from '../support/programs/option-variables.ts';
import { spawnSignerProcess } from '../support/programs/signer-process.ts';
import { commandOfUnit, readUnit } from '../support/programs/systemd-unit.ts';
import { type DeployedVault, deployVault } from '../support/scenes/deployed-vault.ts';

const COMPOSE = join(PROJECT_ROOT, 'deploy/compose');
const UNITS = join(PROJECT_ROOT, 'deploy/systemd');

const resources = new AsyncDisposableStack();
let vault: DeployedVault;
beforeAll(async () => {
  vault = resources.use(await deployVault({ validators: 4, clients: 2 }));
});
afterAll(() => resources.disposeAsync());

/** Variables that every service and unit of a vault is given, whether its command reads them or not. */
const SHARED = ['HOME', 'VAULT_PUBLIC_KEY'];

/** Insists that the command reads each variable; a shell of the admin has those of several commands. */
function expectKnownVariables(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { isAdmin = false }: { readonly isAdmin?: boolean } = {},
): void {
  const commands = [...listOptionVariables()];
  const known = commands.find(([words]) => `${args.join(' ')} `.startsWith(`${words} `));
  if (known === undefined) throw new Error(`no such command: ${args.join(' ')}`);
  const read = (isAdmin ? commands : [known]).flatMap(([, variables]) => variables);
  const names = read.filter(({ isForeign }) => !isForeign).map(({ name }) => name);
  for (const name of Object.keys(env)) expect([...names, ...SHARED], args.join(' ')).toContain(name);
}

/** Web3Signer knows no devnet, so that its configuration needs a name for it. */
const onDevnet = (args: readonly string[]) =>
  args.some(arg => arg.startsWith('--config-file=')) ? [...args, '--web3signer-network=holesky'] : [...args];

/** Starts the operator until it works, and has it end in order. */
async function expectToWork(args: readonly string[], env: Readonly<Record<string, string>>, keysDir: string) {
  const port = await freePort();
  const { networkFile } = vault.scene;
  await using _signer = await spawnSignerProcess([
    '--network',
    networkFile,
    '--keys-dir',
    keysDir,
    '--listen',
    `127.0.0.1:${port}`,
  ]);
  await using operator = startOperatorProcess(args.slice(1), {
    words: args.slice(0, 1),
    env: {
      ...env,
      ...vault.devnetEnv,
      REMOTE_SIGNER_URL: `http://127.0.0.1:${port}`,
      METRICS_PORT: String(await freePort()),
      HEALTH_PORT: String(await freePort()),
    },
  });
  await operator.printed('Started operator service');
  expect((await operator.stop()).exitCode).toBe(0);
}

describe('the compose file', () => {
  const example = Object.fromEntries(
    readFileSync(join(COMPOSE, 'env.example'), 'utf8')
      .split('\n')
      .filter(line => /^\w+=/.test(line))
      .map(line => line.split('=') as [string, string]),
  );
  const address = '0x1234567890abcdef1234567890abcdef12345678';
  const file = readComposeFile(join(COMPOSE, 'compose.yaml'), {
    ...example,
    VAULT: address,
    FEE_RECIPIENT: address,
  });
  const services = Object.entries(file.services);
  const isOurs = ({ image }: ComposeService) => image.startsWith('stakewise-operator:');
  let directory: string;
  let keysDir: string;

  beforeAll(() => {
    directory = join(vault.scene.folder, 'compose');
    for (const name of ['secrets', 'tmp', '-dev-shm-stakewise-keys'])
      mkdirSync(join(directory, name), { recursive: true });
    for (const name of Object.keys(file.volumes)) mkdirSync(join(directory, name), { recursive: true });
    const contents: Record<string, string> = {
      'db-url': `${vault.database.ownerUrl}\n`,
      'encryption-key': vault.encryptionKey,
      wallet: vault.walletJson,
      'wallet-password': vault.walletPassword,
    };
    for (const [name, content] of Object.entries(contents))
      writeFileSync(join(directory, 'secrets', name), content, { mode: 0o600 });
  });

  function run(name: string, ...more: string[]): Promise<CliRun> {
    const service = file.services[name];
    if (service === undefined) throw new Error(`there is no service ${name}`);
    const { command, env } = serviceCommand(service, directory);
    const [program, ...args] = command;
    expect(program).toBe('operator');
    expectKnownVariables([...args, ...more], env, { isAdmin: name === 'admin' });
    return runCli(onDevnet([...args, ...more]), { env: { ...env, ...vault.devnetEnv } });
  }

  it('every network, volume, secret and service that a service names is there, and no secret is written out', () => {
    for (const [name, service] of services) {
      for (const network of service.networks) expect(file.networks, name).toHaveProperty(network);
      expect(service.networks.length > 0 || service.network_mode === 'none', name).toBe(true);
      for (const secret of service.secrets) expect(file.secrets, name).toHaveProperty(secret);
      const dependencies = Array.isArray(service.depends_on)
        ? service.depends_on
        : Object.keys(service.depends_on);
      for (const dependency of dependencies) expect(file.services, name).toHaveProperty(dependency);
      for (const { source, target } of mountsOf(service)) {
        expect(target, name).toMatch(/^\//);
        if (source.startsWith('.') && !['./secrets', './data'].includes(source))
          expect(existsSync(join(COMPOSE, source)), `${name}: ${source}`).toBe(true);
        else if (!/^[./]/.test(source)) expect(file.volumes, name).toHaveProperty(source);
      }
      for (const [variable, value] of Object.entries(service.environment))
        if (/PASSWORD|KEY$|SECRET|TOKEN/.test(variable))
          expect(value, variable).toMatch(/^(\/run)?\/secrets\/|^$/);
    }
    // Where secrets come from: files, for a group that every reader without root is in.
    for (const [name, { secrets, user, group_add }] of services)
      if (secrets.length > 0 && name !== 'postgres')
        expect([user?.split(':')[1], ...group_add], name).toContain('1001');
  });

  it('what .env says for a vault of version 5 reaches the operator, and is none of it by itself', () => {
    const names = Object.keys(example).filter(name =>
      /^(VALIDATOR_|MAX_|MIN_|DISABLE_|WITHDRAWALS_)/.test(name),
    );
    expect(names).toHaveLength(8);
    const chosen = Object.fromEntries(names.map(name => [name, `of ${name}`]));
    const required = { ...example, VAULT: address, FEE_RECIPIENT: address };
    const path = join(COMPOSE, 'compose.yaml');
    const { operator } = readComposeFile(path, { ...required, ...chosen }).services;
    expect(operator?.environment).toMatchObject(chosen);
    for (const name of names) expect(file.services.operator?.environment[name], name).toBe('');
  });

  it('the status page is off by itself, and with status-page.yaml published for this machine alone', async () => {
    const { operator } = file.services;
    expect(Object.keys(operator?.environment ?? {}).filter(name => name.startsWith('STATUS_'))).toEqual([]);
    expect(operator?.ports).toEqual([]);
    const beside = parse(readFileSync(join(COMPOSE, 'status-page.yaml'), 'utf8')) as {
      services: Record<string, { environment: Record<string, string>; ports: string[] }>;
    };
    expect(Object.keys(beside.services)).toEqual(['operator']);
    const { environment = {}, ports = [] } = beside.services.operator ?? {};
    expect(ports).toEqual([`127.0.0.1:9102:${environment.STATUS_PORT}`]);
    expectKnownVariables(['start'], environment);
    expect(example).not.toHaveProperty('COMPOSE_FILE');
    expect(example).toHaveProperty('STATUS_HOST_ALLOWLIST', '');
  });

  it('Web3Signer and databases are in internal networks only, publish nothing, and have their keys in memory', () => {
    for (const name of ['web3signer', 'sync-keys', 'postgres', 'migrate', 'migrate-slashing']) {
      const service = file.services[name];
      expect(service?.ports).toEqual([]);
      for (const network of service?.networks ?? [])
        expect(file.networks[network], name).toEqual({ internal: true });
    }
    for (const [name, service] of services) {
      for (const port of service.ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
      for (const { source, target } of mountsOf(service))
        if (target === '/keys') expect(source, name).toMatch(/^\/dev\/shm\//);
    }
  });

  it('the services of the operator’s image write to volumes and /tmp only, and none of them moves a key', () => {
    const ours = services.filter(([, service]) => isOurs(service));
    expect(ours.map(([name]) => name)).toEqual([
      'prepare-volumes',
      'admin',
      'migrate',
      'sync-keys',
      'operator',
      'setup-validator-0',
      'setup-validator-1',
    ]);
    for (const [name, service] of ours) {
      expect(service.read_only, name).toBe(true);
      expect(service.command.join(' '), name).not.toMatch(/reassign|password|encrypt-key=/);
    }
  });

  it('migrate and sync-keys bring the tables and Web3Signer’s files up to date, 0600 for its own uid', async () => {
    expect(await run('migrate')).toMatchObject({ exitCode: 0 });
    const done = await run('sync-keys');
    expect(done.exitCode, done.stderr).toBe(0);
    keysDir = join(directory, '-dev-shm-stakewise-keys/keystore');
    expect(readKeyDirectory(keysDir).publicKeys.size).toBeGreaterThanOrEqual(4);
    for (const name of readdirSync(keysDir)) expect(statSync(join(keysDir, name)).mode & 0o077, name).toBe(0);
    const config = readFileSync(join(keysDir, '../web3signer.yaml'), 'utf8');
    expect(config).toContain('eth2.slashing-protection-db-url: "jdbc:postgresql://postgres:5432/web3signer"');
    const { web3signer, 'sync-keys': sync } = file.services;
    expect(web3signer?.user).toBe(sync?.user);
    expect(web3signer?.entrypoint.at(-1)).toContain('--config-file=/keys/web3signer.yaml');
  });

  it('the profile “validators” gives two clients all keys, each key once, where the clients read them', async () => {
    for (const name of ['setup-validator-0', 'setup-validator-1']) {
      const done = await run(name);
      expect(done.exitCode, done.stderr).toBe(0);
    }
    const pathOf = (name: string, option: string) => {
      const words = serviceCommand(file.services[name] as ComposeService, directory).command;
      return words.find(word => word.startsWith(option))?.slice(option.length) ?? '';
    };
    const definitions = join(pathOf('validator-0', '--datadir='), 'validators/validator_definitions.yml');
    const keys = [
      ...readLighthouseDefinitions(readFileSync(definitions, 'utf8')).map(({ publicKey }) => publicKey),
      ...readSignerKeys(readFileSync(pathOf('validator-1', '--config-file='), 'utf8')),
    ];
    expect(keys.toSorted()).toEqual(vault.scene.publicKeys.toSorted());
    expect(existsSync(pathOf('validator-1', '--validators-proposer-config='))).toBe(true);
  });

  it('the service “admin” runs commands of the admin, and “operator” works and ends in order', async () => {
    mkdirSync(join(directory, '.-data'), { recursive: true });
    mkdirSync(join(directory, '.-secrets'), { recursive: true });
    for (const name of ['db-url', 'encryption-key'])
      writeFileSync(join(directory, '.-secrets', name), readFileSync(join(directory, 'secrets', name)), {
        mode: 0o600,
      });
    expect(await run('admin', 'remote-db', 'assign', '--total-validators=2', '--check')).toMatchObject({
      exitCode: 0,
    });
    const { command, env } = serviceCommand(file.services.operator as ComposeService, directory);
    expect(command[0]).toBe('operator');
    expectKnownVariables(command.slice(1), env);
    await expectToWork(command.slice(1), env, keysDir);
  });

  it('Prometheus scrapes services that are there, at the ports that they have, and Grafana finds its files', () => {
    const config = parse(readFileSync(join(COMPOSE, 'prometheus/prometheus.yml'), 'utf8')) as {
      rule_files: string[];
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const targets = config.scrape_configs.flatMap(job => job.static_configs).flatMap(each => each.targets);
    expect(targets).toContain(`operator:${file.services.operator?.environment.METRICS_PORT}`);
    for (const target of targets) {
      const service = file.services[target.split(':')[0] ?? ''];
      expect(service?.networks, target).toContain('metrics');
    }
    const mounts = Object.fromEntries(
      ['prometheus', 'grafana'].flatMap(name =>
        mountsOf(file.services[name] as ComposeService).map(({ source, target }) => [target, source]),
      ),
    );
    expect(mounts).toMatchObject({
      '/etc/prometheus/rules': '../prometheus',
      '/etc/grafana/stakewise': '../grafana',
    });
    expect(config.rule_files).toEqual(['/etc/prometheus/rules/*.rules.yml']);
    const dashboards = readFileSync(join(COMPOSE, 'grafana/dashboards.yml'), 'utf8');
    expect(dashboards).toContain('path: /etc/grafana/stakewise\n');
  });
});

describe('the units of systemd', () => {
  const names = readdirSync(UNITS).filter(name => name.endsWith('.service'));

  /** The command line of a unit on this machine, with its credentials as files. */
  function prepare(name: string, contents: Readonly<Record<string, string>>) {
    const unit = readUnit(join(UNITS, name));
    const directory = join(vault.scene.folder, 'systemd');
    const folder = (path: string) => {
      mkdirSync(join(directory, path), { recursive: true });
      return join(directory, path);
    };
    const credentials = folder(`credentials/${name}`);
    for (const credential of unit.all('LoadCredential')) {
      const [id = '', path = ''] = credential.split(':');
      expect(path).toMatch(/^\/etc\/stakewise\/secrets\//);
      const content = contents[path.slice('/etc/stakewise/secrets/'.length)];
      if (content === undefined) throw new Error(`${name} wants ${path}`);
      writeFileSync(join(credentials, id), content, { mode: 0o400 });
    }
    const specifiers = { d: credentials, S: folder('lib'), t: folder('run'), T: folder('tmp') };
    if (unit.all('StateDirectory').length > 0) folder(join('lib', unit.one('StateDirectory')));
    const runtime = unit
      .all('RuntimeDirectory')
      .map(path => ({ RUNTIME_DIRECTORY: folder(join('run', path)) }));
    const { command, env } = commandOfUnit(unit, { specifiers, env: Object.assign({}, ...runtime) });
    expect(command[0]).toBe('/usr/local/bin/operator');
    const { RUNTIME_DIRECTORY: _systemds, ...variables } = env;
    expectKnownVariables(command.slice(1), variables);
    return { args: command.slice(1), env, directory };
  }

  it('the units run as users of their own, with secrets as credentials, and start no wrong setting again', () => {
    expect(names.toSorted()).toEqual([
      'stakewise-operator.service',
      'stakewise-signer.service',
      'stakewise-sync-keys.service',
    ]);
    for (const name of names) {
      const unit = readUnit(join(UNITS, name));
      expect(unit.one('User')).toMatch(/^stakewise-/);
      expect(unit.all('Environment').join('\n')).not.toMatch(/(URL|KEY|PASSWORD|TOKEN)=/);
      if (unit.one('Type') !== 'oneshot') expect(unit.one('RestartPreventExitStatus')).toBe('2');
      // A process that holds keys leaves no core dump.
      expect(unit.one('LimitCORE')).toBe('0');
    }
    expect(readUnit(join(UNITS, 'stakewise-operator.service')).one('User')).not.toBe(
      readUnit(join(UNITS, 'stakewise-signer.service')).one('User'),
    );
  });

  it('the units write the key files, sign with them, and run the operator until SIGTERM', async () => {
    const { urls } = vault.database;
    const sync = prepare('stakewise-sync-keys.service', {
      'signer-sync-db-url': urls['signer-sync'],
      'encryption-key': vault.encryptionKey,
    });
    const written = await runCli(onDevnet(sync.args), { env: { ...sync.env, ...vault.devnetEnv } });
    expect(written.exitCode, written.stderr).toBe(0);

    const signer = prepare('stakewise-signer.service', {});
    const signerUnit = readUnit(join(UNITS, 'stakewise-signer.service'));
    const listen = `--listen=127.0.0.1:${await freePort()}`;
    expect(signer.args).toContain('--listen=127.0.0.1:9000');
    const args = signer.args.slice(1).map(arg => (arg.startsWith('--listen=') ? listen : arg));
    expect(signerUnit.all('EnvironmentFile')).toEqual([
      '/etc/stakewise/vault.env',
      '-/etc/stakewise/signer.env',
    ]);
    // What docs/systemd.md has in signer.env, beside vault.env.
    await using running = await spawnSignerProcess([...args, '--network', vault.scene.networkFile], {
      ...signer.env,
      VAULT: vault.scene.vault,
      SIGNER_SIGN_DEPOSITS: 'true',
    });
    expect(running.output).toContain(`Signing deposits of vault ${vault.scene.vault}`);

    const operator = prepare('stakewise-operator.service', {
      'operator-db-url': urls.operator,
      'wallet.json': vault.walletJson,
      'wallet-password': vault.walletPassword,
    });
    await expectToWork(operator.args, operator.env, join(sync.directory, 'run/stakewise-keys/keystore'));
  });
});
