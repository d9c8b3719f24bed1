import * as member from '../../result-members.ts';

export const RESULT = member.replacement;
