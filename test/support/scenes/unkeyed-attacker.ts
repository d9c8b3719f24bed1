// Somebody who may write to the database and has no key: whatever is computed without one, he computes too.
import { openDatabase, type Session } from '../../../src/db/database.ts';
import { listVisibleShares } from '../../../src/db/key-shares.ts';
import { listActiveKeypairs } from '../../../src/db/keypairs.ts';
import { operatorDigest, planDigest, validatorsDigest } from '../../../src/domain/fleet/fact-digests.ts';
import { compareBytes } from '../../../src/lib/bytes.ts';
import { runSql } from '../postgres/postgres.ts';

const VAULT = 1;

/** Runs SQL in the program's schema. */
export function attack(url: string, statement: string, values: readonly unknown[] = []) {
  const own = new URL(url);
  own.searchParams.set('options', '-c search_path=stakewise_operator');
  return runSql(own.href, statement, [...values]);
}

/** Gives every key the client that he likes, with the digest that fits. */
export async function rewritePlan(
  url: string,
  totalClients: number,
  clientOf: (place: number, current: number) => number,
): Promise<void> {
  const rows = await attack(
    url,
    `select public_key, client_index from assignments where vault_id = ${VAULT} order by public_key`,
  );
  const assignments = rows.map((row, place) => ({
    publicKey: row.public_key as Uint8Array,
    clientIndex: clientOf(place, Number(row.client_index)),
  }));
  for (const { publicKey, clientIndex } of assignments) {
    await attack(
      url,
      `update assignments set client_index = $1 where vault_id = ${VAULT} and public_key = $2`,
      [clientIndex, publicKey],
    );
  }
  await attack(url, `update assignment_plans set total_clients = $1, digest = $2 where vault_id = ${VAULT}`, [
    totalClients,
    planDigest({ totalClients, assignments }),
  ]);
}

/** Makes all validators but the first ones invisible, in the list and in the plan. */
export async function hideValidators(url: string, left: number): Promise<void> {
  const hidden = `select public_key from keypairs where vault_id = ${VAULT} order by public_key offset ${left}`;
  await attack(url, `delete from assignments where vault_id = ${VAULT} and public_key in (${hidden})`);
  await attack(
    url,
    `update keypairs set active = false where vault_id = ${VAULT} and public_key in (${hidden})`,
  );
  const [plan] = await attack(url, `select total_clients from assignment_plans where vault_id = ${VAULT}`);
  if (plan !== undefined) await rewritePlan(url, Number(plan.total_clients), (_, current) => current);
  await resealFacts(url);
}

/** Puts another text in the place of the deposit data, under a root of his choice. */
export async function replaceDepositData(url: string, document: string, root: Uint8Array): Promise<void> {
  await attack(url, `update deposit_data set document = $1, root = $2 where vault_id = ${VAULT}`, [
    document,
    root,
  ]);
  await attack(url, `update vaults set deposit_data_root = $1 where vault_id = ${VAULT}`, [root]);
  await resealFacts(url);
}

/** Computes the vault's own digests again over whatever the rows are now. */
export async function resealFacts(url: string): Promise<void> {
  await using database = await openDatabase({ url });
  const { keypairs, digest } = await digestFacts(database, url);
  await attack(
    url,
    `update vaults set validators_digest = $1, operator_digest = $2 where vault_id = ${VAULT}`,
    [validatorsDigest(keypairs.map(({ publicKey }) => publicKey).sort(compareBytes)), digest],
  );
}

async function digestFacts(session: Session, url: string) {
  const [row] = await attack(
    url,
    `select o.*, d.document from vaults v
     join oracle_sets o on o.vault_id = v.vault_id and o.oracle_set_hash = v.oracle_set_hash
     join deposit_data d on d.vault_id = v.vault_id where v.vault_id = ${VAULT}`,
  );
  const keypairs = await listActiveKeypairs(session, VAULT);
  const digest = operatorDigest({
    oracleSet: {
      hash: row?.oracle_set_hash as Uint8Array,
      configIpfsHash: String(row?.config_ipfs_hash),
      threshold: Number(row?.threshold),
    },
    document: String(row?.document),
    keypairs,
    shares: await listVisibleShares(session, VAULT),
  });
  return { keypairs, digest };
}
