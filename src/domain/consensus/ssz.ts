import { ByteVectorType, ContainerType, UintBigintType } from '@chainsafe/ssz';
import { HASH_LENGTH } from '../../lib/lengths.ts';

const Bytes4 = new ByteVectorType(4);
const Bytes32 = new ByteVectorType(HASH_LENGTH);
const Uint64 = new UintBigintType(8);

// Containers of the consensus specification (phase 0, beacon-chain.md), with its names and its order of fields.

export const ForkData = new ContainerType({ current_version: Bytes4, genesis_validators_root: Bytes32 });

export const SigningData = new ContainerType({ object_root: Bytes32, domain: Bytes32 });

export const VoluntaryExit = new ContainerType({ epoch: Uint64, validator_index: Uint64 });
