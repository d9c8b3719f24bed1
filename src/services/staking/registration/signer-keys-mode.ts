import type { BeaconNode, BeaconValidator } from '../../../clients/beacon/beacon-node.ts';
import type { SignerClient } from '../../../clients/signer/signer-client.ts';
import {
  credentialsOfType,
  DEPOSIT_AMOUNT_GWEI,
  type ValidatorType,
} from '../../../domain/consensus/deposit.ts';
import { largestBatch } from '../../../domain/protocol/validator-entries.ts';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import type { Logger } from '../../../lib/logger.ts';
import { type ChangeLog, createChangeLog } from './change-log.ts';
import { createManagedBatch, findStranger, type ManagedVault, type ManagerWallet } from './managed-batch.ts';
import type { OwnKeys } from './own-keys.ts';
import {
  type ChosenValidators,
  isBatch,
  type NoBatch,
  noBatch,
  type PlanBatchOptions,
  type RegistrationFacts,
  type RegistrationMode,
} from './registration-mode.ts';
import { DepositSigning, PROBES, RefusedKeys } from './sign-deposits.ts';

export interface SignerKeysModeDeps {
  readonly keys: OwnKeys;
  readonly wallet: ManagerWallet;
  readonly signer: Pick<SignerClient, 'signDeposits'>;
  /** Is asked for every key before it is registered. */
  readonly beacon: Pick<BeaconNode, 'fetchValidators'>;
  /** Is told of keys that are left out. */
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds. Default: the clock of this machine. */
  readonly now?: (() => number) | undefined;
}

