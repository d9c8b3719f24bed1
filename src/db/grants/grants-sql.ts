import pg from 'pg';
import type { ErrorCodeOf } from '../../lib/error-codes.ts';
import { UsageError } from '../../lib/errors.ts';
import { oneLine } from '../../lib/foreign-text.ts';
import { ROLES, type Role, TABLE_GRANTS, type WriteGrant } from './table-grants.ts';

/** Names of the database's roles that play the five parts. */
export type RoleNames = Readonly<Record<Role, string>>;

/** Postgres cuts a longer name off without a word: two roles could be one. */
const MAX_IDENTIFIER_BYTES = 63;

/**
 * SQL with the rights of every role on the tables, for the owner of the tables or a superuser. It can be run again at any
 * time, as one transaction: whatever else the roles or PUBLIC were granted on the schema is taken away. Roles that are
 * missing are made, without password and login. It stops when a role could help itself to more: as the owner of the tables or
 * a member of the owner, as a superuser, or as one that may make roles.
 * @throws UsageError 'invalid-role-name', 'invalid-db-schema'
 */
export function grantsSql({ schema, roles }: { readonly schema: string; readonly roles: RoleNames }): string {
  assertIdentifier(schema, 'invalid-db-schema', 'schema');
  for (const role of ROLES) assertRoleName(roles[role], role);
  const names = [...new Set(ROLES.map(role => roles[role]))];
  return `${[
    'begin;',
    // Run by whoever owns everything: nothing that others have made in "public" may be taken for the system's own.
    'set local search_path = pg_catalog;',
    createRoles(names),
    refusePowerfulRoles(schema, names),
    ...revokeAll(schema, names),
    `grant usage on schema ${quote(schema)} to ${names.map(quote).join(', ')};`,
    ...Object.entries(TABLE_GRANTS).flatMap(([table, { read, write }]) => {
      const target = `${quote(schema)}.${quote(table)}`;
      return [
        ...(read.length === 0 ? [] : [`grant select on ${target} to ${listNames(read, roles)};`]),
        ...ROLES.flatMap(role => {
          const grant = write?.[role];
          return grant === undefined
            ? []
            : [`grant ${describeWrite(grant)} on ${target} to ${quote(roles[role])};`];
        }),
      ];
    }),
    'commit;',
  ].join('\n')}\n`;
}

function listNames(some: readonly Role[], roles: RoleNames): string {
  return [...new Set(some.map(role => roles[role]))].map(quote).join(', ');
}

function describeWrite({ insert, update, delete: mayDelete }: WriteGrant): string {
  const columns = (names: readonly string[]) => names.map(quote).join(', ');
  return [
    insert && `insert (${columns(insert)})`,
    update && `update (${columns(update)})`,
    mayDelete && 'delete',
  ]
    .filter(Boolean)
    .join(', ');
}

function createRoles(names: readonly string[]): string {
  return block(`declare
  name text;
begin
  foreach name in array ${literals(names)} loop
    if not exists (select from pg_catalog.pg_roles where rolname = name) then
      execute pg_catalog.format('create role %I nologin', name);
    end if;
  end loop;
end`);
}

/** Rights of these roles reach every table, file or program of the server. */
const POWERFUL_ROLES = [
  'pg_read_all_data',
  'pg_write_all_data',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
];

/** Grants hold nobody back who owns a table or a trigger's function, or can become their owner. */
function refusePowerfulRoles(schema: string, names: readonly string[]): string {
  const owns = (catalog: string, namespace: string, owner: string) => `exists (
        select from pg_catalog.${catalog} o join pg_catalog.pg_namespace n on n.oid = o.${namespace}
        where n.nspname = ${pg.escapeLiteral(schema)} and pg_catalog.pg_has_role(r.oid, o.${owner}, 'member'))`;
  return block(`declare
  culprit text;
begin
  select r.rolname into culprit
  from pg_catalog.pg_roles r
  where r.rolname = any (${literals(names)})
    and (r.rolsuper or r.rolcreaterole
      or exists (
        select from pg_catalog.pg_namespace n
        where n.nspname = ${pg.escapeLiteral(schema)} and pg_catalog.pg_has_role(r.oid, n.nspowner, 'member'))
      or ${owns('pg_class', 'relnamespace', 'relowner')}
      or ${owns('pg_proc', 'pronamespace', 'proowner')}
      or exists (
        select from pg_catalog.pg_database d
        where d.datname = pg_catalog.current_database() and pg_catalog.pg_has_role(r.oid, d.datdba, 'member'))
      or exists (
        select from pg_catalog.pg_roles p
        where p.rolname = any (${literals(POWERFUL_ROLES)}) and pg_catalog.pg_has_role(r.oid, p.oid, 'member')))
  limit 1;
  if culprit is not null then
    raise exception 'grants would not hold role "%": it owns the database or the tables, may become their owner, or has rights of the whole server', culprit
      using hint = 'Name a role of its own for each part; the one that owns the tables is for migrations only.';
  end if;
end`);
}

function revokeAll(schema: string, names: readonly string[]): string[] {
  const from = `from public, ${names.map(quote).join(', ')}`;
  const place = quote(schema);
  return [
    `revoke all on schema ${place} ${from};`,
    `revoke all on all tables in schema ${place} ${from};`,
    `revoke all on all sequences in schema ${place} ${from};`,
    `revoke all on all routines in schema ${place} ${from};`,
  ];
}

/** An anonymous block whose delimiter occurs in none of the names. */
function block(body: string): string {
  let delimiter = '$grants$';
  for (let number = 1; body.includes(delimiter); number++) delimiter = `$grants${number}$`;
  return `do ${delimiter}\n${body}\n${delimiter};`;
}

function literals(names: readonly string[]): string {
  return `array[${names.map(name => pg.escapeLiteral(name)).join(', ')}]::text[]`;
}

function quote(name: string): string {
  return pg.escapeIdentifier(name);
}

function assertRoleName(name: string, role: Role): void {
  assertIdentifier(name, 'invalid-role-name', `role (${role})`);
  if (!/^(public|none|pg_.*)$/.test(name)) return;
  throw new UsageError(
    'invalid-role-name',
    `The name "${name}" of the ${role} role is one of Postgres' own.`,
  );
}

function assertIdentifier(name: string, code: ErrorCodeOf<'usage'>, what: string): void {
  const length = Buffer.byteLength(name);
  if (length > 0 && length <= MAX_IDENTIFIER_BYTES && oneLine(name) === name) return;
  throw new UsageError(
    code,
    `Invalid name of the ${what}: Postgres takes 1 to ${MAX_IDENTIFIER_BYTES} bytes, and here none that do not show.`,
  );
}
