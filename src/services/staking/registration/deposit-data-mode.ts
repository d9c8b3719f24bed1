import {
  type ApprovedValidators,
  type ContractProof,
  encodeCalls,
  encodeProvenRegistration,
  encodeRegistryRegistration,
  encodeRegistryStateUpdate,
} from '../../../clients/execution/contracts/vault-calldata.ts';
import type { DepositEntry } from '../../../domain/consensus/deposit.ts';
import { buildDepositTree, type DepositTree } from '../../../domain/protocol/deposit-tree.ts';
import { encodeUpdateState, type HarvestParams } from '../../../domain/protocol/rewards.ts';
import { largestBatch } from '../../../domain/protocol/validator-entries.ts';
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { HASH_LENGTH } from '../../../lib/lengths.ts';
import { type DepositEntries, placesFrom, toNextValidator, usedUp } from './deposit-entries.ts';
import {
  type ContractCall,
  type NoBatch,
  noBatch,
  type PlanBatchOptions,
  type RegistrationBatch,
  type RegistrationFacts,
  type RegistrationMode,
} from './registration-mode.ts';

export interface DepositDataModeOptions {
  /** Checksummed. */
  readonly vault: string;
  /** Where root and index are, and whom the transaction goes to; null for a vault of version 1, which has them itself. */
  readonly registry: string | null;
  /** Whether the vault takes entries of two lengths, and refuses what could be of either: version 5. */
  readonly takesBothTypes?: boolean | undefined;
}

interface Indexed {
  readonly entries: readonly DepositEntry[];
  readonly tree: DepositTree;
}

/**
 * Registration by deposit data: the chain has the root of its tree and the place of the next validator, the contract
 * takes the entries strictly in their order, and anybody with the oracles' approvals may send them.
 */
export function createDepositDataMode(
  deposits: DepositEntries,
  options: DepositDataModeOptions,
): RegistrationMode {
  const { vault, registry } = options;
  let indexed: Indexed | undefined;

  const index = async (): Promise<Indexed> => {
    const entries = await deposits.current();
    if (indexed?.entries !== entries) {
      indexed = { entries, tree: buildDepositTree(entries, deposits.vault) };
    }
    return indexed;
  };

  /** The deposit data that the chain has the root of; reads it again when it is another. */
  const findCurrent = async (facts: RegistrationFacts): Promise<(Indexed & { first: number }) | NoBatch> => {
    const manager = facts.vault.validatorsManager;
    if (registry !== null && manager !== registry) {
      return noBatch(
        'not-validators-manager',
        `the validators manager of vault ${vault} to be the deposit data registry ${registry} again; it is ${manager}. Restart the operator if that is meant`,
      );
    }
    const state = facts.vault.depositData;
    let current = await index();
    if (state === null || state.root.every(byte => byte === 0)) {
      return noBatch(
        'deposit-data-root-not-set',
        `a deposit data root to be set for vault ${vault}; that of ${deposits.source} is ${toHex(current.tree.root)}`,
      );
    }
    if (!equalBytes(current.tree.root, state.root) && (await deposits.reload())) current = await index();
    if (!equalBytes(current.tree.root, state.root)) {
      return noBatch(
        'deposit-data-root-mismatch',
        `deposit data with the root ${toHex(state.root)} that the chain has for vault ${vault}; ${deposits.source} has ${toHex(current.tree.root)}`,
      );
    }
    return { ...current, first: state.index };
  };

  const planBatch: RegistrationMode['planBatch'] = async (facts, planOptions) => {
    const current = await findCurrent(facts);
    if (!('tree' in current)) return current;
    const places = await choosePlaces(deposits, current, planOptions);
    if (!Array.isArray(places)) return places;
    const count = options.takesBothTypes ? largestBatch('0x01', places.length) : places.length;
    return createBatch(options, current, places.slice(0, count));
  };

  return {
    kind: 'deposit-data',
    planBatch,
    chooseValidators: planBatch,
    async prepare(facts, limit) {
      const current = await findCurrent(facts);
      if ('tree' in current) deposits.findInvalid(placesFrom(current, limit));
    },
  };
}

/** The longest run of places from the next one on that can be registered: the contract takes no other. */
async function choosePlaces(
  deposits: DepositEntries,
  current: Indexed & { readonly first: number },
  { limit, isAtHand, findRegistered }: PlanBatchOptions,
): Promise<number[] | NoBatch> {
  const { entries, first } = current;
  const places = placesFrom(current, limit);
  if (places.length === 0) return usedUp(deposits, entries);
  const keyAt = (place: number): Uint8Array => entries[place]?.publicKey ?? new Uint8Array();
  const registered = await findRegistered(places.map(keyAt));
  const invalid = deposits.findInvalid(places);
  const obstacle = (place: number): NoBatch | undefined => {
    const name = `entry ${place} of ${deposits.source}, ${toHex(keyAt(place))}`;
    if (!isAtHand(keyAt(place)))
      return noBatch('key-not-in-signer', `the signer to have the key of the next validator: ${name}`);
    if (registered.has(toHex(keyAt(place))))
      return noBatch(
        'key-already-registered',
        `new deposit data, which "operator deposit-data" writes: the next validator is registered: ${name}`,
      );
    if (place === invalid)
      return noBatch('deposit-data-bad-signature', `new deposit data: no valid deposit signature: ${name}`);
    return undefined;
  };
  for (const [length, place] of places.entries()) {
    const found = obstacle(place);
    if (found !== undefined) return place === first ? found : places.slice(0, length);
  }
  return places;
}

function createBatch(
  { vault, registry }: DepositDataModeOptions,
  { entries, tree }: Indexed,
  places: readonly number[],
): RegistrationBatch {
  const { proof, proofFlags, leafIndexes, contractIndexes } = tree.proveEntries(places);
  const contractProof = { indexes: contractIndexes, proofFlags, proof };
  return {
    type: '0x01',
    validators: places.flatMap(place => entries[place] ?? []).map(toNextValidator),
    encoded: concatBytes(places.map(place => tree.validatorAt(place))),
    authorize: async () => ({
      kind: 'proof',
      proof: proof.map(node => fromHex(node, HASH_LENGTH)),
      proofFlags,
      proofIndexes: leafIndexes,
    }),
    encodeCall: (approved, harvest) => encodeCall({ vault, registry }, contractProof, approved, harvest),
  };
}

function encodeCall(
  { vault, registry }: DepositDataModeOptions,
  proof: ContractProof,
  approved: ApprovedValidators,
  harvest: HarvestParams | null,
): ContractCall {
  const calls: Hex[] =
    registry === null
      ? [...(harvest ? [encodeUpdateState(harvest)] : []), encodeProvenRegistration(approved, proof)]
      : [
          ...(harvest ? [encodeRegistryStateUpdate(vault, harvest)] : []),
          encodeRegistryRegistration(vault, approved, proof),
        ];
  return { to: registry ?? vault, data: encodeCalls(calls) };
}
