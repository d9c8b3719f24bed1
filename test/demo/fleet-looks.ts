import { expectEqual } from './expectations.ts';
import type { FleetWorld } from './fleet-world.ts';
import { fetchText } from './metrics.ts';
import { runQuietly } from './runner.ts';

/** Keys that `status` names. */
interface NamedKeys {
  readonly publicKeys: readonly string[];
}

/** What was seen, as far as remedies need it. */
export interface Seen {
  /** What is to be mended. */
  readonly drift: readonly ShownDifference[];
  /** The screen of `status`. */
  readonly screen: string;
  readonly runTwice: NamedKeys;
}

/** A difference as `status` prints it. */
export interface ShownDifference {
  readonly code: string;
  readonly where: string;
  readonly what: string;
  readonly remedy: string;
}

interface StatusResult {
  readonly differences: readonly (ShownDifference & { readonly severity: string })[];
  readonly observation: Pick<Seen, 'runTwice'>;
}

/** Exit code where anything is to be mended. */
const DRIFT = 3;

/**
 * Looks at the fleet by `status`, `doctor` and the page.
 * @returns what the screen of `status` shows
 * @throws Error where one of the three says something else than the others, or ends with another code than what it says
 */
export async function look(world: FleetWorld): Promise<Seen> {
  const { home, envFile, pageUrl } = world;
  const [status, doctor, page] = await Promise.all([
    runQuietly(home, './operator', ['status', '--env-file', envFile, '--json']),
    runQuietly(home, './operator', ['doctor', '--env-file', envFile]),
    fetchText(pageUrl),
  ]);
  const { differences, observation }: StatusResult = JSON.parse(status.stdout);
  const drift = differences.filter(({ severity }) => severity !== 'note');
  const expected = drift.length === 0 ? 0 : DRIFT;
  // With --json the screen is on stderr.
  const screen = flatten(status.stderr);
  const shown = flatten(doctor.stdout);
  const read = flatten(textOf(page));
  expectEqual(`exit code of status, which says: ${screen}`, status.exitCode, expected);
  expectEqual(`exit code of doctor, which says: ${shown}${doctor.stderr}`, doctor.exitCode, expected);
  for (const { where, what, remedy } of drift) {
    expectContains('the screen of status', screen, `${where}: ${what} → ${remedy}`);
    expectContains('doctor', shown, `✗ ${where}: ${what} → ${remedy}`);
    expectContains('the page', read, `${where}: ${what}`);
    expectContains('the page', read, remedy);
  }
  const verdict =
    drift.length === 0
      ? 'Everything that was asked is as it should be'
      : `${drift.length} difference${drift.length > 1 ? 's' : ''} to be mended`;
  expectContains('the screen of status', screen, verdict);
  expectContains('the page', read, verdict);
  expectContains('doctor', shown, `${drift.length} failed`);
  return { drift, screen: status.stderr, runTwice: observation.runTwice };
}

function expectContains(who: string, text: string, part: string): void {
  if (!text.includes(part)) throw new Error(`${who} does not say “${part}”:\n${text}`);
}

/** Lines are broken differently by each. */
function flatten(text: string): string {
  return text.replace(/\s+/g, ' ');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/** What a browser shows of a page, about. */
function textOf(page: string): string {
  return page
    .replace(/<[^>]*>/g, '')
    .replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? '');
}
