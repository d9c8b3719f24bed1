// A database with the network's validators already read: node test/bench/fill-validators.ts DB_URL NETWORK_FILE COUNT.
import { openDatabase } from '../../src/db/database.ts';
import { migrateDatabase } from '../../src/db/migrator.ts';
import { insertDepositCursor } from '../../src/db/network-validators.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { resolveNetwork } from '../../src/networks/resolve-network.ts';

const STEP = 10_000;
const [url = '', networkFile = '', count = '0'] = process.argv.slice(2);
const { chainId, contracts } = resolveNetwork(networkFile);

/** The key with this number; keys ascend with it, an order which an index takes several times faster than any other. */
function keyAt(index: number): Uint8Array {
  const key = new Uint8Array(48).fill(0xa5);
  new DataView(key.buffer).setUint32(0, index);
  return key;
}

function* publicKeys(): Generator<Uint8Array[]> {
  for (let from = 0; from < Number(count); from += STEP) {
    yield Array.from({ length: Math.min(STEP, Number(count) - from) }, (_, i) => keyAt(from + i));
  }
}

await using database = await openDatabase({ url, statementTimeoutMs: 0 });
await migrateDatabase(database, { programVersion: '1.0.0' });
await insertDepositCursor(
  database,
  { chainId, depositContract: fromHex(contracts.depositContract, 20) },
  { syncedBlock: contracts.depositContractGenesisBlock, publicKeys: publicKeys() },
);
