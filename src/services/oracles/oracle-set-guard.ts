import type { OracleConfig } from '../../domain/protocol/oracle-config.ts';
import { equalBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ExternalError, messageOf, OperatorError } from '../../lib/errors.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import type { Logger } from '../../lib/logger.ts';
import type { AcceptedOracleSet, AcceptedOracleSets } from './accepted-oracle-sets.ts';
import {
  type ConfirmedOracleSet,
  type ConfirmOracleSetDeps,
  type ConfirmOracleSetOptions,
  confirmOracleSet,
} from './confirm-oracle-set.ts';
import { readOracleSet } from './read-oracle-set.ts';

export interface OracleSetGuardDeps extends Pick<ConfirmOracleSetDeps, 'voters' | 'http' | 'onVerdict'> {
  readonly accepted: AcceptedOracleSets;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Whether the chain is said to have a set that was not confirmed. */
  readonly showUnconfirmed: (isUnconfirmed: boolean) => void;
  /** Is told when another set than before comes into use. */
  readonly countChange: () => void;
  /** Milliseconds, of a clock that never goes back. */
  readonly now?: (() => number) | undefined;
}

export interface OracleSetGuardOptions extends ConfirmOracleSetOptions {
  /** Pause before the endpoints are asked again for a set that was not confirmed; the next one is twice as long. */
  readonly retryAfterMs: number;
}

/** What was accepted and is in use. */
interface InUse extends AcceptedOracleSet {
  /** The document of the set; undefined until it has been fetched. */
  readonly config?: OracleConfig | undefined;
}

/** A document that one node names and that was not confirmed. */
interface Doubted {
  readonly ipfsHash: string | undefined;
  readonly error: unknown;
  readonly tries: number;
  readonly askAgainAt: number;
}

const LONGEST_PAUSE_MS = 60_000;
/** What has not changed is said again that often. */
const REPEAT_MS = 600_000;

/**
 * Stands between what one node says of the oracle set and what exit shards are made for. The set that is in use goes on
 * being used while the node names it, which costs no request; another one is used when the endpoints have confirmed it.
 */
export class OracleSetGuard {
  readonly #deps: OracleSetGuardDeps;
  readonly #options: OracleSetGuardOptions;
  #loading: Promise<void> | undefined;
  #inUse: InUse | undefined;
  #doubted: Doubted | undefined;
  #confirming: Promise<void> | undefined;
  #told: { readonly line: string; readonly at: number } | undefined;

  constructor(deps: OracleSetGuardDeps, options: OracleSetGuardOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /**
   * The configuration for which exit shards may be made now.
   * @param ipfsHash - of the keeper's last ConfigUpdated event, as one node tells it; undefined when it tells of none
   * @throws ExternalError 'oracle-set-unconfirmed' and others while no set has been accepted; what gateways fail with
   */
  async configFor(ipfsHash: string | undefined): Promise<OracleConfig> {
    await this.#load();
    if (this.#inUse?.configIpfsHash !== ipfsHash) await this.#confirm(ipfsHash);
    else if (this.#doubted !== undefined) this.#trust();
    return await this.#readInUse();
  }

  /**
   * The same as {@link configFor}, for the start of the process: what the user has pinned must be what the chain has.
   * @throws OperatorError 'oracle-set-hash-mismatch'
   */
  async begin(ipfsHash: string | undefined): Promise<OracleConfig> {
    const config = await this.configFor(ipfsHash);
    const error = this.#doubted?.error;
    if (error instanceof OperatorError && error.code === 'oracle-set-hash-mismatch') throw error;
    return config;
  }

  /** What an earlier process has accepted, unless another set is pinned now. */
  async #load(): Promise<void> {
    this.#loading ??= this.#deps.accepted.find().then(found => {
      const { pinnedHash } = this.#options;
      if (found === undefined) return;
      if (pinnedHash !== undefined && !equalBytes(found.setHash, pinnedHash)) return;
      this.#inUse = found;
    });
    await this.#loading.catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
  }

