import { join } from 'node:path';
import { type Hex, toHex } from '../lib/bytes.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import { OperatorError } from '../lib/errors.ts';
import { readKeystorePublicKeys } from '../services/local-keys/keystore-public-keys.ts';
import {
  keysOfSigner,
  namedKeys,
  type OwnKeys,
  sortedKeysOfSigner,
} from '../services/staking/registration/own-keys.ts';
import type { OperatorSources } from './sources.ts';

export interface OwnKeysOptions {
  /** Checksummed. */
  readonly vault: string;
  readonly vaultDirectory: string;
  /** Who has the keys: remote signers, or the built-in one, which may have read them from the vault's rows. */
  readonly signer:
    | { readonly kind: 'remote'; readonly urls: readonly EndpointUrl[] }
    | { readonly kind: 'built-in'; readonly hasRows: boolean };
  /** Whether there is deposit data, and whether somebody has named the file of it. */
  readonly depositData: { readonly isThere: boolean; readonly isNamed: boolean };
  /** Whether somebody vouches for it that a remote signer has keys of this vault only. */
  readonly isExclusive: boolean;
}

/** Deposit data of ten thousand validators takes a tenth of a second to read. */
const READ_AGAIN_MS = 60_000;

/**
 * Which of the signer's keys are the vault's: those of the deposit data that is named; those of the vault's rows; all of a built-in
 * signer, which was given keys of this vault; of a remote signer, which may be shared among vaults and has key shares as well,
 * those that something beside it names.
 * @throws OperatorError 'signer-keys-unknown' where nothing says which they are
 */
export async function findOwnKeys(
  { sources }: { readonly sources: OperatorSources },
  options: OwnKeysOptions,
): Promise<OwnKeys> {
  const { signer, depositData, isExclusive } = options;
  const readDeposits = readDepositKeys(sources);
  if (depositData.isThere && depositData.isNamed) return namedKeys(sources.depositData.name, readDeposits);
  const readConfigured = async () =>
    (await sources.remoteSigner.read())?.validators.map(({ publicKey }) => publicKey) ?? [];
  if (signer.kind === 'built-in') {
    return signer.hasRows
      ? namedKeys(sources.remoteSigner.name, readConfigured)
      : keysOfSigner('the built-in signer');
  }
  const url = signer.urls.join(', ');
  if (isExclusive) return withoutShares(sortedKeysOfSigner(`the remote signer at ${url}`), sources);
  const configured = (await readConfigured()).length > 0;
  if (configured || depositData.isThere) {
    const names = [
      ...(configured ? [sources.remoteSigner.name] : []),
      ...(depositData.isThere ? [sources.depositData.name] : []),
    ];
    const read = async () => [
      ...(await readConfigured()),
      ...(depositData.isThere ? await readDeposits() : []),
    ];
    return namedKeys([...new Set(names)].join(' and '), read);
  }
  const keystores = join(options.vaultDirectory, 'keystores');
  if (readKeystorePublicKeys(keystores).length > 0)
    return namedKeys(keystores, async () => readKeystorePublicKeys(keystores));
  throw new OperatorError(
    'signer-keys-unknown',
    `The remote signer at ${url} may have keys of other vaults, and nothing says which are those of the vault ${options.vault}.`,
    {
      hint: `Name them with --deposit-data-file, by the remote database (--db-url), by ${sources.remoteSigner.name} or by keystores in ${keystores}; or say --remote-signer-exclusive when it has keys of this vault only.`,
    },
  );
}

/** Shares are keys of the signer's, too, and no validators. */
function withoutShares(keys: OwnKeys, { remoteSigner }: OperatorSources): OwnKeys {
  return {
    source: keys.source,
    async list(loaded) {
      const config = await remoteSigner.read();
      const shares = new Set<Hex>(config?.validators.flatMap(({ shares }) => shares.map(toHex)));
      const listed = await keys.list(loaded);
      return listed.filter(key => !shares.has(toHex(key)));
    },
  };
}

function readDepositKeys({ depositData }: OperatorSources): () => Promise<readonly Uint8Array[]> {
  let last: { readonly at: number; readonly keys: readonly Uint8Array[] } | undefined;
  return async () => {
    if (last === undefined || performance.now() - last.at >= READ_AGAIN_MS) {
      const keys = (await depositData.read()).map(({ publicKey }) => publicKey);
      last = { at: performance.now(), keys };
    }
    return last.keys;
  };
}
