import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { encryptKey } from '../../../../src/cli/flags/encrypt-key.ts';
import { createValidatorConfig } from '../../../../src/domain/fleet/validator-config.ts';
import { parseEncryptionKey } from '../../../../src/domain/keys/envelope.ts';
import { toHex } from '../../../../src/lib/bytes.ts';
import { readSecretFile } from '../../../../src/lib/secret.ts';
import { BUILT_IN } from '../../../../src/networks/built-in.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { fileSources } from '../../../../src/operator/sources.ts';
import { renderValidatorFiles } from '../../../../src/services/fleet/clients/render-templates.ts';
import { readObsoleteKeys } from '../../../../src/services/fleet/remote-signer/obsolete-keys-file.ts';
import { findRemoteSignerConfig } from '../../../../src/services/fleet/remote-signer/remote-signer-config-file.ts';
import { readDepositData } from '../../../../src/services/local-keys/deposit-data-file.ts';
import { readKeystoreFile } from '../../../../src/services/local-keys/keystore-file.ts';
import { readDepositList } from '../../../../src/services/local-keys/read-deposit-list.ts';
import { readVaultConfig } from '../../../../src/settings/vault-config.ts';
import { openWallet } from '../../../../src/signer/keys/signing-wallet.ts';
import { keyFileSource } from '../../../../src/signer/keys/sources/key-files.ts';
import { it } from '../../../support/fixtures.ts';
import { readRecorded } from '../../../support/recorded/vectors.ts';
import { cheapWallet } from '../../../support/scenes/cheap-wallet.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const REF = { address: VAULT, network: BUILT_IN.holesky };
const RECORDED = '01-create-keys/holesky/1-after-first';
const KEY = `0x${'ab'.repeat(48)}`;
const NETWORK = {
  name: 'devnet',
  chainId: 31337,
  currency: 'ETH',
  secondsPerSlot: 12,
  slotsPerEpoch: 32,
  genesisTimestamp: 1700000000,
  genesisForkVersion: '0x10000038',
  genesisValidatorsRoot: KEY.slice(0, 66),
  capellaForkVersion: '0x40000038',
  capellaForkEpoch: 0,
  contracts: {
    keeper: VAULT,
    keeperGenesisBlock: 0,
    depositContract: VAULT,
    depositContractGenesisBlock: 0,
    vaultsRegistry: VAULT,
    sharedMevEscrow: VAULT,
    multicall: VAULT,
  },
};
const CLIENT = createValidatorConfig({
  publicKeys: [],
  feeRecipient: VAULT,
  signerUrl: 'http://signer:9000',
  isBuilderEnabled: false,
});

interface TextFile {
  readonly name: string;
  readonly text: string;
  /** What was read, to be compared. */
  readonly read: (directory: string, path: string) => unknown;
}

/** Every file with text that users write or copy. */
const FILES: readonly TextFile[] = [
  {
    name: 'keystore.json',
    text: readRecorded(`${RECORDED}/keystores/keystore-m_12381_3600_0_0_0-1795366760.json`),
    read: (_, path) => readKeystoreFile(path),
  },
  {
    name: 'deposit_data.json',
    text: readRecorded(`${RECORDED}/deposit_data.json`),
    read: async directory => [
      (await readDepositData(directory)).entries,
      (await readDepositList(directory)).text.digest,
      Array.from(
        await fileSources({
          ref: REF,
          vaultDirectory: directory,
          depositDataFile: undefined,
        }).depositData.read(),
        ({ publicKey, signature }) => [toHex(publicKey), toHex(signature)],
      ),
    ],
  },
  {
    name: join(VAULT.toLowerCase(), 'config.json'),
    text: JSON.stringify({ network: 'holesky', mnemonic_next_index: 3, first_public_key: KEY }),
    read: directory => readVaultConfig(directory, VAULT),
  },
  { name: 'network.json', text: JSON.stringify(NETWORK), read: (_, path) => resolveNetwork(path) },
  {
    name: 'remote_signer_config.json',
    text: JSON.stringify({ pubkeys_to_shares: { [KEY]: [KEY] } }),
    read: directory => findRemoteSignerConfig(directory),
  },
  {
    name: 'remote_signer_obsolete_keys.json',
    text: JSON.stringify([KEY]),
    read: directory => readObsoleteKeys(directory),
  },
  {
    name: 'key_0.yaml',
    text: `type: file-raw\nkeyType: BLS\nprivateKey: '0x${'11'.repeat(32)}'\n`,
    read: directory => keyFileSource({ directory, poolSize: 1 }).load(),
  },
  {
    name: 'signer_keys.yml.eta',
    text: '# <%= it.feeRecipient %>\n',
    read: async templateDirectory => {
      const files = await renderValidatorFiles(CLIENT, { templateDirectory });
      return Buffer.from(files.get('signer_keys.yml')?.content ?? '')
        .toString()
        .replaceAll('\r', '');
    },
  },
  {
    name: 'wallet.json',
    text: cheapWallet('word'),
    read: async (directory, file) => {
      const passwordFile = join(directory, 'password.txt');
      writeFileSync(passwordFile, '\ufeffword \r\n');
      using wallet = await openWallet({ file, passwordFile });
      return wallet.address;
    },
  },
  { name: 'password.txt', text: 'word\n', read: (_, path) => readSecretFile(path) },
  {
    name: 'key.txt',
    text: 'AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM= \n',
    read: async (_, path) => {
      const text = await encryptKey.value.parse((await readSecretFile(path)).value, { kind: 'file', path });
      return parseEncryptionKey(String(text));
    },
  },
];

/** How editors and shells write a text. */
const WAYS: Readonly<Record<string, (text: string) => Uint8Array>> = {
  'with a byte order mark': text => Buffer.from(`\ufeff${text}`),
  'with line ends of Windows': text => Buffer.from(text.replaceAll('\n', '\r\n')),
  'in UTF-16 with its mark': text => Buffer.from(`\ufeff${text}`, 'utf16le'),
};

describe('files written on Windows', () => {
  it.for(FILES)(
    '$name is read alike however an editor or a shell has written it',
    async ({ name, text, read }, { directory }) => {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text, { mode: 0o600 });
      const expected = await read(directory, path);
      expect(expected).toBeDefined();
      for (const [way, encode] of Object.entries(WAYS)) {
        writeFileSync(path, encode(text));
        expect(await read(directory, path), way).toEqual(expected);
      }
    },
  );
});
