import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CliRun, PROJECT_ROOT, temporaryDirectory } from './cli.ts';
import { runProcess } from './run-process.ts';

interface ContainerRun {
  readonly uid?: number;
  /** Default: the group that the image gives to that user. */
  readonly gid?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Folders and files of this machine, by their places in the container. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** The same, which nothing can be written to: secrets. */
  readonly readOnlyVolumes?: Readonly<Record<string, string>>;
}

/** A container of the image that `scripts/image.sh` has built. */
export interface ImageContainer extends Disposable {
  /** Its entry point, as the image states it. */
  readonly entryPoint: readonly string[];
  readonly healthCheck: readonly string[];
  readonly user: string;
  /** Runs a command in it to its end. */
  runToEnd(command: readonly string[], options?: ContainerRun): Promise<CliRun>;
  /** The command line that runs a command in it. What the command writes last may get lost: see `runToEnd`. */
  run(command: readonly string[], options?: ContainerRun): string[];
  /** The same on a root file system that cannot be written to, with a `/tmp` of its own. */
  runReadOnly(command: readonly string[], options?: ContainerRun): string[];
}

/** Fills a new root with mounts, and becomes a process in it: buildah's own "run" has no read-only root. */
const READ_ONLY = `set -e
root=$1 uid=$2; shift 2
mount --bind "$root" /mnt
mount -t tmpfs none /mnt/tmp
chmod 1777 /mnt/tmp
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "/mnt$2"; else mkdir -p "/mnt$(dirname "$2")" && touch "/mnt$2"; fi
  mount --bind "$1" "/mnt$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "/mnt$2"
  shift 3
done
shift
mount -o remount,bind,ro /mnt
mount --rbind /proc /mnt/proc
mount --rbind /dev /mnt/dev
exec chroot --userspec="$uid:$uid" --groups= /mnt "$@"`;

/**
 * Writes into files of a mounted folder: buildah hands on by itself what a command writes, and does not wait until all of it is through
 * when the command has ended.
 */
const INTO_FILES = 'exec "$@" > /output/stdout 2> /output/stderr';

/** @throws when there is no such image */
export function openImage(): ImageContainer {
  const { version } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));
  const image = `localhost/stakewise-operator:${version}`;
  const buildah = (...args: string[]) => execFileSync('buildah', args, { encoding: 'utf8' }).trim();
  const { config } = JSON.parse(buildah('inspect', '--type', 'image', image)).Docker;
  const container = buildah('from', '--pull-never', image);
  const root = buildah('mount', container);
  const imageEnv = config.Env.map((entry: string) => entry);
  const run: ImageContainer['run'] = (
    command,
    { uid, gid, env = {}, volumes = {}, readOnlyVolumes = {} } = {},
  ) => [
    'buildah',
    'run',
    '--isolation',
    'chroot',
    ...(uid === undefined ? [] : ['--user', gid === undefined ? String(uid) : `${uid}:${gid}`]),
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...Object.entries(volumes).flatMap(([place, folder]) => ['--volume', `${folder}:${place}`]),
    ...Object.entries(readOnlyVolumes).flatMap(([place, folder]) => ['--volume', `${folder}:${place}:ro`]),
    container,
    '--',
    ...command,
  ];
  return {
    entryPoint: config.Entrypoint,
    healthCheck: config.Healthcheck.Test,
    user: config.User,
    run,
    runToEnd: async (command, options = {}) => {
      using output = temporaryDirectory();
      chmodSync(output.path, 0o755);
      const files = ['stdout', 'stderr'].map(name => join(output.path, name));
      for (const file of files) {
        writeFileSync(file, '');
        // Whoever the command is run as.
        chmodSync(file, 0o666);
      }
      const volumes = { ...options.volumes, '/output': output.path };
      const line = run(['sh', '-c', INTO_FILES, 'sh', ...command], { ...options, volumes });
      const { exitCode, stderr: ofBuildah } = await runProcess(line);
      const [stdout = '', stderr = ''] = files.map(file => readFileSync(file, 'utf8'));
      // Of another exit code than 0 buildah has a word of its own.
      return { stdout, stderr: stderr === '' && stdout === '' ? ofBuildah : stderr, exitCode };
    },
    runReadOnly: (command, { uid = 65_534, env = {}, volumes = {}, readOnlyVolumes = {} } = {}) => [
      'unshare',
      '--mount',
      '--',
      'sh',
      '-c',
      READ_ONLY,
      'sh',
      root,
      String(uid),
      ...Object.entries(volumes).flatMap(([place, folder]) => [folder, place, 'rw']),
      ...Object.entries(readOnlyVolumes).flatMap(([place, folder]) => [folder, place, 'ro']),
      '--',
      'env',
      '-i',
      ...imageEnv,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...command,
    ],
    [Symbol.dispose]: () => {
      buildah('umount', container);
      buildah('rm', container);
    },
  };
}

/** The operator that a process has started, at whatever depth: a runtime stands between. */
export function operatorBelow(pid: number): number | undefined {
  const processes = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return [
          {
            pid: Number(name),
            parent: Number(parent),
            name: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')),
          },
        ];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
  const below = new Set([pid]);
  for (const id of below) for (const one of processes) if (one.parent === id) below.add(one.pid);
  return processes.find(one => below.has(one.pid) && /^(v3-)?operator$/.test(one.name))?.pid;
}