export interface SignerKeysModeOptions extends ManagedVault {
  readonly validatorType: ValidatorType;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

/** How many keys are looked up at once when those before are used. */
const LOOKUP_PAGE = 1000;

/**
 * Registration of the vault's keys by its validators manager, which is the hot wallet, without deposit data (vaults of version 5):
 * the signer has the keys, and signs each deposit when it is to be made, over credentials and amount. No signature is used that
 * was not verified. What is registered next is the first key that no valid deposit has used, whoever made it, and that the beacon chain
 * does not know: what is deposited for a validator goes to the credentials of its first deposit.
 */
export function createSignerKeysMode(
  deps: SignerKeysModeDeps,
  options: SignerKeysModeOptions,
): RegistrationMode {
  const { keys, wallet, signer, beacon } = deps;
  const changes = createChangeLog(deps.log);
  const { vault, validatorType: type, genesisForkVersion } = options;
  const withdrawalCredentials = credentialsOfType(type, fromHex(vault, ADDRESS_LENGTH));
  const refused = new RefusedKeys({ warn: line => deps.log.warn(line), now: deps.now ?? Date.now });
  const signing = new DepositSigning({ signer, refused }, genesisForkVersion);

  const findKnown = async (publicKeys: readonly Uint8Array[]) => {
    const known = await beacon.fetchValidators(publicKeys);
    tellKnown(changes, known.values());
    return new Set(known.keys());
  };

  /** The next validators, with the keys that come after them, which a signer is tried with. */
  const choose = async (facts: RegistrationFacts, planOptions: PlanBatchOptions) => {
    const stranger = findStranger(facts, vault, wallet.address);
    if (stranger !== undefined) return stranger;
    const { loadedKeys = new Set<Hex>(), amountsGwei, limit } = planOptions;
    const own = await keys.list(loadedKeys);
    const found = await findUnused(own, { ...planOptions, loadedKeys, refused, findKnown });
    const count = largestBatch(type, Math.min(limit, found.usable.length));
    if (count === 0) return explain(keys.source, own.length, found, refused);
    const chosen = found.usable.map((publicKey, i) => ({
      publicKey,
      amountGwei: amountsGwei?.[i] ?? amountsGwei?.[0] ?? DEPOSIT_AMOUNT_GWEI,
    }));
    return { type, validators: chosen.slice(0, count), others: chosen.slice(count) };
  };

  return {
    kind: 'signer-keys',
    prepare: async () => undefined,
    async chooseValidators(facts, planOptions) {
      const chosen = await choose(facts, planOptions);
      return isBatch(chosen) ? { type, validators: chosen.validators } : chosen;
    },
    async planBatch(facts, planOptions) {
      refused.remind();
      for (;;) {
        const chosen = await choose(facts, planOptions);
        if (!isBatch(chosen)) return chosen;
        const toDeposit = (validator: ChosenValidators['validators'][number]) => ({
          ...validator,
          withdrawalCredentials,
        });
        const signed = await signing.sign(chosen.validators.map(toDeposit), chosen.others.map(toDeposit));
        switch (signed.status) {
          case 'signed':
            return createManagedBatch(wallet, options, { type, validators: signed.validators });
          case 'not-signed':
            return noBatch('deposit-not-signed', `the signer to sign the deposits: ${signed.reason}`);
          case 'keys-left-out':
            // Fewer keys are left: this ends.
            continue;
        }
      }
    },
  };
}

interface UnusedKeys {
  /** The first of them in their order: as many as are wanted, and some to try the signer with. */
  readonly usable: readonly Uint8Array[];
  /** Keys that no deposit has used, and that the signer does not have, or cannot sign exits of. */
  readonly withoutKey: readonly Uint8Array[];
}

interface UnusedKeysQuery extends PlanBatchOptions {
  readonly loadedKeys: ReadonlySet<Hex>;
  /** Which of these keys are validators of the beacon chain. */
  readonly findKnown: (publicKeys: readonly Uint8Array[]) => Promise<ReadonlySet<Hex>>;
  readonly refused: Pick<RefusedKeys, 'has'>;
}

async function findUnused(
  own: readonly Uint8Array[],
  { limit, loadedKeys, isAtHand, findRegistered, findKnown, refused }: UnusedKeysQuery,
): Promise<UnusedKeys> {
  const wanted = limit + PROBES;
  const usable: Uint8Array[] = [];
  const withoutKey: Uint8Array[] = [];
  for (let start = 0; start < own.length && usable.length < wanted; start += LOOKUP_PAGE) {
    const page = own.slice(start, start + LOOKUP_PAGE);
    const registered = await findRegistered(page);
    const open: Uint8Array[] = [];
    for (const publicKey of page) {
      if (registered.has(toHex(publicKey)) || refused.has(publicKey)) continue;
      // Whatever signs the exit, a deposit takes the whole key.
      if (!loadedKeys.has(toHex(publicKey)) || !isAtHand(publicKey)) withoutKey.push(publicKey);
      else open.push(publicKey);
    }
    while (open.length > 0 && usable.length < wanted) {
      const next = open.splice(0, wanted - usable.length);
      const known = await findKnown(next);
      for (const publicKey of next) if (!known.has(toHex(publicKey))) usable.push(publicKey);
    }
  }
  return { usable, withoutKey };
}

/** A validator without a deposit that was read: of the chain's genesis, or of one that the execution nodes do not tell. */
function tellKnown(changes: ChangeLog, validators: Iterable<BeaconValidator>): void {
  for (const { publicKey, index, withdrawalCredentials } of validators) {
    const key = toHex(publicKey);
    changes.warn(
      `validator ${key}`,
      `The key ${key} is not registered: the beacon chain has it as validator ${index} with the withdrawal credentials ${toHex(withdrawalCredentials)}`,
    );
  }
}

function explain(
  source: string,
  known: number,
  { withoutKey }: UnusedKeys,
  refused: Pick<RefusedKeys, 'describe'>,
): NoBatch {
  const leftOut = refused.describe();
  if (leftOut !== undefined) {
    return noBatch('deposit-not-signed', `other keys, since it ${leftOut}`);
  }
  const [first] = withoutKey;
  if (first !== undefined) {
    return noBatch(
      'key-not-in-signer',
      `the signer to have the keys of ${withoutKey.length} validators of ${source}, first ${toHex(first)}: deposits are signed with whole keys, not with shares`,
    );
  }
  return noBatch('signer-keys-used-up', `more keys: deposits have used all ${known} of ${source}`);
}
