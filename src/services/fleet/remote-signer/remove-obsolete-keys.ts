import type { KeymanagerClient } from '../../../clients/keymanager.ts';
import type { RemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { nameEach, nameList } from '../../../lib/name-list.ts';
import { readObsoleteKeys, writeObsoleteKeys } from './obsolete-keys-file.ts';
import { findRemoteSignerConfig } from './remote-signer-config-file.ts';

interface RemoveObsoleteKeysDeps {
  readonly keymanager: KeymanagerClient;
  readonly say: (line: string) => void;
  readonly warn: (message: string) => void;
}

/** Keys deleted in one request, which takes Web3Signer some 3 s. */
const DELETE_BATCH = 200;

/**
 * Removes from the signer what this vault's configuration made obsolete, and nothing else: never a validator's own key,
 * whatever the list of obsolete keys says.
 * @param options.protectedKeys - what {@link listProtectedKeys} found, and others that are known
 * @param options.splitBefore - validators whose own keys an earlier configuration has had imported
 * @returns how many keys went
 * @throws ExternalError 'removal-failed'; what was not removed stays remembered
 */
export async function removeObsoleteKeys(
  { keymanager, say, warn }: RemoveObsoleteKeysDeps,
  {
    vaultDirectory,
    protectedKeys,
    splitBefore = [],
  }: {
    readonly vaultDirectory: string;
    readonly protectedKeys: ReadonlySet<Hex>;
    readonly splitBefore?: readonly Hex[] | undefined;
  },
): Promise<number> {
  const config = await findRemoteSignerConfig(vaultDirectory);
  // A run that was killed before it replaced the configuration has remembered keys that are needed still.
  const needed = new Set(config?.validators.flatMap(({ shares }) => shares.map(toHex)));
  const remembered = [...(await readObsoleteKeys(vaultDirectory))];
  const stays = remembered.filter(key => protectedKeys.has(key));
  nameEach(
    stays,
    key =>
      warn(
        `Key ${key} was named as obsolete, but it is a validator's own or another vault's: it stays in the signer.`,
      ),
    more => warn(`${more} more keys were named as obsolete, and stay in the signer for the same reason.`),
  );
  const others = remembered.filter(key => !protectedKeys.has(key));
  if (stays.length > 0) await writeObsoleteKeys(vaultDirectory, new Set(others));
  const obsolete = others.filter(key => !needed.has(key));
  const listed = await keymanager.listKeystores();
  tellOfOwnKeys(warn, [...splitBefore, ...splitKeysOf(config)], listed);
  if (obsolete.length === 0) return 0;
  const removable = removableOf(obsolete, listed);
  nameEach(
    obsolete.filter(key => listed.get(key)?.isReadOnly === true),
    key => warn(`Key ${key} is obsolete, but the signer reads it from a file of its own: remove it there.`),
    more => warn(`${more} more keys are obsolete, and in files of the signer's own.`),
  );
  if (removable.length > 0) {
    warn(
      'Removing keys disables them in the slashing protection database, for all signers that share it: a key that is needed again must be imported through the key manager.',
    );
    say(`Removing ${removable.length} obsolete keys from remote signer: ${nameList(removable)}`);
    const failed = await deleteKeys(keymanager, removable);
    const [first] = failed.values();
    if (failed.size > 0) {
      await writeObsoleteKeys(vaultDirectory, new Set(failed.keys()));
      throw new ExternalError(
        'removal-failed',
        `The remote signer did not remove ${failed.size} of ${removable.length} obsolete keys: ${first || 'no reason given'}.`,
        { hint: 'The new keys are in place. Run the command again to remove the rest.' },
      );
    }
    say(`Removed ${removable.length} keys from remote signer`);
  }
  await writeObsoleteKeys(vaultDirectory, new Set());
  return removable.length;
}

/** The keys that {@link removeObsoleteKeys} would remove. */
export async function findRemovableKeys(
  { keymanager }: Pick<RemoveObsoleteKeysDeps, 'keymanager'>,
  {
    vaultDirectory,
    protectedKeys,
  }: { readonly vaultDirectory: string; readonly protectedKeys: ReadonlySet<Hex> },
): Promise<Hex[]> {
  const config = await findRemoteSignerConfig(vaultDirectory);
  const needed = new Set(config?.validators.flatMap(({ shares }) => shares.map(toHex)));
  const remembered = [...(await readObsoleteKeys(vaultDirectory))];
  const obsolete = remembered.filter(key => !protectedKeys.has(key) && !needed.has(key));
  return removableOf(obsolete, await keymanager.listKeystores());
}

/** Those of the keys that the signer has, and can remove. */
export function removableOf(
  keys: readonly Hex[],
  listed: ReadonlyMap<Hex, { readonly isReadOnly: boolean }>,
): Hex[] {
  return keys.filter(key => listed.get(key)?.isReadOnly === false);
}

/** What "existing keys" may be taken for as well: the keys that --split has brought into the signer. */
function tellOfOwnKeys(
  warn: (message: string) => void,
  keys: Iterable<Hex>,
  listed: ReadonlyMap<Hex, unknown>,
): void {
  const own = [...new Set(keys)].filter(key => listed.has(key));
  if (own.length === 0) return;
  warn(
    `The own keys of ${own.length} validators, which --split has imported, stay in the signer, since validator clients may sign with them: ${nameList(own)}. If no client works with this signer, delete them through its key manager API.`,
  );
}

/** Validators of a configuration whose own keys the signer signs exits with, since it has no shares of them. */
export function splitKeysOf(config: RemoteSignerConfig | undefined): Hex[] {
  const split = config?.validators.filter(({ shares }) => shares.length === 0) ?? [];
  return split.map(({ publicKey }) => toHex(publicKey));
}

/** Deletes keys in batches that end long before the signer cuts the connection. @returns why the others stay */
async function deleteKeys(
  keymanager: KeymanagerClient,
  publicKeys: readonly Hex[],
): Promise<ReadonlyMap<Hex, string>> {
  const failed = new Map<Hex, string>();
  for (let from = 0; from < publicKeys.length; from += DELETE_BATCH) {
    const batch = publicKeys.slice(from, from + DELETE_BATCH);
    const { results } = await keymanager.deleteKeystores(batch.map(key => fromHex(key, PUBLIC_KEY_LENGTH)));
    for (const [i, key] of batch.entries()) {
      const result = results[i];
      if (result?.status === 'error') failed.set(key, result.message);
    }
  }
  return failed;
}
