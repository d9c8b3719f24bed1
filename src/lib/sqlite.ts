/** Loads Node's SQLite when it is needed; some releases of Node 24 say of it that it is experimental, which helps no user. */
export function loadSqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The result code of SQLite, without what its extended form says beyond; undefined for what is no error of it. */
export function sqliteResultOf(error: unknown): number | undefined {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return undefined;
  return error.errcode & 0xff;
}
