import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  vault: member.vault,
  address: member.address('Address of the hot wallet, with checksum.'),
  walletDir: member.text('Directory of the wallet and its password.'),
  dryRun: member.dryRun,
});
