import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from growing its heap, in this thread and in those that are started later. For commands that read in pages: what they
 * make lives no longer than a page, and the memory would hold its garbage. The part of the heap in which objects are made stays
 * as it is at first; the other part is collected when it has doubled, where by default it grows almost threefold: 65 MB of garbage
 * beside 38 MB that live, while threads verify the deposits of 150,000 keys. A quarter instead of twice as much saves no more
 * memory, and takes a fifth more CPU (measured).
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=100');
}
