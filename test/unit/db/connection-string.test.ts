import { describe, expect, it } from 'vitest';
import { readConnectionString } from '../../../src/db/connection-string.ts';
import { parseDatabaseUrl, passwordOf } from '../../../src/db/database-url.ts';

describe('readConnectionString', () => {
  it.each<readonly [text: string, parameters: Readonly<Record<string, string>>]>([
    ['postgresql://', {}],
    ['postgresql://h', { host: 'h' }],
    ['postgresql://h:5433/d', { host: 'h', port: '5433', dbname: 'd' }],
    ['postgres://u:p@h/d', { user: 'u', password: 'p', host: 'h', dbname: 'd' }],
    ['postgresql://u:p@a,b:5433/d', { user: 'u', password: 'p', host: 'a,b', port: ',5433', dbname: 'd' }],
    ['postgresql://a:1,b:2,c:3', { host: 'a,b,c', port: '1,2,3' }],
    ['postgresql://[::1],[2001:db8::2]:5433/d', { host: '::1,2001:db8::2', port: ',5433', dbname: 'd' }],
    [
      'postgresql://u:p@/db?host=127.0.0.1,127.0.0.1&port=1,5432',
      { user: 'u', password: 'p', dbname: 'db', host: '127.0.0.1,127.0.0.1', port: '1,5432' },
    ],
    ['postgresql://%2Frun%2Fpostgresql/d', { host: '/run/postgresql', dbname: 'd' }],
    ['postgresql:///d?host=/run/postgresql&user=o', { dbname: 'd', host: '/run/postgresql', user: 'o' }],
    ['postgresql://u:p%40%3A%2F@h/d%2Fe', { user: 'u', password: 'p@:/', host: 'h', dbname: 'd/e' }],
    ['postgresql://u:100%@h/d', { user: 'u', password: '100%', host: 'h', dbname: 'd' }],
    ['postgresql://u:a:b#?%zz@h/d', { user: 'u', password: 'a:b#?%zz', host: 'h', dbname: 'd' }],
    ['postgresql://h/d?password=a+b%20c', { host: 'h', dbname: 'd', password: 'a+b c' }],
    ['postgresql://h/d?sslmode=disable&sslmode=prefer', { host: 'h', dbname: 'd', sslmode: 'prefer' }],
    ['postgresql://h/d?ssl=true', { host: 'h', dbname: 'd', ssl: 'true', sslmode: 'require' }],
    ['host=a,b port=5432,5433 dbname=x', { host: 'a,b', port: '5432,5433', dbname: 'x' }],
    [
      "host = a  user='o p' password = 'it\\'s \\\\ secret'",
      { host: 'a', user: 'o p', password: "it's \\ secret" },
    ],
    ['dbname=x\thost=/run/postgresql\nuser=o', { dbname: 'x', host: '/run/postgresql', user: 'o' }],
    ['host=h password=a\\ b=c', { host: 'h', password: 'a b=c' }],
    ["host=h password=''", { host: 'h', password: '' }],
    ['host=a host=b', { host: 'b' }],
  ])('readConnectionString reads %j', (text, parameters) => {
    expect(Object.fromEntries(readConnectionString(text))).toEqual(parameters);
  });

  it.each([
    '',
    '  ',
    'nonsense',
    'host',
    'host=a dbname',
    "host=a password='open",
    'mysql://user:pass@host/db',
    'postgresql:/host/db',
    'postgresql://user:pass@host:port/db',
    'postgresql://a:1,b:x/db',
  ])('readConnectionString refuses %j, and does not repeat it', text => {
    expect(() => readConnectionString(text)).toThrow(/^Invalid database connection string$/);
  });

  it('readConnectionString names an option that libpq does not know', () => {
    expect(() => readConnectionString('hots=a password=secret')).toThrow(
      'Invalid connection option "hots" in the database connection string.',
    );
  });
});

describe('parseDatabaseUrl', () => {
  const serversOf = (text: string, defaults = {}) => {
    const url = parseDatabaseUrl(text, defaults);
    if (url.kind !== 'postgres') throw new Error('not postgres');
    return url.attempts.map(attempt => {
      const { searchParams } = new URL(attempt.replace('@/', '@host/'));
      return [searchParams.get('host'), searchParams.get('port'), searchParams.get('sslmode')].join(' ');
    });
  };

  it.each([
    ['postgresql://a,b:5433/d?sslmode=require', ['a  require', 'b 5433 require']],
    ['postgresql://a:1,b:2/d', ['a 1 prefer', 'a 1 disable', 'b 2 prefer', 'b 2 disable']],
    ['host=a,b port=5434 dbname=d sslmode=disable', ['a 5434 disable', 'b 5434 disable']],
    ['host=/run/postgresql,b dbname=d sslmode=verify-full', ['/run/postgresql  disable', 'b  verify-full']],
    ['hostaddr=127.0.0.1 port=5432 sslmode=disable', ['127.0.0.1 5432 disable']],
  ])(
    'parseDatabaseUrl tries the hosts of %s in their order, each as its sslmode wants it',
    (text, servers) => {
      expect(serversOf(text)).toEqual(servers);
    },
  );

  it.each([
    ['postgresql://a,b/d?port=1,2,3', 'Could not match 3 port numbers to 2 hosts in the database URL.'],
    ['host=a port=1,2', 'Could not match 2 port numbers to 1 hosts in the database URL.'],
    ['host=a port=70000', 'Invalid port number "70000" in the database URL.'],
    ['host=a,b port=5432,x', 'Invalid port number "x" in the database URL.'],
    [
      'postgresql://a/d?target_session_attrs=readwrite',
      'Invalid target_session_attrs "readwrite" in the database URL.',
    ],
    ['postgresql://a/d?load_balance_hosts=yes', 'Invalid load_balance_hosts "yes" in the database URL.'],
    ['postgresql:///d?service=production', 'The database URL names a service, whose file is not read.'],
  ])('parseDatabaseUrl refuses %s', (text, message) => {
    expect(() => parseDatabaseUrl(text)).toThrow(message);
  });

  it('parseDatabaseUrl takes from variables what the URL leaves out, and nothing else', () => {
    const defaults = { target_session_attrs: 'primary', passfile: '/etc/pgpass' };
    expect(parseDatabaseUrl('postgresql://h/d', defaults)).toMatchObject({
      targetSession: 'primary',
      passwordFile: '/etc/pgpass',
    });
    expect(parseDatabaseUrl('postgresql://h/d?target_session_attrs=any', defaults)).toMatchObject({
      targetSession: 'any',
    });
  });

  it('passwordOf finds the password in every form, and nothing where there is none', () => {
    expect(
      ['postgresql://u:p@a,b/d', 'host=h password=p', 'postgresql://h/d?password=p'].map(passwordOf),
    ).toEqual(['p', 'p', 'p']);
    expect(['pglite:/var/db', 'postgresql://u@h/d', 'host=h'].map(passwordOf)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
