import type { Session } from '../../../db/database.ts';
import type { VaultFacts } from '../../../db/vaults.ts';
import { validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import type { OracleSetRef, RemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import { publicKeysIn, type SharedKeys, sharesOf } from '../../../domain/fleet/shared-keys.ts';
import { depositDataDigest } from '../../../domain/fleet/statement.ts';
import { type ProvenOperatorFacts, readOperatorFacts } from '../../remote-db/read-operator-facts.ts';
import {
  assertSigned,
  type ProvenStatement,
  requireStatement,
} from '../../remote-db/statements/signed-statement.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';

/** What an operator works with; in files, or straight from the remote database. */
export interface OperatorConfig {
  /** All that readers see; of another oracle set than this one are those that are left out. */
  readonly keys: SharedKeys;
  readonly oracleSet: OracleSetRef;
  /** How many validators are left out, since their shares are of an earlier oracle set. */
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
 * @throws OperatorError of {@link readOperatorFacts}; of {@link requireStatement} and 'statement-mismatch'
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
  const staleValidators = keys.length - countOfSet(keys, hash);
  return { keys, oracleSet, staleValidators, document, proven };
}

/** The validators that are not left out, as often as they are asked for; their byte strings are views of a thousand keys. */
export function currentValidators({
  keys,
  oracleSet,
}: Pick<OperatorConfig, 'keys' | 'oracleSet'>): Iterable<RemoteSignerConfig['validators'][number]> {
  return {
    *[Symbol.iterator]() {
      for (const key of keys.ofSet(oracleSet.configHash))
        yield { publicKey: key.publicKey, shares: sharesOf(key) };
    },
  };
}

/** The same as a configuration to keep. */
export function remoteSignerConfigOf(found: OperatorConfig): RemoteSignerConfig {
  const { keys, oracleSet } = found;
  // Copies: who sends one of them to a thread is not to send a thousand.
  const validators = Array.from(keys.ofSet(oracleSet.configHash), ({ publicKey, records }) => ({
    publicKey: publicKey.slice(),
    shares: sharesOf({ records: records.slice() }),
  }));
  return { validators, oracleSet };
}

function countOfSet(keys: SharedKeys, hash: Uint8Array): number {
  let count = 0;
  for (const _ of keys.ofSet(hash)) count += 1;
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
