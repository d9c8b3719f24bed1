import type { Session } from '../../../db/database.ts';
import type { VaultFacts } from '../../../db/vaults.ts';
import { validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import type { OracleSetRef, RemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import {
  publicKeysIn,
  type SharedKey,
  type SharedKeys,
  sharesOf,
} from '../../../domain/fleet/shared-keys.ts';
import { depositDataDigest } from '../../../domain/fleet/statement.ts';
import { type ProvenOperatorFacts, readOperatorFacts } from '../../remote-db/read-operator-facts.ts';
import { type FoundRetiredKeys, readRetiredKeys } from '../../remote-db/retired/read-retired-keys.ts';
import {
  assertSigned,
  type ProvenStatement,
  requireStatement,
} from '../../remote-db/statements/signed-statement.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';

/** What an operator works with; in files, or straight from the remote database. */
export interface OperatorConfig {
  /** All that readers see; left out are those of another oracle set than this one, and those that are retired. */
  readonly keys: SharedKeys;
  readonly retired: FoundRetiredKeys;
  readonly oracleSet: OracleSetRef;
  /** How many validators are not left out. */
  readonly validators: number;
  /** How many are left out since they are retired, and of the others since their shares are of an earlier oracle set. */
  readonly retiredValidators: number;
  readonly staleValidators: number;
  /** Text of the deposit data in UTF-8. */
  readonly document: Uint8Array;
  /** The statement that covers all of it, where one was asked for. */
  readonly proven: ProvenStatement | undefined;
}

/**
 * The operator's configuration of a vault, in one state of the database. Needs no encryption key.
 * @param options.verifyingKey - the vault's public key: then only what it has signed is believed
 * @param options.checkedBefore - see {@link readOperatorFacts}
 * @throws OperatorError of {@link readOperatorFacts}, {@link readRetiredKeys}; of {@link requireStatement} and 'statement-mismatch'
 */
export async function readOperatorConfig(
  session: Session,
  vault: VaultFacts,
  options: {
    readonly ref: VaultRef;
    readonly verifyingKey: Uint8Array | undefined;
    readonly checkedBefore?: Uint8Array | undefined;
  },
): Promise<OperatorConfig> {
  const { ref, verifyingKey, checkedBefore } = options;
  // Before the facts: whoever asked for signed ones is told that there are none, whatever the rows look like.
  const proven = verifyingKey && (await requireStatement(session, vault, { ref, verifyingKey }));
  const facts = await readOperatorFacts(session, vault, { ref, checkedBefore });
  if (proven !== undefined) assertFactsSigned(ref, vault, facts, proven);
  const { document, keys } = facts;
  const { hash, configIpfsHash, threshold } = facts.oracleSet;
  const oracleSet = { configHash: hash, ipfsHash: configIpfsHash, threshold };
  const retired = await readRetiredKeys(session, vault.vaultId, { ref, proven });
  const validators = countOf(currentKeys({ keys, oracleSet, retired }));
  const retiredValidators = countOf(publicKeysIn(keys).filter(publicKey => isRetired(retired, publicKey)));
  const staleValidators = keys.length - retiredValidators - validators;
  return { keys, retired, oracleSet, validators, retiredValidators, staleValidators, document, proven };
}

/** The validators that are not left out, as often as they are asked for; their byte strings are views of a thousand keys. */
export function currentValidators(
  found: Pick<OperatorConfig, 'keys' | 'oracleSet' | 'retired'>,
): Iterable<RemoteSignerConfig['validators'][number]> {
  return {
    *[Symbol.iterator]() {
      for (const key of currentKeys(found)) yield { publicKey: key.publicKey, shares: sharesOf(key) };
    },
  };
}

/** The same as a configuration to keep. */
export function remoteSignerConfigOf(found: OperatorConfig): RemoteSignerConfig {
  const { oracleSet } = found;
  // Copies: who sends one of them to a thread is not to send a thousand.
  const validators = Array.from(currentKeys(found), ({ publicKey, records }) => ({
    publicKey: publicKey.slice(),
    shares: sharesOf({ records: records.slice() }),
  }));
  return { validators, oracleSet };
}

function currentKeys({
  keys,
  oracleSet,
  retired,
}: Pick<OperatorConfig, 'keys' | 'oracleSet' | 'retired'>): IteratorObject<SharedKey> {
  return keys.ofSet(oracleSet.configHash).filter(({ publicKey }) => !isRetired(retired, publicKey));
}

function isRetired({ keys }: FoundRetiredKeys, publicKey: Uint8Array): boolean {
  return keys.isTakenFrom('rotation', publicKey);
}

function countOf(keys: Iterable<unknown>): number {
  let count = 0;
  for (const _ of keys) count += 1;
  return count;
}

/** The facts were compared with the vault's own digest and root, which are compared with the signed ones here. */
function assertFactsSigned(
  ref: VaultRef,
  vault: VaultFacts,
  { document, keys }: ProvenOperatorFacts,
  { statement }: ProvenStatement,
): void {
  assertSigned(ref, 'The validators', validatorsDigest(publicKeysIn(keys)), statement.validatorsDigest);
  assertSigned(ref, 'The deposit data', vault.depositDataRoot, statement.depositDataRoot);
  assertSigned(ref, 'The deposit data', depositDataDigest(document), statement.depositDataDigest);
  assertSigned(ref, 'The oracles and shares', vault.operatorDigest, statement.operatorDigest);
}
