import type { BeaconNode } from '../../../clients/beacon/beacon-node.ts';
import { fetchFinalizedExits } from '../../../clients/beacon/finalized-exits.ts';
import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import { type Database, inSnapshot } from '../../../db/database.ts';
import { agreeOnFinished } from '../../../domain/consensus/agreed-exits.ts';
import type { RetiredKeys } from '../../../domain/fleet/retired-keys.ts';
import { equalBytes, toHex } from '../../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import { nameList } from '../../../lib/name-list.ts';
import { countOf } from '../../../lib/plural.ts';
import { RecordTable } from '../../../lib/record-table.ts';
import { unlockVault, type VaultRef } from '../../remote-db/unlock-vault.ts';
import { askSigners } from './ask-signers.ts';
import { lookAtClients, readClients } from './look-at-clients.ts';
import { readSignedRetirement, storeRetirement } from './signed-retirement.ts';
import type { UnprovenPart } from './unproven-part.ts';

export interface RetireDeps {
  readonly database: Database;
  /** A client for each consensus endpoint alone: all of them must agree. */
  readonly nodes: readonly BeaconNode[];
  readonly signers: readonly SignerClient[];
  readonly warn: (line: string) => void;
}

export interface Retirement {
  /** What was found is as of the beginning of this epoch. */
  readonly finalizedEpoch: bigint;
  /** Validators that are retired by this run. */
  readonly exited: readonly Uint8Array[];
  readonly before: RetiredKeys;
  readonly after: RetiredKeys;
  /** What keeps keys at their stages. */
  readonly missing: readonly UnprovenPart[];
  /** Whether there is anything to be stored. */
  readonly isChange: boolean;
  /** Stores and signs it. @throws OperatorError 'vault-changed' */
  readonly store: () => Promise<void>;
}

/**
 * Finds the validators that can never have to sign again, and how far the retirement of each can go on: out of the signers' files,
 * when no signer has it any more out of the clients' files, and when these are written out of the rotation. Stores nothing yet.
 * @throws OperatorError of {@link unlockVault} and {@link readSignedRetirement}; ExternalError of the nodes, one of which is enough
 *   to refuse, 'node-behind', 'beacon-nodes-differ'
 */
export async function planRetirement(
  deps: RetireDeps,
  { ref, encryptKey }: { readonly ref: VaultRef; readonly encryptKey: string },
): Promise<Retirement> {
  const { database, nodes, signers, warn } = deps;
  using unlocked = await unlockVault(database, ref, encryptKey);
  const { state, clients } = await inSnapshot(database, async session => ({
    state: await readSignedRetirement(session, unlocked, ref),
    clients: await readClients(session, unlocked.vault.vaultId),
  }));
  const { validators, retired: before } = state;
  if (state.unsigned > 0) {
    warn(
      'The retired keys in the remote db are not those that were signed: none of these rows counts, and all are replaced. "remote-db log" tells who has written.',
    );
  }
  const answers = await Promise.all(nodes.map(node => fetchFinalizedExits(node, validators)));
  if (nodes.length === 1)
    warn('One consensus node alone says who has exited: name a second one with --consensus-endpoints.');
  const { epoch, finished } = agreeOnFinished(answers, validators);
  warnOfUnfinished(before, finished, warn);
  const exited = finished.filter(publicKey => !before.has(publicKey));
  const marked = before.with(exited);
  const ofSigners = await askSigners({ signers, session: database }, state.vaultId, [
    ...marked.at('signers'),
  ]);
  const goneFromSigners = marked.advanced('signers', ofSigners.haveLetGo);
  const ofClients = lookAtClients(clients, goneFromSigners);
  const after = goneFromSigners.advanced('clients', ofClients.haveLetGo);
  return {
    finalizedEpoch: epoch,
    exited,
    before,
    after,
    missing: [...ofSigners.missing, ...ofClients.missing],
    isChange: state.unsigned > 0 || !areSame(before, after),
    store: () =>
      storeRetirement(database, ref, state, {
        after,
        command: 'remote-db prune --exited',
        counts: {
          exited: exited.length,
          signers: after.countAt('signers'),
          clients: after.countAt('clients'),
          rotation: after.countAt('rotation'),
        },
      }),
  };
}

/** Keys that were retired, and of which the chain says something else now: a node has lied once, or does now. */
function warnOfUnfinished(
  retired: RetiredKeys,
  finished: readonly Uint8Array[],
  warn: (line: string) => void,
): void {
  const sure = RecordTable.from(finished, PUBLIC_KEY_LENGTH);
  const doubtful = Array.from(retired)
    .filter(({ publicKey }) => !sure.has(publicKey))
    .map(({ publicKey }) => toHex(publicKey));
  if (doubtful.length === 0) return;
  warn(
    `${countOf(doubtful.length, 'key')} that ${doubtful.length === 1 ? 'is' : 'are'} retired may have to sign, as the nodes say now: ${nameList(doubtful)}. "remote-db prune --undo" brings all retired keys back.`,
  );
}

function areSame(a: RetiredKeys, b: RetiredKeys): boolean {
  const [one, other] = [a.digest(), b.digest()];
  return one === null || other === null ? one === other : equalBytes(one, other);
}
