import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import blst from '@chainsafe/blst';
import type { StepResult } from './child-process.ts';
import type { Scheme } from './inputs.ts';
import { check, measure } from './measure.ts';
import { withClient } from './with-client.ts';

const BATCH = 128;

/** Bare: a public key by blst for each keystore, and a signature for each deposit, verified by 128, one thread. */
export async function depositsBare({ count }: Scheme): Promise<StepResult> {
  const messages = Array.from({ length: BATCH }, (_, i) => new Uint8Array(32).fill(i));
  const sets = messages.map((message, i) => {
    const secretKey = blst.SecretKey.fromBytes(new Uint8Array(32).fill(i + 1).fill(0, 0, 1));
    const publicKey = secretKey.toPublicKey().toBytes();
    return { message, publicKey, signature: secretKey.sign(message).toBytes() };
  });
  return measure(() => {
    for (let i = 0; i < count; i++) {
      blst.SecretKey.fromBytes(new Uint8Array(32).fill(0x5a)).toPublicKey().toBytes();
    }
    for (let done = 0; done < count; done += BATCH) {
      const parsed = sets.slice(0, count - done).map(({ message, publicKey, signature }) => ({
        msg: message,
        pk: blst.PublicKey.fromBytes(publicKey, true),
        sig: blst.Signature.fromBytes(signature, true),
      }));
      check(blst.verifyMultipleAggregateSignatures(parsed), 'a signature is not valid');
    }
  });
}

/** Bare: every file of a directory read and parsed, every sealed row and public fact selected by pg and hashed. */
export async function readVaultBare({
  url,
  directory,
}: {
  url: string;
  directory: string;
}): Promise<StepResult> {
  return measure(async () => {
    for (const name of readdirSync(directory)) {
      const text = readFileSync(join(directory, name), 'utf8');
      if (name.endsWith('.json')) JSON.parse(text);
    }
    await withClient(url, async client => {
      for (const table of ['key_secrets', 'key_shares', 'keypairs']) {
        const hash = createHash('sha256');
        const { rows } = await client.query(
          `select string_agg(t::text, '' order by public_key) as page
           from (select *, row_number() over (order by public_key) / 2000 as page from stakewise_operator.${table}) t
           group by page order by page`,
        );
        for (const { page } of rows) hash.update(page);
        hash.digest();
      }
    });
  });
}
