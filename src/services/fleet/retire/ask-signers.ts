import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import type { Session } from '../../../db/database.ts';
import { listSharesOf } from '../../../db/retired-keys.ts';
import { concatBytes, type Hex, toHex } from '../../../lib/bytes.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { countOf } from '../../../lib/plural.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import type { UnprovenPart } from './unproven-part.ts';

/** What signers have of some validators. */
export interface SignersWithKeys {
  /** Whether every signer was asked, has answered, and has neither the validator's key nor a share of it. */
  readonly haveLetGo: (publicKey: Uint8Array) => boolean;
  readonly missing: readonly UnprovenPart[];
}

const WRITE =
  'operator remote-db setup-web3signer on its machine, then POST /reload or --web3signer-endpoint, which has it reload';

/**
 * Asks each signer whether it still has keys of these validators, or shares of them, of whichever oracle set.
 * @param validators - public keys of 48 bytes
 */
export async function askSigners(
  { signers, session }: { readonly signers: readonly SignerClient[]; readonly session: Session },
  vaultId: number,
  validators: readonly Uint8Array[],
): Promise<SignersWithKeys> {
  if (validators.length === 0) return { haveLetGo: () => true, missing: [] };
  if (signers.length === 0) {
    const missing: UnprovenPart = {
      stage: 'signers',
      where: 'signers',
      what: 'were not asked whether they still have keys',
      remedy:
        'operator remote-db setup-web3signer for each, then this command with --web3signer-endpoint for each',
    };
    return { haveLetGo: () => false, missing: [missing] };
  }
  const ownerOf = await readOwners(session, vaultId, validators);
  const answers = await Promise.all(signers.map(signer => askSigner(signer, ownerOf)));
  const held = new RecordTable(PUBLIC_KEY_LENGTH);
  for (const { owners } of answers) for (const owner of owners) held.add(owner);
  const hasFailed = answers.some(({ failure }) => failure !== undefined);
  return {
    haveLetGo: publicKey => !hasFailed && !held.has(publicKey),
    missing: answers.flatMap(({ where, owners, failure }): UnprovenPart[] => {
      if (failure !== undefined) {
        const what = `has not answered: ${failure}`;
        return [{ stage: 'signers', where, what, remedy: 'Start it, or name the signers that there are' }];
      }
      if (owners.length === 0) return [];
      const what = `still has keys or shares of ${countOf(owners.length, 'retired validator')}`;
      return [{ stage: 'signers', where, what, remedy: WRITE }];
    }),
  };
}

interface Answer {
  readonly where: string;
  /** Validators of which the signer has a key or a share. */
  readonly owners: RecordTable;
  readonly failure: string | undefined;
}

async function askSigner(signer: SignerClient, ownerOf: ReadonlyMap<Hex, Uint8Array>): Promise<Answer> {
  const where = `signer ${signer.urls.map(({ name }) => name).join(', ')}`;
  const owners = new RecordTable(PUBLIC_KEY_LENGTH);
  try {
    const loaded = await signer.listPublicKeys();
    for (const [publicKey, owner] of ownerOf) if (loaded.has(publicKey)) owners.add(owner);
    return { where, owners, failure: undefined };
  } catch (error) {
    if (!(error instanceof ExternalError)) throw error;
    return { where, owners, failure: messageOf(error).replace(/\.$/, '') };
  }
}

/** The validator of each key and of each share. */
async function readOwners(
  session: Session,
  vaultId: number,
  validators: readonly Uint8Array[],
): Promise<ReadonlyMap<Hex, Uint8Array>> {
  const shares = await listSharesOf(session, vaultId, concatBytes(validators));
  const ownerOf = new Map(validators.map(publicKey => [toHex(publicKey), publicKey]));
  for (let at = 0; at < shares.length; at += 2 * PUBLIC_KEY_LENGTH) {
    const owner = shares.subarray(at, at + PUBLIC_KEY_LENGTH);
    ownerOf.set(toHex(shares.subarray(at + PUBLIC_KEY_LENGTH, at + 2 * PUBLIC_KEY_LENGTH)), owner);
  }
  return ownerOf;
}
