import type { BeaconSnapshot } from '../../../clients/beacon/beacon-snapshot.ts';
import { type Hex, toHex } from '../../../lib/bytes.ts';
import { createDepositVerifier } from '../../../workers/deposit-verifier.ts';

/**
 * Which of these keys a valid deposit has used, whoever made it, as the state of one head of the beacon chain has it: those of its
 * validators, and those of valid deposits that wait. A deposit is in the queue with the block that it is made in (EIP-6110), so
 * neither logs nor a database are needed.
 * @param publicKeys - 48 bytes each
 * @param genesisForkVersion - 4 bytes
 * @returns lower case
 * @throws what the snapshot's questions fail with
 */
export async function findUsedAtHead(
  snapshot: Pick<BeaconSnapshot, 'fetchValidators' | 'fetchPendingDeposits'>,
  publicKeys: readonly Uint8Array[],
  genesisForkVersion: Uint8Array,
): Promise<ReadonlySet<Hex>> {
  const validators = await snapshot.fetchValidators(publicKeys);
  const unknown = publicKeys.filter(publicKey => !validators.has(toHex(publicKey)));
  if (unknown.length === 0) return new Set(validators.keys());
  const waiting = await snapshot.fetchPendingDeposits(unknown);
  await using verifier = createDepositVerifier({ genesisForkVersion });
  // Anybody can make deposits of a key whose signature is not valid: they make no validator.
  const invalid = new Set(await verifier.findInvalid(waiting));
  const used = waiting.filter((_, place) => !invalid.has(place)).map(({ publicKey }) => toHex(publicKey));
  return new Set([...validators.keys(), ...used]);
}
