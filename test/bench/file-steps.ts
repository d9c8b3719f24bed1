import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import blst from '@chainsafe/blst';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { createKeccak } from 'hash-wasm';
import { parseDepositData } from '../../src/domain/consensus/deposit-data.ts';
import { buildDepositTree } from '../../src/domain/protocol/deposit-tree.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import type { StepResult } from './child-process.ts';
import { fixedBytes, type Scheme, VAULT } from './inputs.ts';
import { check, measure } from './measure.ts';
import { withClient } from './with-client.ts';

/** Reads key files back and compares the public keys with the database's, past the program; a sample by noble. */
export async function checkKeyFilesStep({
  url,
  directory,
  rows,
}: {
  url: string;
  directory: string;
  rows: number;
}): Promise<StepResult> {
  return measure(async () => {
    const names = readdirSync(directory).filter(name => name.endsWith('.yaml') && !name.startsWith('.'));
    const texts = names.map(name => readFileSync(join(directory, name), 'latin1'));
    const secretKeys = texts.flatMap(text => text.match(/(?<=^privateKey: '0x)[0-9a-f]{64}(?='$)/gm) ?? []);
    const documents = texts.reduce((count, text) => count + text.split('---\n').length, 0);
    check(documents === rows && secretKeys.length === rows, `${secretKeys.length} keys in the files`);
    const publicKeys = secretKeys.map((hex, i) => {
      const publicKey = toHex(blst.SecretKey.fromHex(hex).toPublicKey().toBytes());
      if (i % Math.ceil(rows / 50) === 0) {
        const point = bls12_381.G1.Point.BASE.multiply(BigInt(`0x${hex}`));
        check(publicKey === `0x${point.toHex(true)}`, `public key ${publicKey}`);
      }
      return publicKey;
    });
    await withClient(url, async client => {
      const { rows: stored } = await client.query<{ public_key: Buffer }>(
        'select public_key from stakewise_operator.key_secrets',
      );
      const expected = new Set(stored.map(row => toHex(row.public_key)));
      check(expected.size === rows && publicKeys.every(key => expected.delete(key)), 'keys of the files');
    });
  }).then(({ cost }) => ({ cost }));
}

/** Bare: as many files of the same size, written in one thread without fsync. */
export async function writeFilesBare({
  directory,
  files,
  bytes,
}: {
  directory: string;
  files: number;
  bytes: number;
}): Promise<StepResult> {
  const content = new Uint8Array(Math.ceil(bytes / files)).fill(0x30);
  return measure(() => {
    for (let i = 0; i < files; i++) writeFileSync(join(directory, `bare-${i}`), content);
  });
}

/** Bare: every sealed row selected by pg, every file read and hashed. */
export async function readBare({ url, directory }: { url: string; directory: string }): Promise<StepResult> {
  const { cost } = await measure(async () => {
    await withClient(url, client =>
      client.query(
        'select public_key, data_key_id, nonce, ciphertext from stakewise_operator.key_secrets order by 1',
      ),
    );
    for (const name of readdirSync(directory)) {
      createHash('sha256')
        .update(readFileSync(join(directory, name)))
        .digest();
    }
  });
  return { cost };
}

/** Compares the three files of a validator client with the plan in the database. */
export async function checkClientFilesStep(options: {
  url: string;
  directory: string;
  clientIndex: number;
  keys: number;
}): Promise<StepResult> {
  const { cost } = await measure(() =>
    withClient(options.url, async client => {
      const { rows } = await client.query<{ public_key: Buffer }>(
        'select public_key from stakewise_operator.assignments where client_index = $1',
        [options.clientIndex],
      );
      check(rows.length === options.keys, 'size of the plan');
      for (const name of ['validator_definitions.yml', 'signer_keys.yml']) {
        const text = readFileSync(join(options.directory, name), 'utf8');
        const found = new Set(text.match(/0x[0-9a-f]{96}/g));
        check(
          found.size === options.keys && rows.every(row => found.has(toHex(row.public_key))),
          `keys of ${name}`,
        );
      }
    }),
  );
  return { cost };
}

/** Deposit data from its JSON to a root that is compared; the tree is then built again by OpenZeppelin's library. */
export async function depositTreeStep({ count }: Pick<Scheme, 'count'>): Promise<StepResult> {
  const vault = fromHex(VAULT, 20);
  const text = JSON.stringify(
    Array.from({ length: count }, (_, i) => ({
      pubkey: toHex(fixedBytes(`public key ${i}`, 48)).slice(2),
      signature: toHex(fixedBytes(`signature ${i}`, 96)).slice(2),
      amount: 32_000_000_000,
    })),
  );
  const onChain = StandardMerkleTree.of(leavesOf(text, vault), ['bytes', 'uint256']).root;
  const { cost, value } = await measure(() => {
    const entries = parseDepositData(text);
    check(new Set(entries.map(entry => toHex(entry.publicKey))).size === count, 'duplicates');
    const tree = buildDepositTree(entries, vault);
    check(toHex(tree.root) === onChain, 'root');
    return tree;
  });
  const proof = await measure(() =>
    value.proveEntries(Array.from({ length: 10 }, (_, i) => Math.floor((i * count) / 10))),
  );
  return { cost, figures: { multiproofOf10Ms: proof.cost.wallMs } };
}

function leavesOf(text: string, vault: Uint8Array): [string, bigint][] {
  const tree = buildDepositTree(parseDepositData(text), vault);
  return Array.from(JSON.parse(text), (_, i) => [toHex(tree.validatorAt(i)), BigInt(i)]);
}

/** Bare: the hashes of such a tree, two keccak per leaf and one per node. */
export async function treeBare({ count }: Pick<Scheme, 'count'>): Promise<StepResult> {
  const leaf = new Uint8Array(288);
  const node = new Uint8Array(64);
  const keccak = await createKeccak(256);
  const hash = (bytes: Uint8Array) => keccak.init().update(bytes).digest('binary');
  return measure(() => {
    for (let i = 0; i < count; i++) hash(hash(leaf));
    for (let i = 1; i < count; i++) hash(node);
  });
}
