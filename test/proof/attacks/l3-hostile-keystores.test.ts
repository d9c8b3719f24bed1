import { createCipheriv, createHash, pbkdf2Sync, scryptSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keccak256 } from 'ethers/crypto';
import { computeAddress } from 'ethers/transaction';
import { beforeAll, describe, expect, it } from 'vitest';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { decryptKeystore, memoryToDecrypt, parseKeystore } from '../../../src/domain/keys/keystore.ts';
import { decryptWallet } from '../../../src/domain/keys/wallet.ts';
import { MemoryGate } from '../../../src/workers/memory-gate.ts';
import { createWorkerPool } from '../../../src/workers/pool.ts';
import { runCli, temporaryDirectory } from '../../support/programs/cli.ts';

const PASSWORD = 'correct horse';
const SALT = 'd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3';
const IV = '264daa3f303d7259501c93d997d84fe6';
const secretKey = Buffer.from('000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f', 'hex');
const MIB = 1024 ** 2;

type Kdf =
  | { readonly name: 'scrypt'; readonly n: unknown; readonly r: unknown; readonly p: unknown }
  | { readonly name: 'pbkdf2'; readonly c: unknown };

const scrypt = (n: unknown, r: unknown, p: unknown): Kdf => ({ name: 'scrypt', n, r, p });
const pbkdf2 = (c: unknown): Kdf => ({ name: 'pbkdf2', c });

function paramsOf(kdf: Kdf, salt: string, dklen = 32): object {
  const { name, ...numbers } = kdf;
  return name === 'scrypt' ? { dklen, ...numbers, salt } : { dklen, ...numbers, prf: 'hmac-sha256', salt };
}

function derive(kdf: Kdf): Buffer {
  const salt = Buffer.from(SALT, 'hex');
  if (kdf.name === 'pbkdf2') return pbkdf2Sync(PASSWORD, salt, Number(kdf.c), 32, 'sha256');
  const [N, r, p] = [Number(kdf.n), Number(kdf.r), Number(kdf.p)];
  return scryptSync(PASSWORD, salt, 32, { N, r, p, maxmem: 2 * 1024 ** 3 });
}

/** An EIP-2335 keystore; with a derived key it opens, without one its numbers are all that counts. */
function keystoreWith(
  kdf: Kdf,
  derived: Buffer = Buffer.alloc(32),
  changes: { salt?: string; dklen?: number } = {},
): string {
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), Buffer.from(IV, 'hex'));
  const message = cipher.update(secretKey);
  const checksum = createHash('sha256').update(derived.subarray(16)).update(message).digest('hex');
  const params = paramsOf(kdf, changes.salt ?? SALT, changes.dklen);
  return JSON.stringify({
    crypto: {
      kdf: { function: kdf.name, params, message: '' },
      checksum: { function: 'sha256', params: {}, message: checksum },
      cipher: { function: 'aes-128-ctr', params: { iv: IV }, message: message.toString('hex') },
    },
    pubkey: Buffer.from(publicKeyOf(secretKey)).toString('hex'),
    path: 'm/12381/3600/0/0/0',
    uuid: '64625def-3331-4eea-ab6f-782f3ed16a83',
    version: 4,
  });
}

/** A version 3 wallet. */
function walletWith(
  kdf: Kdf,
  derived: Buffer = Buffer.alloc(32),
  changes: { salt?: string; dklen?: number } = {},
): string {
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), Buffer.from(IV, 'hex'));
  const ciphertext = cipher.update(secretKey);
  return JSON.stringify({
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: IV },
      ciphertext: ciphertext.toString('hex'),
      kdf: kdf.name,
      kdfparams: paramsOf(kdf, changes.salt ?? SALT, changes.dklen),
      mac: keccak256(Buffer.concat([derived.subarray(16), ciphertext])).slice(2),
    },
    version: 3,
  });
}

/** What came of it, and in what time. */
async function timed(work: () => Promise<unknown>): Promise<{ outcome: string; ms: number }> {
  const began = performance.now();
  const outcome = await work().then(
    () => 'opened',
    (error: Error) => error.message,
  );
  return { outcome, ms: performance.now() - began };
}

