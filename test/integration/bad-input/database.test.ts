import { randomBytes } from 'node:crypto';
import { describe } from 'vitest';
import { freePort } from '../../devnet/listen.ts';
import { databaseUrl, roleUrl, runSql } from '../../support/postgres/postgres.ts';
import {
  type BadCase,
  encryptKey,
  expectRefusal,
  inState,
  remoteDb,
  type Scene,
  upload,
} from '../../support/scenes/bad-input/scene.ts';
import { type DatabaseState, itInWorkshop, setupValidator } from '../../support/scenes/bad-input/workshop.ts';

const it = itInWorkshop('planned', { keys: 2 });

const PASSWORD = 'correct-horse-battery-staple';
type Arguments = (scene: Scene) => readonly string[];

const setupWeb3Signer: Arguments = scene =>
  remoteDb(scene, 'setup-web3signer', ...encryptKey(scene), '--output-dir', scene.path('keys'));
const verify: Arguments = scene => remoteDb(scene, 'verify', ...encryptKey(scene));
const validator: Arguments = scene => remoteDb(scene, ...setupValidator(0, scene.path('validator0')));
const operator: Arguments = scene =>
  remoteDb(scene, 'setup-operator', '--output-dir', scene.path('operator'));
const cleanup: Arguments = scene => remoteDb(scene, 'cleanup', '--yes');
const assign: Arguments = scene => remoteDb(scene, 'assign', '--total-validators', '2');

const ALL: Readonly<Record<string, Arguments>> = {
  'setup-web3signer': setupWeb3Signer,
  verify,
  'setup-validator': validator,
  'setup-operator': operator,
  cleanup,
  assign,
  'upload-keypairs': scene => upload(scene),
};

/** How far the database has to be for a command to reach what it may not do. */
function stateFor(command: string): DatabaseState {
  if (command === 'assign' || command.includes('without a plan')) return 'uploaded';
  return command === 'upload-keypairs' ? 'set-up' : 'planned';
}

const CONNECTION: BadCase[] = [
  {
    name: 'a server that is not there',
    args: operator,
    arrange: async scene => {
      const url = new URL(scene.url);
      url.port = String(await freePort());
      url.password = PASSWORD;
      scene.write(scene.path('db-url'), url.href);
      return [PASSWORD];
    },
    exitCode: 1,
    code: 'db-unreachable',
    message:
      /^failed to connect to the database server with provided URL\.\nDetails: connection to server at "127\.0\.0\.1", port \d+ failed: Connection refused\n\tIs the server running on that host and accepting TCP\/IP connections\?\n$/,
  },
  {
    name: 'a host name that does not exist',
    args: operator,
    arrange: scene => {
      scene.write(scene.path('db-url'), `postgresql://postgres:${PASSWORD}@no-such-host.invalid/db`);
      return [PASSWORD];
    },
    exitCode: 1,
    code: 'db-unreachable',
    message: /could not translate host name "no-such-host\.invalid" to address: /,
  },
  {
    name: 'the wrong password',
    args: operator,
    arrange: scene => {
      const url = new URL(scene.url);
      url.password = PASSWORD;
      scene.write(scene.path('db-url'), url.href);
      return [PASSWORD];
    },
    exitCode: 1,
    code: 'db-auth-failed',
    message:
      /^failed to connect to the database server with provided URL\.\nDetails: connection to server at "127\.0\.0\.1", port \{port\} failed: FATAL: {2}password authentication failed for user "postgres"\n$/,
  },
  {
    name: 'a database that does not exist',
    args: operator,
    arrange: scene => scene.write(scene.path('db-url'), databaseUrl(scene.url, 'no_such_database')),
    exitCode: 1,
    code: 'db-not-found',
    message: /FATAL: {2}database "no_such_database" does not exist/,
  },
  {
    name: 'text that is no database URL',
    args: operator,
    arrange: scene => {
      scene.write(scene.path('db-url'), `mysql://root:${PASSWORD}@localhost/db`);
      return [PASSWORD];
    },
    exitCode: 2,
    code: 'invalid-db-url',
    message: /^(Invalid value for '--db-url(-file)?': )?Invalid database connection string$/,
  },
];

