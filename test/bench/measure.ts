import { resourceUsage } from 'node:process';

/** What a piece of work took. CPU is that of all threads of the process; the peak is the process's, start-up included. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
}

/** Does the work and measures it. What comes before in the process, and the check that follows, cost nothing here. */
export async function measure<T>(work: () => T | Promise<T>): Promise<{ cost: Cost; value: T }> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const value = await work();
  const wallMs = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  return { value, cost: { wallMs, cpuMs: (user + system) / 1000, peakMb: peakMb() } };
}

/** Largest resident size of this process so far. */
function peakMb(): number {
  return resourceUsage().maxRSS / 1024;
}

/** Stops the bench when a result is not what it has to be: a figure of wrong results is worth nothing. */
export function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`wrong result: ${what}`);
}
