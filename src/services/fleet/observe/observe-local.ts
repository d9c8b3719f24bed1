import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { LocalFacts, Seen } from '../../../domain/fleet/observation/observation.ts';
import { hashDeposits, rootOf } from '../../../domain/protocol/deposit-nodes.ts';
import { fromHex, toHex } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH, PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { visibleFilesOf } from '../../../lib/visible-files.ts';
import { findDepositDataPath, readDepositData } from '../../local-keys/deposit-data-file.ts';
import { isKeystoreName } from '../../local-keys/keystore-names.ts';
import { findRemoteSignerConfig } from '../remote-signer/remote-signer-config-file.ts';
import { ask, notAsked } from './ask.ts';
import type { FleetKeys } from './fleet-keys.ts';

export interface LocalToObserve {
  readonly vault: string;
  readonly vaultDirectory: string;
  /** Where keystores are, when it is not below the vault's directory. */
  readonly keystoresDirectory: string | undefined;
  /** Index of the next key, of config.json. */
  readonly createdKeys: number | undefined;
  /** Whether the files stand in for a database, which nobody has named. */
  readonly withKeys: boolean;
  readonly limitMs: number;
}

/** What the vault's directory has, and with `withKeys` the keys that its files name. */
export async function observeLocal(target: LocalToObserve): Promise<{
  readonly seen: Seen<LocalFacts>;
  readonly keys: FleetKeys | undefined;
}> {
  const { vaultDirectory, keystoresDirectory } = target;
  if (!existsSync(vaultDirectory) && keystoresDirectory === undefined)
    return { seen: notAsked('there is no directory of this vault in --data-dir'), keys: undefined };
  const asked = await ask(target.limitMs, () => readLocal(target));
  if (asked.answer !== 'answered') return { seen: asked, keys: undefined };
  const { keys, ...facts } = asked.facts;
  return { seen: { ...asked, facts }, keys };
}

async function readLocal(
  target: LocalToObserve,
): Promise<LocalFacts & { readonly keys: FleetKeys | undefined }> {
  const { vaultDirectory, createdKeys, withKeys } = target;
  const keystores = countKeystores(target.keystoresDirectory ?? join(vaultDirectory, 'keystores'));
  if (!withKeys) return { createdKeys, keystores, keys: undefined };
  const validators = new RecordTable(PUBLIC_KEY_LENGTH);
  const path = findDepositDataPath(vaultDirectory);
  const deposits = path === undefined ? undefined : await readDepositData(vaultDirectory, path);
  for (const { publicKey } of deposits?.entries ?? []) validators.add(publicKey);
  const config = await findRemoteSignerConfig(vaultDirectory);
  const signerKeys = config && new RecordTable(PUBLIC_KEY_LENGTH);
  for (const { publicKey, shares } of config?.validators ?? []) {
    validators.add(publicKey);
    // A signer that has shares need not have the key itself.
    for (const key of shares.length > 0 ? shares : [publicKey]) signerKeys?.add(key);
  }
  return {
    createdKeys,
    keystores,
    depositDataEntries: deposits?.entries.length,
    depositDataRoot:
      deposits && toHex(rootOf(hashDeposits(deposits.entries, fromHex(target.vault, ADDRESS_LENGTH)))),
    keys: validators.length === 0 ? undefined : { validators, signerKeys, clientOf: undefined },
  };
}

/** How many there are by their names alone: to read ten thousand takes longer than all else. */
function countKeystores(directory: string): number {
  if (!existsSync(directory)) return 0;
  let count = 0;
  for (const path of visibleFilesOf(directory)) if (isKeystoreName(basename(path))) count += 1;
  return count;
}
