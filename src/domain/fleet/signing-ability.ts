import { equalBytes, type Hex, toHex } from '../../lib/bytes.ts';
import { type OracleConfig, oracleSetHash } from '../protocol/oracle-config.ts';
import type { ExitShardMode } from '../protocol/signature-share.ts';
import type { OracleSetRef, RemoteSignerConfig } from './remote-signer-config.ts';

/** The key shares that a signer was told of, to be looked up by validator. */
export interface KnownShares {
  /** The oracles that the shares are made for; undefined in files of the Python operator, which name none. */
  readonly oracleSet: OracleSetRef | undefined;
  /** Public keys of a validator's shares in the order of the oracles, by the public key of the validator. */
  readonly ofValidator: ReadonlyMap<Hex, readonly Uint8Array[]>;
}

/** What exits can be signed with. */
export interface SigningKeys {
  /** What the signer has loaded, keys of validators and shares of them alike, lower case. */
  readonly loaded: ReadonlySet<Hex>;
  /** The shares in the signer; undefined when it was never told of any. */
  readonly shares: KnownShares | undefined;
}

/** The oracles that shards are made for now. */
export type ShardOracles = Pick<OracleConfig, 'oracles' | 'exitSignatureRecoverThreshold'>;

/** A way of making shards: each key share signs, or the validator's one signature is split. */
export type ShardWay = Exclude<ExitShardMode, 'auto'>;

/** Why shards are not made with the key shares of the signer. */
export type SharesProblem =
  | { readonly kind: 'no-configuration' }
  | { readonly kind: 'other-oracle-set' }
  | {
      readonly kind: 'other-share-count';
      readonly publicKey: Uint8Array;
      /** How many shares of the validator the configuration names. */
      readonly count: number;
      /** How many oracles there are. */
      readonly expected: number;
    }
  | {
      readonly kind: 'shares-not-loaded';
      readonly publicKey: Uint8Array;
      /** How many shares of the validator there are. */
      readonly count: number;
      /** How many of them the signer has not loaded. */
      readonly missing: number;
    };

/** How the shards of a batch are made, all of them in one way; or why they cannot be. */
export type ShardPlan =
  | {
      readonly kind: 'key-shares';
      /** Public keys of the shares of each validator, all of them loaded. */
      readonly shares: readonly (readonly Uint8Array[])[];
    }
  | {
      readonly kind: 'split';
      /** Why key shares are not used; undefined where splitting is what is wanted. */
      readonly sharesProblem: SharesProblem | undefined;
    }
  /** Key shares are insisted on. */
  | { readonly kind: 'shares-unusable'; readonly sharesProblem: SharesProblem }
  | {
      readonly kind: 'key-not-loaded';
      /** The first validator whose key the signer has not loaded. */
      readonly publicKey: Uint8Array;
      /** Why key shares are not used either; undefined where splitting is what is wanted. */
      readonly sharesProblem: SharesProblem | undefined;
    };

/** A way of making shards, and for which validators the signer has what it takes. */
export interface PossibleShardWay {
  readonly way: ShardWay;
  readonly isPossible: (publicKey: Uint8Array) => boolean;
}

/** What one validator's exit is signed with; or why it cannot be signed. */
export type ExitKeys =
  | { readonly kind: 'key' }
  | {
      readonly kind: 'shares';
      /** Loaded shares, as many as recover the signature, with their zero-based places among the oracles. */
      readonly shares: readonly { readonly index: number; readonly publicKey: Uint8Array }[];
    }
  /** The key is not loaded, and the signer was told of no shares of it. */
  | { readonly kind: 'key-not-loaded' }
  | {
      readonly kind: 'too-few-shares';
      /** How many shares recover the signature. */
      readonly threshold: number;
    };

/** The shares that a configuration names, by validator. */
export function knownShares(config: RemoteSignerConfig | undefined): KnownShares | undefined {
  if (config === undefined) return undefined;
  return {
    oracleSet: config.oracleSet,
    ofValidator: new Map(config.validators.map(({ publicKey, shares }) => [toHex(publicKey), shares])),
  };
}

/** Whether the signer has the validator's key, or all its shares that the configuration names, for whichever oracles. */
export function canSign(keys: SigningKeys, publicKey: Uint8Array): boolean {
  const shares = sharesOf(keys, publicKey);
  return isLoaded(keys, publicKey) || (shares.length > 0 && shares.every(share => isLoaded(keys, share)));
}

/**
 * What a validator's exit is signed with: its key, else as many of its shares as recover its signature. For which oracles
 * the shares were made does not matter: the validator has one signature of a message.
 */
