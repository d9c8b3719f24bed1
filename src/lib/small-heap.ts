import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from growing the part of its heap in which objects are made, in this thread and in those that are started later. For
 * commands that read in pages: what they make lives no longer than a page, and the memory would hold its garbage.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Does that, and has the other part of the heap collected when it has doubled. By default it grows almost threefold: 65 MB of
 * garbage beside 38 MB that live, while threads verify the deposits of 150,000 keys. A quarter instead of twice as much saves no
 * more memory, and takes a fifth more CPU (measured).
 */
export function keepHeapSmall(): void {
  keepYoungGenerationSmall();
  setFlagsFromString('--heap-growing-percent=100');
}
