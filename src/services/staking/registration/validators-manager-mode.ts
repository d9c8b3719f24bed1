import type { DepositEntry } from '../../../domain/consensus/deposit.ts';
import { largestBatch } from '../../../domain/protocol/validator-entries.ts';
import { toHex } from '../../../lib/bytes.ts';
import type { DepositDataModeOptions } from './deposit-data-mode.ts';
import { type DepositEntries, placesFrom, toNextValidator, usedUp } from './deposit-entries.ts';
import { createManagedBatch, findStranger, type ManagedVault, type ManagerWallet } from './managed-batch.ts';
import { type NoBatch, noBatch, type PlanBatchOptions, type RegistrationMode } from './registration-mode.ts';

/** How many entries are looked up at once when those before are registered. */
const LOOKUP_PAGE = 1000;

/**
 * Registration by the vault's validators manager, which is the hot wallet: the chain knows no order, so entries that
 * cannot be used are passed over. The deposit data serves its deposit signatures only.
 */
export function createValidatorsManagerMode(
  { deposits, wallet }: { readonly deposits: DepositEntries; readonly wallet: ManagerWallet },
  options: ManagedVault & Pick<DepositDataModeOptions, 'takesBothTypes'>,
): RegistrationMode {
  /** Entries before this place were registered when last looked at. */
  let firstOpen: { readonly entries: readonly DepositEntry[]; readonly place: number } | undefined;

  const openFrom = (entries: readonly DepositEntry[]): number =>
    firstOpen?.entries === entries ? firstOpen.place : 0;

  const choosePlaces = async (planOptions: PlanBatchOptions): Promise<number[] | NoBatch> => {
    const entries = await deposits.current();
    const from = openFrom(entries);
    const scan = await scanEntries(deposits, entries, from, planOptions);
    firstOpen = { entries, place: scan.firstOpen };
    if (scan.places.length > 0) return scan.places;
    // A reorganisation may have undone registrations: before it gives up it looks at all of them.
    if (from > 0) {
      firstOpen = undefined;
      return choosePlaces(planOptions);
    }
    return (await deposits.reload()) ? choosePlaces(planOptions) : explain(deposits, entries, scan);
  };

  const planBatch: RegistrationMode['planBatch'] = async (facts, planOptions) => {
    const stranger = findStranger(facts, options.vault, wallet.address);
    if (stranger !== undefined) return stranger;
    const places = await choosePlaces(planOptions);
    if (!Array.isArray(places)) return places;
    const entries = await deposits.current();
    const count = options.takesBothTypes ? largestBatch('0x01', places.length) : places.length;
    const chosen = places.slice(0, count).flatMap(place => entries[place] ?? []);
    return createManagedBatch(wallet, options, { type: '0x01', validators: chosen.map(toNextValidator) });
  };

  return {
    kind: 'validators-manager',
    planBatch,
    chooseValidators: planBatch,
    async prepare(_facts, limit) {
      const entries = await deposits.current();
      deposits.findInvalid(placesFrom({ entries, first: openFrom(entries) }, limit));
    },
  };
}

interface Scan {
  readonly places: number[];
  /** Nothing before it has to be looked at again. */
  readonly firstOpen: number;
  /** Entries that are not registered, but whose key the signer does not have. */
  readonly withoutKey: number[];
  readonly invalid: number[];
}

async function scanEntries(
  deposits: DepositEntries,
  entries: readonly DepositEntry[],
  from: number,
  { limit, isAtHand, findRegistered }: PlanBatchOptions,
): Promise<Scan> {
  const scan: Scan = { places: [], firstOpen: entries.length, withoutKey: [], invalid: [] };
  let firstOpen = entries.length;
  for (let start = from; start < entries.length && scan.places.length < limit; start += LOOKUP_PAGE) {
    const page = entries.slice(start, start + LOOKUP_PAGE);
    const registered = await findRegistered(page.map(({ publicKey }) => publicKey));
    const open = page.flatMap(({ publicKey }, i) =>
      registered.has(toHex(publicKey)) ? [] : [{ publicKey, place: start + i }],
    );
    firstOpen = Math.min(firstOpen, open[0]?.place ?? firstOpen);
    // Together, which is cheaper than one by one below.
    deposits.findInvalid(open.slice(0, limit).map(({ place }) => place));
    for (const { publicKey, place } of open) {
      if (!isAtHand(publicKey)) scan.withoutKey.push(place);
      else if (deposits.findInvalid([place]) !== undefined) scan.invalid.push(place);
      else if (scan.places.push(place) === limit) break;
    }
  }
  return { ...scan, firstOpen };
}

function explain(deposits: DepositEntries, entries: readonly DepositEntry[], scan: Scan): NoBatch {
  const nameOf = (place: number) => toHex(entries[place]?.publicKey ?? new Uint8Array());
  const [keyless] = scan.withoutKey;
  if (keyless !== undefined) {
    return noBatch(
      'key-not-in-signer',
      `the signer to have the keys of ${scan.withoutKey.length} validators of ${deposits.source}, first ${nameOf(keyless)}`,
    );
  }
  const [invalid] = scan.invalid;
  if (invalid !== undefined) {
    return noBatch(
      'deposit-data-bad-signature',
      `new deposit data: ${scan.invalid.length} validators of ${deposits.source} have no valid deposit signature, first ${nameOf(invalid)}`,
    );
  }
  return usedUp(deposits, entries);
}
