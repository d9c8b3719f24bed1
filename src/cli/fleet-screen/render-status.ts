import { type Difference, isDrift, type Severity } from '../../domain/fleet/drift/difference.ts';
import type { Observation } from '../../domain/fleet/observation/observation.ts';
import { count, short } from '../../domain/fleet/observation/words.ts';
import { timeText } from '../../lib/time-text.ts';
import { databaseParts, keyParts, oracleParts, shareParts } from './key-rows.ts';
import { clientRows, nodeRows, operatorRows, signerRows, walletParts } from './part-rows.ts';
import { paragraph, row } from './wrap.ts';

/** A narrower terminal shows rows that cannot be told apart. */
const NARROWEST = 40;
/** What a wider terminal is used of: nobody reads longer lines to their end. */
const WIDEST = 120;
const MARKS: Readonly<Record<Severity, string>> = { error: '✗ ', warning: '! ', note: '· ' };

/**
 * An observation as one screen: a row for each kind of counterpart, and below them every difference with what mends it.
 * @param columns - width of the terminal
 */
export function renderStatus(
  observation: Observation,
  differences: readonly Difference[],
  columns: number,
): string[] {
  const width = Math.min(WIDEST, Math.max(NARROWEST, columns));
  const rows = (label: string, parts: readonly (readonly string[])[]) =>
    parts.flatMap((part, i) => row(i === 0 ? label : '', part, width));
  const { vault, network, seenAt } = observation;
  const time = `${timeText(seenAt)} UTC`;
  return [
    ...row('Vault', [`${short(vault)} on ${network}`, `seen ${time}`], width),
    ...row('Database', databaseParts(observation), width),
    ...row('Keys', keyParts(observation), width),
    ...row('Shares', shareParts(observation), width),
    ...row('Oracles', oracleParts(observation), width),
    ...rows('Nodes', nodeRows(observation)),
    ...rows('Signers', signerRows(observation)),
    ...rows('Clients', clientRows(observation)),
    ...rows('Operator', operatorRows(observation)),
    ...row('Wallet', walletParts(observation), width),
    '',
    ...differences.flatMap(difference => differenceLines(difference, width)),
    ...paragraph('', summaryOf(differences), width),
  ];
}

function differenceLines({ severity, where, what, remedy }: Difference, width: number): string[] {
  return [...paragraph(MARKS[severity], `${where}: ${what}`, width), ...paragraph('  → ', remedy, width)];
}

/** The last line: what the exit code says, too. */
function summaryOf(differences: readonly Difference[]): string {
  const drift = differences.filter(isDrift).length;
  if (drift === 0) return 'Everything that was asked is as it should be.';
  return `${count(drift, 'difference')} to be mended.`;
}
