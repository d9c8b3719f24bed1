import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { expect } from 'vitest';
import { startKeyFolderSigner } from '../../devnet/key-folder-signer.ts';
import { it } from '../../support/fixtures.ts';

const keyFile = (number: number) =>
  `type: "file-raw"\nkeyType: "BLS"\nprivateKey: "0x${number.toString(16).padStart(64, '0')}"\n`;
const publicKeyOf = (number: number) => `0x${bls12_381.G1.Point.BASE.multiply(BigInt(number)).toHex(true)}`;

it('the Web3Signer of a folder starts with an empty one, and has new files when it is told to reload', async ({
  directory,
}) => {
  await using signer = await startKeyFolderSigner(directory);
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`${signer.url}${path}`, { method });
    return { status: response.status, json: await response.json() };
  };
  expect(await ask('/api/v1/eth2/publicKeys')).toEqual({ status: 200, json: [] });
  expect(await ask('/healthcheck')).toMatchObject({ status: 200, json: { outcome: 'UP' } });
  expect(await ask('/reload')).toEqual({ status: 200, json: { status: 'idle' } });
  writeFileSync(join(directory, 'a.yaml'), keyFile(1));
  expect(signer.keys).toEqual([]);
  expect(await ask('/reload', 'POST')).toMatchObject({ status: 202, json: { status: 'accepted' } });
  expect(await ask('/reload')).toMatchObject({ json: { status: 'completed' } });
  expect(signer.keys).toEqual([publicKeyOf(1)]);
});

it('the Web3Signer of a folder drops a whole file for one bad key, and says so', async ({ directory }) => {
  writeFileSync(join(directory, 'a.yaml'), keyFile(1));
  writeFileSync(join(directory, 'b.yaml'), `${keyFile(2)}---\ntype: "file-raw"\nprivateKey: "0x00"\n`);
  writeFileSync(join(directory, '.hidden.yaml'), keyFile(3));
  await using signer = await startKeyFolderSigner(directory);
  expect(signer.keys).toEqual([publicKeyOf(1)]);
  const health = await fetch(`${signer.url}/healthcheck`);
  expect(health.status).toBe(503);
  expect(await health.text()).toContain('"error-count":1');
  rmSync(join(directory, 'a.yaml'));
  signer.restart();
  expect(signer.keys).toEqual([]);
});
