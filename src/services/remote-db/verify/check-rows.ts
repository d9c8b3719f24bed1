import type { Session } from '../../../db/database.ts';
import { pageActiveRecords } from '../../../db/key-secrets.ts';
import { countVisibleKeys } from '../../../db/keypairs.ts';
import { readManifestEntries, readSealedPage, type SealedPage } from '../../../db/sealed-record.ts';
import type { Vault } from '../../../db/vaults.ts';
import { rowTampered } from '../../../domain/keys/envelope.ts';
import { isSameMac, ManifestMac } from '../../../domain/keys/manifest.ts';
import type { ProgressReporter } from '../../../lib/progress.ts';
import type { WorkerPool } from '../../../workers/pool.ts';
import { openPages } from '../open-keys.ts';
import { manifestMismatch, type UnlockedVault } from '../unlock-vault.ts';
import { KeyTable } from './key-table.ts';

const PAGE_SIZE = 2_000;

/** All visible rows of a vault, opened. Disposing of it overwrites the secrets. */
export interface CheckedRows extends Disposable {
  readonly keys: KeyTable;
  readonly findings: readonly string[];
}

/**
 * Opens every visible row, derives its public key and compares, and compares them all with the manifest. The rows go as soon
 * as they were opened; their keys stay, for the shares are tested when all are there.
 */
export async function checkRows(
  session: Session,
  { pool, progress }: { readonly pool: WorkerPool; readonly progress: ProgressReporter },
  unlocked: UnlockedVault,
  vault: Vault,
): Promise<CheckedRows> {
  const { vaultId } = vault;
  using stack = new DisposableStack();
  const keys = stack.use(new KeyTable());
  const manifest = new ManifestMac(unlocked.encryptionKey, unlocked.context, {
    counter: vault.manifestCounter,
    depositDataRoot: vault.depositDataRoot,
  });
  const findings: string[] = [];
  const bar = progress.start('Verifying rows', await countVisibleKeys(session, vaultId));
  for await (const { page, opened } of openPages(pool, unlocked, sealedPages(session, vaultId))) {
    const rows = page.slice(0, page.length);
    keys.addPage(rows, opened);
    for (const place of opened.refused) {
      const row = rows[place];
      if (row !== undefined) findings.push(rowTampered(row.publicKey).message);
    }
    manifest.update(readManifestEntries(page.records));
    bar.advance(page.length);
  }
  bar.finish();
  const { manifestMac } = vault;
  if (manifestMac === null || !isSameMac(manifest.digest(), manifestMac))
    findings.push(manifestMismatch().message);
  const held = stack.move();
  return { keys, findings, [Symbol.dispose]: () => held.dispose() };
}

async function* sealedPages(session: Session, vaultId: number): AsyncGenerator<SealedPage> {
  for await (const records of pageActiveRecords(session, { vaultId, pageSize: PAGE_SIZE }))
    yield readSealedPage(records);
}
