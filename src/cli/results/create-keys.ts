import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  vault: member.vault,
  firstIndex: member.number('Index in the mnemonic of the first of these keys.'),
  publicKeys: z
    .array(member.publicKey('Public key of a validator.'))
    .describe('Public keys of all keys that were asked for, by their index in the mnemonic.'),
  keystoresDir: member.keystoresDir,
  depositDataFile: member.depositDataFile,
  addedKeystores: member.number('How many keystores were missing and have been written.'),
  addedDeposits: member.number('How many entries of the deposit data were missing and have been written.'),
  earlierDeposits: member.number(
    'How many entries of other keys the deposit data has, which were made before.',
  ),
  dryRun: member.dryRun,
});
