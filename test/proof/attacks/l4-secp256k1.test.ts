import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { encryptKeystoreJson, Transaction, Wallet } from 'ethers';
import { beforeAll, describe, expect, it } from 'vitest';
import { signHash } from '../../../src/lib/secp256k1.ts';
import { openWallet } from '../../../src/signer/keys/signing-wallet.ts';
import { PROJECT_ROOT, temporaryDirectory } from '../../support/programs/cli.ts';

const key = new Wallet('0x0102030405060708f1f2f3f4f5f6f7f8a1a2a3a4a5a6a7a8b1b2b3b4b5b6b7b8');
const secretKey = Buffer.from(key.privateKey.slice(2), 'hex');
const PASSWORD = 'correct horse';
const CALL = {
  type: 2,
  chainId: 1,
  nonce: 7,
  to: '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc',
  data: '0x1234',
  gasLimit: 90_000n,
  maxFeePerGas: 30_000_000_000n,
  maxPriorityFeePerGas: 1_000_000_000n,
};

/** A process that finds no native code of any package, as on a platform that a package has none for, tells its signature. */
const WITHOUT_NATIVE_CODE = `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});
process.dlopen = () => {
  throw Object.assign(new Error('there is no native code here'), { code: 'ERR_DLOPEN_FAILED' });
};
const [wallet, file, passwordFile, data] = process.argv.slice(2);
const { openWallet } = await import(wallet);
const opened = await openWallet({ file, passwordFile });
const signature = Buffer.from(opened.sign(Buffer.from(data, 'hex'))).toString('hex');
const names = loaded.flatMap(url => /node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(url)?.[1] ?? []);
process.stdout.write(JSON.stringify({ signature, packages: [...new Set(names)] }));
`;

interface LockedPackage {
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

function lockedPackages(): [string, LockedPackage][] {
  const lock = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  return Object.entries(lock.packages);
}

describe('L4 · the hot wallet signs by the same code on every platform', () => {
  let files: { file: string; passwordFile: string };
  let json: string;
  beforeAll(async () => {
    json = await encryptKeystoreJson(key, PASSWORD, { scrypt: { N: 1024, r: 8, p: 1 } });
  });

  function writeWallet(directory: string): void {
    files = { file: join(directory, 'wallet.json'), passwordFile: join(directory, 'password.txt') };
    writeFileSync(files.file, json);
    writeFileSync(files.passwordFile, PASSWORD, { mode: 0o600 });
  }

  it('local user: times signatures on a platform without native code → the same code signs there, elliptic never', () => {
    using directory = temporaryDirectory();
    writeWallet(directory.path);
    const script = join(directory.path, 'sign.mjs');
    writeFileSync(script, WITHOUT_NATIVE_CODE);
    const wallet = pathToFileURL(join(PROJECT_ROOT, 'src/signer/keys/signing-wallet.ts')).href;
    const unsigned = Transaction.from(CALL).unsignedSerialized.slice(2);
    const output = execFileSync(
      process.execPath,
      [script, wallet, files.file, files.passwordFile, unsigned],
      { encoding: 'utf8', cwd: PROJECT_ROOT },
    );
    const told = JSON.parse(output) as { signature: string; packages: string[] };
    expect(told.packages).toContain('tiny-secp256k1');
    expect(told.packages.filter(name => /^(elliptic|bn\.js|secp256k1)$/.test(name))).toEqual([]);
    const transaction = Transaction.from(CALL);
    transaction.signature = `0x${told.signature}`;
    expect(transaction.from).toBe(key.address);
  });

  it('local user: installs where a package has no native part → no package of production is elliptic or builds itself', () => {
    const packages = lockedPackages().filter(([, one]) => one.dev !== true);
    expect(packages.length).toBeGreaterThan(50);
    const fallen = packages.filter(([path]) => /(^|\/)(elliptic|secp256k1|keccak)$/.test(path));
    expect(fallen.map(([path]) => path)).toEqual([]);
    expect(packages.filter(([, one]) => one.hasInstallScript).map(([path]) => path)).toEqual([]);
  });

  it('local user: compares 1,000 signatures with those of another library → they are equal, by RFC 6979 with low s', () => {
    for (let index = 0; index < 1000; index++) {
      const hash = createHash('sha256').update(`message ${index}`).digest();
      const signer = createHash('sha256').update(`key ${index}`).digest();
      const { signature, recoveryId } = signHash(hash, signer);
      const other = secp256k1.sign(hash, signer, { prehash: false, format: 'recovered', lowS: true });
      expect(Buffer.from([recoveryId, ...signature]).toString('hex')).toBe(
        Buffer.from(other).toString('hex'),
      );
    }
  });

  it('local user: reads the memory of the library after the wallet was closed → the key is not in it', async () => {
    using directory = temporaryDirectory();
    writeWallet(directory.path);
    // The module that the package itself has loaded.
    const place = join(PROJECT_ROOT, 'node_modules/tiny-secp256k1/lib/wasm_loader.js');
    const { default: library } = (await import(pathToFileURL(place).href)) as {
      default: { memory: { buffer: ArrayBuffer } };
    };
    const copies = () => {
      const memory = Buffer.from(new Uint8Array(library.memory.buffer));
      const words = [0, 8, 16, 24].map(offset => Buffer.from(secretKey.subarray(offset, offset + 8)));
      return words.flatMap(word => [word, Buffer.from(word).reverse()]).filter(word => memory.includes(word));
    };
    {
      using wallet = await openWallet(files);
      wallet.sign(Buffer.from('a message'));
      expect(copies(), 'the test finds a key that is there').not.toEqual([]);
    }
    expect(copies()).toEqual([]);
  });
});
