import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { decrypt } from 'eciesjs';
import {
  credentialsOf,
  DEPOSIT_GWEI,
  encodeCompoundingEntry,
  encodeEntry,
  isDepositSigned,
} from './deposit-data.ts';
import type { DepositLog } from './deposit-log.ts';
import { type DepositChain, exitSigningRoot, hex, isSignedBy, unhex } from './exit-signature.ts';
import { hashDepositLeaf, isMultiProven } from './multi-proof.ts';
import { BEACON_CHAIN, EXIT_EPOCH } from './network-file.ts';
import { type ApprovalRequest, Refusal, type ShareRequest } from './oracle-requests.ts';
import type { OracleSet } from './oracle-set.ts';
import type { Protocol } from './protocol.ts';
import { areAllSigned, combineShares } from './signature-shares.ts';
import { managerDigest, recoverSigner } from './typed-data.ts';

export interface VaultFacts {
  readonly address: string;
  readonly version: number;
  /** Whether deposit data registers in this vault, or its validators manager. */
  readonly proves: boolean;
  /** Zero for version 1. */
  readonly validatorsManager: string;
}

/** Reads what the checks need to know of a vault; throws Refusal for one that the protocol does not know. */
export async function readVault(protocol: Protocol, address: string): Promise<VaultFacts> {
  const { addresses } = protocol;
  const registry = protocol.at('VaultsRegistry', addresses.vaultsRegistry);
  if (!(await registry.getFunction('vaults').staticCall(address)))
    throw new Refusal(`unknown vault ${address}`);
  const vault = protocol.at('VaultV5', address);
  const version = Number(await vault.getFunction('version').staticCall());
  const validatorsManager: string =
    version === 1 ? `0x${'0'.repeat(40)}` : await vault.getFunction('validatorsManager').staticCall();
  const proves = version === 1 || validatorsManager === addresses.depositDataRegistry;
  return { address, version, proves, validatorsManager };
}

/** Everything in a request for approval that the chain can confirm or deny; throws Refusal. */
export async function checkRegistration(
  protocol: Protocol,
  deposits: DepositLog,
  vault: VaultFacts,
  request: ApprovalRequest,
): Promise<void> {
  const depositContract = protocol.at('DepositContract', protocol.addresses.depositContract);
  const root: string = await depositContract.getFunction('get_deposit_root').staticCall();
  if (request.validators_root !== root) throw new Refusal('validators_root is not the deposit contract’s');
  const validators = await deposits.listValidators();
  if (request.validator_index !== validators.length) {
    throw new Refusal(
      `validator_index is ${request.validator_index}, but the next one is ${validators.length}`,
    );
  }
  const known = new Set(validators.map(({ publicKey }) => hex(publicKey)));
  const registered = request.public_keys.find(key => known.has(key));
  if (registered !== undefined) throw new Refusal(`${registered} is registered already`);
  if (vault.proves) await checkProof(protocol, vault, request);
  else checkManager(await protocol.chainId(), vault, request);
}

async function checkProof(protocol: Protocol, vault: VaultFacts, request: ApprovalRequest): Promise<void> {
  const { address, version } = vault;
  const own = protocol.at('VaultV1', address);
  const registry = protocol.at('DepositDataRegistry', protocol.addresses.depositDataRegistry);
  const [root, first]: [string, bigint] = await Promise.all(
    version === 1
      ? [own.getFunction('validatorsRoot').staticCall(), own.getFunction('validatorIndex').staticCall()]
      : [
          registry.getFunction('depositDataRoots').staticCall(address),
          registry.getFunction('depositDataIndexes').staticCall(address),
        ],
  );
  const entries = encodeEntries(address, request);
  const indexes = request.proof_indexes ?? [];
  const expected = entries.map((_, i) => Number(first) + i);
  if ([...indexes].sort((a, b) => a - b).join() !== expected.join()) {
    throw new Refusal(`proof_indexes are not those of the next validators, ${expected.join()}`);
  }
  const leaves = indexes.map(index =>
    hashDepositLeaf(entries[index - Number(first)] ?? new Uint8Array(), index),
  );
  const proof = (request.proof ?? []).map(unhex);
  if (!isMultiProven(unhex(root), leaves, { proof, proofFlags: request.proof_flags ?? [] })) {
    throw new Refusal('the proof does not lead to the root of the deposit data');
  }
}

function checkManager(chainId: number, vault: VaultFacts, request: ApprovalRequest): void {
  const validators = Buffer.concat(encodeEntries(vault.address, request));
  const digest = managerDigest(chainId, vault.address, {
    validatorsRegistryRoot: unhex(request.validators_root),
    validators,
  });
  const signer = recoverSigner(digest, unhex(request.validators_manager_signature ?? ''));
  if (signer !== vault.validatorsManager.toLowerCase()) {
    throw new Refusal('validators_manager_signature is not that of the vault’s validators manager');
  }
}

