import { TABLE_GRANTS, type TableGrant } from './table-grants.ts';

/**
 * What to do about a right that is missing, from the server's message: which of the roles have rights on that table.
 */
export function hintOfMissingRight(message: string): string {
  if (/must be owner|permission denied for database/.test(message))
    return 'Connect with the role that owns the tables of this program, or is to own them.';
  const table = /permission denied for table "?(\w+)/.exec(message)?.[1];
  const grant = Object.entries(TABLE_GRANTS).find(([name]) => name === table)?.[1];
  const who = grant === undefined ? '' : ` There, ${describe(grant)}.`;
  return (
    'Use the role of "remote-db grants" that this command needs (docs/databases.md), or run its SQL again: ' +
    `"remote-db migrate" adds tables.${who}`
  );
}

function describe({ read, write }: TableGrant): string {
  const writers = Object.keys(write ?? {});
  return `${listOr(read)} may read this table, and ${listOr(writers)} may change it`;
}

function listOr(roles: readonly string[]): string {
  if (roles.length === 0) return 'only its owner';
  return roles.length === 1 ? String(roles[0]) : `${roles.slice(0, -1).join(', ')} and ${roles.at(-1)}`;
}
