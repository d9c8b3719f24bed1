// npm run bench -- --compare in another repository: node compare-child.ts ROOT REVISION PAIRS NAME…
import { compareRevisions } from '../../bench/compare/compare.ts';

const [, , root = '', revision = '', pairs = '1', ...names] = process.argv;
process.exitCode = await compareRevisions(
  { root, revision, pairs: Number(pairs), names, defaultNames: ['version'] },
  line => console.log(line),
);
