import { z } from 'zod';
import * as member from '../../result-members.ts';

export const RESULT = z.strictObject({
  schema: member.text('Database schema that the rights are for.'),
  roles: z
    .strictObject({
      uploader: member.text('Role that sets up vaults, uploads keys, assigns them and cleans up.'),
      'signer-sync': member.text('Role that reads sealed keys.'),
      'validator-config': member.text('Role that writes files of public facts.'),
      operator: member.text('Role that runs the operator.'),
      auditor: member.text('Role that reads the audit log and all that is public.'),
    })
    .describe('Names of the database roles, by what they are for.'),
  sql: member.text('Statements to run as the owner of the tables.'),
});
