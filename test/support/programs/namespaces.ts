import { spawnSync } from 'node:child_process';
import { PROJECT_ROOT } from './cli.ts';

/** Every Linux has it, and nobody's files are in it. */
const MOUNT_POINT = '/mnt';

/** A container, as far as processes see it: pids of its own, the first of which is 1; and a clock of its own if wanted. */
export function inContainer(
  command: readonly string[],
  options: { readonly monotonicOffsetS?: number } = {},
): [string, ...string[]] {
  const { monotonicOffsetS } = options;
  const time = monotonicOffsetS === undefined ? [] : ['--time', `--monotonic=${monotonicOffsetS}`];
  // A user namespace is what lets others than root make the rest.
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return ['unshare', ...user, '--pid', '--mount-proc', '--kill-child', ...time, '--', ...command];
}

/** @throws when this machine lets nobody make namespaces: then the test shows nothing, and must not pass */
export function requireNamespaces(): void {
  const [program, ...args] = inContainer([process.execPath, '-p', 'process.pid'], { monotonicOffsetS: 9 });
  const { stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (stdout?.trim() === '1') return;
  throw new Error(
    `This test has to start processes in pid and time namespaces of their own, as containers have them, and "unshare" could not: ${error?.message ?? stderr}. Run it as root, or with unprivileged user namespaces allowed.`,
  );
}

/**
 * The command line that runs a command as another user, with no group of ours. The checkout may be in a directory that
 * others cannot enter, so they are given it at another place, which nobody else sees.
 */
export function asUser(uid: number, command: readonly string[]): [string, ...string[]] {
  const within = command.map(word => word.replaceAll(PROJECT_ROOT, MOUNT_POINT));
  const script = 'mount --bind "$1" "$2" && cd / && shift 2 && exec "$@"';
  return [
    'unshare',
    '--mount',
    '--',
    'sh',
    '-c',
    script,
    'sh',
    PROJECT_ROOT,
    MOUNT_POINT,
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${uid}`,
    '--clear-groups',
    '--',
    ...within,
  ];
}

/** @throws when this process cannot become another user */
export function requireOtherUsers(): void {
  const [program, ...args] = asUser(1000, [process.execPath, '-p', 'process.getuid()']);
  const { stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (stdout?.trim() === '1000') return;
  throw new Error(
    `This test has to start processes as another user, and "setpriv" could not: ${error?.message ?? stderr}. Run it as root.`,
  );
}
