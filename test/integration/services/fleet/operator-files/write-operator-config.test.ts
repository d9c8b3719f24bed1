import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase } from '../../../../../src/db/database.ts';
import { readRemoteSignerFile } from '../../../../support/checkers/operator-files.ts';
import { createTestDatabase } from '../../../../support/postgres/postgres.ts';
import { temporaryDirectory } from '../../../../support/programs/cli.ts';
import { readOperatorView } from '../../../../support/recorded/recorded-files.ts';
import {
  fillWithRecordedVault,
  recordedSecretKeys,
  writeKeystores,
} from '../../../../support/recorded/recorded-vault.ts';
import { readRecorded } from '../../../../support/recorded/vectors.ts';

/** A document with every key made the same: what is left is its layout. */
const layoutOf = (text: string) => text.replace(/0x[0-9a-f]{96}/g, '0xKEY');

it('the operator’s files are laid out as the recorded ones, with the oracle set behind', async () => {
  using directory = temporaryDirectory();
  await using clone = await createTestDatabase();
  writeKeystores(join(directory.path, 'keystores'), recordedSecretKeys(10));
  await fillWithRecordedVault(clone.url, join(directory.path, 'keystores'));
  await using database = await openDatabase({ url: clone.url });
  await readOperatorView(database, directory.path);

  const text = readFileSync(join(directory.path, 'remote_signer_config.json'), 'utf8');
  const recorded = readRecorded('03-remote-db/5-operator/remote_signer_config.json');
  const [mapping, set] = text.split(', "oracle_set": ');
  expect(layoutOf(`${mapping}}`)).toBe(layoutOf(recorded));
  expect(set).toMatch(/^\{"config_hash": "0x[0-9a-f]{64}", "config_ipfs_hash": "Qm\w+", "threshold": 3\}\}$/);
  const { pubkeys_to_shares: shares } = JSON.parse(recorded);
  expect([...readRemoteSignerFile(text).shares.keys()].sort()).toEqual(Object.keys(shares).sort());
  expect(readFileSync(join(directory.path, 'deposit_data.json'), 'utf8')).toBe(
    readRecorded('03-remote-db/5-operator/deposit_data.json'),
  );
});