const SCHEMA: BadCase[] = [
  ...Object.entries(ALL).map(
    ([name, args]): BadCase => ({
      name: `${name} on a database without tables`,
      state: 'empty',
      args,
      exitCode: 1,
      code: 'db-schema-missing',
      message: 'The database has no tables of this program in schema "stakewise_operator".',
    }),
  ),
  {
    name: 'another --db-schema',
    args: scene => [...operator(scene), '--db-schema', 'elsewhere'],
    exitCode: 1,
    code: 'db-schema-missing',
    message: 'The database has no tables of this program in schema "elsewhere".',
  },
  {
    name: 'a schema of a program to come',
    args: setupWeb3Signer,
    arrange: scene =>
      runSql(
        scene.url,
        `insert into stakewise_operator.schema_steps (name, oldest_program) values ('0099-future', '99.0.0')`,
      ),
    exitCode: 1,
    code: 'program-too-old',
    message:
      /^The database schema "stakewise_operator" needs version 99\.0\.0 of this program or newer \(step 0099-future\); this is /,
  },
  {
    name: 'a schema of an earlier program',
    args: setupWeb3Signer,
    arrange: scene => runSql(scene.url, 'truncate stakewise_operator.schema_steps'),
    exitCode: 1,
    code: /^db-schema-(missing|too-old)$/,
    message: /schema "stakewise_operator"/,
  },
  {
    name: 'setup, where there are keypairs',
    args: scene => remoteDb(scene, 'setup'),
    exitCode: 1,
    code: 'remote-db-not-empty',
    message: 'the remote database is not empty. Please clean up with "cleanup" command first.',
  },
];

const ROLES: BadCase[] = [
  ...Object.entries({
    cleanup,
    'setup-validator without a plan': validator,
    assign,
    'upload-keypairs': ALL['upload-keypairs'] ?? cleanup,
  }).map(
    ([name, args]): BadCase => ({
      name: `${name} with a role that may only read`,
      state: stateFor(name),
      args,
      arrange: scene => useRole(scene, 'grant select on all tables in schema stakewise_operator to'),
      exitCode: 1,
      code: 'db-permission-denied',
      message:
        /^Role "reader_[0-9a-f]+" lacks a right in database "\{database\}" at "127\.0\.0\.1", port \{port\}: permission denied for table [a-z_]+\.$/,
    }),
  ),
  ...Object.entries({ cleanup, assign, 'upload-keypairs': ALL['upload-keypairs'] ?? cleanup }).map(
    ([name, args]): BadCase => ({
      name: `${name} on a database that is read-only`,
      state: stateFor(name),
      args,
      arrange: async scene => {
        await runSql(
          scene.url,
          `alter database ${new URL(scene.url).pathname.slice(1)} set default_transaction_read_only = on`,
        );
      },
      exitCode: 1,
      code: 'db-read-only',
      message: 'Database "{database}" at "127.0.0.1", port {port} is read-only for role "postgres".',
    }),
  ),
  {
    name: 'setup-web3signer with a role that may not see secrets',
    args: setupWeb3Signer,
    arrange: scene =>
      useRole(
        scene,
        'revoke all on stakewise_operator.key_secrets from public; grant select on stakewise_operator.vaults, stakewise_operator.data_keys, stakewise_operator.keypairs, stakewise_operator.key_shares, stakewise_operator.schema_steps to',
      ),
    exitCode: 1,
    code: 'db-permission-denied',
    message: /^Role "reader_[0-9a-f]+" lacks a right in database .*: permission denied for table [a-z_]+\.$/,
  },
  {
    name: 'setup-operator with a role that has no right at all',
    args: operator,
    arrange: scene => useRole(scene, ''),
    exitCode: 1,
    code: /^db-(permission-denied|schema-missing)$/,
    message: /stakewise_operator/,
  },
];

const wrongKey =
  (text: string, isFile = true) =>
  (scene: Scene) => {
    if (isFile) scene.write(scene.path('encrypt-key'), `${text}\n`);
    return text === '' ? [] : [text];
  };
