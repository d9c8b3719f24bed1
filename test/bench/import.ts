// npm run bench -- import: a fleet's keys out of a database of the Python operator, with each key decrypted, derived and compared.
// Minutes of CPU, so it is asked for by name. FLEETS names other sizes, as in 10000x11,150000x2: validators and oracles.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateEncryptionKey } from '../../src/domain/keys/envelope.ts';
import { startPostgresServer } from '../support/postgres/postgres-server.ts';
import { encryptV3Record, storePythonVault } from '../support/recorded/python-database.ts';
import { type FleetSize, numberedKey, prepareFleet, readSize } from './scale/fleet.ts';
import { runMeasured } from './scale/measured-program.ts';

const SIZES = process.env.FLEETS || '30000x11';

async function benchImport(size: FleetSize): Promise<void> {
  await using python = await startPostgresServer();
  await using server = await startPostgresServer();
  await using fleet = await prepareFleet(size);
  console.log(`import of ${size.validators} validators, for ${size.oracles} oracles`);
  const cipherKey = randomBytes(32);
  const { vault } = fleet.devnet.addresses;
  await storePythonVault(python.url, {
    network: fleet.devnet.name,
    vault,
    records: fleet.publicKeys.map((_, index) => encryptV3Record(cipherKey, numberedKey(index))),
    depositData: readFileSync(fleet.depositDataFile, 'utf8'),
  });
  const secretFile = (name: string, text: string) => {
    const path = join(fleet.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const remoteDb = (...args: readonly string[]) => [
    'remote-db',
    '--db-url-file',
    secretFile('db-url', server.url),
    '--vault',
    vault,
    '--network',
    fleet.networkFile,
    '--data-dir',
    join(fleet.folder, 'data'),
    ...args,
    '--encrypt-key-file',
    encryptKeyFile,
  ];
  const encryptKeyFile = secretFile('encrypt-key', generateEncryptionKey());
  const from = [
    '--from-db-url-file',
    secretFile('python-db-url', python.url),
    '--from-encrypt-key-file',
    secretFile('python-encrypt-key', cipherKey.toString('base64')),
  ];
  const importing = remoteDb('import-v3-operator', ...from, '--execution-endpoints', fleet.devnet.rpcUrl);
  await runMeasured({ title: 'setup', args: remoteDb('setup') });
  await runMeasured({ title: 'import-v3-operator --dry-run', args: [...importing, '--dry-run'] });
  await runMeasured({ title: 'import-v3-operator', args: importing });
  await runMeasured({ title: 'import-v3-operator again', args: importing });
  console.log();
}

for (const size of SIZES.split(',').map(readSize)) await benchImport(size);
