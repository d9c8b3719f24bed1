import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createVaultConfig,
  networkOfConfig,
  readVaultConfig,
  resolveVaultNetwork,
  updateMnemonicNextIndex,
  vaultConfigPath,
  vaultDirectory,
} from '../../../src/settings/vault-config.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const config = { network: 'holesky', mnemonicNextIndex: 0, firstPublicKey: new Uint8Array(48).fill(7) };
let dataDir = '';
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('config.json', () => {
  it('is created once, read back and moved on; members we do not know stay', async () => {
    await createVaultConfig(dataDir, VAULT, config);
    expect(await readVaultConfig(dataDir, VAULT.toLowerCase())).toEqual(config);
    await expect(createVaultConfig(dataDir, VAULT, config)).rejects.toThrow('exists already');
    const path = vaultConfigPath(dataDir, VAULT);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('}', ', "later": [1, "x"]}'));
    await updateMnemonicNextIndex(dataDir, VAULT, 5);
    expect(readFileSync(path, 'utf8')).toBe(
      text.replace('index": 0', 'index": 5').replace('}', ', "later": [1, "x"]}'),
    );
  });

  it('stands below the data directory as it was given', () => {
    expect(vaultDirectory('data', VAULT)).toBe(`data/${VAULT.toLowerCase()}`);
  });

  it.each([
    ['{', /config\.json is not JSON/],
    [
      '{"network": "holesky", "mnemonic_next_index": -1, "first_public_key": "0x00"}',
      /config\.json: mnemonic_next_index: /,
    ],
    [
      '{"network": "holesky", "mnemonic_next_index": 0, "first_public_key": "0x00"}',
      /first_public_key: must be 48 bytes of hex/,
    ],
  ])('that is damaged is named: %s', async (text, message) => {
    const path = vaultConfigPath(dataDir, VAULT);
    mkdirSync(dirname(path));
    writeFileSync(path, text);
    await expect(readVaultConfig(dataDir, VAULT)).rejects.toThrow(message);
  });

  it('gives the network unless an option does; keys are only made for its own', async () => {
    await createVaultConfig(dataDir, VAULT, config);
    expect((await resolveVaultNetwork(undefined, dataDir, VAULT)).name).toBe('holesky');
    expect((await resolveVaultNetwork('gnosis', dataDir, VAULT)).name).toBe('gnosis');
    expect(networkOfConfig(config, 'Holesky').chainId).toBe(17000);
    expect(() => networkOfConfig(config, 'mainnet')).toThrow('NETWORK is mainnet, but the vault was');
    const message = `Config for vault ${VAULT} does not exist. Please run "init" command.`;
    await expect(resolveVaultNetwork(undefined, join(dataDir, 'x'), VAULT)).rejects.toThrow(message);
  });
});
