// Loaded by --import into the program that is measured: tells at its end what it used, threads included. Plain
// JavaScript: nothing is to be added to the program's start.
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env.BENCH_USAGE_FILE;
if (isMainThread && path !== undefined) {
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    writeFileSync(path, JSON.stringify({ cpuMs: (user + system) / 1000, peakMb: peakKb() / 1024 }));
  });
}

/** What Linux counts for the program itself: its count for the process goes on from whoever started it. */
function peakKb() {
  const { maxRSS } = process.resourceUsage();
  if (process.platform !== 'linux') return maxRSS;
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? maxRSS);
}
