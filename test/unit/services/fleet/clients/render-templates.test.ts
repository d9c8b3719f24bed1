import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { createValidatorConfig } from '../../../../../src/domain/fleet/validator-config.ts';
import { fromHex } from '../../../../../src/lib/bytes.ts';
import {
  escapeValue,
  renderValidatorFiles,
  VALIDATOR_FILES,
} from '../../../../../src/services/fleet/clients/render-templates.ts';
import { it } from '../../../../support/fixtures.ts';
import { mountSecret } from '../../../../support/scenes/secret-volume.ts';

const vectors = join(import.meta.dirname, '../../../../vectors/v3-operator/03-remote-db');
const signerUrl = 'http://web3signer:6174';
const feeRecipient = '0x48319f97e5da1233c21c48b80097c0fb7a20ff86';
const publicKey = new Uint8Array(48).fill(0xa1);

async function render(
  options: Partial<Parameters<typeof createValidatorConfig>[0]>,
  templateDirectory?: string,
) {
  const { config } = createValidatorConfig({
    publicKeys: [publicKey],
    signerUrl,
    feeRecipient,
    isBuilderEnabled: true,
    ...options,
  });
  const files = await renderValidatorFiles(config, { templateDirectory });
  return Object.fromEntries(Array.from(files, ([name, bytes]) => [name, Buffer.from(bytes).toString()]));
}

describe('renderValidatorFiles', () => {
  it('renderValidatorFiles writes the bytes of every recorded client of the Python operator', async () => {
    const clients = (await readdir(vectors)).filter(name => name.startsWith('4-validator-'));
    expect(clients).toHaveLength(8);
    for (const client of clients) {
      const recorded = Object.fromEntries(
        await Promise.all(
          VALIDATOR_FILES.map(async name => [name, await readFile(join(vectors, client, name), 'utf8')]),
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
      'signer_keys.yml': 'validators-external-signer-public-keys: []',
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
    const files = await render({ signerUrl: url, publicKeys: [publicKey, publicKey] });
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
    expect((await render({}, directory))['signer_keys.yml']).toBe(`# ${signerUrl}`);
  });

  it('renderValidatorFiles takes a directory’s templates before its own, and names one that does not work', async ({
    directory,
  }) => {
    await writeFile(join(directory, 'signer_keys.yml.eta'), 'url: <%~ it.signerUrl %>\n');
    const files = await render({ signerUrl: 'http://h:1/\nx: 1' }, directory);
    expect(files['signer_keys.yml']).toBe('url: "http://h:1/\\nx: 1"');
    expect(JSON.parse(files['proposer_config.json'] ?? '')).toHaveProperty('default_config');
    await writeFile(join(directory, 'signer_keys.yml.eta'), 'url: <%= it.misspelt %>\n');
    await expect(render({}, directory)).rejects.toThrow(
      /signer_keys\.yml\.eta does not work: a value is missing/,
    );
    await expect(render({}, join(directory, 'missing'))).rejects.toThrow(/missing does not exist/);
  });
});

describe('escapeValue', () => {
  it('escapeValue gives one line that YAML 1.1, YAML 1.2 and JSON read back', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.webUrl({ withQueryParameters: true, withFragments: true }),
        ),
        text => {
          const yaml = escapeValue(text, 'yaml');
          const json = escapeValue(text, 'json');
          expect(yaml).not.toMatch(/[\n\r]/);
          for (const version of ['1.1', '1.2'] as const) {
            expect(parse(`a: ${yaml}\nb: [${json}, 1]\n`, { version })).toEqual({ a: text, b: [text, 1] });
          }
          expect(JSON.parse(json)).toBe(text);
        },
      ),
    );
  });
});
