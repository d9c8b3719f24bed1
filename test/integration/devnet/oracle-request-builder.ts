import { bls12_381 } from '@noble/curves/bls12-381.js';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { encrypt } from 'eciesjs';
import { credentialsOf, DEPOSIT_GWEI, depositSigningRoot, encodeEntry } from '../../devnet/deposit-data.ts';
import type { Devnet } from '../../devnet/devnet.ts';
import { exitSigningRoot, hex, publicKeyOf, sign, unhex } from '../../devnet/exit-signature.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { managerDigest, signDigest } from '../../devnet/typed-data.ts';

const { Fr } = bls12_381.fields;

export interface TestValidator {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly depositSignature: Uint8Array;
}

/** A validator of the vault whose deposit is signed. */
export function createValidator(vault: string, seed: number): TestValidator {
  const secretKey = Buffer.alloc(32, 0x11 + seed);
  const publicKey = publicKeyOf(secretKey);
  const deposit = { publicKey, withdrawalCredentials: credentialsOf(vault), amountGwei: DEPOSIT_GWEI };
  return {
    secretKey,
    publicKey,
    depositSignature: sign(secretKey, depositSigningRoot(deposit, BEACON_CHAIN)),
  };
}

/** Shards for the current oracle set, as the protocol has them. */
export function buildShares(
  { oracleSet }: Devnet,
  vault: string,
  validators: readonly TestValidator[],
  indexes: readonly number[],
) {
  const { oracles, threshold } = oracleSet;
  const shards = validators.map(({ secretKey }, i) => {
    const keys = split(secretKey, threshold, oracles.length);
    const root = exitSigningRoot({ epoch: 0n, validatorIndex: BigInt(indexes[i] ?? 0) }, BEACON_CHAIN);
    return {
      publicKeys: keys.map(key => hex(publicKeyOf(key))),
      signatures: keys.map((key, j) =>
        hex(encrypt(hex(oracles[j]?.publicKey ?? new Uint8Array()), sign(key, root))),
      ),
    };
  });
  return {
    vault_address: vault,
    public_keys: validators.map(({ publicKey }) => hex(publicKey)),
    public_key_shards: shards.map(({ publicKeys }) => publicKeys),
    exit_signature_shards: shards.map(({ signatures }) => signatures),
    deadline: Math.floor(Date.now() / 1000) + 3600,
  };
}

/** The members of every request for approval; what proves the right to register is added by the caller. */
export async function buildRegistration(
  devnet: Devnet,
  vault: string,
  validators: readonly TestValidator[],
  validatorIndex: number,
) {
  const { protocol, addresses } = devnet;
  const depositContract = protocol.at('DepositContract', addresses.depositContract);
  const root: string = await depositContract.getFunction('get_deposit_root').staticCall();
  const indexes = validators.map((_, i) => validatorIndex + i);
  return {
    ...buildShares(devnet, vault, validators, indexes),
    validator_index: validatorIndex,
    validators_root: root,
    deposit_signatures: validators.map(({ depositSignature }) => hex(depositSignature)),
  };
}

/** The tree of a vault's deposit data. */
export function buildTree(vault: string, validators: readonly TestValidator[]) {
  const entries = validators.map(({ publicKey, depositSignature }) =>
    hex(encodeEntry(vault, publicKey, depositSignature)),
  );
  const tree = StandardMerkleTree.of(
    entries.map((entry, index): [string, number] => [entry, index]),
    ['bytes', 'uint256'],
  );
  return {
    root: tree.root,
    prove(selected: number[]) {
      const { proof, proofFlags, leaves } = tree.getMultiProof(selected);
      const order = leaves.map(([, index]) => index);
      const contractIndexes = selected.map(index => order.indexOf(index));
      const validators = `0x${selected.map(index => entries[index]?.slice(2)).join('')}`;
      return { proof, proofFlags, order, contractIndexes, validators };
    },
  };
}

/** The manager's signature for the oracles. */
export function signAsManager(
  { chainId }: Devnet,
  secretKey: Uint8Array,
  vault: string,
  request: { readonly validators_root: string },
  validators: readonly TestValidator[],
): string {
  const entries = validators.map(one => encodeEntry(vault, one.publicKey, one.depositSignature));
  const message = {
    validatorsRegistryRoot: unhex(request.validators_root),
    validators: Buffer.concat(entries),
  };
  return hex(signDigest(secretKey, managerDigest(chainId, vault, message)));
}

function split(secretKey: Uint8Array, threshold: number, count: number): Uint8Array[] {
  const coefficients = [
    Fr.fromBytes(secretKey),
    ...Array.from({ length: threshold - 1 }, () => Fr.fromBytes(bls12_381.longSignatures.keygen().secretKey)),
  ];
  return Array.from({ length: count }, (_, i) => {
    const x = BigInt(i + 1);
    return Fr.toBytes(
      coefficients.reduceRight((sum, coefficient) => Fr.add(Fr.mul(sum, x), coefficient), 0n),
    );
  });
}