  async #confirm(ipfsHash: string | undefined): Promise<void> {
    const { now = () => performance.now() } = this.#deps;
    const doubted =
      this.#doubted !== undefined && this.#doubted.ipfsHash === ipfsHash ? this.#doubted : undefined;
    if (doubted === undefined || now() >= doubted.askAgainAt) {
      // Several tasks ask in one round: one question is enough.
      this.#confirming ??= this.#ask(ipfsHash, doubted?.tries ?? 0).finally(() => {
        this.#confirming = undefined;
      });
      await this.#confirming;
    }
    if (this.#inUse === undefined && this.#doubted !== undefined) throw this.#doubted.error;
  }

  async #ask(ipfsHash: string | undefined, tries: number): Promise<void> {
    const { log, voters, http, onVerdict, now = () => performance.now() } = this.#deps;
    const { retryAfterMs } = this.#options;
    const doubt = (error: unknown) => {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, retryAfterMs * 2 ** Math.min(tries, 16));
      this.#doubted = { ipfsHash, error, tries: tries + 1, askAgainAt: now() + pauseMs };
    };
    try {
      const warn = (line: string) => log.warn(line);
      const error = (line: string) => log.error(line);
      const confirmed = await confirmOracleSet({ voters, http, warn, error, onVerdict }, this.#options);
      const isOutvoted = confirmed.set.configIpfsHash !== ipfsHash;
      await this.#accept(confirmed);
      this.#trust();
      if (isOutvoted) {
        const error = outvoted(ipfsHash, confirmed);
        doubt(error);
        this.#tell(error);
      }
    } catch (error) {
      doubt(error);
      this.#deps.showUnconfirmed(true);
      this.#tell(error);
    }
  }

  /** Takes a set into use that the endpoints have confirmed. */
  async #accept({ set, event, config, confirmedBy }: ConfirmedOracleSet): Promise<void> {
    const { log, accepted } = this.#deps;
    const before = this.#inUse;
    const isSame = before?.configIpfsHash === set.configIpfsHash && equalBytes(before.setHash, set.hash);
    const next = {
      setHash: set.hash,
      configIpfsHash: set.configIpfsHash,
      eventBlock: event.blockNumber,
      eventBlockHash: fromHex(event.blockHash, HASH_LENGTH),
    };
    this.#inUse = { ...next, config };
    if (isSame) return;
    const facts = {
      oracleSet: toHex(set.hash),
      ipfsHash: set.configIpfsHash,
      block: event.blockNumber,
      confirmedBy,
    };
    const described = `${config.oracles.length} oracles, threshold ${set.threshold}, document ${set.configIpfsHash}`;
    if (before === undefined) {
      log.info(facts, `Accepted oracle set ${toHex(set.hash)}: ${described}`);
    } else {
      log.warn(facts, `Oracle set changed from ${toHex(before.setHash)} to ${toHex(set.hash)}: ${described}`);
      this.#deps.countChange();
    }
    try {
      await accepted.remember(next);
    } catch (error) {
      log.warn(`The accepted oracle set could not be remembered for the next start: ${messageOf(error)}`);
    }
  }

  #trust(): void {
    this.#doubted = undefined;
    this.#told = undefined;
    this.#deps.showUnconfirmed(false);
  }

  #tell(error: unknown): void {
    const { log, now = () => performance.now() } = this.#deps;
    const what = messageOf(error);
    const line =
      this.#inUse === undefined
        ? `No oracle set is in use yet, and none is confirmed: ${what}`
        : `A new oracle set is not confirmed, ${toHex(this.#inUse.setHash)} stays in use: ${what}`;
    if (this.#told !== undefined && now() - this.#told.at < REPEAT_MS && this.#told.line === line) return;
    this.#told = { line, at: now() };
    log.warn(line);
  }

  async #readInUse(): Promise<OracleConfig> {
    const inUse = this.#inUse;
    if (inUse === undefined) throw this.#doubted?.error ?? new Error('no oracle set');
    if (inUse.config !== undefined) return inUse.config;
    const { set, config } = await readOracleSet(this.#deps.http, inUse.configIpfsHash, this.#options.ipfs);
    if (!equalBytes(set.hash, inUse.setHash)) {
      throw new ExternalError(
        'oracle-set-unconfirmed',
        `The document ${inUse.configIpfsHash} has the oracle set ${toHex(set.hash)}, not ${toHex(inUse.setHash)} that was accepted.`,
        { retryable: true },
      );
    }
    this.#inUse = { ...inUse, config };
    return config;
  }
}

function outvoted(ipfsHash: string | undefined, { set }: ConfirmedOracleSet): ExternalError {
  return new ExternalError(
    'oracle-set-unconfirmed',
    `One execution endpoint names ${ipfsHash?.slice(0, 100) ?? 'no document'}, a majority ${set.configIpfsHash}.`,
    { retryable: true },
  );
}
