// Entry of the signer that spawn-signer.ts starts. Run without it, there is no pipe to read from, and it ends.
import { once } from 'node:events';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { EXIT, ExternalError, messageOf, OperatorError, stackOf } from '../lib/errors.ts';
import { guardMemory } from '../lib/guard-memory.ts';
import { createLogger, createServiceLogger, type Logger } from '../lib/logger.ts';
import { reportProgress } from '../signer-process/relayed-progress.ts';
import { ORDERS_FD, type SignerOrders, type SignerReport } from '../signer-process/signer-orders.ts';
import { openSigner, untilStopped } from './signer.ts';

guardMemory();
const pipe = new Socket({ fd: ORDERS_FD });
const parentGone = new AbortController();
pipe.on('error', () => parentGone.abort()).on('close', () => parentGone.abort());
// Ctrl-C reaches both processes; the parent may still need signatures to end what it does.
process.on('SIGINT', () => undefined);
// The command line that ps shows holds nothing but this file.
process.title = 'stakewise-signer';

await run().catch((error: unknown) => {
  const known = error instanceof OperatorError;
  if (!known) process.stderr.write(`${stackOf(error)}\n`);
  const { code, hint, exitCode } = known
    ? error
    : { code: 'internal-error', hint: undefined, exitCode: EXIT.bug };
  const retryable = error instanceof ExternalError && error.retryable;
  tell({ error: { code, message: messageOf(error), hint, exitCode, retryable } });
  process.exitCode = exitCode;
});
pipe.end();
pipe.destroySoon();

async function run(): Promise<void> {
  const { settings, logLevel, logFormat } = await readOrders();
  const log = openLog(logLevel, logFormat);
  const warn = (line: string) => log.warn(line);
  const progress = reportProgress(report => tell({ progress: report }));
  await using signer = await openSigner(settings, { log, warn, progress });
  const stopped = untilStopped(['SIGTERM'], parentGone.signal);
  tell({ ready: { keys: signer.keyCount, wallet: signer.walletAddress } });
  await stopped;
}

function openLog(level: SignerOrders['logLevel'], format: SignerOrders['logFormat']): Logger {
  if (format === undefined) return createLogger(level);
  const scrub = (line: string) => line;
  return createServiceLogger({ level, format, scrub }).child({ task: 'signer' });
}

async function readOrders(): Promise<SignerOrders> {
  const lines = createInterface({ input: pipe });
  lines.on('error', () => parentGone.abort());
  const [line] = await once(lines, 'line', { signal: parentGone.signal });
  // The interface would pause the pipe, and its end would go unnoticed.
  lines.close();
  pipe.resume();
  return JSON.parse(String(line)) as SignerOrders;
}

function tell(report: SignerReport): void {
  pipe.write(`${JSON.stringify(report)}\n`);
}
