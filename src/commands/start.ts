import { example } from '../cli/examples.ts';
import { IGNORED_OPTIONS } from '../cli/flags/ignored.ts';
import { checkStart, START_OPTIONS } from '../cli/flags/start.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { operatorSettings } from '../cli/start-settings.ts';
import { messageOf } from '../lib/errors.ts';
import { writeTerminationLog } from '../lib/termination-log.ts';
import { readEnvironment } from '../settings/environment.ts';

const OPTIONS = { ...START_OPTIONS, ...IGNORED_OPTIONS };

export default class Start extends operatorCommand(OPTIONS, { check: checkStart }) {
  static override summary = 'Start operator service';
  static override examples = [
    example(
      'start --vault=0x3320a...68 --consensus-endpoints=https://consensus.com --execution-endpoints=https://execution.com',
    ),
    example('start --remote-signer-url=http://remote-signer:9000 ...'),
  ];

  async run() {
    const terminationLog = readEnvironment('TERMINATION_LOG');
    const note = (error: unknown) => {
      if (terminationLog !== undefined) writeTerminationLog(terminationLog, messageOf(error));
    };
    // Bugs that nobody waits for end the process, too.
    process.once('uncaughtExceptionMonitor', note);
    try {
      const settings = await operatorSettings(await this.resolve());
      // Loaded when it is known that there is something to run.
      const { runOperator } = await import('../compose/run-operator.ts');
      await runOperator(settings, { version: this.config.version });
      return { stopped: true };
    } catch (error) {
      note(error);
      throw error;
    }
  }
}
