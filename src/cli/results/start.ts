import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  stopped: member.yesOrNo('True: printed when the operator has been told to stop, and has.'),
});