export function findExitKeys(keys: SigningKeys, publicKey: Uint8Array): ExitKeys {
  if (isLoaded(keys, publicKey)) return { kind: 'key' };
  const known = sharesOf(keys, publicKey);
  if (known.length === 0) return { kind: 'key-not-loaded' };
  // Without a threshold (a file of the Python operator) all shares that are there are needed.
  const threshold = keys.shares?.oracleSet?.threshold ?? known.length;
  const shares = known
    .map((share, index) => ({ index, publicKey: share }))
    .filter(share => isLoaded(keys, share.publicKey))
    .slice(0, threshold);
  return shares.length < threshold ? { kind: 'too-few-shares', threshold } : { kind: 'shares', shares };
}

/**
 * The ways of making shards that can be chosen from, the preferred one first. There is none where key shares are insisted
 * on and those in the signer are of no use: {@link planShards} says why.
 */
export function findShardWays(
  keys: SigningKeys,
  oracles: ShardOracles,
  mode: ExitShardMode,
): PossibleShardWay[] {
  const ways: PossibleShardWay[] = [];
  const hasValidators = keys.shares !== undefined && keys.shares.ofValidator.size > 0;
  if (mode !== 'split' && hasValidators && problemOfAll(keys, oracles) === undefined) {
    ways.push({
      way: 'key-shares',
      isPossible: publicKey => problemOfOne(keys, oracles, publicKey) === undefined,
    });
  }
  if (mode !== 'key-shares') ways.push({ way: 'split', isPossible: publicKey => isLoaded(keys, publicKey) });
  return ways;
}

/** How the shards of these validators are made: with key shares if the signer has all of them, unless told otherwise. */
export function planShards(
  keys: SigningKeys,
  oracles: ShardOracles,
  mode: ExitShardMode,
  publicKeys: readonly Uint8Array[],
): ShardPlan {
  if (mode === 'split') return planSplit(keys, publicKeys, undefined);
  const sharesProblem = findSharesProblem(keys, oracles, publicKeys);
  if (sharesProblem === undefined) {
    return { kind: 'key-shares', shares: publicKeys.map(publicKey => sharesOf(keys, publicKey)) };
  }
  if (mode === 'key-shares') return { kind: 'shares-unusable', sharesProblem };
  return planSplit(keys, publicKeys, sharesProblem);
}

function planSplit(
  keys: SigningKeys,
  publicKeys: readonly Uint8Array[],
  sharesProblem: SharesProblem | undefined,
): ShardPlan {
  const publicKey = publicKeys.find(one => !isLoaded(keys, one));
  if (publicKey === undefined) return { kind: 'split', sharesProblem };
  return { kind: 'key-not-loaded', publicKey, sharesProblem };
}

function findSharesProblem(
  keys: SigningKeys,
  oracles: ShardOracles,
  publicKeys: readonly Uint8Array[],
): SharesProblem | undefined {
  const problem = problemOfAll(keys, oracles);
  if (problem !== undefined) return problem;
  for (const publicKey of publicKeys) {
    const found = problemOfOne(keys, oracles, publicKey);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is wrong with all shares that the signer was told of. */
function problemOfAll({ shares }: SigningKeys, oracles: ShardOracles): SharesProblem | undefined {
  if (shares === undefined) return { kind: 'no-configuration' };
  const { oracleSet } = shares;
  const isCurrent = oracleSet === undefined || equalBytes(oracleSet.configHash, oracleSetHash(oracles));
  return isCurrent ? undefined : { kind: 'other-oracle-set' };
}

/** What is wrong with the shares of one validator. */
function problemOfOne(
  keys: SigningKeys,
  { oracles }: ShardOracles,
  publicKey: Uint8Array,
): SharesProblem | undefined {
  const shares = sharesOf(keys, publicKey);
  const count = shares.length;
  const expected = oracles.length;
  if (count !== expected) return { kind: 'other-share-count', publicKey, count, expected };
  const missing = shares.filter(share => !isLoaded(keys, share)).length;
  return missing > 0 ? { kind: 'shares-not-loaded', publicKey, count, missing } : undefined;
}

function sharesOf({ shares }: SigningKeys, publicKey: Uint8Array): readonly Uint8Array[] {
  return shares?.ofValidator.get(toHex(publicKey)) ?? [];
}

function isLoaded({ loaded }: SigningKeys, publicKey: Uint8Array): boolean {
  return loaded.has(toHex(publicKey));
}
