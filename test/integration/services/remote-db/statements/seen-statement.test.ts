import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { resolveNetwork } from '../../../../../src/networks/resolve-network.ts';
import {
  assertNotOlder,
  recordSeen,
  seenStatementPath,
} from '../../../../../src/services/remote-db/statements/seen-statement.ts';
import type { ProvenStatement } from '../../../../../src/services/remote-db/statements/signed-statement.ts';
import { it as base } from '../../../../support/fixtures.ts';

const REF = { network: resolveNetwork('holesky'), address: '0x8189aF89A7718C1baB5628399FC0ba50C6949bCc' };

function provenOf(
  manifestCounter: bigint,
  planCounter: bigint,
  fill = 1,
  key = 7,
  retirementCounter = 0n,
): ProvenStatement {
  const digest = new Uint8Array(32).fill(fill);
  return {
    statement: {
      chainId: REF.network.chainId,
      vault: new Uint8Array(20),
      manifestCounter,
      planCounter,
      validatorsDigest: digest,
      planDigest: null,
      depositDataRoot: null,
      depositDataDigest: null,
      operatorDigest: digest,
      retirementCounter,
      retiredDigest: null,
    },
    digest,
    verifyingKey: new Uint8Array(32).fill(key),
  };
}

const it = base.extend('path', ({ directory }) => seenStatementPath(directory, REF));

describe('the last statement that was believed', () => {
  it('assertNotOlder refuses an earlier set of retired keys, and another one of the same number', async ({
    path,
  }) => {
    const attributes = { mode: 0o600 };
    await recordSeen(path, provenOf(5n, 2n, 1, 7, 0n), attributes);
    expect(readFileSync(path, 'utf8')).not.toContain('retirement');
    await assertNotOlder(path, provenOf(5n, 2n, 2, 7, 1n));
    await recordSeen(path, provenOf(5n, 2n, 2, 7, 1n), attributes);
    expect(readFileSync(path, 'utf8')).toContain('\nplan 2\nretirement 1\n');
    await assertNotOlder(path, provenOf(6n, 2n, 3, 7, 1n));
    await expect(assertNotOlder(path, provenOf(5n, 2n, 1, 7, 0n))).rejects.toMatchObject({
      code: 'statement-old',
      message: expect.stringContaining('after upload 5 and plan 2 and retirement 1'),
    });
    await expect(assertNotOlder(path, provenOf(5n, 2n, 9, 7, 1n))).rejects.toMatchObject({
      code: 'statement-forked',
    });
  });

  it('recordSeen writes a dot file of the vault, and assertNotOlder takes a first statement', async ({
    path,
  }) => {
    await assertNotOlder(path, provenOf(0n, 0n));
    await recordSeen(path, provenOf(5n, 2n), { mode: 0o640 });
    expect(path).toContain('/.holesky-0x8189af89a7718c1bab5628399fc0ba50c6949bcc.statement');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readFileSync(path, 'utf8')).toContain('\nupload 5\nplan 2\n');
  });

  it.for([
    ['an older upload', 4n, 2n, 'statement-old'],
    ['an older plan', 6n, 1n, 'statement-old'],
  ] as const)(
    'assertNotOlder refuses a statement of %s',
    async ([, manifestCounter, planCounter, code], { path }) => {
      await recordSeen(path, provenOf(5n, 2n), { mode: 0o644 });
      await expect(assertNotOlder(path, provenOf(manifestCounter, planCounter, 2))).rejects.toMatchObject({
        code,
        exitCode: 1,
        hint: expect.stringContaining(path),
      });
    },
  );

  it('assertNotOlder refuses another state of the same counters, and takes the same and every later one', async ({
    path,
  }) => {
    await recordSeen(path, provenOf(5n, 2n), { mode: 0o644 });
    await assertNotOlder(path, provenOf(5n, 2n));
    await assertNotOlder(path, provenOf(6n, 2n, 2));
    await assertNotOlder(path, provenOf(5n, 3n, 2));
    await expect(assertNotOlder(path, provenOf(5n, 2n, 2))).rejects.toMatchObject({
      code: 'statement-forked',
    });
  });

  it('assertNotOlder compares statements of one key alone, and refuses a broken record', async ({ path }) => {
    await recordSeen(path, provenOf(5n, 2n), { mode: 0o644 });
    await assertNotOlder(path, provenOf(1n, 0n, 1, 8));
    // A pipe of whoever owns the directory holds up nobody.
    rmSync(path);
    execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
    await assertNotOlder(path, provenOf(1n, 0n));
    rmSync(path);
    writeFileSync(path, 'upload 0\n');
    await expect(assertNotOlder(path, provenOf(5n, 2n))).rejects.toMatchObject({
      code: 'statement-record-invalid',
    });
  });
});
