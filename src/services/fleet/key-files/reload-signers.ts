import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import type { Hex } from '../../../lib/bytes.ts';
import { ExternalError } from '../../../lib/errors.ts';
import { nameList } from '../../../lib/name-list.ts';

/** A signer that has all the keys, and how many that are not of the vault. */
export interface ReloadedSigner {
  readonly url: string;
  readonly keys: number;
  readonly foreignKeys: number;
}

/**
 * Has signers read their key files again, one after another, and compares what they then have with what they should.
 * @param options.wanted - public keys in lower case
 * @throws ExternalError 'signer-lacks-keys', 'reload-timeout' and those of the client
 */
export async function reloadSigners(
  deps: { readonly signers: readonly SignerClient[]; readonly warn: (line: string) => void },
  options: { readonly wanted: ReadonlySet<Hex>; readonly reloadTimeoutMs: number },
): Promise<ReloadedSigner[]> {
  const { wanted, reloadTimeoutMs } = options;
  const signers: ReloadedSigner[] = [];
  for (const signer of deps.signers) {
    const url = signer.urls.map(({ name }) => name).join(', ');
    const outcomes = await signer.reload({ reloadTimeoutMs });
    const loaded = await signer.listPublicKeys();
    const trouble = outcomes.find(({ status }) => status !== 'completed');
    const end = trouble?.lastError ?? trouble?.status ?? 'completed';
    const missing = [...wanted].filter(publicKey => !loaded.has(publicKey));
    if (missing.length > 0) {
      throw new ExternalError(
        'signer-lacks-keys',
        `${url} lacks ${missing.length} of ${wanted.size} keys after its reload (${end}), first ${nameList(missing)}.`,
        { hint: 'Check that it reads this directory and may read its files (--file-mode, --owner).' },
      );
    }
    if (trouble !== undefined) {
      deps.warn(`${url} has all keys of this vault, but its reload ended with: ${end}.`);
    }
    const foreign = [...loaded].filter(publicKey => !wanted.has(publicKey));
    if (foreign.length === 1) deps.warn(`${url} also has ${foreign[0]}, which is not a key of this vault.`);
    else if (foreign.length > 1)
      deps.warn(`${url} also has ${foreign.length} keys that are not of this vault: ${nameList(foreign)}.`);
    signers.push({ url, keys: loaded.size, foreignKeys: foreign.length });
  }
  return signers;
}
