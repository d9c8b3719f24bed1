import { formatTimeLeft } from '../../lib/time-left.ts';

export interface BarState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** Undefined while nobody can say. */
  readonly leftMs: number | undefined;
}

/** The manual's. */
const WIDEST = 36;
const NARROWEST = 8;
/** Columns of all that is neither label, bar nor numbers: brackets and gaps, and a time of the usual width. */
const FRAME = '  []  /    00:00:00'.length;
const TAB = 8;

/** The line of a progress bar, with the time that is left until it has ended. The bar gets narrower where the terminal is. */
export function renderBarLine({ label, done, total, leftMs }: BarState, columns: number): string {
  const taken = columnsOf(label) + 2 * String(total).length + FRAME;
  const width = Math.max(NARROWEST, Math.min(WIDEST, columns - taken));
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * width);
  const bar = '#'.repeat(filled) + '-'.repeat(width - filled);
  const left = done >= total || leftMs === undefined ? '' : `  ${formatTimeLeft(leftMs)}`;
  return `${label}  [${bar}]  ${done}/${total}${left}`;
}

/** Columns that a label takes from the left edge; its tabs lead to the next stop. */
function columnsOf(label: string): number {
  let column = 0;
  for (const character of label) column += character === '\t' ? TAB - (column % TAB) : 1;
  return column;
}
