import { type Logger, pino } from 'pino';

export type { Logger };

/** Field names whose values never reach a log line, wherever they stand in the logged object. */
const SECRET_FIELDS = [
  'mnemonic',
  'password',
  'secretKey',
  'privateKey',
  'encryptKey',
  'encryptionKey',
  'dbUrl',
  'token',
];

/** Logger for diagnostics on stderr; results go to stdout and are not logged. */
export function createLogger(level: 'debug' | 'info' | 'warn'): Logger {
  return pino(
    { level, base: null, redact: SECRET_FIELDS.flatMap(field => [field, `*.${field}`]) },
    pino.destination({ dest: 2, sync: true }),
  );
}