/** 176 bytes of each validator, or 184 where the request names amounts, in its order. */
export function encodeEntries(vault: string, request: ApprovalRequest): readonly Buffer[] {
  return request.public_keys.map((key, i) => {
    const signature = unhex(request.deposit_signatures[i] ?? '');
    const amount = request.amounts?.[i];
    if (amount === undefined) return encodeEntry(vault, unhex(key), signature);
    return encodeCompoundingEntry(vault, unhex(key), signature, BigInt(amount));
  });
}

/** Deposit signatures of a request for approval; throws Refusal. */
export async function checkDepositSignatures(
  chain: DepositChain,
  vault: string,
  request: ApprovalRequest,
): Promise<void> {
  const { amounts = null } = request;
  const withdrawalCredentials = credentialsOf(vault, amounts === null ? 1 : 2);
  for (const [i, key] of request.public_keys.entries()) {
    await setImmediate();
    const signature = unhex(request.deposit_signatures[i] ?? '');
    const amountGwei = BigInt(amounts?.[i] ?? DEPOSIT_GWEI);
    const deposit = { publicKey: unhex(key), withdrawalCredentials, amountGwei, signature };
    if (!isDepositSigned(deposit, chain)) throw new Refusal(`the deposit signature of ${key} is invalid`);
  }
}

/**
 * Opens the exit signature shards with the oracles' keys and verifies each under its public key shard; whichever
 * `threshold` of them stand together recombine to the validator's own exit. An oracle of the protocol sees only its own
 * shard; here they put them together, as they would to exit the validator.
 * @param indexes - of the validators, in the order of the request
 * @returns what is wrong with the shards of single oracles, by oracle index
 * @throws Refusal when the exit of a validator is not recoverable
 */
export async function checkShares(
  set: OracleSet,
  request: ShareRequest,
  indexes: readonly bigint[],
): Promise<ReadonlyMap<number, string>> {
  const complaints = new Map<number, string>();
  for (const [i, key] of request.public_keys.entries()) {
    const publicKeys = request.public_key_shards[i] ?? [];
    const shards = request.exit_signature_shards[i] ?? [];
    if (publicKeys.length !== set.oracles.length || shards.length !== set.oracles.length) {
      throw new Refusal(`${key} has shards for ${shards.length} oracles, not for ${set.oracles.length}`);
    }
    const root = exitSigningRoot({ epoch: EXIT_EPOCH, validatorIndex: indexes[i] ?? 0n }, BEACON_CHAIN);
    const opened = set.oracles.map(({ secretKey }, index) => ({
      index,
      publicKey: unhex(publicKeys[index] ?? ''),
      signature: openShard(secretKey, shards[index] ?? ''),
    }));
    await setImmediate();
    const shares = opened.flatMap(share =>
      share.signature === undefined ? [] : [{ ...share, signature: share.signature }],
    );
    const good = areAllSigned(root, shares)
      ? shares
      : shares.filter(({ publicKey, signature }) => isSignedBy(publicKey, root, signature));
    for (const { index } of opened.filter(one => !good.some(share => share.index === one.index))) {
      complaints.set(index, `the exit signature shard of ${key} is not for this oracle, or not signed`);
    }
    await requireRecoverable(unhex(key), root, good, set.threshold);
  }
  return complaints;
}

async function requireRecoverable(
  publicKey: Uint8Array,
  root: Uint8Array,
  shares: readonly { readonly index: number; readonly signature: Uint8Array }[],
  threshold: number,
): Promise<void> {
  if (shares.length < threshold) {
    throw new Refusal(`${hex(publicKey)} has ${shares.length} good shards, the exit takes ${threshold}`);
  }
  // Every share is of one of these groups.
  const starts = shares.flatMap((_, i) =>
    i % threshold === 0 ? [Math.min(i, shares.length - threshold)] : [],
  );
  for (const start of starts) {
    await setImmediate();
    const exit = combineShares(shares.slice(start, start + threshold));
    if (!isSignedBy(publicKey, root, exit)) {
      throw new Refusal(`the exit signature shards of ${hex(publicKey)} do not recombine to its exit`);
    }
  }
}

/** The signature of a shard; undefined when it is not for this key. */
export function openShard(secretKey: Uint8Array, shard: string): Uint8Array | undefined {
  try {
    return decrypt(secretKey, unhex(shard));
  } catch {
    return undefined;
  }
}

/** Identity of a text. */
export function fingerprint(...texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\n')).digest('hex');
}
