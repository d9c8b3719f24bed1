import { ByteVectorType, ContainerType, UintBigintType } from '@chainsafe/ssz';
import { HASH_LENGTH, PUBLIC_KEY_LENGTH, SIGNATURE_LENGTH } from '../../lib/lengths.ts';

const Bytes4 = new ByteVectorType(4);
const Bytes32 = new ByteVectorType(HASH_LENGTH);
const Bytes48 = new ByteVectorType(PUBLIC_KEY_LENGTH);
const Bytes96 = new ByteVectorType(SIGNATURE_LENGTH);
const Uint64 = new UintBigintType(8);

// Containers of the consensus specification (phase 0, beacon-chain.md), with its names and its order of fields.

export const ForkData = new ContainerType({ current_version: Bytes4, genesis_validators_root: Bytes32 });

export const SigningData = new ContainerType({ object_root: Bytes32, domain: Bytes32 });

export const DepositMessage = new ContainerType({
  pubkey: Bytes48,
  withdrawal_credentials: Bytes32,
  amount: Uint64,
});

export const DepositData = new ContainerType({
  pubkey: Bytes48,
  withdrawal_credentials: Bytes32,
  amount: Uint64,
  signature: Bytes96,
});

export const VoluntaryExit = new ContainerType({ epoch: Uint64, validator_index: Uint64 });
