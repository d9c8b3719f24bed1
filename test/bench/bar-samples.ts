/** One line of a progress bar, as a terminal got it. */
export interface BarSample {
  readonly atMs: number;
  readonly done: number;
  readonly total: number;
  /** What it says is left; undefined where it says nothing. */
  readonly saidMs: number | undefined;
}

/** Reads the lines of the bar with this label from what a terminal gets piece by piece: a line may come in two of them. */
export function barReader(label: string): (data: string, atMs: number) => BarSample[] {
  // What is drawn ends with an escape sequence, or with the line.
  const line = new RegExp(
    `${label}\\s+\\[[#-]*\\]  (\\d+)/(\\d+)(?:  (\\d+):(\\d\\d):(\\d\\d))?(?=[\\u001b\\r\\n])`,
    'gu',
  );
  let pending = '';
  return (data, atMs) => {
    pending += data;
    const found = [...pending.matchAll(line)];
    const last = found.at(-1);
    if (last !== undefined) pending = pending.slice(last.index + last[0].length);
    return found.map(([, done, total, hours, minutes, seconds]) => ({
      atMs,
      done: Number(done),
      total: Number(total),
      saidMs:
        seconds === undefined
          ? undefined
          : 1_000 * (3_600 * Number(hours) + 60 * Number(minutes) + Number(seconds)),
    }));
  };
}

export interface JudgedBar {
  /** The first line with each number of items, after so many. */
  readonly samples: readonly { readonly done: number; readonly saidMs: number; readonly leftMs: number }[];
  /** How many lines were judged by their share of the time left, and how many of them are right within a fifth. */
  readonly judged: number;
  readonly within: number;
  readonly worstShare: number;
  readonly medianShare: number;
  /** How far off the lines of the last time are at most. */
  readonly worstLastMs: number;
  /** How long each tenth of the items took. */
  readonly paceMs: readonly number[];
}

/** Compares what the lines say is left with when the last item was done. Every line counts, not only the first with a number. */
export function judgeBar(
  lines: readonly BarSample[],
  { after, lastMs }: { readonly after: number; readonly lastMs: number },
): JudgedBar {
  const endMs = lines.find(({ done, total }) => done === total)?.atMs ?? Number.NaN;
  const told = lines.flatMap(({ atMs, done, total, saidMs }) =>
    done < after || done === total || saidMs === undefined ? [] : { done, saidMs, leftMs: endMs - atMs },
  );
  const shares = told
    .filter(({ leftMs }) => leftMs >= lastMs)
    .map(({ saidMs, leftMs }) => Math.abs(saidMs / leftMs - 1))
    .sort((a, b) => a - b);
  const last = told.filter(({ leftMs }) => leftMs < lastMs);
  const total = lines[0]?.total ?? 0;
  const tenths = Array.from({ length: 11 }, (_, tenth) => {
    return lines.find(({ done }) => done >= (tenth * total) / 10)?.atMs ?? endMs;
  });
  return {
    samples: told.filter(({ done }, i) => done !== told[i - 1]?.done),
    judged: shares.length,
    within: shares.filter(share => share <= 0.2).length,
    worstShare: shares.at(-1) ?? 0,
    medianShare: shares[Math.floor(shares.length / 2)] ?? 0,
    worstLastMs: last.reduce((worst, { saidMs, leftMs }) => Math.max(worst, Math.abs(saidMs - leftMs)), 0),
    paceMs: tenths.slice(1).map((atMs, i) => atMs - (tenths[i] ?? Number.NaN)),
  };
}
