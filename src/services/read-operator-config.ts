import type { Session } from '../db/database.ts';
import type { VaultFacts } from '../db/vaults.ts';
import type { RemoteSignerConfig } from '../domain/fleet/remote-signer-config.ts';
import { equalBytes, toHex } from '../lib/bytes.ts';
import { readOperatorFacts } from './read-operator-facts.ts';

/** What an operator works with; in files, or straight from the remote database. */
export interface OperatorConfig {
  readonly config: RemoteSignerConfig;
  /** Active validators that are left out, since their shares are of an earlier oracle set. */
  readonly staleValidators: number;
  /** Text of the deposit data. */
  readonly document: string;
}

/**
 * The operator's configuration of a vault, in one state of the database. Needs no encryption key.
 * @throws OperatorError of {@link readOperatorFacts}
 */
export async function readOperatorConfig(session: Session, vault: VaultFacts): Promise<OperatorConfig> {
  const { oracleSet, document, keypairs, shares } = await readOperatorFacts(session, vault);
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
  return { config, staleValidators: keypairs.length - current.length, document };
}
