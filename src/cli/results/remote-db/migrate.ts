import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({ migrations: member.migrations, dryRun: member.dryRun });