const KEYED: Readonly<Record<string, Arguments>> = {
  'upload-keypairs': ALL['upload-keypairs'] ?? verify,
  'setup-web3signer': setupWeb3Signer,
  verify,
  'setup --if-needed': scene => remoteDb(scene, 'setup', '--if-needed', ...encryptKey(scene)),
};
const KEYS: Readonly<Record<string, string>> = {
  'of 31 bytes': randomBytes(31).toString('base64'),
  'of 33 bytes': randomBytes(33).toString('base64'),
  'that is not base64': '*'.repeat(44),
  'in URL-safe base64': `${Buffer.alloc(32, 0xff).toString('base64url')}=`,
  'of another vault': randomBytes(32).toString('base64'),
};

const ENCRYPTION: BadCase[] = [
  ...Object.entries(KEYED).flatMap(([command, args]) =>
    Object.entries(KEYS).map(
      ([name, key]): BadCase => ({
        name: `${command} with a key ${name}`,
        args,
        arrange: wrongKey(key),
        exitCode: 1,
        code: 'invalid-encryption-key',
        message: 'Invalid encryption key.',
      }),
    ),
  ),
  {
    name: 'setup-web3signer for a vault without keypairs, with the key of another vault',
    state: 'set-up',
    args: setupWeb3Signer,
    arrange: wrongKey(randomBytes(32).toString('base64')),
    exitCode: 1,
    code: 'invalid-encryption-key',
    message: 'Invalid encryption key.',
  },
  {
    name: 'a key file that is not there',
    args: verify,
    arrange: scene => scene.remove(scene.path('encrypt-key')),
    exitCode: 2,
    code: 'file-missing',
    message: "Invalid value for '--encrypt-key-file': {folder}/encrypt-key does not exist.",
  },
  {
    name: 'an empty key file',
    args: verify,
    arrange: wrongKey(''),
    exitCode: 2,
    code: 'empty-secret-file',
    message: "Invalid value for '--encrypt-key-file': {folder}/encrypt-key is empty, expected a secret.",
  },
  {
    name: 'two keys',
    args: scene => [...verify(scene), '--encrypt-key', 'QUFB'],
    exitCode: 2,
    code: 'contradiction',
    message: '--encrypt-key and --encrypt-key-file give different values; use one of them.',
  },
  {
    name: 'setup with a key that is too short',
    state: 'empty',
    args: scene => remoteDb(scene, 'setup', ...encryptKey(scene)),
    arrange: wrongKey(randomBytes(16).toString('base64')),
    exitCode: 1,
    code: 'invalid-encryption-key',
    message: 'Invalid encryption key.',
  },
];

/** The scene's URL becomes that of a new role with these rights. */
async function useRole(scene: Scene, grant: string): Promise<string[]> {
  const role = `reader_${randomBytes(4).toString('hex')}`;
  await runSql(scene.url, `create role ${role} login password '${PASSWORD}'`);
  scene.defer(async () => {
    await runSql(scene.url, `drop owned by ${role}`);
    await runSql(scene.url, `drop role ${role}`);
  });
  if (grant !== '') {
    await runSql(scene.url, `grant usage on schema stakewise_operator to ${role}`);
    for (const statement of grant.split('; ')) {
      await runSql(scene.url, statement.endsWith(' to') ? `${statement} ${role}` : statement);
    }
  }
  scene.write(scene.path('db-url'), roleUrl(scene.url, role, PASSWORD));
  return [PASSWORD];
}

describe('connection', () => {
  it.for(inState('planned', CONNECTION))(
    'a remote-db command that cannot do its work says why and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});

describe('schema', () => {
  it.for(inState('planned', SCHEMA))(
    'a remote-db command that cannot do its work says why and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});

describe('rights', () => {
  it.for(inState('planned', ROLES))(
    'a remote-db command that cannot do its work says why and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});

describe('encryption key', () => {
  it.for(inState('planned', ENCRYPTION))(
    'a remote-db command that cannot do its work says why and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});
