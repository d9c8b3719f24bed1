import { describe, expect, it } from 'vitest';
import {
  type ClientFlagSettings,
  shellWord,
  VALIDATOR_CLIENTS,
  VALIDATOR_FILES,
} from '../../../../src/domain/fleet/validator-clients.ts';

const settings: ClientFlagSettings = {
  directory: '/srv/validator0',
  signerUrl: 'http://web3signer:6174',
  isBuilderEnabled: true,
  isOwnedByRoot: false,
};
const flagsOf = (more: Partial<ClientFlagSettings> = {}) =>
  Object.fromEntries(VALIDATOR_CLIENTS.map(({ kind, flags }) => [kind, flags({ ...settings, ...more })]));
const notesOf = (more: Partial<ClientFlagSettings> = {}) =>
  Object.fromEntries(
    VALIDATOR_CLIENTS.map(({ kind, notes }) => [kind, notes({ ...settings, ...more }).join(' ')]),
  );

describe('the table of validator clients', () => {
  it('every written file is read by some client, and no client reads another', () => {
    const read = new Set(VALIDATOR_CLIENTS.flatMap(({ files }) => files));
    expect([...read].sort()).toEqual([...VALIDATOR_FILES].sort());
  });

  it('each client has the options with which its own code was seen to read its files', () => {
    expect(flagsOf()).toEqual({
      lighthouse: [
        '--validators-dir',
        '/srv/validator0',
        '--init-slashing-protection',
        '--builder-proposals',
      ],
      teku: [
        '--config-file=/srv/validator0/signer_keys.yml',
        '--validators-external-signer-url=http://web3signer:6174',
        '--validators-proposer-config=/srv/validator0/proposer_config.json',
      ],
      prysm: [
        '--config-file',
        '/srv/validator0/signer_keys.yml',
        '--validators-external-signer-url',
        'http://web3signer:6174',
        '--proposer-settings-file',
        '/srv/validator0/proposer_config.json',
      ],
    });
    expect(flagsOf({ directory: '/' }).teku).toContain('--config-file=/signer_keys.yml');
  });

  it('Lighthouse is told of the builder by an option only where its file does not say it', () => {
    const has = (more: Partial<ClientFlagSettings>) =>
      flagsOf(more).lighthouse?.includes('--builder-proposals');
    expect(has({ isBuilderInDefinitions: true })).toBe(false);
    expect(has({ isBuilderEnabled: false })).toBe(false);
  });

  it('Prysm has its gas limit by an option, and a note of that option where none is given', () => {
    expect(flagsOf({ gasLimit: 45_000_000 }).prysm?.join(' ')).toContain('--suggested-gas-limit 45000000');
    expect(notesOf({ gasLimit: 45_000_000 }).prysm).toBe('');
    expect(notesOf().prysm).toContain('--suggested-gas-limit');
  });

  it('Teku and Prysm have the graffiti by an option, Lighthouse in its file', () => {
    const { lighthouse, teku, prysm } = flagsOf({ graffiti: 'a vault' });
    expect(teku).toContain('--validators-graffiti=a vault');
    expect(prysm?.slice(-2)).toEqual(['--graffiti', 'a vault']);
    expect(lighthouse?.join()).not.toContain('a vault');
  });

  it('Teku is given a client certificate where its password is in a file, and else told how', () => {
    const identity = { clientIdentityPath: '/tls/client.p12', rootCertificatePath: '/tls/ca.pem' };
    const inFile = { ...identity, clientIdentityPasswordFile: '/tls/password' };
    expect(flagsOf(inFile).teku?.slice(-2)).toEqual([
      '--validators-external-signer-keystore=/tls/client.p12',
      '--validators-external-signer-keystore-password-file=/tls/password',
    ]);
    expect(flagsOf(identity).teku).toHaveLength(3);
    expect(notesOf(identity).teku).toMatch(/truststore.*keystore-password-file/);
    expect(notesOf(identity).prysm).toContain('proxy');
  });

  it('Lighthouse, which writes its file, is given it by --owner where root has made it', () => {
    expect(notesOf({ isOwnedByRoot: true }).lighthouse).toContain('--owner UID:GID');
    expect(notesOf().lighthouse).toBe('');
  });
});

it.each([
  ['/srv/validator0', '/srv/validator0'],
  ['--config-file=/a b/c', `'--config-file=/a b/c'`],
  ["it's", `'it'\\''s'`],
  ['$(id)', `'$(id)'`],
  ['', `''`],
])('shellWord gives %j to a shell as one word', (word, text) => {
  expect(shellWord(word)).toBe(text);
});
