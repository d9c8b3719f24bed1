// The least that a look at a fleet takes: a process that selects every public key by pg, and fetches and parses every list that
// signers, validator clients and the beacon node give, without comparing anything: node test/bench/fleet/bare-status.ts PLACES.
import { request } from 'undici';
import { withClient } from '../with-client.ts';
import { ORACLES, TOKEN, UNUSED_IN, validatorKey } from './fleet-keys.ts';
import type { FleetWorldPlaces } from './fleet-world.ts';

const BATCH = 1_000;
const [places, validators]: [FleetWorldPlaces, number] = JSON.parse(process.argv[2] ?? '[]');

async function count(url: string, body: string | null = null): Promise<number> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const answer = await request(url, { method: body === null ? 'GET' : 'POST', body, headers });
  const list = JSON.parse(await answer.body.text());
  return (Array.isArray(list) ? list : list.data).length;
}

async function countStored(): Promise<number> {
  return await withClient(places.databaseUrl, async client => {
    let bytes = 0;
    for (const table of ['keypairs', 'key_shares', 'assignments']) {
      const { rows } = await client.query(
        `select string_agg(public_key, '') as keys from stakewise_operator.${table} group by get_byte(public_key, 0)`,
      );
      for (const row of rows) bytes += row.keys.length;
    }
    return bytes / 48;
  });
}

async function countOnChain(): Promise<number> {
  let found = 0;
  for (let from = 0; from < validators; from += BATCH) {
    const ids = Array.from({ length: BATCH }, (_, i) => `0x${validatorKey(from + i).toString('hex')}`);
    const url = `${places.consensusUrl}/eth/v1/beacon/states/head/validators`;
    found += await count(url, JSON.stringify({ ids }));
  }
  return found;
}

const counts = await Promise.all([
  countStored(),
  countOnChain(),
  ...places.signerUrls.map(url => count(`${url}/api/v1/eth2/publicKeys`)),
  ...places.clientUrls.map(url => count(`${url}/eth/v1/remotekeys`)),
]);
const all = counts.reduce((sum, one) => sum + one, 0);
const wanted = validators * (2 + ORACLES + 1 - 1 / UNUSED_IN + 2 * (ORACLES + 1) + 1);
console.log(`${all} keys of ${wanted}`);
process.exit();
