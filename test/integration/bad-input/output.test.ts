import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { describe, expect } from 'vitest';
import {
  type BadCase,
  encryptKey,
  expectRefusal,
  observe,
  remoteDb,
  runInScene,
  type Scene,
  withScene,
} from '../../support/scenes/bad-input/scene.ts';
import { itInWorkshop, setupValidator } from '../../support/scenes/bad-input/workshop.ts';

const it = itInWorkshop('planned');

const WRITERS: Readonly<Record<string, (scene: Scene, directory: string) => readonly string[]>> = {
  'setup-web3signer': (scene, directory) =>
    remoteDb(scene, 'setup-web3signer', ...encryptKey(scene), '--output-dir', directory),
  'setup-web3signer --layout one-per-key': (scene, directory) =>
    remoteDb(
      scene,
      'setup-web3signer',
      ...encryptKey(scene),
      '--layout',
      'one-per-key',
      '--output-dir',
      directory,
    ),
  'setup-validator': (scene, directory) => remoteDb(scene, ...setupValidator(0, directory)),
  'setup-operator': (scene, directory) => remoteDb(scene, 'setup-operator', '--output-dir', directory),
};

const CASES: BadCase[] = Object.entries(WRITERS).flatMap(([name, args]): BadCase[] => [
  {
    name: `${name} below a file`,
    args: scene => args(scene, scene.path('network.json', 'below')),
    exitCode: 1,
    code: 'not-a-directory',
    message: /^\{folder\}\/network\.json\/below.* is a file or lies below one, expected a directory\.$/,
  },
  {
    name: `${name} into a file`,
    args: scene => args(scene, scene.path('network.json')),
    exitCode: 2,
    code: 'not-a-directory',
    message: "Invalid value for '--output-dir': Directory '{folder}/network.json' is a file.",
  },
  {
    name: `${name} into a directory of somebody else`,
    args: scene => args(scene, scene.path('output')),
    arrange: scene => {
      share(scene);
      mkdirSync(scene.path('output'), { mode: 0o555 });
    },
    isUnprivileged: true,
    exitCode: 1,
    code: 'not-writable',
    message: /^\{folder\}\/output.* is not writable for this user\.$/,
  },
  {
    name: `${name} into a directory that cannot be made`,
    args: scene => args(scene, scene.path('locked', 'output')),
    arrange: scene => {
      share(scene);
      mkdirSync(scene.path('locked'), { mode: 0o555 });
    },
    isUnprivileged: true,
    exitCode: 1,
    code: 'not-writable',
    message: /^\{folder\}\/locked\/output is not writable for this user\.$/,
  },
  {
    name: `${name} through a link that leads nowhere`,
    args: scene => args(scene, scene.path('output')),
    arrange: scene => symlinkSync(scene.path('nowhere', 'at', 'all'), scene.path('output')),
    exitCode: 1,
    code: /^(file-missing|not-a-directory|file-error|file-exists)$/,
    message: /^.*\{folder\}\/output/,
  },
  {
    name: `${name} for an owner that only root can give`,
    args: scene => [...args(scene, scene.path('output')), '--owner', '1234:1234'],
    arrange: scene => {
      share(scene);
      mkdirSync(scene.path('output'));
      chmodSync(scene.path('output'), 0o777);
    },
    isUnprivileged: true,
    exitCode: 1,
    code: 'not-writable',
    message: /^\{folder\}\/output.* is not writable for this user\.$/,
  },
  {
    name: `${name} with a mode that locks its owner out`,
    args: scene => [...args(scene, scene.path('output')), '--file-mode', '0044'],
    exitCode: 2,
    code: 'invalid-file-mode',
    message: "Invalid value for '--file-mode': File mode 0044 would lock out the owner of the files.",
  },
]);

/** What the command itself must read as another user. */
function share(scene: Scene): void {
  for (const name of ['db-url', 'encrypt-key']) chmodSync(scene.path(name), 0o644);
}

/** Makes the disk full while the command writes: by a mount of its own, else by a limit on the size of files. */
const CAN_MOUNT = spawnSync('unshare', ['--mount', 'true']).status === 0;

describe('a directory that cannot be written', () => {
  it.for(CASES)(
    'a command whose output cannot be written as asked says so and writes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, { ...bad, state: 'planned' }),
  );
});

describe('a disk that is full half-way', () => {
  it.for(Object.entries(WRITERS))(
    '%s leaves its directory as it was when the disk is full half-way',
    async ([, args], { workshop }) => {
      await withScene(workshop, 'planned', async scene => {
        const directory = scene.path('small');
        mkdirSync(directory);
        let wrapper: string[] = [];
        if (CAN_MOUNT) {
          const mount = ['-t', 'tmpfs', '-o', 'size=12k', 'tmpfs', directory];
          expect(spawnSync('mount', mount).status).toBe(0);
          scene.defer(() => spawnSync('umount', [directory]));
        } else {
          process.stderr.write(
            'no right to mount: the full disk is played by a limit on the size of files\n',
          );
          wrapper = ['sh', '-c', 'trap "" XFSZ; ulimit -f 0; exec "$@"', 'sh'];
        }
        // One file is there already: it stays as it is.
        scene.write(scene.path('small', 'old.txt'), 'x'.repeat(5000));
        const before = await observe(scene);
        const run = await runInScene(scene, [...args(scene, directory), '--json'], {
          program: 'v3-operator',
          wrapper,
        });
        // The record of a directory's own key files is written before them, and names no key.
        const after = await observe(scene);
        for (const path of Object.keys(after.files))
          if (path.endsWith('.key-files')) delete after.files[path];
        expect(after, run.stderr).toEqual(before);
        expect(run.exitCode, run.stderr).toBe(1);
        if (CAN_MOUNT) expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'disk-full' } });
        expect(run.stderr).toContain(directory);
      });
    },
  );
});
