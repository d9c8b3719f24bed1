import { createHash } from 'node:crypto';

// What the processes of the bench of a fleet have to agree about: which keys there are, and which client runs which of them.

/** Validator clients of the fleet. */
export const CLIENTS = 10;
/** Shares of each validator. */
export const ORACLES = 11;
export const THRESHOLD = 8;
/** How many of the first validators have exited. */
export const EXITED = 5;
/** One in so many validators is not on the beacon chain yet: the last ones. */
export const UNUSED_IN = 10;
/** Keys that the second signer has beside those of the vault. */
export const FOREIGN = 3;
/** Keys that the signer lacks which is not as it should be. */
export const LACKING = 7;

/** What the key manager of every client wants to see. */
export const TOKEN = 'bench';
/** What deposit data have on the chain and in the database; 32 bytes. */
export const DEPOSIT_DATA_ROOT = `0x${'5d'.repeat(32)}`;

/** 48 bytes, no point of the curve: nothing looks whether it is one. */
export function validatorKey(index: number): Buffer {
  return keyOf(`validator ${index}`);
}

/** The share that a validator's oracle gets; 48 bytes. */
export function shareKey(index: number, oracle: number): Buffer {
  return keyOf(`share ${oracle} of validator ${index}`);
}

/** A key that no vault knows; 48 bytes. */
export function foreignKey(number: number): Buffer {
  return keyOf(`foreign ${number}`);
}

function keyOf(name: string): Buffer {
  return createHash('sha384').update(name).digest();
}

/** The keys of each client by the plan: ranges of one length in the order of the keys. @param validators - a multiple of {@link CLIENTS} */
export function keysOfClients(validators: number): Buffer[][] {
  const inOrder = Array.from({ length: validators }, (_, index) => validatorKey(index)).sort(Buffer.compare);
  const perClient = validators / CLIENTS;
  return Array.from({ length: CLIENTS }, (_, client) =>
    inOrder.slice(client * perClient, (client + 1) * perClient),
  );
}
