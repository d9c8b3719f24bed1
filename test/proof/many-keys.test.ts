// The signer as it is started, with more keys than a call can have arguments. All the programs with 300,000: npm run bench --
// scale.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'undici';
import { expect, it } from 'vitest';
import { renderKeyFiles } from '../../src/domain/fleet/web3signer-key-file.ts';
import { temporaryDirectory } from '../support/programs/cli.ts';
import { spawnSignerProcess } from '../support/programs/signer-process.ts';

/** 125,000 arguments overflow the stack. */
const KEYS = 130_000;
const NETWORK = 'mainnet';

/** Numbers as secret keys, over as many files as the program writes; the public keys are made up. */
function writeKeyFiles(directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  const keys = Array.from({ length: KEYS }, (_, i) => {
    const secretKey = new Uint8Array(32);
    new DataView(secretKey.buffer).setUint32(28, i + 1);
    return { secretKey, publicKey: new Uint8Array(48).fill(i & 255) };
  });
  const vault = '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
  for (const [name, content] of renderKeyFiles(keys, { network: NETWORK, vault, layout: 'buckets' }))
    writeFileSync(join(directory, name), content, { mode: 0o600 });
}

it('signer --keys-dir starts with 130,000 keys and lists every one', { timeout: 600_000 }, async () => {
  using folder = temporaryDirectory();
  const directory = join(folder.path, 'keys');
  writeKeyFiles(directory);
  const socketPath = join(folder.path, 'run', 'signer.sock');
  await using _ = await spawnSignerProcess([
    '--network',
    NETWORK,
    '--keys-dir',
    directory,
    '--socket',
    socketPath,
  ]);
  const client = new Client('http://signer', { socketPath });
  const { body } = await client.request({ path: '/api/v1/eth2/publicKeys', method: 'GET' });
  const listed = (await body.json()) as string[];
  await client.close();
  expect(new Set(listed).size).toBe(KEYS);
});
