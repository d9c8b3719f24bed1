/** A line of a recorded screen that stands for others which are left out. */
const LEFT_OUT = '…';

/** What is another each time, and what takes its place on both sides. */
const CHANGING: readonly (readonly [RegExp, string])[] = [
  [/seen \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, 'seen TIME'],
  [/\d+ (?:s|min|h|days?) ago/g, 'AGE'],
  [/\d+ ms\b/g, 'LATENCY'],
  [/(block|epoch) [\d,]+/g, '$1 NUMBER'],
  [/PostgreSQL [\d.]+/g, 'PostgreSQL VERSION'],
  [/0x[0-9a-f]{8}…/g, 'KEY'],
  [/0x[0-9a-fA-F]{4}…[0-9a-fA-F]{4}/g, 'ADDRESS'],
  [/by \S+@\S+ /g, 'by ACTOR '],
  [/keys? on \S+ written/g, 'keys on HOST written'],
  [/ on (?:mainnet|devnet) /g, ' on NETWORK '],
  // What each task of the operator did last, and when.
  [/running .*? lease: .*? leads/g, 'running TASKS leads'],
  [/[\d.]+ ETH last tx .*? (?=!|✗|·|\d+ diff|Every)/g, 'ETHER '],
];

function withoutChanging(screen: string): string {
  const line = screen.replace(/\s+/g, ' ').trim();
  return CHANGING.reduce((text, [pattern, word]) => text.replace(pattern, word), line);
}

/**
 * The stretches of a screen in a page that the program does not show now.
 * @param recorded - the screen in the page; a line of `…` stands for any others
 * @param shown - what the program shows, with the page's own names in place of addresses
 */
export function faultsOfScreen(recorded: string, shown: string): string[] {
  const now = withoutChanging(shown);
  const stretches = recorded.split(new RegExp(`^ *${LEFT_OUT}$`, 'm')).map(withoutChanging);
  let from = 0;
  return stretches.flatMap(stretch => {
    const at = now.indexOf(stretch, from);
    if (at >= 0) from = at + stretch.length;
    return at >= 0 ? [] : [`not shown from here on: ${notFound(stretch, now)}`];
  });
}

/** A stretch from the first word on up to which it is not shown. */
function notFound(stretch: string, now: string): string {
  const words = stretch.split(' ');
  const shown = words.findLastIndex((_, last) => now.includes(words.slice(0, last).join(' ')));
  return words.slice(Math.max(0, shown - 1)).join(' ');
}
