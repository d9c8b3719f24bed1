// Bare setup-validator: a process that reads the plan by pg and writes three files: node test/bench/select-bare.ts URL DIR
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withClient } from './with-client.ts';

const [, , url = '', directory = ''] = process.argv;
await withClient(url, async client => {
  const { rows } = await client.query(
    'select public_key, client_index from stakewise_operator.assignments order by public_key',
  );
  const own = rows.filter(row => row.client_index === 3).map(row => row.public_key.toString('hex'));
  for (const name of ['a', 'b', 'c']) writeFileSync(join(directory, name), own.join('\n').padEnd(200_000));
});
