import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { keepSettings } from '../../../../../src/services/fleet/clients/keep-settings.ts';
import { it } from '../../../../support/fixtures.ts';

const KEY = `0x${'a1'.repeat(48)}`;
const DEFINITIONS = `---\n- enabled: true\n  type: web3signer\n  url: http://w:1\n  voting_public_key: '${KEY}'\n`;
const KEYS = `validators-external-signer-public-keys: ["${KEY}"]\n`;
const PROPOSER = '{\n    "default_config": {\n        "fee_recipient": "0x1"\n    }\n}\n';

/** The files as they are to be, beside files that are there. */
async function keep(directory: string, present: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(present)) await writeFile(join(directory, name), text);
  const rendered = new Map(
    Object.entries({
      'validator_definitions.yml': DEFINITIONS,
      'signer_keys.yml': KEYS,
      'proposer_config.json': PROPOSER,
    }).map(([name, text]) => [name, { content: Buffer.from(text), holdsSecret: false }]),
  );
  const { files, warnings } = await keepSettings(directory, { mode: 0o644 }, rendered);
  const texts = Array.from(files, ([name, { content }]) => [name, Buffer.from(content).toString()]);
  const secret = Array.from(files).flatMap(([name, { holdsSecret }]) => (holdsSecret ? [name] : []));
  return { ...Object.fromEntries(texts), secret, warnings };
}
const UNTOUCHED = {
  'validator_definitions.yml': DEFINITIONS,
  'signer_keys.yml': KEYS,
  'proposer_config.json': PROPOSER,
  secret: [],
  warnings: [],
};

describe('keepSettings', () => {
  it('keepSettings leaves the files as they are where nothing is there yet, or the same', async ({
    directory,
  }) => {
    expect(await keep(directory, {})).toEqual(UNTOUCHED);
    const same = {
      'validator_definitions.yml': DEFINITIONS,
      'signer_keys.yml': KEYS,
      'proposer_config.json': PROPOSER,
    };
    expect(await keep(directory, same)).toEqual(UNTOUCHED);
  });

  it('keepSettings keeps the bytes of a file that Lighthouse has written anew', async ({ directory }) => {
    const saved = `- enabled: false\n  voting_public_key: ${KEY}\n  description: ''\n  type: web3signer\n  url: http://w:1\n`;
    const kept = await keep(directory, { 'validator_definitions.yml': saved });
    expect(kept).toMatchObject({ 'validator_definitions.yml': saved, secret: [] });
    expect(kept.warnings).toEqual([
      expect.stringContaining(`1 validators stay switched off (enabled: false)`),
    ]);
    // One of this program's own that only got a blank line is written anew.
    expect(await keep(directory, { 'validator_definitions.yml': `${DEFINITIONS}\n` })).toEqual(UNTOUCHED);
    // In a form that only a parser reads.
    const flow = `[{enabled: true, voting_public_key: ${KEY}, type: web3signer, url: "http://w:1"}] # mine\n`;
    expect(await keep(directory, { 'validator_definitions.yml': flow })).toMatchObject({
      'validator_definitions.yml': flow,
      warnings: [],
    });
  });

  it('keepSettings keeps the settings of others in each file, and says which', async ({ directory }) => {
    const kept = await keep(directory, {
      'validator_definitions.yml': DEFINITIONS.replace('http://w:1', 'http://old:1\n  graffiti: "a # b"'),
      'signer_keys.yml': `validators-external-signer-public-keys: []\nvalidators-external-signer-url: "http://w:1"\n`,
      'proposer_config.json': '{"proposer_config": {"0xaa": {}}, "default_config": {"fee_recipient": "0x2"}}',
    });
    expect(kept).toMatchObject({
      'validator_definitions.yml': `${DEFINITIONS}  graffiti: "a # b"\n`,
      'signer_keys.yml': `${KEYS}validators-external-signer-url: "http://w:1"\n`,
      secret: [],
    });
    expect(JSON.parse(kept['proposer_config.json'])).toEqual({
      default_config: { fee_recipient: '0x1' },
      proposer_config: { '0xaa': {} },
    });
    expect(kept.warnings).toEqual(
      ['graffiti', 'validators-external-signer-url', 'proposer_config'].map(name =>
        expect.stringMatching(new RegExp(`stays in .*: ${name}\\.`)),
      ),
    );
  });

  it('keepSettings closes a file that has a password of others', async ({ directory }) => {
    const kept = await keep(directory, {
      'validator_definitions.yml': `${DEFINITIONS}  client_identity_password: p\n`,
      'signer_keys.yml': `${KEYS}validators-external-signer-url: https://ops:p@w\n`,
    });
    expect(kept.secret).toEqual(['validator_definitions.yml', 'signer_keys.yml']);
  });

  it('keepSettings says that it replaces definitions that are none', async ({ directory }) => {
    const broken = await keep(directory, { 'validator_definitions.yml': '- enabled: [' });
    expect(broken).toMatchObject({ 'validator_definitions.yml': DEFINITIONS });
    expect(broken.warnings).toEqual([expect.stringContaining('is no list of validator definitions')]);
    expect(await keep(directory, { 'validator_definitions.yml': '\n' })).toEqual(UNTOUCHED);
  });

  it('keepSettings reads no file through a link, nor one that has another name elsewhere', async ({
    directory,
  }) => {
    const out = join(directory, 'out');
    await mkdir(out);
    await writeFile(join(directory, 'shadow'), 'root: secret\n');
    await symlink(join(directory, 'shadow'), join(out, 'signer_keys.yml'));
    await writeFile(join(directory, 'private.json'), '{"key": "secret"}');
    await link(join(directory, 'private.json'), join(out, 'proposer_config.json'));
    expect(await keep(out, {})).toEqual(UNTOUCHED);
  });
});
