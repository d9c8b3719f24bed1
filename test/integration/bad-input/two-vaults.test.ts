import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dumpDatabase } from '../../support/postgres/snapshot.ts';
import {
  encryptKey,
  remoteDb,
  runInScene,
  type Scene,
  upload,
  withScene,
} from '../../support/scenes/bad-input/scene.ts';
import { openTamperBench, type TamperBench } from '../../support/scenes/bad-input/tamper.ts';

let bench: TamperBench;
beforeAll(async () => {
  bench = await openTamperBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

const COMMANDS: Readonly<Record<string, (scene: Scene) => readonly string[]>> = {
  'upload-keypairs --prune-shares': scene => upload(scene, '--prune-shares'),
  'setup-web3signer': scene =>
    remoteDb(scene, 'setup-web3signer', ...encryptKey(scene), '--output-dir', scene.path('keys')),
  assign: scene => remoteDb(scene, 'assign', '--total-validators', '3', '--reassign'),
  cleanup: scene => remoteDb(scene, 'cleanup', '--yes'),
};

/** Rows of every table that begin with this vault's number, and its row of the audit log. */
async function rowsOf(url: string, vaultId: number, address: string) {
  const dump = await dumpDatabase(url);
  return Object.fromEntries(
    Object.entries(dump).map(([table, rows]) => [
      table,
      table.endsWith('.audit_log')
        ? rows.filter(row => row.includes(address.slice(2).toLowerCase()))
        : rows.filter(row => row.startsWith(`(${vaultId},`)),
    ]),
  );
}

describe('two vaults in one database', () => {
  it.each(Object.entries(COMMANDS))(
    '%s of one vault leaves the rows of another vault in the same database alone',
    async (_name, args) => {
      await withScene(bench.workshop, 'newer', async scene => {
        const before = await rowsOf(scene.url, 2, bench.otherVault);
        expect(before['stakewise_operator.keypairs']).toHaveLength(2);
        const run = await runInScene(scene, args(scene), {
          program: 'v3-operator',
          env: { IPFS_TIMEOUT: '5' },
        });
        expect(run.exitCode, run.stderr).toBe(0);
        expect(await rowsOf(scene.url, 2, bench.otherVault)).toEqual(before);
      });
    },
  );
});
