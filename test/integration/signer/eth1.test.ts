import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encryptKeystoreJson, Transaction, TypedDataEncoder, verifyTypedData, Wallet } from 'ethers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  openWalletSigner,
  type UnsignedTransaction,
  type WalletSigner,
} from '../../../src/clients/signer/wallet-signer.ts';
import { openSigner } from '../../../src/compose/signer.ts';
import { depositDataRoot, depositOfVault } from '../../../src/domain/consensus/deposit.ts';
import { encodeUpdateState } from '../../../src/domain/protocol/rewards.ts';
import { concatBytes, fromHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { spawnSigner } from '../../../src/signer-process/spawn-signer.ts';
import { temporaryDirectory } from '../../support/programs/cli.ts';
import { readSignerExchanges } from '../../support/recorded/recorded-signer.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { writeKeyFile } from './built-in.ts';

const VAULT = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const OTHER_VAULT = '0x00000000219ab540356cBB839Cbe05303d7705Fa';
const { chainId } = resolveNetwork('mainnet');
const PASSWORD = 'correct horse';
const key = new Wallet(`0x${'59'.repeat(32)}`);

const resources = new AsyncDisposableStack();
const { log, lines } = recordingLog();
let settings: { file: string; passwordFile: string };
let url: string;
let signer: WalletSigner;

beforeAll(async () => {
  const directory = resources.use(temporaryDirectory());
  settings = {
    file: join(directory.path, 'wallet.json'),
    passwordFile: join(directory.path, 'password.txt'),
  };
  // Cheap to open: the parameters stand in the file.
  const json = await encryptKeystoreJson(key, PASSWORD, { scrypt: { N: 1024, r: 8, p: 1 } });
  await writeFile(settings.file, json);
  await writeFile(settings.passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
  const wallet = { ...settings, vault: VAULT, ceilings: CEILINGS };
  const listen = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const deps = { log, warn: () => undefined };
  url = resources.use(await openSigner({ network: 'mainnet', wallet, listen }, deps)).address;
  const spawned = resources.use(
    await spawnSigner({ log: recordingLog().log }, { network: 'mainnet', wallet }),
  );
  expect(spawned).toMatchObject({ keyCount: 0, walletAddress: key.address });
  signer = resources.use(await openWalletSigner({ socketPath: spawned.socketPath }));
});
afterAll(() => resources.disposeAsync());

const CEILINGS = { maxFeePerGasWei: '30000000000', gas: '16777216' };
/** The vault's harvest: what is signed must be a call that the vault needs. */
const HARVEST = encodeUpdateState({
  rewardsRoot: new Uint8Array(32).fill(1),
  rewardWei: -5n,
  unlockedMevRewardWei: 7n,
  proof: [new Uint8Array(32).fill(2)],
});
const PUBLIC_KEY = key.signingKey.publicKey.slice(4);
const CALL: UnsignedTransaction = {
  chainId,
  nonce: 7,
  to: VAULT,
  data: HARVEST,
  gasLimit: 90_000n,
  maxFeePerGasWei: 30_000_000_000n,
  maxPriorityFeePerGasWei: 1_000_000_000n,
};
const FEES = { maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
const BASE = { type: 2, chainId, nonce: 7, to: VAULT, data: HARVEST, gasLimit: 90_000n, value: 0n, ...FEES };

/** Entries of validators that deposit to the vault's own credentials. */
function ownValidators(count: number): Uint8Array {
  const entries = Array.from({ length: count }, (_, i) => {
    const deposit = { publicKey: new Uint8Array(48).fill(i + 1), signature: new Uint8Array(96).fill(i + 1) };
    const root = depositDataRoot(depositOfVault(deposit, fromHex(VAULT, 20)));
    return concatBytes([deposit.publicKey, deposit.signature, root]);
  });
  return concatBytes(entries);
}

/** What EIP-712 hashes of an approval that would be signed if its members were given. */
function ownDigest(): string {
  const domain = { name: 'VaultValidators', version: '1', chainId, verifyingContract: VAULT };
  const types = {
    VaultValidators: [
      { name: 'validatorsRegistryRoot', type: 'bytes32' },
      { name: 'validators', type: 'bytes' },
    ],
  };
  const message = { validatorsRegistryRoot: Buffer.alloc(32, 3), validators: ownValidators(1) };
  return TypedDataEncoder.encode(domain, types, message);
}

function post(data: unknown, identifier = PUBLIC_KEY): Promise<Response> {
  return fetch(`${url}/api/v1/eth1/sign/${identifier}`, {
    method: 'POST',
    body: typeof data === 'string' && data.startsWith('{') ? data : JSON.stringify({ data }),
  });
}

describe('the wallet in the built-in signer', () => {
  it('the wallet of the built-in signer signs a transaction as the key itself does', async () => {
    expect(signer.address).toBe(key.address);
    const raw = await signer.signTransaction(CALL);
    expect(raw).toBe(await key.signTransaction(BASE));
    expect(Transaction.from(raw).from).toBe(key.address);
  });

  it('the wallet of the built-in signer signs the approval of validators as the key itself does', async () => {
    const message = { validatorsRegistryRoot: Buffer.alloc(32, 3), validators: ownValidators(2) };
    const signature = await signer.signVaultValidators({ chainId, vault: VAULT, ...message });
    const domain = { name: 'VaultValidators', version: '1', chainId, verifyingContract: VAULT };
    const types = {
      VaultValidators: [
        { name: 'validatorsRegistryRoot', type: 'bytes32' },
        { name: 'validators', type: 'bytes' },
      ],
    };
    const hex = `0x${Buffer.from(signature).toString('hex')}`;
    expect(signature).toHaveLength(65);
    expect(verifyTypedData(domain, types, message, hex)).toBe(key.address);
    expect(hex).toBe(await key.signTypedData(domain, types, message));
  });

  it('the wallet client tells the reason for which the built-in signer refuses', async () => {
    await expect(signer.signTransaction({ ...CALL, chainId: 5 })).rejects.toMatchObject({
      code: 'wallet-refused',
      message: expect.stringContaining('for chain 5; this signer is for chain 1'),
    });
    const message = { validatorsRegistryRoot: Buffer.alloc(32, 3), validators: ownValidators(1) };
    await expect(
      signer.signVaultValidators({ chainId, vault: OTHER_VAULT, ...message }),
    ).rejects.toMatchObject({
      code: 'wallet-refused',
    });
    await expect(signer.signVaultValidators({ chainId: 5, vault: VAULT, ...message })).rejects.toThrow(
      'vault only, on chain 1',
    );
  });

  it.each([
    [
      'a legacy transaction',
      Transaction.from({
        ...BASE,
        type: 0,
        maxFeePerGas: null,
        maxPriorityFeePerGas: null,
        gasPrice: 1n,
      } as never).unsignedSerialized,
    ],
    ['another chain', Transaction.from({ ...BASE, chainId: 100 }).unsignedSerialized],
    ['a creation of a contract', Transaction.from({ ...BASE, to: null }).unsignedSerialized],
    ['bytes behind the transaction', `${Transaction.from(BASE).unsignedSerialized}00`],
    ['half a transaction', Transaction.from(BASE).unsignedSerialized.slice(0, -4)],
    ['a blob transaction’s type', `0x03${Transaction.from(BASE).unsignedSerialized.slice(4)}`],
    ['an EIP-712 message of another domain', `0x1901${'11'.repeat(64)}`],
    ['an EIP-712 message of the vault itself, as a digest', ownDigest()],
    ['a personal message', `0x${Buffer.from('\x19Ethereum Signed Message:\n5hello').toString('hex')}`],
    ['the bytes of a recorded exchange', '0x1234'],
    ['nothing', '0x'],
  ])('the wallet of the built-in signer refuses to sign: %s', async (_, data) => {
    const response = await post(data);
    expect(response.status).toBe(412);
    expect(await response.text()).toMatch(/^(This signer signs|The transaction is|The data is)/);
  });

  it('the wallet of the built-in signer refuses a signed transaction', async () => {
    expect((await post(await key.signTransaction(BASE))).status).toBe(412);
  });

  it('the built-in signer of a wallet lists its key and has no eth2 paths, as the recorded signer in eth1 mode', async () => {
    const listed = await fetch(`${url}/api/v1/eth1/publicKeys`);
    expect(await listed.json()).toEqual([`0x${PUBLIC_KEY}`]);
    for (const { name, request, response } of readSignerExchanges('eth1')) {
      const isSignature = request.path.includes('/sign/') && response.status === 200;
      // The same key is not loaded here; JSON-RPC is a proxy that this signer is not.
      if (
        isSignature ||
        name.startsWith('JSON-RPC') ||
        (request.path.endsWith('publicKeys') && request.path.includes('eth1'))
      )
        continue;
      const path = request.path.replace(
        /[0-9a-fA-F]{128}$/,
        name === 'unknown key' ? '1'.repeat(128) : PUBLIC_KEY,
      );
      const init = {
        method: request.method,
        headers: request.headers,
        ...(request.body !== undefined && { body: request.body }),
      };
      const answer = await fetch(`${url}${path}`, init);
      const expected = name === 'sign with 04 prefix' || name === 'unknown key' ? 404 : response.status;
      expect([name, answer.status], name).toEqual([name, expected]);
      expect(await answer.text(), name).toBe(response.body);
    }
  });

  it('the built-in signer takes the wallet’s key with and without 0x, in any case, and answers in plain text', async () => {
    const data = Transaction.from(BASE).unsignedSerialized;
    for (const identifier of [`0x${PUBLIC_KEY}`, PUBLIC_KEY.toUpperCase()]) {
      const response = await post(data, identifier);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      expect(await response.text()).toBe(
        Transaction.from(await key.signTransaction(BASE)).signature?.serialized,
      );
    }
    expect((await post(data.slice(2))).status).toBe(200);
    expect((await post(data, key.address)).status).toBe(404);
  });

  it('the built-in signer logs what the wallet signed, neither the signature nor the key', () => {
    expect(lines.filter(line => line.text === 'signed')[0]?.fields).toEqual({
      address: key.address,
      type: 'TRANSACTION',
      to: VAULT,
      nonce: 7,
      call: 'updateState',
    });
    expect(JSON.stringify(lines)).not.toContain(key.privateKey.slice(2));
  });

  it('the built-in signer serves validator keys beside a wallet, which signs no digest of a message', async () => {
    const directory = resources.use(temporaryDirectory());
    await writeKeyFile(directory.path, [`${'00'.repeat(31)}07`]);
    const both = resources.use(
      await openSigner(
        {
          network: 'mainnet',
          keys: { kind: 'key-files', directory: directory.path },
          wallet: { ...settings, vault: VAULT, ceilings: CEILINGS },
          listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
          poolSize: 1,
        },
        { log: recordingLog().log, warn: () => undefined },
      ),
    );
    expect(both).toMatchObject({ keyCount: 1, walletAddress: key.address });
    const keys = await fetch(`${both.address}/api/v1/eth2/publicKeys`);
    expect(await keys.json()).toHaveLength(1);
    const response = await fetch(`${both.address}/api/v1/eth1/sign/${PUBLIC_KEY}`, {
      method: 'POST',
      body: JSON.stringify({ data: `0x1901${'00'.repeat(64)}` }),
    });
    expect(response.status).toBe(412);
  });

  it('macRecord authenticates a record under a key that depends on the purpose', async () => {
    const record = Buffer.from('a record');
    const tag = await signer.macRecord('oracle-set', record);
    expect(tag).toHaveLength(32);
    expect(await signer.macRecord('oracle-set', record)).toEqual(tag);
    expect(await signer.macRecord('intent', record)).not.toEqual(tag);
    expect(await signer.macRecord('oracle-set', Buffer.from('a recorD'))).not.toEqual(tag);
  });

  it('the built-in signer authenticates no record where others may ask', async () => {
    for (const purpose of ['intent', 'oracle-set']) {
      const response = await fetch(`${url}/api/v1/stakewise/mac/${purpose}`, {
        method: 'POST',
        body: JSON.stringify({ data: '0x00' }),
      });
      expect(response.status).toBe(404);
    }
  });

  it('openSigner says why a wallet cannot be opened', async () => {
    const listen = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
    const wrong = { ...settings, passwordFile: settings.file, vault: VAULT, ceilings: CEILINGS };
    const opened = openSigner(
      { network: 'mainnet', wallet: wrong, listen },
      { log: recordingLog().log, warn: () => undefined },
    );
    await expect(opened).rejects.toMatchObject({ code: 'wallet-wrong-password' });
  });
});
