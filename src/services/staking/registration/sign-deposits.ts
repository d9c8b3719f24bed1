import type { DepositToSign, SignerClient } from '../../../clients/signer/signer-client.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import type { ErrorCode } from '../../../lib/error-codes.ts';
import { ExternalError, messageOf } from '../../../lib/errors.ts';
import type { NextValidator } from './registration-mode.ts';

export interface DepositSigningDeps {
  readonly signer: Pick<SignerClient, 'signDeposits'>;
  readonly refused: RefusedKeys;
}

/** What has become of a batch's deposits. */
export type SignedDeposits =
  | { readonly status: 'signed'; readonly validators: readonly NextValidator[] }
  /** Keys that the signer refuses while it signs with others are left out from now on: another batch is to be chosen. */
  | { readonly status: 'keys-left-out' }
  /** It signs with none of the keys that were tried, or wrongly: somebody has to do something about the signer. */
  | { readonly status: 'not-signed'; readonly reason: string };

/** What a signer answers of one key; asking again does not mend it. */
const OF_ONE_KEY: readonly ErrorCode[] = ['key-not-loaded', 'signer-refused-deposit'];
const LASTING: readonly ErrorCode[] = [...OF_ONE_KEY, 'invalid-signature'];
/** Signatures that are kept for passes that ask again: more than a batch has. */
const KEPT_SIGNATURES = 1000;
/** How many further keys are tried where the signer refuses a whole batch. */
export const PROBES = 10;

/**
 * Has the signer sign deposits, each once. A refusal is that of a key only where the same signer signs the same deposit with another
 * one; else it is the signer's own, which nothing is left out for.
 */
export class DepositSigning {
  readonly #deps: DepositSigningDeps;
  readonly #genesisForkVersion: Uint8Array;
  /** The same deposit has one signature, which another pass may take. */
  readonly #signatures = new Map<string, Uint8Array>();

  /** @param genesisForkVersion - of the network, 4 bytes */
  constructor(deps: DepositSigningDeps, genesisForkVersion: Uint8Array) {
    this.#deps = deps;
    this.#genesisForkVersion = genesisForkVersion;
  }

  /**
   * Signatures of deposits, in their order.
   * @param others - deposits of the keys that come next, which are tried when all of a batch are refused
   * @throws ExternalError that of an outage of the signer
   */
  async sign(deposits: readonly DepositToSign[], others: readonly DepositToSign[]): Promise<SignedDeposits> {
    const missing = deposits.filter(deposit => !this.#signatures.has(nameOf(deposit)));
    if (this.#signatures.size + missing.length > KEPT_SIGNATURES) this.#signatures.clear();
    try {
      await this.#ask(deposits.filter(deposit => !this.#signatures.has(nameOf(deposit))));
    } catch (error) {
      requireLasting(error);
      return OF_ONE_KEY.includes(error.code)
        ? await this.#findRefused(error, deposits, others)
        : { status: 'not-signed', reason: messageOf(error) };
    }
    const validators = deposits.map(deposit => ({
      publicKey: deposit.publicKey,
      amountGwei: deposit.amountGwei,
      depositSignature: this.#signatures.get(nameOf(deposit)) ?? new Uint8Array(),
    }));
    return { status: 'signed', validators };
  }

  async #ask(deposits: readonly DepositToSign[]): Promise<void> {
    const made = await this.#deps.signer.signDeposits(deposits, {
      genesisForkVersion: this.#genesisForkVersion,
    });
    for (const [i, signature] of made.entries()) {
      const deposit = deposits[i];
      if (deposit !== undefined) this.#signatures.set(nameOf(deposit), signature);
    }
  }

  /** Asks for each deposit alone, and leaves out the keys that are refused if another one is not. */
  async #findRefused(
    first: ExternalError,
    deposits: readonly DepositToSign[],
    others: readonly DepositToSign[],
  ): Promise<SignedDeposits> {
    const refused: { readonly publicKey: Uint8Array; readonly reason: string }[] = [];
    let signs = 0;
    for (const [i, deposit] of [...deposits, ...others.slice(0, PROBES)].entries()) {
      if (i >= deposits.length && signs > 0) break;
      try {
        if (!this.#signatures.has(nameOf(deposit))) await this.#ask([deposit]);
        signs += 1;
      } catch (error) {
        requireLasting(error);
        if (!OF_ONE_KEY.includes(error.code)) return { status: 'not-signed', reason: messageOf(error) };
        refused.push({ publicKey: deposit.publicKey, reason: messageOf(error) });
      }
    }
    if (signs === 0) return { status: 'not-signed', reason: messageOf(first) };
    for (const { publicKey, reason } of refused) this.#deps.refused.add(publicKey, reason);
    return { status: 'keys-left-out' };
  }
}

function nameOf({ publicKey, amountGwei }: Pick<DepositToSign, 'publicKey' | 'amountGwei'>): string {
  return `${toHex(publicKey)} ${amountGwei}`;
}

function requireLasting(error: unknown): asserts error is ExternalError {
  if (!(error instanceof ExternalError) || !LASTING.includes(error.code)) throw error;
}

const HOUR_MS = 3_600_000;

interface RefusedKeysDeps {
  readonly warn: (line: string) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Keys that the signer lists and refuses deposits of, for as long as the process lives. Each hour says that they are left out. */
export class RefusedKeys {
  readonly #deps: RefusedKeysDeps;
  readonly #reasons = new Map<Hex, string>();
  #toldAt = 0;

  constructor(deps: RefusedKeysDeps) {
    this.#deps = deps;
  }

  has(publicKey: Uint8Array): boolean {
    return this.#reasons.has(toHex(publicKey));
  }

  /** @param reason - the signer's, a full sentence that names the key */
  add(publicKey: Uint8Array, reason: string): void {
    this.#reasons.set(toHex(publicKey), reason);
    this.#toldAt = this.#deps.now();
    this.#deps.warn(`${reason} This key is left out until the operator is started again.`);
  }

  /** Says it again when an hour has passed since it was said. */
  remind(): void {
    const { warn, now } = this.#deps;
    const at = now();
    if (this.#reasons.size === 0 || at - this.#toldAt < HOUR_MS) return;
    this.#toldAt = at;
    warn(`Registration ${this.describe()}.`);
  }

  /** How many are left out, and why the first of them is; undefined where there are none. */
  describe(): string | undefined {
    const [first] = this.#reasons.values();
    if (first === undefined) return undefined;
    return `leaves out ${this.#reasons.size} of the keys, of which the signer signs no deposit: ${first.replace(/\.$/, '')}`;
  }
}
