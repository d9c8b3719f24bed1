/**
 * A number with the name of what is counted: `1 key`, `0 keys`, `3 proxies`.
 * @param plural - where it is not the name with an s
 */
export function countOf(count: number | bigint, name: string, plural = `${name}s`): string {
  return `${count} ${Number(count) === 1 ? name : plural}`;
}
