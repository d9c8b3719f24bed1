// Loaded by --import into the program that is measured: tells at its end what it used, threads included. Plain
// JavaScript: nothing is to be added to the program's start.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env.BENCH_USAGE_FILE;
if (isMainThread && path !== undefined) {
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    const peakMb = process.resourceUsage().maxRSS / 1024;
    writeFileSync(path, JSON.stringify({ cpuMs: (user + system) / 1000, peakMb }));
  });
}
