import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  assertClaimOfSomeVault,
  assertClaimOfVault,
} from '../../../../src/domain/consensus/deposit-claims.ts';
import { parseDepositData } from '../../../../src/domain/consensus/deposit-data.ts';
import { BUILT_IN } from '../../../../src/networks/built-in.ts';
import { fileSources } from '../../../../src/operator/sources.ts';
import { computeValidatorsRoot } from '../../../../src/services/local-keys/compute-validators-root.ts';
import { mergeDepositData } from '../../../../src/services/local-keys/merge-deposit-data.ts';
import { it } from '../../../support/fixtures.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const DIGITS = VAULT.slice(2).toLowerCase();
const [GOOD, SECOND] = readRecordedJson<Record<string, unknown>[]>(
  '01-create-keys/holesky/1-after-first/deposit_data.json',
);
const REF = { address: VAULT, network: BUILT_IN.holesky };

const credentials = (prefix: string, padding: string, address: string) =>
  ({ withdrawal_credentials: `${prefix}${padding}${address}` }) as const;
const ZEROS = '00'.repeat(11);

/** What an entry says of itself, the code that refuses it for this vault, and the one that refuses it for every vault. */
const CLAIMS: readonly (readonly [
  string,
  Record<string, unknown>,
  string | undefined,
  string | undefined,
])[] = [
  ['as recorded', {}, undefined, undefined],
  ['with 0x', credentials('0x01', ZEROS, DIGITS), undefined, undefined],
  ['in upper case behind 0X', credentials('0X01', ZEROS, DIGITS.toUpperCase()), undefined, undefined],
  ['without credentials', { withdrawal_credentials: undefined }, undefined, undefined],
  ['compounding', credentials('02', ZEROS, DIGITS), 'deposit-data-compounding', 'deposit-data-compounding'],
  [
    'compounding, of another',
    credentials('0x02', ZEROS, 'ab'.repeat(20)),
    'deposit-data-compounding',
    'deposit-data-compounding',
  ],
  ['of another vault', credentials('01', ZEROS, 'ab'.repeat(20)), 'deposit-data-other-vault', undefined],
  [
    'of a BLS key',
    credentials('00', 'cd'.repeat(11), DIGITS),
    'deposit-data-other-vault',
    'deposit-data-other-vault',
  ],
  [
    'of no address',
    credentials('01', 'cd'.repeat(11), DIGITS),
    'deposit-data-other-vault',
    'deposit-data-other-vault',
  ],
];

const entryOf = (members: Record<string, unknown>) => ({ ...GOOD, ...members });

async function codeOf(step: () => unknown): Promise<unknown> {
  try {
    await step();
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

describe('what deposit data says of itself', () => {
  it.for(CLAIMS)(
    'deposit data %s is judged alike by all that read a file of it',
    async ([, members, ofVault, ofSome], { directory }) => {
      const path = join(directory, 'deposit_data.json');
      // The second entry: none may be passed over.
      writeFileSync(path, JSON.stringify([SECOND, entryOf(members)]));
      const [, entry = expect.fail('no entry')] = parseDepositData(
        JSON.stringify([SECOND, entryOf(members)]),
      );
      const other = join(directory, 'other.json');
      writeFileSync(other, JSON.stringify([entryOf(members)]));

      expect(await codeOf(() => assertClaimOfVault(REF, entry, path))).toBe(ofVault);
      expect(await codeOf(() => assertClaimOfSomeVault(entry, path))).toBe(ofSome);
      const options = { vault: VAULT, vaultDirectory: directory, depositDataFile: undefined };
      expect(await codeOf(() => computeValidatorsRoot(options)), 'get-validators-root').toBe(ofVault);
      const sources = fileSources({ ref: REF, vaultDirectory: directory, depositDataFile: undefined });
      expect(await codeOf(() => sources.depositData.read()), 'start').toBe(ofVault);
      const merge = () =>
        mergeDepositData(
          { warn: () => undefined },
          { files: [other, other], outputFile: join(directory, 'merged.json') },
        );
      expect(await codeOf(merge), 'merge-deposit-data').toBe(ofSome);
    },
  );

  it('assertClaimOfVault names the key, the credentials and what to do about compounding validators', () => {
    const [entry = expect.fail('no entry')] = parseDepositData(
      JSON.stringify([entryOf(credentials('02', ZEROS, DIGITS))]),
    );
    expect(() => assertClaimOfVault(REF, entry, 'd.json')).toThrowError(
      expect.objectContaining({
        message: `d.json: the withdrawal credentials of 0x${GOOD?.pubkey} are 0x02${ZEROS}${DIGITS}: it is for a compounding validator (0x02), and this operator registers validators with 0x01 credentials.`,
        hint: 'Create the deposit data with "create-keys", or without compounding.',
      }),
    );
  });

  it('start refuses a file of deposit data of another network, and reads one behind a byte order mark', async ({
    directory,
  }) => {
    const path = join(directory, 'deposit_data.json');
    const sources = fileSources({ ref: REF, vaultDirectory: directory, depositDataFile: undefined });
    writeFileSync(path, JSON.stringify([entryOf({ fork_version: '00000000' })]));
    expect(await codeOf(() => sources.depositData.read())).toBe('deposit-data-other-network');
    writeFileSync(path, `\ufeff${JSON.stringify([GOOD, SECOND])}`);
    expect(await sources.depositData.read()).toHaveLength(2);
  });

  it('mergeDepositData takes files that write the same credentials in other ways', async ({ directory }) => {
    const [one, two] = ['one.json', 'two.json'].map(name => join(directory, name));
    writeFileSync(one ?? '', JSON.stringify([GOOD]));
    writeFileSync(
      two ?? '',
      JSON.stringify([{ ...SECOND, ...credentials('0x01', ZEROS, DIGITS.toUpperCase()) }]),
    );
    const files = [one ?? '', two ?? ''];
    const merged = await mergeDepositData(
      { warn: () => undefined },
      { files, outputFile: join(directory, 'merged.json') },
    );
    expect(merged.validators).toBe(2);
  });
});
