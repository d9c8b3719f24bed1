import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/** Lines of an error that tell what happened. */
const LINES = 12;

/**
 * Names what failed once more as the last thing that a run prints, below the table of attacks: who reads the end of a long
 * log finds it there.
 */
export default class FailuresLast implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const failed = modules.flatMap(module => [
      ...module.errors().map(error => describe(module.relativeModuleId, [error])),
      ...Array.from(module.children.allTests('failed'), test =>
        describe(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors ?? []),
      ),
    ]);
    const lines = [...failed, ...unhandled.map(error => describe('outside any test', [error]))];
    if (lines.length > 0) process.stdout.write(`\nWhat failed:\n${lines.join('\n')}\n`);
  }
}

function describe(where: string, errors: readonly { message?: string; stack?: string }[]): string {
  const told = errors.map(({ message = '', stack = '' }) => (stack.includes(message) ? stack : message));
  const ours = (line: string) => !/node_modules|new Promise/.test(line);
  const short = told.flatMap(text => text.split('\n').filter(ours).slice(0, LINES));
  return [`- ${where}`, ...short.map(line => `    ${line}`)].join('\n');
}
