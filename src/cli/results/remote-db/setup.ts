import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  migrations: member.migrations,
  created: member.yesOrNo(
    'Whether the vault was set up by this run; false with --if-needed where it was before.',
  ),
  keyFile: member
    .text('Path of the file that the new encryption key was written to; absent where none was written.')
    .optional(),
  dryRun: member.dryRun,
  vaultPublicKey: member.vaultPublicKey,
});
