/** Compares paths such as m/12381/3600/5/0/0 (EIP-2334) by their numbers, so that 10 comes after 9. */
export function compareNumberedPaths(a: string, b: string): number {
  const [left, right] = [a, b].map(path => path.split('/').map(Number)) as [number[], number[]];
  for (const [place, number] of left.entries()) {
    const difference = number - (right[place] ?? -1);
    if (difference !== 0 && Number.isFinite(difference)) return difference;
  }
  return left.length - right.length;
}
