import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toHex } from '../../../../../src/lib/bytes.ts';
import { findDirectory } from '../../../../../src/lib/output-directory.ts';
import { RecordTable } from '../../../../../src/lib/record-table.ts';
import {
  formatValidatorsRecord,
  readValidatorsRecord,
  validatorsRecordName,
} from '../../../../../src/services/fleet/key-files/validators-record.ts';
import { temporaryDirectory } from '../../../../support/programs/cli.ts';

const OWNER = { network: 'hoodi', vault: `0x${'AB'.repeat(20)}` };
const publicKeys = fc.uniqueArray(fc.uint8Array({ minLength: 48, maxLength: 48, max: 3 }), {
  maxLength: 6,
  selector: toHex,
});
const hex = (table: RecordTable) => Array.from(table, toHex).sort();

it('formatValidatorsRecord writes sorted lines that are read again, and remembers who was here before', async () => {
  using folder = temporaryDirectory();
  const path = join(folder.path, validatorsRecordName(OWNER));
  const hash = new Uint8Array(32).fill(9);
  await fc.assert(
    fc.asyncProperty(publicKeys, publicKeys, async (first, second) => {
      const here = (keys: readonly Uint8Array[]) => RecordTable.from(keys, 48);
      const files = new Map([[`b.yaml`, hash]]);
      writeFileSync(path, formatValidatorsRecord(undefined, { files, here: here(first) }));
      await using directory = await findDirectory(folder.path, {});
      const before = await readValidatorsRecord(directory, OWNER);
      expect(hex(before?.here ?? here([]))).toEqual(first.map(toHex).sort());
      const text = Buffer.from(formatValidatorsRecord(before, { files, here: here(second) })).toString();
      const now = new Set(second.map(toHex));
      const gone = first.map(toHex).filter(key => !now.has(key));
      const lines = [`file ${'09'.repeat(32)} b.yaml`];
      for (const key of gone) lines.push(`gone ${key}`);
      for (const key of now) lines.push(`here ${key}`);
      expect(text).toBe(
        lines
          .map(line => `${line}\n`)
          .sort()
          .join(''),
      );
    }),
    { numRuns: 30 },
  );
});
