import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findSchemaFaults } from '../checkers/json-schema.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SCHEMAS = join(ROOT, 'docs/schemas');
const GROUPS = ['remote-db', 'tx'];

/** Names of the published schemas of results; that of the error is left out. */
export const RESULT_SCHEMAS = readdirSync(SCHEMAS)
  .filter(file => file.endsWith('.json') && file !== 'error.json')
  .map(file => file.replace(/\.json$/, ''))
  .sort();

/**
 * Where each command shows a result, by its schema's name. Each of these files ends with a test that it did:
 * {@link unseenResults}.
 */
export const SHOWN_RESULTS: Readonly<Record<string, readonly string[]>> = {
  'test/cli/completion.test.ts': ['completion'],
  'test/cli/config.test.ts': ['config'],
  'test/cli/exit-validators.test.ts': ['exit-validators'],
  'test/cli/offline-commands.test.ts': [
    'create-keys',
    'create-wallet',
    'get-validators-root',
    'init',
    'merge-deposit-data',
  ],
  'test/cli/plan.test.ts': ['plan'],
  'test/cli/remote-db-json.test.ts': [
    'remote-db-assign',
    'remote-db-cleanup',
    'remote-db-migrate',
    'remote-db-setup',
    'remote-db-setup-operator',
    'remote-db-setup-validator',
    'remote-db-setup-web3signer',
    'remote-db-upload-keypairs',
    'remote-db-verify',
  ],
  'test/cli/remote-db-log.test.ts': ['remote-db-log'],
  'test/cli/remote-db-prune.test.ts': ['remote-db-prune'],
  'test/cli/remote-db-roles.test.ts': ['remote-db-grants'],
  'test/cli/remote-signer.test.ts': ['remote-signer-setup'],
  'test/cli/signer.test.ts': ['signer'],
  'test/cli/signing-commands.test.ts': ['validators-exit'],
  'test/cli/doctor.test.ts': ['doctor'],
  'test/cli/status.test.ts': ['status'],
  'test/cli/transactions.test.ts': ['tx-bump', 'tx-cancel', 'tx-list'],
  'test/integration/operator/from-python-operator.test.ts': [
    'import-operator-db',
    'remote-db-import-v3-operator',
  ],
  'test/integration/operator/start.test.ts': ['healthcheck', 'start'],
  'test/integration/services/fleet/deposit-data/deposit-data.test.ts': ['deposit-data'],
  'test/integration/services/genesis-vault.test.ts': ['recover'],
};

/** Results that the processes of this test file have printed, by their schemas' names. */
const seen = new Set<string>();

/** Which of its {@link SHOWN_RESULTS} a test file has not shown yet. */
export function unseenResults(testFile: string): string[] {
  const shown = SHOWN_RESULTS[relative(ROOT, testFile)];
  if (shown === undefined) throw new Error(`SHOWN_RESULTS does not name ${testFile}`);
  return shown.filter(name => !seen.has(name));
}

/**
 * Checks what a command line with `--json` has printed by the published schema of its command, or by that of the error.
 * @throws when stdout is not one such document
 */
export function checkJsonResult(
  args: readonly string[],
  run: { readonly stdout: string; readonly exitCode: number | null },
): void {
  const end = args.indexOf('--');
  const words = end === -1 ? args : args.slice(0, end);
  // One that was killed may have printed nothing.
  if (!words.includes('--json') || words.includes('--help') || run.exitCode === null) return;
  const document: unknown = JSON.parse(run.stdout);
  const isError = typeof document === 'object' && document !== null && 'error' in document;
  const name = isError ? 'error' : schemaName(words);
  const faults = findSchemaFaults(JSON.parse(readFileSync(join(SCHEMAS, `${name}.json`), 'utf8')), document);
  if (faults.length > 0) throw new Error(`not as docs/schemas/${name}.json says: ${faults.join('; ')}`);
  if (!isError) seen.add(name);
}

function schemaName(words: readonly string[]): string {
  const [first = ''] = words;
  const names = GROUPS.includes(first) ? words.slice(1).map(word => `${first}-${word}`) : [first];
  const name = names.find(one => RESULT_SCHEMAS.includes(one));
  if (name === undefined) throw new Error(`docs/schemas has no result of "${words.join(' ')}"`);
  return name;
}
