// Opens an embedded database and does with it what stdin says, a line at a time, answering each by a line:
//   insert N   commits N rows, one after the other
//   count      counts them
//   close      closes the database
// Arguments: path of the database; "no-locks" for a file system on which the kernel locks nothing.
import { createInterface } from 'node:readline';
import { openPglite } from '../../../src/db/pglite.ts';
import { OperatorError } from '../../../src/lib/errors.ts';

const [path = '', fileSystem] = process.argv.slice(2);
const say = (line: string) => void process.stdout.write(`${line}\n`);
const fail = (error: unknown) => {
  if (!(error instanceof OperatorError)) throw error;
  say(`refused ${error.code}: ${error.message}`);
};

try {
  const database = await openPglite(path, {
    onWatch: () => void process.stderr.write('watches\n'),
    tryKernelLock: fileSystem === 'no-locks' ? () => 'unavailable' : undefined,
  });
  say(`open by ${process.pid}`);
  await database.query('create table if not exists numbers (number serial)', []);
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const [what, count] = line.split(' ');
      if (what === 'insert') {
        for (let i = 0; i < Number(count); i++)
          await database.query('insert into numbers default values', []);
      }
      if (what === 'close') {
        await database.close();
        say('closed');
        break;
      }
      const { rows } = await database.query<{ count: bigint }>('select count(*) from numbers', []);
      say(`${rows[0]?.count} rows`);
    } catch (error) {
      fail(error);
    }
  }
} catch (error) {
  fail(error);
}
process.exit();
