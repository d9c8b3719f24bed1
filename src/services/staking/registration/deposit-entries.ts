import { DEPOSIT_AMOUNT_GWEI, type DepositEntry, depositOfVault } from '../../../domain/consensus/deposit.ts';
import { findInvalidDeposits } from '../../../domain/consensus/deposit-signature.ts';
import { packDeposits } from '../../../domain/consensus/packed-deposits.ts';
import { equalBytes } from '../../../lib/bytes.ts';
import { type NextValidator, type NoBatch, noBatch } from './registration-mode.ts';

/** Where a vault's deposit data comes from: a file, or the remote database. */
export interface DepositDataSource {
  /** What messages call the source, such as the file's path. */
  readonly name: string;
  read(): Promise<readonly DepositEntry[]>;
}

/** A vault's deposit data as last read. */
export interface DepositEntries {
  readonly source: string;
  /** The vault that the validators deposit for, 20 bytes. */
  readonly vault: Uint8Array;
  /** The entries, read the first time. */
  current(): Promise<readonly DepositEntry[]>;
  /** Reads again, unless that was just done. @returns whether there are other entries now */
  reload(): Promise<boolean>;
  /** The first of these places whose deposit the beacon chain would not accept; each is verified once. */
  findInvalid(places: readonly number[]): number | undefined;
}

/** How long what was read counts, when it does not fit: the file may be replaced at any time. */
const RELOAD_AFTER_MS = 60_000;

export function openDepositEntries(
  { source, now }: { readonly source: DepositDataSource; readonly now: () => number },
  { vault, genesisForkVersion }: { readonly vault: Uint8Array; readonly genesisForkVersion: Uint8Array },
): DepositEntries {
  let entries: readonly DepositEntry[] | undefined;
  let readAtMs = 0;
  /** Places whose signature is known to be valid, or not. */
  const verified = new Map<number, boolean>();

  const read = async () => {
    // Only public key and signature are of use here, and what is kept is not to be written as deposit data.
    const packed = packDeposits(await source.read());
    readAtMs = now();
    return packed;
  };
  return {
    source: source.name,
    vault,
    async current() {
      entries ??= await read();
      return entries;
    },
    async reload() {
      if (entries !== undefined && now() - readAtMs < RELOAD_AFTER_MS) return false;
      const before = entries;
      entries = await read();
      if (before !== undefined && areEqual(before, entries)) return false;
      verified.clear();
      return true;
    },
    findInvalid(places) {
      const unknown = places.filter(place => !verified.has(place) && entries?.[place] !== undefined);
      const deposits = unknown.flatMap(place => {
        const entry = entries?.[place];
        return entry === undefined ? [] : [depositOfVault(entry, vault)];
      });
      const invalid = new Set(findInvalidDeposits(deposits, genesisForkVersion));
      for (const [i, place] of unknown.entries()) verified.set(place, !invalid.has(i));
      return places.find(place => verified.get(place) === false);
    },
  };
}

/** Places of entries from `first` on, up to `limit` of them. */
export function placesFrom(
  { entries, first }: { readonly entries: readonly unknown[]; readonly first: number },
  limit: number,
): number[] {
  const count = Math.max(0, Math.min(limit, entries.length - first));
  return Array.from({ length: count }, (_, i) => first + i);
}

export function toNextValidator({ publicKey, signature }: DepositEntry): NextValidator {
  return { publicKey, depositSignature: signature, amountGwei: DEPOSIT_AMOUNT_GWEI };
}

/** Every entry is of a validator that the chain has. */
export function usedUp({ source }: DepositEntries, entries: readonly unknown[]): NoBatch {
  return noBatch(
    'deposit-data-used-up',
    `more deposit data: all ${entries.length} validators of ${source} are registered`,
  );
}

function areEqual(before: readonly DepositEntry[], after: readonly DepositEntry[]): boolean {
  return (
    before.length === after.length &&
    before.every((entry, i) => {
      const other = after[i];
      return (
        other !== undefined &&
        equalBytes(entry.publicKey, other.publicKey) &&
        equalBytes(entry.signature, other.signature)
      );
    })
  );
}
