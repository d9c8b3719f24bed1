import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { VALIDATOR_FILES } from '../../../../../src/domain/fleet/validator-clients.ts';
import { createValidatorConfig } from '../../../../../src/domain/fleet/validator-config.ts';
import { fromHex } from '../../../../../src/lib/bytes.ts';
import {
  renderValidatorFiles,
  warnOfSizes,
} from '../../../../../src/services/fleet/clients/render-templates.ts';
import {
  readLighthouseDefinitions,
  readProposerConfig,
} from '../../../../support/checkers/validator-clients.ts';
import { it } from '../../../../support/fixtures.ts';
import { mountSecret } from '../../../../support/scenes/secret-volume.ts';

const vectors = join(import.meta.dirname, '../../../../vectors/v3-operator/03-remote-db');
const signerUrl = 'http://web3signer:6174';
const feeRecipient = '0x48319f97e5da1233c21c48b80097c0fb7a20ff86';
const publicKey = new Uint8Array(48).fill(0xa1);
/** A key that is a point of the curve, as clients demand. */
const realKey = fromHex(
  '0x989d34725a2bfc3f15105f3f5fc8741f436c25ee1ee4f948e425d6bcb8c56bce6e06c269635b7e985a7ffa639e2409bf',
);

type Options = Partial<Parameters<typeof createValidatorConfig>[0]>;

const create = (options: Options) =>
  createValidatorConfig({
    publicKeys: [publicKey],
    signerUrl,
    feeRecipient,
    isBuilderEnabled: true,
    ...options,
  });

/** Texts of the files by name. @param url - stands in the place of the signer's, whatever is refused of a user */
async function render(options: Options, templateDirectory?: string, url?: string) {
  const { config, secretMembers } = create(options);
  const given = url === undefined ? config : { ...config, signerUrl: url, signerBaseUrl: url };
  const files = await renderValidatorFiles({ config: given, secretMembers }, { templateDirectory });
  return Object.fromEntries(
    Array.from(files, ([name, { content }]) => [name, Buffer.from(content).toString()]),
  );
}

