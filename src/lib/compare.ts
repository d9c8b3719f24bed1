/** Order of two whole numbers of any size, the smaller first. For `Array.sort`. */
export function compareBigints(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
