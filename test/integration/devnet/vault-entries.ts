import { TypedDataEncoder } from 'ethers/hash';
import {
  credentialsOf,
  encodeCompoundingEntry,
  encodeEntry,
  encodeWithdrawal,
} from '../../devnet/deposit-data.ts';
import type { Devnet } from '../../devnet/devnet.ts';
import { hex, unhex } from '../../devnet/exit-signature.ts';
import { signSorted } from '../../devnet/rewards.ts';
import { registrationDigest, signDigest } from '../../devnet/typed-data.ts';

export const ETH = 1_000_000_000n;

/** A public key that is on no curve: the devnet vouches for it where a signature counts. */
export function keyOf(seed: number): Buffer {
  return Buffer.alloc(48, seed);
}

const SIGNATURE = Buffer.alloc(96, 0xcc);

/** Entries of 176 bytes, one after the other. */
export function legacyEntries(vault: string, seeds: readonly number[]): Buffer {
  return Buffer.concat(seeds.map(seed => encodeEntry(vault, keyOf(seed), SIGNATURE)));
}

/** Entries of 184 bytes: seed of the key, and gwei. */
export function compoundingEntries(vault: string, entries: readonly (readonly [number, bigint])[]): Buffer {
  return Buffer.concat(
    entries.map(([seed, gwei]) => encodeCompoundingEntry(vault, keyOf(seed), SIGNATURE, gwei)),
  );
}

/** Entries that top up, whose signature counts nowhere. */
export function fundingEntries(vault: string, entries: readonly (readonly [number, bigint])[]): Buffer {
  return Buffer.concat(
    entries.map(([seed, gwei]) => encodeCompoundingEntry(vault, keyOf(seed), Buffer.alloc(96), gwei)),
  );
}

/** Entries of 56 bytes. */
export function withdrawalEntries(entries: readonly (readonly [number, bigint])[]): Buffer {
  return Buffer.concat(entries.map(([seed, gwei]) => encodeWithdrawal(keyOf(seed), gwei)));
}

/** 0x02 credentials of a vault, as the beacon API writes them. */
export function compoundingCredentials(vault: string): string {
  return hex(credentialsOf(vault, 2));
}

/** The keeper's parameters for entries that the oracles have approved. */
export async function approve(devnet: Devnet, vault: string, validators: Uint8Array) {
  const { protocol, addresses, chainId, oracleSet } = devnet;
  const depositContract = protocol.at('DepositContract', addresses.depositContract);
  const validatorsRegistryRoot: string = await depositContract.getFunction('get_deposit_root').staticCall();
  const message = { vault, validators, exitSignaturesIpfsHash: 'QmExits', deadline: 2n ** 40n };
  const digest = registrationDigest(
    { chainId, keeper: addresses.keeper },
    { ...message, validatorsRegistryRoot: unhex(validatorsRegistryRoot) },
  );
  return {
    ...message,
    validatorsRegistryRoot,
    signatures: signSorted(oracleSet, oracleSet.threshold, digest),
  };
}

/** What a validators manager signs: with the registry root to register, else with the nonce. */
export function signForVault(
  { chainId }: Devnet,
  secretKey: Uint8Array,
  vault: string,
  message: { readonly first: string | bigint; readonly validators: Uint8Array },
): Uint8Array {
  const { first, validators } = message;
  const domain = { name: 'VaultValidators', version: '1', chainId, verifyingContract: vault };
  const fields = [
    { name: 'validatorsRegistryRoot', type: 'bytes32' },
    { name: 'validators', type: 'bytes' },
  ];
  const validatorsRegistryRoot =
    typeof first === 'string' ? first : `0x${first.toString(16).padStart(64, '0')}`;
  const digest = TypedDataEncoder.hash(
    domain,
    { VaultValidators: fields },
    { validatorsRegistryRoot, validators },
  );
  return signDigest(secretKey, unhex(digest));
}