describe('L3 · what a foreign keystore or wallet costs', () => {
  const hostile: [string, Kdf, RegExp, { salt?: string; dklen?: number }?][] = [
    [
      'n = 262144, r = 32, p = 16: three minutes and 1 GiB',
      scrypt(262_144, 32, 16),
      /more work than n · r · p = 16777216/,
    ],
    ['n = 1048576, r = 8, p = 16', scrypt(1_048_576, 8, 16), /more work than n · r · p = 16777216/],
    ['n = 2^40', scrypt(2 ** 40, 8, 1), /more than 1 GiB/],
    ['n = 2097152, r = 8', scrypt(2_097_152, 8, 1), /more than 1 GiB/],
    ['r = 2^30', scrypt(2, 2 ** 30, 1), /\.r: is more than 64/],
    ['r = 2^20 and little else', scrypt(2, 2 ** 20, 1), /\.r: is more than 64/],
    ['p = 10^9', scrypt(4096, 8, 1e9), /\.p: is more than 16/],
    ['pbkdf2 with 2^32 rounds', pbkdf2(2 ** 32), /\.c: asks for more than 10000000 rounds/],
    ['pbkdf2 with 20,000,000 rounds', pbkdf2(20_000_000), /\.c: asks for more than 10000000 rounds/],
    ['no round at all', pbkdf2(0), /\.c: /],
    ['half a round', pbkdf2(1.5), /\.c: /],
    ['a derived key of 1 GB', scrypt(4096, 8, 1), /\.dklen: /, { dklen: 1e9 }],
    ['a salt of 1 MB', scrypt(4096, 8, 1), /\.salt: has more than 1024 bytes/, { salt: '00'.repeat(MIB) }],
  ];

  it.each(hostile)(
    'hostile file: a keystore asks for %s → is refused at once, the limit named',
    async (_, kdf, limit, changes) => {
      const { outcome, ms } = await timed(async () =>
        decryptKeystore(parseKeystore(keystoreWith(kdf, undefined, changes), 'keystore.json'), PASSWORD),
      );
      expect(outcome).toMatch(limit);
      expect(outcome).toMatch(/^keystore\.json is not an EIP-2335 keystore: crypto\.kdf\.params/);
      expect(ms).toBeLessThan(500);
    },
  );

  it.each(hostile)(
    'hostile file: a wallet asks for %s → is refused at once, the limit named',
    async (_, kdf, limit, changes) => {
      const { outcome, ms } = await timed(() =>
        decryptWallet(walletWith(kdf, undefined, changes), PASSWORD, 'w.json'),
      );
      expect(outcome).toMatch(limit);
      expect(outcome).toMatch(/^w\.json is not a wallet that can be opened: crypto\.kdfparams/);
      expect(ms).toBeLessThan(500);
    },
  );

  it('hostile file: a wallet hides its numbers in text, in other letters or behind small ones → the same are judged', async () => {
    const small = walletWith(scrypt(4096, 8, 1));
    const disguised = [
      walletWith(scrypt('1048576', '8', '16')),
      walletWith(scrypt(4096, 8, 1)).replace('"n":4096', '"N":2097152,"n":4096'),
      small.replaceAll('kdfparams', 'KDFPARAMS').replace('"p":1', '"P":1000'),
      small.replace('"crypto"', '"Crypto"').replace('"p":1', '"p":"1000"'),
      small.replace(
        '{"crypto"',
        `{"CRYPTO":${JSON.stringify(JSON.parse(walletWith(pbkdf2(1e9))).crypto)},"crypto"`,
      ),
    ];
    for (const text of disguised) {
      const { outcome, ms } = await timed(() => decryptWallet(text, PASSWORD, 'w.json'));
      expect(outcome).toMatch(
        /more work than|more than 1 GiB|\.p: is more than 16|more than 10000000 rounds/,
      );
      expect(ms).toBeLessThan(500);
    }
  });

  it('hostile file: lies among the keystores of a signer → the command ends at once, with file and limit', async () => {
    using directory = temporaryDirectory();
    const keystores = join(directory.path, 'keystores');
    mkdirSync(keystores);
    writeFileSync(join(keystores, 'keystore-0.json'), keystoreWith(scrypt(262_144, 32, 16)));
    writeFileSync(join(keystores, 'password.txt'), PASSWORD, { mode: 0o600 });
    const args = ['signer', '--network', 'mainnet', '--keystores-dir', keystores];
    const { stderr, exitCode } = await runCli(args);
    expect(stderr).toContain('keystore-0.json is not an EIP-2335 keystore');
    expect(stderr).toContain('asks for more work than n · r · p = 16777216');
    expect(exitCode).toBe(1);
  });
});

