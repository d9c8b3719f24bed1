import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from growing the part of the heap in which objects are made, in this thread and in those that are started later. For
 * commands that read in pages: what they make lives no longer than a page, and the memory would hold its garbage.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
