import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSql } from '../../support/postgres/postgres.ts';
import {
  openTamperBench,
  runReaders,
  type TamperBench,
  tamper,
} from '../../support/scenes/bad-input/tamper.ts';

let bench: TamperBench;
beforeAll(async () => {
  bench = await openTamperBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

const SET = '(select oracle_set_hash from vaults where vault_id = $vault)';
const VALIDATORS = 'select public_key from keypairs where vault_id = $vault order by public_key';
const validator = (index: number) => `(${VALIDATORS} limit 1 offset ${index})`;
const share = (parent: number, index: number, set = `= ${SET}`) =>
  `(select public_key from key_shares where vault_id = $vault and parent_public_key = ${validator(parent)}
    and share_index = ${index} and oracle_set_hash ${set})`;
const OTHER_KEY = '(select public_key from keypairs where vault_id = $other order by public_key limit 1)';

/** Swaps columns between the rows of two public keys of key_secrets. */
function swapSecrets(
  columns: readonly string[],
  first: string,
  second: string,
  secondVault = '$vault',
): string {
  const assignments = columns.map(column => `${column} = o.${column}`).join(', ');
  return `update key_secrets c set ${assignments} from key_secrets o
    where (c.vault_id = $vault and c.public_key = ${first} and o.vault_id = ${secondVault} and o.public_key = ${second})
       or (c.vault_id = ${secondVault} and c.public_key = ${second} and o.vault_id = $vault and o.public_key = ${first})`;
}

const SEALED = ['nonce', 'ciphertext'];

const EXCHANGES: Readonly<Record<string, readonly string[]>> = {
  'the secrets of two validators': [swapSecrets(SEALED, validator(0), validator(1))],
  'the nonces of two validators': [swapSecrets(['nonce'], validator(0), validator(1))],
  'the ciphertexts of two validators': [swapSecrets(['ciphertext'], validator(0), validator(1))],
  'the secrets of a validator and of its share': [swapSecrets(SEALED, validator(0), share(0, 0))],
  'the secrets of two shares of one validator': [swapSecrets(SEALED, share(0, 0), share(0, 1))],
  'the secrets of two shares of one oracle': [swapSecrets(SEALED, share(0, 0), share(1, 0))],
  'the secrets of two vaults': [swapSecrets(SEALED, validator(0), OTHER_KEY, '$other')],
  'the secrets of one share for two oracle sets': [
    swapSecrets(SEALED, share(0, 0), share(0, 0, `<> ${SET}`)),
  ],
  'the places of two shares': [
    `update key_shares set share_index = case share_index when 0 then 100 else 0 end where vault_id = $vault
       and parent_public_key = ${validator(0)} and oracle_set_hash = ${SET} and share_index in (0, 1)
       and (share_index = 0)`,
    `update key_shares set share_index = 0 where vault_id = $vault and parent_public_key = ${validator(0)}
       and oracle_set_hash = ${SET} and share_index = 1`,
    'update key_shares set share_index = 1 where vault_id = $vault and share_index = 100',
  ],
  'the oracle set of one validator': [
    `update keypairs set shares_set_hash =
       (select oracle_set_hash from oracle_sets where vault_id = $vault and oracle_set_hash <> ${SET} limit 1)
     where vault_id = $vault and public_key = ${validator(0)}`,
  ],
  'the current oracle set of the vault': [
    `update vaults set oracle_set_hash =
       (select oracle_set_hash from oracle_sets where vault_id = $vault and oracle_set_hash <> ${SET} limit 1)
     where vault_id = $vault`,
  ],
  'the data keys of two vaults': [
    `update data_keys c set nonce = o.nonce, ciphertext = o.ciphertext from data_keys o where o.vault_id <> c.vault_id`,
  ],
  'the manifests of two vaults': [
    `update vaults c set manifest_mac = o.manifest_mac, manifest_counter = o.manifest_counter from vaults o
     where o.vault_id <> c.vault_id`,
  ],
  'the deposit data of two vaults': [
    `update deposit_data c set root = o.root, document = o.document, entry_count = o.entry_count from deposit_data o
     where o.vault_id <> c.vault_id`,
  ],
  'two columns of the vault': [
    'update vaults set deposit_data_root = validators_digest where vault_id = $vault',
  ],
  'the public key of a share and that of its validator': [
    `update key_shares set parent_public_key = public_key, public_key = parent_public_key where vault_id = $vault
       and public_key = ${share(0, 0)}`,
  ],
};

const REMOVALS: Readonly<Record<string, readonly string[]>> = {
  'the vault': ['delete from vaults where vault_id = $vault'],
  'the data key': ['delete from data_keys where vault_id = $vault'],
  'the current oracle set': [`delete from oracle_sets where vault_id = $vault and oracle_set_hash = ${SET}`],
  'a validator': [`delete from keypairs where vault_id = $vault and public_key = ${validator(0)}`],
  'all validators': ['delete from keypairs where vault_id = $vault'],
  'a share': [`delete from key_shares where vault_id = $vault and public_key = ${share(0, 0)}`],
  'the secret of a validator': [
    `delete from key_secrets where vault_id = $vault and public_key = ${validator(0)}`,
  ],
  'the secret of a share': [
    `delete from key_secrets where vault_id = $vault and public_key = ${share(0, 0)}`,
  ],
  'all secrets': ['delete from key_secrets where vault_id = $vault'],
  'the deposit data': ['delete from deposit_data where vault_id = $vault'],
  'an assignment': [`delete from assignments where vault_id = $vault and public_key = ${validator(0)}`],
  'the plan': ['delete from assignment_plans where vault_id = $vault'],
};

/** Tables whose rows the older backup has otherwise. */
const BACKUPS: readonly string[] = ['vaults', 'keypairs', 'deposit_data'];

describe('exchanged values', () => {
  it.each(Object.entries(EXCHANGES))(
    'remote-db verify notices exchanged values, and no reader writes wrong files: %s',
    async (_name, statements) => {
      const refusals = await runReaders(bench, ({ url }) => tamper(url, statements));
      expect(refusals, 'verify finds everything').toHaveProperty('verify');
    },
  );
});

describe('removed rows', () => {
  it.each(Object.entries(REMOVALS))(
    'remote-db verify notices what was removed, and no reader writes wrong files: %s',
    async (name, statements) => {
      const refusals = await runReaders(bench, ({ url }) => tamper(url, statements));
      expect(refusals, `verify finds that ${name} is missing`).toHaveProperty('verify');
    },
  );
});

async function olderRow(table: string, condition: string): Promise<string> {
  await using older = await bench.workshop.cloneDatabase('older');
  const rows = await runSql(
    older.url,
    `select to_jsonb(t)::text as row from stakewise_operator.${table} t where vault_id = 1 and ${condition}
     order by t::text limit 1`,
  );
  return String(rows[0]?.row).replaceAll("'", "''");
}

const putBack = (table: string, row: string) =>
  `insert into ${table} overriding system value select * from jsonb_populate_record(null::${table}, '${row}')`;

describe('rows put back from an older backup', () => {
  it.each(BACKUPS)(
    'no remote-db command writes wrong files after a row of %s was put back from an older backup',
    async table => {
      const row = await olderRow(table, 'true');
      const same =
        table === 'keypairs'
          ? `public_key = (jsonb_populate_record(null::keypairs, '${row}')).public_key`
          : 'true';
      const refusals = await runReaders(bench, ({ url }) =>
        tamper(url, [`delete from ${table} where vault_id = $vault and ${same}`, putBack(table, row)]),
      );
      // A keypair whose oracle set is the same as then has the same row.
      if (table !== 'keypairs') expect(refusals, 'verify finds it').toHaveProperty('verify');
    },
  );

  it('verify and setup-web3signer refuse a share that was put back with its secret from an older backup', async () => {
    const row = await olderRow('key_shares', 'share_index = 0');
    const old = `jsonb_populate_record(null::key_shares, '${row}')`;
    const secret = await olderRow(
      'key_secrets',
      `public_key = (jsonb_populate_record(null::stakewise_operator.key_shares, '${row}')).public_key`,
    );
    const refusals = await runReaders(bench, ({ url }) =>
      tamper(url, [
        `delete from key_shares s using ${old} o where s.vault_id = $vault and s.share_index = o.share_index
             and s.parent_public_key = o.parent_public_key and s.oracle_set_hash = o.oracle_set_hash`,
        putBack('key_shares', row),
        putBack('key_secrets', secret),
      ]),
    );
    expect(refusals).toMatchObject({ verify: expect.anything(), 'setup-web3signer': expect.anything() });
  });
});
