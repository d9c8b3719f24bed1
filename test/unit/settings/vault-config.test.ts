import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  createVaultConfig,
  networkOfConfig,
  readVaultConfig,
  updateMnemonicNextIndex,
} from '../../../src/settings/vault-config.ts';
import { vaultConfigPath, vaultDirectory } from '../../../src/settings/vault-directory.ts';
import { resolveVaultNetwork } from '../../../src/settings/vault-network.ts';
import { it } from '../../support/fixtures.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const config = { network: 'holesky', mnemonicNextIndex: 0, firstPublicKey: new Uint8Array(48).fill(7) };

describe('config.json', () => {
  it('config.json is created once, read back and moved on; members that the program does not know stay', async ({
    directory: dataDir,
  }) => {
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

  it('vaultDirectory lies below the data directory as it was given', () => {
    expect(vaultDirectory('data', VAULT)).toBe(`data/${VAULT.toLowerCase()}`);
  });

  it.for<readonly [string, RegExp]>([
    ['{', /config\.json is not JSON/],
    [
      '{"network": "holesky", "mnemonic_next_index": -1, "first_public_key": "0x00"}',
      /config\.json: mnemonic_next_index: /,
    ],
    [
      '{"network": "holesky", "mnemonic_next_index": 0, "first_public_key": "0x00"}',
      /first_public_key: must be 48 bytes of hex/,
    ],
  ])(
    'readVaultConfig names what is damaged in config.json: %s',
    async ([text, message], { directory: dataDir }) => {
      const path = vaultConfigPath(dataDir, VAULT);
      mkdirSync(dirname(path));
      writeFileSync(path, text);
      await expect(readVaultConfig(dataDir, VAULT)).rejects.toThrow(message);
    },
  );

  it('config.json gives the network unless an option does, and networkOfConfig refuses another one', async ({
    directory: dataDir,
  }) => {
    await createVaultConfig(dataDir, VAULT, config);
    expect((await resolveVaultNetwork(undefined, dataDir, VAULT)).name).toBe('holesky');
    expect((await resolveVaultNetwork('gnosis', dataDir, VAULT)).name).toBe('gnosis');
    expect(networkOfConfig(config, 'Holesky').chainId).toBe(17000);
    expect(() => networkOfConfig(config, 'mainnet')).toThrow('NETWORK is mainnet, but the vault was');
    const message = `Config for vault ${VAULT} does not exist. Please run "init" command.`;
    await expect(resolveVaultNetwork(undefined, join(dataDir, 'x'), VAULT)).rejects.toThrow(message);
  });
});
