import type { Session } from '../../../db/database.ts';
import type { VaultFacts } from '../../../db/vaults.ts';
import type { DepositDataEntry } from '../../../domain/consensus/deposit-data.ts';
import { validatorsDigest } from '../../../domain/fleet/fact-digests.ts';
import type { RemoteSignerConfig } from '../../../domain/fleet/remote-signer-config.ts';
import { depositDataDigest } from '../../../domain/fleet/statement.ts';
import { equalBytes, toHex } from '../../../lib/bytes.ts';
import { type ProvenOperatorFacts, readOperatorFacts } from '../../remote-db/read-operator-facts.ts';
import {
  assertSigned,
  type ProvenStatement,
  requireStatement,
} from '../../remote-db/statements/signed-statement.ts';
import type { VaultRef } from '../../remote-db/unlock-vault.ts';

/** What an operator works with; in files, or straight from the remote database. */
export interface OperatorConfig {
  readonly config: RemoteSignerConfig;
  /** Active validators that are left out, since their shares are of an earlier oracle set. */
  readonly staleValidators: number;
  /** Text of the deposit data. */
  readonly document: string;
  /** Entries of the deposit data. */
  readonly depositData: readonly DepositDataEntry[];
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
  const { oracleSet, document, depositData, keypairs, shares } = facts;
  const current = keypairs.filter(keypair => equalBytes(keypair.sharesSetHash, oracleSet.hash));
  const byParent = Map.groupBy(shares, share => toHex(share.parentPublicKey));
  const config: RemoteSignerConfig = {
    validators: current.map(({ publicKey }) => ({
      publicKey,
      shares: (byParent.get(toHex(publicKey)) ?? []).map(share => share.publicKey),
    })),
    oracleSet: {
      configHash: oracleSet.hash,
      ipfsHash: oracleSet.configIpfsHash,
      threshold: oracleSet.threshold,
    },
  };
  return { config, staleValidators: keypairs.length - current.length, document, depositData, proven };
}

/** The facts were compared with the vault's own digest and root, which are compared with the signed ones here. */
function assertFactsSigned(
  ref: VaultRef,
  vault: VaultFacts,
  { document, keypairs }: ProvenOperatorFacts,
  { statement }: ProvenStatement,
): void {
  const publicKeys = keypairs.map(({ publicKey }) => publicKey);
  assertSigned(ref, 'The validators', validatorsDigest(publicKeys), statement.validatorsDigest);
  assertSigned(ref, 'The deposit data', vault.depositDataRoot, statement.depositDataRoot);
  assertSigned(ref, 'The deposit data', depositDataDigest(document), statement.depositDataDigest);
  assertSigned(ref, 'The oracles and shares', vault.operatorDigest, statement.operatorDigest);
}
