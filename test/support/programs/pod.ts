import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountSecret } from '../scenes/secret-volume.ts';
import { PROJECT_ROOT } from './cli.ts';

/** Who a container runs as, and what a kubelet has mounted for it. */
export interface PodUser {
  readonly uid: number;
  /** `fsGroup` of the pod: every volume is given to this group, and every process has it. */
  readonly fsGroup: number;
}

/** Every Linux has it, and nobody's files are in it. */
const MOUNT_POINT = '/mnt';
/** Gives the checkout at a place that every user can enter, and makes secrets what a kubelet's mounts are. */
const SCRIPT = `mount --bind "$1" "$2" && cd "$2" && shift 2
while [ "$1" != -- ]; do mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit; shift; done
shift
exec "$@"`;

/**
 * The command line that runs a command as a container of a pod: with its user, its groups, and secrets on read-only mounts.
 * @param secrets - directories of secret volumes
 */
export function inPod(
  { uid, fsGroup }: PodUser,
  secrets: readonly string[],
  command: readonly string[],
): [string, ...string[]] {
  const within = command.map(word => word.replaceAll(PROJECT_ROOT, MOUNT_POINT));
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, `--groups=${fsGroup}`, '--no-new-privs'];
  const mounts = [PROJECT_ROOT, MOUNT_POINT, ...secrets, '--'];
  return ['unshare', '--mount', '--', 'sh', '-c', SCRIPT, 'sh', ...mounts, ...user, '--', ...within];
}

/** A secret volume as a kubelet makes it: root's files, 0640 for the pod's group, which nobody in the pod can change. */
export function mountPodSecret(
  directory: string,
  { fsGroup }: PodUser,
  files: Readonly<Record<string, string>>,
): void {
  mkdirSync(directory, { recursive: true });
  mountSecret(directory, files);
  give(directory, 0, fsGroup);
}

/** An emptyDir as a kubelet makes it: open to the pod's group, which all that is made in it is given to. */
export function makeEmptyDir(directory: string, { fsGroup }: PodUser): void {
  mkdirSync(directory, { recursive: true });
  chownSync(directory, 0, fsGroup);
  chmodSync(directory, 0o2777);
}

/** What an init container's `chown -R` does. Links are left alone. */
export function give(directory: string, uid: number, gid: number): void {
  for (const name of ['.', ...readdirSync(directory, { recursive: true }).map(String)]) {
    const path = join(directory, name);
    if (!lstatSync(path).isSymbolicLink()) chownSync(path, uid, gid);
  }
}
