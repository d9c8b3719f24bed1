import { UsageError } from '../../lib/errors.ts';
import type { StatusPageSettings } from '../../settings/fleet-settings.ts';
import { defaulted, flag, optional, type Resolved, repeated } from '../options/option.ts';
import { text } from '../options/value-kinds.ts';
import { port } from './probes.ts';

const PLACE_OPTIONS = {
  statusHost: defaulted(() => '127.0.0.1', {
    description:
      'Where the status page is served. Whoever reaches it can read it. Default is 127.0.0.1, for this machine alone.',
    env: 'STATUS_HOST',
    value: text,
  }),
  statusHostAllowlist: repeated({
    description:
      'Further names in Host headers that the status page answers; * for all. Default is localhost, the name of --status-host, and every address.',
    env: 'STATUS_HOST_ALLOWLIST',
    value: text,
  }),
} as const;

/** The page beside a running operator: none unless a port is given. */
export const START_PAGE_OPTIONS = {
  statusPort: optional({
    description: 'Port of the status page: the fleet as one page for browsers. Default is none.',
    env: 'STATUS_PORT',
    value: port,
  }),
  ...PLACE_OPTIONS,
} as const;

/** The page of `status` itself. */
export const SERVE_OPTIONS = {
  serve: flag({ description: 'Serves the fleet as one page for browsers until Ctrl-C.' }),
  statusPort: defaulted(() => '9102', {
    description: 'Port of the page of --serve. Default is 9102.',
    env: 'STATUS_PORT',
    value: port,
  }),
  ...PLACE_OPTIONS,
} as const;

/** What the composition is told of the page. @param intervalMs - time from one look to the next */
export function statusPageSettings(
  { statusHost: host, statusHostAllowlist: hosts }: Resolved<typeof PLACE_OPTIONS>,
  place: { readonly port: number; readonly intervalMs: number },
): StatusPageSettings {
  return { host, hosts, ...place };
}

/** @throws UsageError for options that do not go together */
export function checkServe(given: { readonly serve: boolean; readonly watch: boolean }): void {
  if (given.serve && given.watch)
    throw new UsageError(
      'contradiction',
      '--watch draws a screen, and --serve serves a page. Give one of them.',
    );
}
