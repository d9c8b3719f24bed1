import type { DepositToSign, SignerClient } from '../../../clients/signer/signer-client.ts';
import {
  credentialsOfType,
  DEPOSIT_AMOUNT_GWEI,
  type ValidatorType,
} from '../../../domain/consensus/deposit.ts';
import { largestBatch } from '../../../domain/protocol/validator-entries.ts';
import { fromHex, type Hex, toHex } from '../../../lib/bytes.ts';
import type { ErrorCode } from '../../../lib/error-codes.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import { createManagedBatch, findStranger, type ManagedVault, type ManagerWallet } from './managed-batch.ts';
import type { OwnKeys } from './own-keys.ts';
import {
  type NextValidator,
  type NoBatch,
  noBatch,
  type PlanBatchOptions,
  type RegistrationMode,
} from './registration-mode.ts';

export interface SignerKeysModeDeps {
  readonly keys: OwnKeys;
  readonly wallet: ManagerWallet;
  readonly signer: Pick<SignerClient, 'signDeposits'>;
}

export interface SignerKeysModeOptions extends ManagedVault {
  readonly validatorType: ValidatorType;
  /** 4 bytes. */
  readonly genesisForkVersion: Uint8Array;
}

/** How many keys are looked up at once when those before are used. */
const LOOKUP_PAGE = 1000;
/** Signatures that are kept for passes that ask again: more than a batch has. */
const KEPT_SIGNATURES = 1000;
/** What a signer answers that asking again does not mend. */
const LASTING: readonly ErrorCode[] = ['key-not-loaded', 'signer-refused-deposit', 'invalid-signature'];

/**
 * Registration of the vault's keys by its validators manager, which is the hot wallet, without deposit data (vaults of version 5):
 * the signer has the keys, and signs each deposit when it is to be made, over credentials and amount. No signature is used that
 * was not verified. What is registered next is the first key that no valid deposit has used, whoever made it.
 */
export function createSignerKeysMode(
  deps: SignerKeysModeDeps,
  options: SignerKeysModeOptions,
): RegistrationMode {
  const { keys, wallet, signer } = deps;
  const { vault, validatorType: type, genesisForkVersion } = options;
  const withdrawalCredentials = credentialsOfType(type, fromHex(vault, ADDRESS_LENGTH));
  /** The same deposit has one signature, which another pass may take. */
  const signatures = new Map<string, Uint8Array>();

  const signDeposits = async (deposits: readonly DepositToSign[]): Promise<readonly NextValidator[]> => {
    const unsigned = deposits.filter(deposit => !signatures.has(nameOf(deposit)));
    if (signatures.size + unsigned.length > KEPT_SIGNATURES) signatures.clear();
    const missing = deposits.filter(deposit => !signatures.has(nameOf(deposit)));
    const made = await signer.signDeposits(missing, { genesisForkVersion });
    for (const [i, signature] of made.entries()) {
      const deposit = missing[i];
      if (deposit !== undefined) signatures.set(nameOf(deposit), signature);
    }
    return deposits.map(({ publicKey, amountGwei, ...deposit }) => ({
      publicKey,
      amountGwei,
      depositSignature: signatures.get(nameOf({ publicKey, amountGwei, ...deposit })) ?? new Uint8Array(),
    }));
  };

  return {
    kind: 'signer-keys',
    prepare: async () => undefined,
    async planBatch(facts, planOptions) {
      const stranger = findStranger(facts, vault, wallet.address);
      if (stranger !== undefined) return stranger;
      const { loadedKeys = new Set<Hex>(), amountsGwei } = planOptions;
      const own = await keys.list(loadedKeys);
      const found = await findUnused(own, { ...planOptions, loadedKeys });
      const count = largestBatch(type, found.usable.length);
      if (count === 0) return explain(keys.source, own.length, found);
      const deposits = found.usable.slice(0, count).map((publicKey, i) => ({
        publicKey,
        withdrawalCredentials,
        amountGwei: amountsGwei?.[i] ?? DEPOSIT_AMOUNT_GWEI,
      }));
      try {
        const validators = await signDeposits(deposits);
        return createManagedBatch(wallet, options, { type, validators });
      } catch (error) {
        if (!(error instanceof ExternalError) || !LASTING.includes(error.code)) throw error;
        return noBatch('deposit-not-signed', `the signer to sign the deposits: ${messageOf(error)}`);
      }
    },
  };
}

function nameOf({ publicKey, amountGwei }: Pick<DepositToSign, 'publicKey' | 'amountGwei'>): string {
  return `${toHex(publicKey)} ${amountGwei}`;
}

interface UnusedKeys {
  /** The first of them in their order, as many as are wanted. */
  readonly usable: readonly Uint8Array[];
  /** Keys that no deposit has used, and that the signer does not have, or cannot sign exits of. */
  readonly withoutKey: readonly Uint8Array[];
}

async function findUnused(
  own: readonly Uint8Array[],
  {
    limit,
    loadedKeys,
    isAtHand,
    findRegistered,
  }: PlanBatchOptions & { readonly loadedKeys: ReadonlySet<Hex> },
): Promise<UnusedKeys> {
  const usable: Uint8Array[] = [];
  const withoutKey: Uint8Array[] = [];
  for (let start = 0; start < own.length && usable.length < limit; start += LOOKUP_PAGE) {
    const page = own.slice(start, start + LOOKUP_PAGE);
    const registered = await findRegistered(page);
    for (const publicKey of page) {
      if (registered.has(toHex(publicKey))) continue;
      // Whatever signs the exit, a deposit takes the whole key.
      if (!loadedKeys.has(toHex(publicKey)) || !isAtHand(publicKey)) withoutKey.push(publicKey);
      else if (usable.push(publicKey) === limit) break;
    }
  }
  return { usable, withoutKey };
}

function explain(source: string, known: number, { withoutKey }: UnusedKeys): NoBatch {
  const [first] = withoutKey;
  if (first !== undefined) {
    return noBatch(
      'key-not-in-signer',
      `the signer to have the keys of ${withoutKey.length} validators of ${source}, first ${toHex(first)}: deposits are signed with whole keys, not with shares`,
    );
  }
  return noBatch('signer-keys-used-up', `more keys: deposits have used all ${known} of ${source}`);
}
