import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { example } from '../cli/examples.ts';
import { checkFleet, FLEET_OPTIONS, WATCH_OPTIONS } from '../cli/flags/fleet.ts';
import { checkServe, SERVE_OPTIONS, statusPageSettings } from '../cli/flags/status-page.ts';
import { renderStatus } from '../cli/fleet-screen/render-status.ts';
import { fleetSettings } from '../cli/fleet-settings.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { CommandLineError } from '../cli/options/command-line-error.ts';
import type { Resolved } from '../cli/options/option.ts';
import type { RESULT } from '../cli/results/status.ts';
import { LiveScreen } from '../cli/terminal/live-screen.ts';
import { openFleet } from '../compose/fleet.ts';
import { openStatusPage } from '../compose/status-page.ts';
import { isDrift } from '../domain/fleet/drift/difference.ts';
import { findDrift } from '../domain/fleet/drift/find-drift.ts';
import { requireSomethingSeen } from '../domain/fleet/drift/unseen.ts';
import { EXIT } from '../lib/errors.ts';
import { listenForStop } from '../lib/stop-signals.ts';
import type { FleetSettings } from '../settings/fleet-settings.ts';

const OPTIONS = { ...FLEET_OPTIONS, ...WATCH_OPTIONS, ...SERVE_OPTIONS };

function check(given: Resolved<typeof OPTIONS>): void {
  checkFleet(given);
  checkServe(given);
}

export default class Status extends operatorCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary =
    'Shows where every key of the vault is and where it should be. Changes nothing; exits with 3 on differences.';
  static override description =
    'Database, signers, validator clients, nodes, oracles and operators are asked at once, as far as they are named. What is not named is not asked, and said so. "fleet status" and "remote-db status" are names of it, too.';
  static override examples = [
    example(
      'status --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url --signer-url http://signer-a:9000 --signer-url http://signer-b:9000',
    ),
    example(
      'status --keymanager http://client-0:5062=./client-0.token --operator-url http://op-0:9101 --watch',
    ),
  ];

  async run() {
    const options = await this.resolve();
    if (options.watch && this.jsonEnabled()) {
      throw new CommandLineError('contradiction', '--watch draws a screen, and --json prints one document.');
    }
    const settings = await fleetSettings(options);
    if (options.serve) return await this.serve(options, settings);
    const context = { programVersion: this.config.version, warn: this.warn };
    await using fleet = await openFleet(settings, context);
    const screen = new LiveScreen(this.jsonEnabled() ? process.stderr : process.stdout);
    for (;;) {
      const observation = await fleet.observe();
      const differences = findDrift(observation);
      if (!options.watch) requireSomethingSeen(observation);
      screen.draw(renderStatus(observation, differences, this.columns ?? PLAIN_COLUMNS));
      process.exitCode = differences.some(isDrift) ? EXIT.differences : EXIT.done;
      if (!options.watch) return { differences, observation };
      await sleep(options.watchInterval);
    }
  }

  /** Serves the page until Ctrl-C. @returns what was seen first */
  private async serve(given: Resolved<typeof OPTIONS>, fleet: FleetSettings) {
    if (this.jsonEnabled())
      throw new CommandLineError('contradiction', '--serve serves a page, and --json prints one document.');
    using stop = listenForStop({
      graceMs: STOP_MS,
      lateMs: STOP_MS,
      onStop: () => this.say('Stopping'),
      onForce: why => this.warn(`Ends at once: ${why}`),
    });
    const { statusPort: port, watchInterval: intervalMs } = given;
    await using page = await openStatusPage(
      { page: statusPageSettings(given, { port, intervalMs }), fleet },
      { programVersion: this.config.version, warn: this.warn, scrub: text => text },
    );
    const stopped = once(stop.signal, 'abort');
    this.say(`Status page at ${page.url}/`);
    const first = await page.look();
    if (!stop.signal.aborted) await stopped;
    return first;
  }
}

/** Longest time from Ctrl-C to the end: whoever is asked then has an end of its own. */
const STOP_MS = 5_000;

/** Width of what goes to a file or another program. */
const PLAIN_COLUMNS = 100;
