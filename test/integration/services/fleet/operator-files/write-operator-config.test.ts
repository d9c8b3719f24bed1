import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openDatabase } from '../../../../../src/db/database.ts';
import { readRemoteSignerFile } from '../../../../support/checkers/operator-files.ts';
import { it } from '../../../../support/postgres/fixtures.ts';
import { readOperatorView } from '../../../../support/recorded/recorded-files.ts';
import {
  fillWithRecordedVault,
  recordedSecretKeys,
  writeKeystores,
} from '../../../../support/recorded/recorded-vault.ts';
import { readRecorded } from '../../../../support/recorded/vectors.ts';

/** A document with every key made the same: what is left is its layout. */
const layoutOf = (text: string) => text.replace(/0x[0-9a-f]{96}/g, '0xKEY');

it('the operator’s files are laid out as the recorded ones, with the oracle set behind', async ({
  directory,
  migrated,
}) => {
  writeKeystores(join(directory, 'keystores'), recordedSecretKeys(10));
  await fillWithRecordedVault(migrated.url, join(directory, 'keystores'));
  await using database = await openDatabase({ url: migrated.url });
  await readOperatorView(database, directory);

  const text = readFileSync(join(directory, 'remote_signer_config.json'), 'utf8');
  const recorded = readRecorded('03-remote-db/5-operator/remote_signer_config.json');
  const [mapping, set] = text.split(', "oracle_set": ');
  expect(layoutOf(`${mapping}}`)).toBe(layoutOf(recorded));
  expect(set).toMatch(/^\{"config_hash": "0x[0-9a-f]{64}", "config_ipfs_hash": "Qm\w+", "threshold": 3\}\}$/);
  const { pubkeys_to_shares: shares } = JSON.parse(recorded);
  expect([...readRemoteSignerFile(text).shares.keys()].sort()).toEqual(Object.keys(shares).sort());
  expect(readFileSync(join(directory, 'deposit_data.json'), 'utf8')).toBe(
    readRecorded('03-remote-db/5-operator/deposit_data.json'),
  );
});
