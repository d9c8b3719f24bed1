import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  shell: z.enum(['bash', 'zsh', 'fish']).describe('The shell that the script is for.'),
  script: member.text('The script, to be sourced by the shell.'),
});
