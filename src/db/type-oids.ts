// Numbers of Postgres' types, as its catalogue pg_type has them.

export const BIGINT = 20;
export const BYTEA = 17;
