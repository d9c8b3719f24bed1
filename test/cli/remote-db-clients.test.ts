import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  readLighthouseDefinitions,
  readProposerConfig,
  readSignerKeys,
} from '../support/checkers/validator-clients.ts';
import { readWeb3SignerConfig } from '../support/checkers/web3signer-config.ts';
import { createDatabaseTemplate, type DatabaseTemplate } from '../support/postgres/database-template.ts';
import { runCli, temporaryDirectory } from '../support/programs/cli.ts';
import {
  fillWithRecordedVault,
  RECORDED_ENCRYPT_KEY,
  RECORDED_VAULT,
  recordedSecretKeys,
  writeKeystores,
} from '../support/recorded/recorded-vault.ts';

const PASSWORD = 'planted-client-password';
const CLIENT = [
  '--validator-index=0',
  '--total-validators=3',
  '--fee-recipient=0x48319f97e5da1233c21c48b80097c0fb7a20ff86',
];

let template: DatabaseTemplate;
beforeAll(async () => {
  using keystores = temporaryDirectory();
  writeKeystores(keystores.path, recordedSecretKeys(10));
  template = await createDatabaseTemplate(url => fillWithRecordedVault(url, keystores.path));
});
afterAll(() => template[Symbol.asyncDispose]());

/** A copy of the recorded vault, and a directory whose `out` the commands write to. */
async function openCopy() {
  const database = await template.clone();
  const directory = temporaryDirectory();
  const out = join(directory.path, 'out');
  const group = [`--db-url=${database.url}`, `--vault=${RECORDED_VAULT}`, '--network=holesky'];
  const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runCli(['remote-db', ...group, `--data-dir=${directory.path}`, command, `--output-dir=${out}`, ...args], {
      env,
    });
  return {
    directory: directory.path,
    out,
    /** The options of the group, as variables. */
    env: {
      REMOTE_DB_URL: database.url,
      VAULT: RECORDED_VAULT,
      NETWORK: 'holesky',
      DATA_DIR: directory.path,
    },
    read: (name: string) => readFileSync(join(out, name), 'utf8'),
    modeOf: (name: string) => (statSync(join(out, name)).mode & 0o777).toString(8),
    /** `setup-validator` for the first of three clients. */
    client: (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
      run('setup-validator', ['--web3signer-endpoint=http://web3signer:6174', ...CLIENT, ...args], env),
    clientOf: (url: string, ...args: string[]) =>
      run('setup-validator', [`--web3signer-endpoint=${url}`, ...CLIENT, ...args]),
    signer: (...args: string[]) =>
      run('setup-web3signer', [`--encrypt-key=${RECORDED_ENCRYPT_KEY}`, ...args]),
    [Symbol.asyncDispose]: async () => {
      directory[Symbol.dispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The text that Lighthouse saves of its file: no mark at the beginning, no quotes, lower case, an empty description. */
function asLighthouseSaves(text: string): string {
  const entries: Record<string, string>[] = parse(text, { schema: 'failsafe' });
  return entries
    .map(
      entry =>
        `- enabled: ${entry.enabled}\n  voting_public_key: ${entry.voting_public_key}\n  description: ''\n` +
        `  suggested_fee_recipient: ${entry.suggested_fee_recipient?.toLowerCase()}\n  type: web3signer\n  url: ${entry.url}\n`,
    )
    .join('');
}

describe('what setup-validator says of the clients', () => {
  it('setup-validator names the options of each client behind the manual’s lines, with paths and the signer’s URL', async () => {
    await using copy = await openCopy();
    const run = await copy.client();
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain(
      `Next: Lighthouse uses these files with --validators-dir ${copy.out} --init-slashing-protection --builder-proposals\n`,
    );
    expect(run.stderr).toContain(
      `Next: Teku uses these files with --config-file=${copy.out}/signer_keys.yml --validators-external-signer-url=http://web3signer:6174 --validators-proposer-config=${copy.out}/proposer_config.json\n`,
    );
    expect(run.stderr).toContain(
      `Next: Prysm uses these files with --config-file ${copy.out}/signer_keys.yml --validators-external-signer-url http://web3signer:6174 --proposer-settings-file ${copy.out}/proposer_config.json\n`,
    );
    expect(run.stderr).toContain('--suggested-gas-limit');
    expect(run.stderr).toContain('Next: restart the validator client');
    expect(run.stdout).not.toContain('--config-file');
  });

  it('setup-validator --json lists the words of each client’s command line', async () => {
    await using copy = await openCopy();
    const run = await copy.client(['--json', '--gas-limit=45000000']);
    const { clients } = JSON.parse(run.stdout);
    expect(clients.map(({ kind }: { kind: string }) => kind)).toEqual(['lighthouse', 'teku', 'prysm']);
    expect(clients[0].files).toEqual([join(copy.out, 'validator_definitions.yml')]);
    expect(clients[2].flags.slice(-2)).toEqual(['--suggested-gas-limit', '45000000']);
  });

  it('setup-validator shows no password of the signer’s URL among the options', async () => {
    await using copy = await openCopy();
    for (const more of [[], ['--json']]) {
      const run = await copy.clientOf(`https://ops:${PASSWORD}@web3signer:6174`, ...more);
      expect(run.exitCode).toBe(0);
      expect(run.stdout + run.stderr).not.toContain(PASSWORD);
      expect(run.stdout + run.stderr).toContain('WEB3SIGNER_URL');
    }
  });

  it.each([
    'http://web3signer:6174?x=1',
    'http://web3signer:6174#x',
    ' http://web3signer:6174',
    'http://web3signer:6174 ',
    'http://sïgner:6174',
  ])('setup-validator refuses the signer %j, and writes nothing', async url => {
    await using copy = await openCopy();
    const run = await copy.clientOf(url);
    expect(run.stderr).toContain(
      "Error: Invalid value for '--web3signer-endpoint': The URL of the Web3Signer",
    );
    expect([run.stdout, run.exitCode]).toEqual(['', 2]);
    expect(() => statSync(copy.out)).toThrow('ENOENT');
  });
});

describe('the files of setup-validator', () => {
  it('setup-validator ends every file with a line end, so that a user can append options', async () => {
    await using copy = await openCopy();
    await copy.client();
    const names = ['validator_definitions.yml', 'signer_keys.yml', 'proposer_config.json'];
    for (const name of names) expect(copy.read(name).endsWith('\n'), name).toBe(true);
    const line = 'validators-external-signer-url: "http://web3signer:6174"\n';
    writeFileSync(join(copy.out, 'signer_keys.yml'), copy.read('signer_keys.yml') + line);
    expect(Object.keys(parse(copy.read('signer_keys.yml')))).toHaveLength(2);
    // And the next run keeps what was appended.
    const again = await copy.client(['--check']);
    expect(again.exitCode).toBe(0);
    const changed = await copy.client(['--disable-proposal-builder']);
    expect(changed.exitCode).toBe(0);
    expect(copy.read('signer_keys.yml').endsWith(line)).toBe(true);
  });

  it('setup-validator writes builder, gas limit, graffiti and certificates where each client looks for them', async () => {
    await using copy = await openCopy();
    const passwordFile = join(copy.directory, 'password');
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    const options = [
      '--lighthouse-builder',
      '--gas-limit=45000000',
      '--graffiti=a vault',
      '--root-certificate-path=/tls/ca.pem',
      '--client-identity-path=/tls/client.p12',
      `--client-identity-password-file=${passwordFile}`,
    ];
    const run = await copy.clientOf('https://web3signer:6174', ...options);
    expect(run.exitCode).toBe(0);
    expect(run.stdout + run.stderr).not.toContain(PASSWORD);
    const text = copy.read('validator_definitions.yml');
    expect(readLighthouseDefinitions(text).length).toBeGreaterThan(0);
    expect(parse(text)[0]).toMatchObject({
      builder_proposals: true,
      gas_limit: 45_000_000,
      graffiti: 'a vault',
      root_certificate_path: '/tls/ca.pem',
      client_identity_path: '/tls/client.p12',
      client_identity_password: PASSWORD,
    });
    expect(readProposerConfig(copy.read('proposer_config.json')).isBuilderEnabled).toBe(true);
    expect([copy.modeOf('validator_definitions.yml'), copy.modeOf('signer_keys.yml')]).toEqual([
      '600',
      '644',
    ]);
    expect(run.stderr).toContain(`--validators-external-signer-keystore-password-file=${passwordFile}`);
    expect(run.stderr).toContain("--graffiti 'a vault'");
    expect(run.stderr).toContain('--suggested-gas-limit 45000000');
    expect(/Next: Lighthouse uses .*/.exec(run.stderr)?.[0]).not.toContain('--builder-proposals');
  });

  it('setup-validator takes the same from the environment', async () => {
    await using copy = await openCopy();
    const run = await copy.client(['--disable-proposal-builder'], {
      VALIDATOR_LIGHTHOUSE_BUILDER: 'true',
      VALIDATOR_GAS_LIMIT: '1',
      VALIDATOR_GRAFFITI: 'g',
      VALIDATOR_CLIENT_IDENTITY_PATH: '/c',
      VALIDATOR_CLIENT_IDENTITY_PASSWORD: PASSWORD,
    });
    expect(run.exitCode).toBe(0);
    expect(parse(copy.read('validator_definitions.yml'))[0]).toMatchObject({
      builder_proposals: false,
      gas_limit: 1,
      graffiti: 'g',
      client_identity_password: PASSWORD,
    });
  });

  it.each([
    [['--gas-limit=many'], "Invalid value for '--gas-limit': 'many' is not a valid integer."],
    [['--graffiti=é23456789012345678901234567890123'], "Invalid value for '--graffiti': "],
    [
      ['--client-identity-path=/c'],
      'Lighthouse takes --client-identity-path and its password together only.',
    ],
  ])('setup-validator refuses %j', async (options, message) => {
    await using copy = await openCopy();
    const run = await copy.client(options);
    expect(run.stderr).toContain(message);
    expect(run.exitCode).toBe(2);
  });

  it('setup-validator fills every template of a folder, and names the files', async () => {
    await using copy = await openCopy();
    writeFileSync(join(copy.directory, 'keys.json.eta'), '<%= it.publicKeys %>');
    const run = await copy.client([`--template-dir=${copy.directory}`]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain(`keys.json saved to ${copy.out}/keys.json file.\n`);
    expect(JSON.parse(copy.read('keys.json'))).toEqual(readSignerKeys(copy.read('signer_keys.yml')));
    const again = await copy.client([`--template-dir=${copy.directory}`, '--check']);
    expect(again.stdout).toContain(`keys.json: ${copy.out}/keys.json is up to date.\n`);
  });
});

describe('setup-validator over the files of a running client', () => {
  it('setup-validator finds nothing to change in a file that Lighthouse has saved, and says nothing of a restart', async () => {
    await using copy = await openCopy();
    await copy.client();
    const saved = asLighthouseSaves(copy.read('validator_definitions.yml')).replace(
      'enabled: true',
      'enabled: false',
    );
    writeFileSync(join(copy.out, 'validator_definitions.yml'), saved);
    const check = await copy.client(['--check']);
    expect(check.exitCode).toBe(0);
    expect(check.stdout).toBe(
      `Validator definitions for Lighthouse: ${copy.out}/validator_definitions.yml is up to date.\n` +
        `Signer keys for Teku\\Prysm: ${copy.out}/signer_keys.yml is up to date.\n` +
        `Proposer config for Teku\\Prysm: ${copy.out}/proposer_config.json is up to date.\n`,
    );
    const again = await copy.client(['--json']);
    expect(JSON.parse(again.stdout).changed).toBe(false);
    expect(again.stderr).not.toContain('Next:');
    expect(again.stderr).not.toMatch(/saved to|Successfully/);
    expect(again.stderr).toContain('1 validators stay switched off (enabled: false)');
    expect(copy.read('validator_definitions.yml')).toBe(saved);
  });

  it('setup-validator keeps a validator switched off, and fields of Lighthouse’s, when it has to write', async () => {
    await using copy = await openCopy();
    await copy.client();
    const saved = asLighthouseSaves(copy.read('validator_definitions.yml'));
    const edited = saved
      .replace('enabled: true', 'enabled: false')
      .replace("description: ''", 'graffiti: mine');
    writeFileSync(join(copy.out, 'validator_definitions.yml'), edited);
    const run = await copy.clientOf('http://other:9000');
    expect(run.exitCode).toBe(0);
    const entries = parse(copy.read('validator_definitions.yml'));
    expect(entries[0]).toMatchObject({ enabled: false, graffiti: 'mine', url: 'http://other:9000' });
    expect(entries.slice(1).every((entry: { enabled: boolean }) => entry.enabled)).toBe(true);
  });

  it('setup-validator --check names keys that would come and go, and entries that would change', async () => {
    await using copy = await openCopy();
    await copy.client();
    const saved = asLighthouseSaves(copy.read('validator_definitions.yml'));
    const [first = ''] = readSignerKeys(copy.read('signer_keys.yml'));
    const other = first.replace(/^0x../, '0x8e');
    writeFileSync(
      join(copy.out, 'validator_definitions.yml'),
      saved.replace(first, other).replace('http://web3signer:6174', 'http://old:1'),
    );
    writeFileSync(join(copy.out, 'signer_keys.yml'), copy.read('signer_keys.yml').replace(first, other));
    const run = await copy.client(['--check', '--removals=allow']);
    expect(run.exitCode).toBe(3);
    expect(run.stdout).toContain(`1 keys would come: ${first}.\n`);
    expect(run.stdout).toContain(`1 keys would go: ${other}.\n`);
    expect(run.stdout).toContain(`${copy.out}/validator_definitions.yml would be written.\n`);
    expect(run.stdout).toContain(`${copy.out}/proposer_config.json is up to date.\n`);
    expect(run.stdout + run.stderr).not.toContain('saved');
    const changed = await copy.clientOf('http://new:1', '--check', '--removals=allow');
    expect(changed.stdout).toMatch(/\d+ entries of Lighthouse would change: 0x[0-9a-f]{96} \(url\)/);
  });

  it('setup-validator --check of a new folder names the keys that would come', async () => {
    await using copy = await openCopy();
    const run = await copy.client(['--check']);
    expect(run.stdout).toMatch(/^[34] keys would come: (0x[0-9a-f]{96}, )+0x[0-9a-f]{96}\.$/m);
    expect(run.exitCode).toBe(3);
  });
});

describe('setup-operator and setup-web3signer that change nothing', () => {
  it('setup-operator says "saved" and "Next" only of a run that has written', async () => {
    await using copy = await openCopy();
    const run = (...more: string[]) =>
      runCli(['remote-db', 'setup-operator', `--output-dir=${copy.out}`, ...more], { env: copy.env });
    const check = await run('--check');
    expect(check.exitCode).toBe(3);
    expect(check.stdout).toBe(
      `Operator remote signer configuration: ${copy.out}/remote_signer_config.json would be written.\n` +
        `Operator deposit data: ${copy.out}/deposit_data.json would be written.\n`,
    );
    expect((await run()).stderr).toContain('Next:');
    for (const more of [['--check'], []]) {
      const again = await run(...more);
      expect(again).toMatchObject({ exitCode: 0, stderr: '' });
      expect(again.stdout).toBe(
        `Operator remote signer configuration: ${copy.out}/remote_signer_config.json is up to date.\n` +
          `Operator deposit data: ${copy.out}/deposit_data.json is up to date.\n`,
      );
    }
  });

  it('setup-web3signer says "Saving" and "Next" only of a run that has written', async () => {
    await using copy = await openCopy();
    const check = await copy.signer('--check');
    expect(check.exitCode).toBe(3);
    expect(check.stdout).toContain(`50 private keys in ${copy.out} would be written.\n`);
    expect(check.stdout).not.toMatch(/Saving|Successfully/);
    expect((await copy.signer()).stderr).toContain('Next:');
    const again = await copy.signer();
    expect(again.stderr).not.toContain('Next:');
    const upToDate = await copy.signer('--check');
    expect(upToDate).toMatchObject({ exitCode: 0 });
    expect(upToDate.stdout).toContain(`The directory ${copy.out} with 50 private keys is up to date.\n`);
    expect(upToDate.stdout).not.toMatch(/Saving|Successfully|saved/);
  });
});

describe('setup-web3signer --config-file', () => {
  const DATABASE = '--slashing-protection-db-url=postgresql://signer@db:5432/w3s';

  it('setup-web3signer writes the configuration of Web3Signer beside the keys, and says what to do with it', async () => {
    await using copy = await openCopy();
    const path = join(copy.directory, 'web3signer.yaml');
    const args = [
      `--config-file=${path}`,
      DATABASE,
      '--http-listen-host=0.0.0.0',
      '--http-host-allowlist=web3signer',
      '--http-host-allowlist=w3s.internal',
      '--tls-keystore-file=/tls/k.p12',
      '--tls-keystore-password-file=/tls/p',
      '--tls-known-clients-file=/tls/clients',
      '--metrics-enabled',
    ];
    const check = await copy.signer(...args, '--check');
    expect(check.exitCode).toBe(3);
    expect(check.stdout).toContain(`Web3Signer configuration: ${path} would be written.\n`);
    expect(() => statSync(path)).toThrow('ENOENT');
    const run = await copy.signer(...args);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain(`Web3Signer configuration saved to ${path} file.\n`);
    expect(run.stderr).toContain(`Next: start Web3Signer again, with --config-file=${path} eth2.`);
    expect(Object.fromEntries(readWeb3SignerConfig(readFileSync(path, 'utf8'), '26.7.0'))).toMatchObject({
      'key-store-path': copy.out,
      'http-host-allowlist': 'localhost,127.0.0.1,web3signer,w3s.internal',
      'eth2.network': 'holesky',
      'eth2.slashing-protection-db-url': 'jdbc:postgresql://db:5432/w3s',
      'eth2.slashing-protection-db-username': 'signer',
    });
    expect((statSync(path).mode & 0o777).toString(8)).toBe('644');
    const again = await copy.signer(...args, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ changed: false, configFile: path });
    expect(again.stderr).not.toContain('Next:');
    // Another version is another file, and the keys stay.
    const older = await copy.signer(...args, '--web3signer-version=25.11.0', '--json');
    expect(JSON.parse(older.stdout)).toMatchObject({ changed: true, files: { changed: 0 } });
    expect(readWeb3SignerConfig(readFileSync(path, 'utf8'), '25.11.0').has('signer-load-parallel')).toBe(
      false,
    );
  });

  it.each([
    [['--http-listen-port=9000'], 2, '--http-listen-port is of use with --config-file only.'],
    [['--config-file=OUT/w.yaml', DATABASE], 2, 'would lie among the key files'],
    [
      ['--config-file=w.yaml', '--tls-allow-any-client'],
      2,
      '--tls-keystore-file and --tls-keystore-password-file together',
    ],
    [
      ['--config-file=w.yaml', '--slashing-protection-db-url=jdbc:postgresql://a:hidden@db/w'],
      2,
      'holds a password',
    ],
    [['--config-file=w.yaml', '--web3signer-version=23.6.0'], 2, 'does not know holesky'],
  ])('setup-web3signer refuses %j, and writes no key', async (args, exitCode, message) => {
    await using copy = await openCopy();
    const run = await copy.signer(...args.map(word => word.replace('OUT', copy.out)));
    expect(run.stderr).toContain(message);
    expect(run.stderr).not.toContain('hidden@');
    expect(run.exitCode).toBe(exitCode);
    expect(() => statSync(copy.out)).toThrow('ENOENT');
  });
});
