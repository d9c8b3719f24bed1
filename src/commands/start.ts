import { example } from '../cli/examples.ts';
import { FOREIGN_OPTION_FLAGS, refuseForeign } from '../cli/flags/foreign-settings.ts';
import { checkStart, START_OPTIONS, terminationLog } from '../cli/flags/start.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import type { RESULT } from '../cli/results/start.ts';
import { operatorSettings, terminationLogOfEnvironment } from '../cli/start-settings.ts';
import { messageOf } from '../lib/errors.ts';
import { writeTerminationLog } from '../lib/termination-log.ts';

const OPTIONS = { ...START_OPTIONS, ...FOREIGN_OPTION_FLAGS };

export default class Start extends operatorCommand(OPTIONS, { check: checkStart })<typeof RESULT> {
  static override summary = 'Start operator service';
  static override examples = [
    example(
      'start --vault=0x3320a...68 --consensus-endpoints=https://consensus.com --execution-endpoints=https://execution.com',
    ),
    example('start --remote-signer-url=http://remote-signer:9000 ...'),
    example('start --once ...'),
  ];

  async run() {
    // Found first: that the command line is wrong is written there, too.
    const logPath = await this.resolveOptions({ terminationLog }).then(
      found => found.terminationLog,
      terminationLogOfEnvironment,
    );
    const note = (error: unknown) => {
      if (logPath !== undefined) writeTerminationLog(logPath, messageOf(error));
    };
    // Bugs that nobody waits for end the process, too.
    process.once('uncaughtExceptionMonitor', note);
    try {
      // Whoever asks for what is refused here need not be asked for anything else first.
      refuseForeign(await this.resolveOptions(FOREIGN_OPTION_FLAGS));
      const settings = await operatorSettings(await this.resolve());
      // Loaded when it is known that there is something to run.
      const { runOperator } = await import('../compose/run-operator.ts');
      const passes = await runOperator(settings, { version: this.config.version });
      return { stopped: true, passes };
    } catch (error) {
      note(error);
      throw error;
    }
  }
}
