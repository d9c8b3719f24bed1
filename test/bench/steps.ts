// One step of the bench in a process of its own: node test/bench/steps.ts NAME OPTIONS. Prints its result as JSON.
import type { StepResult } from './child-process.ts';
import { copyBare, fillStep } from './database-steps.ts';
import {
  checkClientFilesStep,
  checkKeyFilesStep,
  depositTreeStep,
  readBare,
  treeBare,
  writeFilesBare,
} from './file-steps.ts';
import { deriveBare, deriveStep, openBare, scryptBare, sealBare, sealStep } from './key-steps.ts';
import {
  checkOperatorFilesStep,
  fillOperatorStep,
  mergeBare,
  writeDepositDataStep,
} from './operator-file-steps.ts';
import { depositsBare, readVaultBare } from './upload-steps.ts';

const STEPS = {
  derive: deriveStep,
  'derive-bare': deriveBare,
  seal: sealStep,
  'seal-bare': sealBare,
  'open-bare': openBare,
  'scrypt-bare': scryptBare,
  fill: fillStep,
  'copy-bare': copyBare,
  'check-key-files': checkKeyFilesStep,
  'check-client-files': checkClientFilesStep,
  'read-bare': readBare,
  'write-files-bare': writeFilesBare,
  'deposit-tree': depositTreeStep,
  'tree-bare': treeBare,
  'deposits-bare': depositsBare,
  'read-vault-bare': readVaultBare,
  'write-deposit-data': writeDepositDataStep,
  'merge-bare': mergeBare,
  'fill-operator': fillOperatorStep,
  'check-operator-files': checkOperatorFilesStep,
};
export type StepName = keyof typeof STEPS;
export type StepOptions = object;

if (import.meta.main) {
  const [, , name = '', options = '{}'] = process.argv;
  const step = STEPS[name as StepName] as (options: unknown) => Promise<StepResult>;
  const { cost, figures } = await step(JSON.parse(options));
  process.stdout.write(JSON.stringify({ cost, figures }));
}