describe('L3 · what a keystore of an honest maker costs', () => {
  const honest: [string, Kdf][] = [
    ['the deposit CLI, Prysm, Lodestar, Nimbus and ethdo (scrypt)', scrypt(262_144, 8, 1)],
    ['the deposit CLI, Lighthouse, older ethdo and Prysm (pbkdf2)', pbkdf2(262_144)],
    ['Teku’s scrypt of 65,536', scrypt(65_536, 8, 1)],
    ['four times the usual memory', scrypt(1_048_576, 8, 1)],
    ['a million rounds', pbkdf2(1_000_000)],
    ['a key manager’s request', pbkdf2(1)],
  ];
  const wallets: [string, Kdf][] = [
    ['geth, Nethermind and Besu', scrypt(262_144, 8, 1)],
    ['geth with --lightkdf', scrypt(4096, 8, 6)],
    ['ethers', scrypt(131_072, 8, 1)],
    ['MyEtherWallet', scrypt(8192, 8, 1)],
    ['Parity', pbkdf2(10_240)],
    ['eth-account with pbkdf2', pbkdf2(1_000_000)],
    ['four times the usual memory', scrypt(1_048_576, 8, 1)],
  ];
  /** Each is derived once; they are the same for both. */
  const derived = new Map<string, Buffer>();
  beforeAll(() => {
    for (const [, kdf] of [...honest, ...wallets]) {
      const key = JSON.stringify(kdf);
      if (!derived.has(key)) derived.set(key, derive(kdf));
    }
  });

  it.each(honest)('hostile file: is not there → a keystore of %s opens', async (_, kdf) => {
    const keystore = parseKeystore(keystoreWith(kdf, derived.get(JSON.stringify(kdf))));
    expect(Buffer.from(await decryptKeystore(keystore, PASSWORD))).toEqual(secretKey);
  });

  it.each(wallets)('hostile file: is not there → a wallet of %s opens', async (_, kdf) => {
    const opened = await decryptWallet(walletWith(kdf, derived.get(JSON.stringify(kdf))), PASSWORD);
    expect(opened.address).toBe(computeAddress(`0x${secretKey.toString('hex')}`));
  });

  it('hostile file: asks for four times the usual memory, many times over → as many are opened at once as fit', async () => {
    const cost = (kdf: Kdf) => memoryToDecrypt(parseKeystore(keystoreWith(kdf)));
    expect(cost(scrypt(1_048_576, 8, 1))).toBeGreaterThanOrEqual(1024 * MIB);
    expect(cost(scrypt(262_144, 8, 1))).toBeGreaterThanOrEqual(256 * MIB);
    expect(cost(pbkdf2(1))).toBe(0);
    const gate = new MemoryGate(1200 * MIB);
    let running = 0;
    let highest = 0;
    const work = async (bytes: number) => {
      running += bytes;
      highest = Math.max(highest, running);
      await sleep(1);
      running -= bytes;
    };
    const sizes = [256, 1024, 256, 1024, 0, 5000, 256, 256, 256, 256, 256].map(mib => mib * MIB);
    await Promise.all(sizes.map(bytes => gate.run(bytes, () => work(Math.min(bytes, 1200 * MIB)))));
    expect(running).toBe(0);
    expect(highest).toBeLessThanOrEqual(1200 * MIB);
    expect(highest).toBeGreaterThan(1000 * MIB);
  });

  it('hostile file: fails among others → its neighbours are not held up behind it', async () => {
    await using pool = createWorkerPool({ size: 2 });
    const good = keystoreWith(pbkdf2(262_144), derived.get(JSON.stringify(pbkdf2(262_144))));
    const inputs = [good, keystoreWith(scrypt(1_048_576, 8, 16)), good].map((text, index) => ({
      name: `keystore-${index}.json`,
      text,
      password: PASSWORD,
    }));
    await expect(pool.decryptKeystores(inputs)).rejects.toMatchObject({ code: 'keystore-invalid' });
    const opened = await pool.decryptKeystores([inputs[0], inputs[2]].filter(one => one !== undefined));
    expect(opened.map(key => Buffer.from(key))).toEqual([secretKey, secretKey]);
  });
});
