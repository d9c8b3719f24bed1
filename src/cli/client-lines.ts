import { resolve } from 'node:path';
import {
  type ClientFlagSettings,
  shellWord,
  VALIDATOR_CLIENTS,
  type ValidatorClient,
} from '../domain/fleet/validator-clients.ts';
import { HIDDEN_SIGNER_URL } from '../domain/fleet/validator-config.ts';
import { nameList } from '../lib/name-list.ts';
import type { WriteValidatorConfigsResult } from '../services/fleet/clients/write-validator-configs.ts';

/** How one validator client is told of its files. */
export interface ClientUse {
  readonly kind: ValidatorClient['kind'];
  readonly name: string;
  readonly files: readonly string[];
  /** Words of its command line. */
  readonly flags: readonly string[];
  readonly notes: readonly string[];
}

/** The options of each validator client for these files, by their absolute paths: nobody knows where the client will be started. */
export function usesOfClients(settings: ClientFlagSettings): ClientUse[] {
  const absolute = { ...settings, directory: resolve(settings.directory) };
  return VALIDATOR_CLIENTS.map(({ kind, name, files, flags, notes }) => ({
    kind,
    name,
    files: files.map(file => resolve(settings.directory, file)),
    flags: flags(absolute),
    notes: notes(absolute),
  }));
}

/** The lines that tell a user of them, each a sentence of its own; the options end their line, so that they can be copied. */
export function linesOfUses(uses: readonly ClientUse[]): string[] {
  const lines: string[] = [];
  for (const { name, flags, notes } of uses) {
    lines.push(`${name} uses these files with ${flags.map(shellWord).join(' ')}`);
    for (const note of notes) lines.push(note);
  }
  if (uses.some(({ flags }) => flags.some(word => word.includes(HIDDEN_SIGNER_URL)))) {
    lines.push(
      `${HIDDEN_SIGNER_URL} stands for the URL of --web3signer-endpoint, which holds a secret: put it into the client's configuration file, which other users cannot see.`,
    );
  }
  return lines;
}

/** The lines on what a run would change: keys that come, keys that go, entries that are others afterwards. */
export function linesOfDifferences(
  result: Pick<WriteValidatorConfigsResult, 'added' | 'removed' | 'changedEntries'>,
): string[] {
  const { added, removed, changedEntries } = result;
  const lines: string[] = [];
  if (added.length > 0) lines.push(`${added.length} keys would come: ${nameList(added)}.`);
  if (removed.length > 0) lines.push(`${removed.length} keys would go: ${nameList(removed)}.`);
  if (changedEntries.size > 0) {
    const entries = Array.from(changedEntries, ([key, fields]) => `${key} (${fields.join(', ')})`);
    lines.push(`${changedEntries.size} entries of Lighthouse would change: ${nameList(entries)}.`);
  }
  return lines;
}
