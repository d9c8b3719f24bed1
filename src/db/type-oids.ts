// Numbers of Postgres' types, as its catalogue pg_type has them.

export const BIGINT = 20;
export const BYTEA = 17;

/** Whole numbers only in this schema: amounts in wei. */
export const NUMERIC = 1700;
