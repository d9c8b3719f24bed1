import { example } from '../cli/examples.ts';
import { enableMetrics, healthPort, metricsHost, metricsPort } from '../cli/flags/probes.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { flag } from '../cli/options/option.ts';
import type { RESULT } from '../cli/results/healthcheck.ts';
import { UsageError } from '../lib/errors.ts';
import { askProbe } from '../operator/probes/ask-probe.ts';

const OPTIONS = {
  ready: flag({
    description: 'Asks whether it can do its work (/readyz), not only whether it runs (/livez).',
  }),
  enableMetrics,
  metricsHost,
  metricsPort,
  healthPort,
};

export default class Healthcheck extends operatorCommand(OPTIONS)<typeof RESULT> {
  static override summary =
    'Asks the operator that runs on this machine, or in this container, whether it is alive.';
  static override description =
    'Takes the same options and variables as start, so that it finds the same port. Ends with 0 when the operator answers, else with 1.';
  static override examples = [example('healthcheck --health-port=9101'), example('healthcheck --ready')];

  async run() {
    const { ready, enableMetrics, metricsHost, metricsPort, healthPort } = await this.resolve();
    const port = healthPort ?? (enableMetrics ? metricsPort : undefined);
    if (port === undefined || port === 0) {
      throw new UsageError('no-probe-port', 'The operator answers probes on no known port.', {
        hint: 'Give start and healthcheck the same --health-port (HEALTH_PORT), or --enable-metrics.',
      });
    }
    const url = await askProbe({}, { host: metricsHost, port }, ready ? '/readyz' : '/livez');
    this.say(`The operator answers at ${url}.`);
    return { url };
  }
}
