import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Hex, toHex } from '../../../src/lib/bytes.ts';
import { EndpointUrl } from '../../../src/lib/endpoint-url.ts';
import { findOwnKeys, type OwnKeysOptions } from '../../../src/operator/own-keys.ts';
import type { OperatorSources } from '../../../src/operator/sources.ts';
import { it } from '../../support/fixtures.ts';

const keyOf = (number: number) => new Uint8Array(48).fill(number);
const hexOf = (...numbers: readonly number[]) => numbers.map(number => toHex(keyOf(number)));
const loaded = new Set<Hex>(hexOf(9, 1, 2, 3, 4, 5));
const remote = { kind: 'remote', urls: [EndpointUrl.from('http://signer:9000')] } as const;
const builtIn = { kind: 'built-in', hasRows: false } as const;
const ofDatabase = { kind: 'built-in', hasRows: true } as const;

/** Sources that name these validators, the configuration with one share of the first. */
function sources(deposits: readonly number[], configured: readonly number[] | undefined): OperatorSources {
  return {
    depositData: {
      name: 'deposit_data.json',
      read: async () => deposits.map(number => ({ publicKey: keyOf(number), signature: new Uint8Array(96) })),
    },
    remoteSigner: {
      name: 'remote_signer_config.json',
      read: async () =>
        configured && {
          validators: configured.map(number => ({ publicKey: keyOf(number), shares: [keyOf(9)] })),
        },
    },
  };
}

describe('findOwnKeys', () => {
  it.for<
    readonly [
      string,
      Partial<OwnKeysOptions>,
      readonly number[],
      readonly number[] | undefined,
      string,
      readonly number[],
    ]
  >([
    [
      'all keys of a built-in signer, in its order',
      { signer: builtIn },
      [],
      undefined,
      'the built-in signer',
      [9, 1, 2, 3, 4, 5],
    ],
    [
      'the validators of the database’s rows, and no shares',
      { signer: ofDatabase },
      [],
      [4, 3],
      'remote_signer_config.json',
      [4, 3],
    ],
    ['those of the configuration of a remote signer', {}, [], [2, 1], 'remote_signer_config.json', [2, 1]],
    [
      'those of deposit data',
      { depositData: { isThere: true, isNamed: false } },
      [5, 1],
      undefined,
      'deposit_data.json',
      [5, 1],
    ],
    [
      'those of configuration and deposit data, each once',
      { depositData: { isThere: true, isNamed: false } },
      [1, 5],
      [2, 1],
      'remote_signer_config.json and deposit_data.json',
      [2, 1, 5],
    ],
    [
      'those of deposit data alone that is named, also of a built-in signer',
      { signer: builtIn, depositData: { isThere: true, isNamed: true } },
      [3],
      [2],
      'deposit_data.json',
      [3],
    ],
    [
      'all but shares of a remote signer that somebody vouches for, sorted',
      { isExclusive: true },
      [],
      [1],
      'the remote signer at http://signer:9000',
      [1, 2, 3, 4, 5],
    ],
  ])('findOwnKeys gives %s', async ([, options, deposits, configured, source, expected], { directory }) => {
    const own = await findOwnKeys(
      { sources: sources(deposits, configured) },
      {
        vault: '0xVault',
        vaultDirectory: directory,
        signer: remote,
        depositData: { isThere: false, isNamed: false },
        isExclusive: false,
        ...options,
      },
    );
    expect(own.source).toBe(source);
    expect((await own.list(loaded)).map(toHex)).toEqual(hexOf(...expected));
  });

  it('findOwnKeys gives the keys of the vault’s keystores beside a remote signer, by their derivation', async ({
    directory,
  }) => {
    mkdirSync(join(directory, 'keystores'));
    const write = (name: string, value: unknown) =>
      writeFileSync(join(directory, 'keystores', name), JSON.stringify(value));
    for (const [index, number] of [
      [10, 4],
      [9, 3],
      [2, 5],
    ] as const) {
      const pubkey = toHex(keyOf(number)).slice(2);
      write(`keystore-m_12381_3600_${index}_0_0-1.json`, {
        version: 4,
        crypto: {},
        pubkey,
        path: `m/12381/3600/${index}/0/0`,
      });
    }
    write('deposit_data-1.json', []);
    write('notes.json', { pubkey: 'no key' });
    const own = await findOwnKeys(
      { sources: sources([], undefined) },
      {
        vault: '0xVault',
        vaultDirectory: directory,
        signer: remote,
        depositData: { isThere: false, isNamed: false },
        isExclusive: false,
      },
    );
    expect((await own.list(loaded)).map(toHex)).toEqual(hexOf(5, 3, 4));
  });

  it('findOwnKeys refuses to guess which keys of a remote signer are the vault’s, and names what to give', async ({
    directory,
  }) => {
    const finding = findOwnKeys(
      { sources: sources([], undefined) },
      {
        vault: '0xVault',
        vaultDirectory: directory,
        signer: remote,
        depositData: { isThere: false, isNamed: false },
        isExclusive: false,
      },
    );
    await expect(finding).rejects.toMatchObject({
      code: 'signer-keys-unknown',
      message: expect.stringContaining('http://signer:9000 may have keys of other vaults'),
      hint: expect.stringMatching(
        /--deposit-data-file.*--db-url.*remote_signer_config\.json.*--remote-signer-exclusive/,
      ),
    });
  });
});