describe('renderValidatorFiles', () => {
  it('renderValidatorFiles writes the bytes of every recorded client of the Python operator, each file with a line end', async () => {
    const clients = (await readdir(vectors)).filter(name => name.startsWith('4-validator-'));
    expect(clients).toHaveLength(8);
    for (const client of clients) {
      const recorded = Object.fromEntries(
        await Promise.all(
          VALIDATOR_FILES.map(async name => {
            const text = await readFile(join(vectors, client, name), 'utf8');
            // Two of them ended without one there: what a user appended got into the last line.
            return [name, text.endsWith('\n') ? text : `${text}\n`];
          }),
        ),
      );
      const keys: unknown = Object.values(parse(recorded['signer_keys.yml']))[0];
      const publicKeys = (Array.isArray(keys) ? keys : []).map(key => fromHex(String(key), 48));
      expect(publicKeys.length).toBeGreaterThan(0);
      expect(await render({ publicKeys, isBuilderEnabled: !client.endsWith('builder-off') })).toEqual(
        recorded,
      );
    }
  });

  it('renderValidatorFiles writes valid empty files for a client without keys', async () => {
    const files = await render({ publicKeys: [] });
    expect(files).toMatchObject({
      'validator_definitions.yml': '--- []\n',
      'signer_keys.yml': 'validators-external-signer-public-keys: []\n',
    });
  });

  it.each([
    'http://h:1/"',
    "http://h:1/'",
    'http://h:1/\n- enabled: false',
    'http://h:1/{{x}}<%= it %>',
    'http://h:1/ #a: b',
    'http://h:1/: {',
    'http://user:p%40@h:1',
    'http://h:1/\u0085\u2028x',
    'http://h:1/é😀',
  ])('renderValidatorFiles keeps the structure of its files with the signer %j', async url => {
    const files = await render({ publicKeys: [publicKey, publicKey] }, undefined, url);
    const definitions = files['validator_definitions.yml'] ?? '';
    for (const version of ['1.1', '1.2'] as const) {
      const parsed: unknown = parseDocument(definitions, { version }).toJS();
      const entry = {
        enabled: true,
        suggested_fee_recipient: '0x48319f97E5Da1233c21c48b80097c0FB7a20Ff86',
        type: 'web3signer',
        url,
        voting_public_key: `0x${'a1'.repeat(48)}`,
      };
      expect(parsed).toEqual([entry, entry]);
    }
    expect(definitions.split('\n')).toHaveLength(12);
  });

  it('renderValidatorFiles takes the templates of a volume, which are links, and passes over hidden ones', async ({
    directory,
  }) => {
    mountSecret(directory, { 'signer_keys.yml.eta': '# <%= it.signerUrl %>\n' });
    await writeFile(join(directory, '.signer_keys.yml.eta.swp'), '<%= it.misspelt %>');
    expect((await render({}, directory))['signer_keys.yml']).toBe(`# ${signerUrl}\n`);
  });

  it('renderValidatorFiles takes a directory’s templates before its own, and names one that does not work', async ({
    directory,
  }) => {
    await writeFile(join(directory, 'signer_keys.yml.eta'), 'url: <%~ it.signerUrl %>\n');
    const files = await render({}, directory, 'http://h:1/\nx: 1');
    expect(files['signer_keys.yml']).toBe('url: "http://h:1/\\nx: 1"\n');
    expect(JSON.parse(files['proposer_config.json'] ?? '')).toHaveProperty('default_config');
    await writeFile(join(directory, 'signer_keys.yml.eta'), 'url: <%= it.misspelt %>\n');
    await expect(render({}, directory)).rejects.toThrow(
      /signer_keys\.yml\.eta does not work: a value is missing/,
    );
    await expect(render({}, join(directory, 'missing'))).rejects.toThrow(/missing does not exist/);
  });

  it('renderValidatorFiles writes every setting of Lighthouse in the type that Lighthouse reads', async () => {
    const files = await render({
      publicKeys: [realKey],
      isBuilderInDefinitions: true,
      gasLimit: 45_000_000,
      graffiti: '123 # "é"',
      rootCertificatePath: '/tls/ca.pem',
      clientIdentityPath: '/tls/client.p12',
      clientIdentityPassword: '0x12',
    });
    const text = files['validator_definitions.yml'] ?? '';
    expect(() => readLighthouseDefinitions(text)).not.toThrow();
    expect(parse(text)).toEqual([
      expect.objectContaining({
        builder_proposals: true,
        gas_limit: 45_000_000,
        graffiti: '123 # "é"',
        root_certificate_path: '/tls/ca.pem',
        client_identity_path: '/tls/client.p12',
        client_identity_password: '0x12',
      }),
    ]);
    expect(JSON.parse(files['proposer_config.json'] ?? '').default_config.builder).toEqual({
      enabled: true,
      gas_limit: '45000000',
    });
    expect(readProposerConfig(files['proposer_config.json'] ?? '').isBuilderEnabled).toBe(true);
  });

  it('renderValidatorFiles ends the URL of Lighthouse, and no other, with a slash where it has a path', async ({
    directory,
  }) => {
    await writeFile(join(directory, 'signer_keys.yml.eta'), 'url: <%= it.signerUrl %>\n');
    const files = await render({ publicKeys: [realKey], signerUrl: 'http://h:9000/w3s' }, directory);
    expect(readLighthouseDefinitions(files['validator_definitions.yml'] ?? '')[0]?.url).toBe(
      'http://h:9000/w3s/',
    );
    expect(files['signer_keys.yml']).toBe('url: http://h:9000/w3s\n');
  });

  it('renderValidatorFiles makes a file of each further template, but of none for a Web3Signer', async ({
    directory,
  }) => {
    await writeFile(join(directory, 'keys.json.eta'), '<%= it.publicKeys %>\n');
    await writeFile(
      join(directory, 'prysm-keys.txt.eta'),
      '<% for (const key of it.publicKeys) { %>\n<%= key %>\n\n<% } %>',
    );
    await writeFile(join(directory, 'web3signer.yaml.eta'), '<%= it.keyStorePath %>\n');
    const files = await render({}, directory);
    expect(Object.keys(files)).toEqual([...VALIDATOR_FILES, 'keys.json', 'prysm-keys.txt']);
    expect(JSON.parse(files['keys.json'] ?? '')).toEqual([`0x${'a1'.repeat(48)}`]);
    expect(files['prysm-keys.txt']).toBe(`0x${'a1'.repeat(48)}\n`);
  });

  it('renderValidatorFiles knows which files have a secret, in whatever form a template writes it', async ({
    directory,
  }) => {
    const secretOf = async (options: Options) => {
      const files = await renderValidatorFiles(create(options), { templateDirectory: directory });
      return Array.from(files).flatMap(([name, { holdsSecret }]) => (holdsSecret ? [name] : []));
    };
    await writeFile(join(directory, 'user.txt.eta'), '<%= btoa(it.signerUrl) %>');
    await writeFile(join(directory, 'all.json.eta'), '<%= Object.fromEntries(Object.entries(it)) %>');
    expect(await secretOf({})).toEqual([]);
    expect(await secretOf({ signerUrl: 'http://ops:secret@h' })).toEqual([
      'validator_definitions.yml',
      'all.json',
      'user.txt',
    ]);
    expect(await secretOf({ clientIdentityPath: '/c', clientIdentityPassword: 'p' })).toEqual([
      'validator_definitions.yml',
      'all.json',
    ]);
  });
});

it('warnOfSizes names the files of a client that has too many keys for a ConfigMap', async () => {
  const sizesOf = async (count: number) =>
    warnOfSizes(
      '/out',
      await renderValidatorFiles(create({ publicKeys: new Array<Uint8Array>(count).fill(publicKey) })),
    );
  expect(await sizesOf(4_000)).toEqual([]);
  expect(await sizesOf(4_100)).toEqual([
    expect.stringMatching(/^A ConfigMap .* less than \/out\/validator_definitions\.yml \(\d{7} bytes\): /),
  ]);
  expect((await sizesOf(11_000))[0]).toContain('/out/signer_keys.yml');
});
