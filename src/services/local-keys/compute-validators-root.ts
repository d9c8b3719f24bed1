import { assertClaimOfVault } from '../../domain/consensus/deposit-claims.ts';
import { assertUniqueDeposits } from '../../domain/consensus/deposit-data.ts';
import { hashDeposits, rootOf } from '../../domain/protocol/deposit-nodes.ts';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';
import { readDepositData } from './deposit-data-file.ts';

export interface ValidatorsRoot {
  readonly vault: string;
  /** 32 bytes, as `setValidatorsRoot` takes it. */
  readonly root: Hex;
  readonly depositDataFile: string;
  readonly validators: number;
}

/**
 * The Merkle root of a vault's deposit data.
 * @throws OperatorError 'deposit-data-compounding' and 'deposit-data-other-vault': the root would let the vault register nothing
 */
export async function computeValidatorsRoot(options: {
  readonly vault: string;
  readonly vaultDirectory: string;
  readonly depositDataFile: string | undefined;
}): Promise<ValidatorsRoot> {
  const { path, entries } = await readDepositData(options.vaultDirectory, options.depositDataFile);
  assertUniqueDeposits(entries, path);
  for (const entry of entries) assertClaimOfVault({ address: options.vault }, entry, path);
  const root = rootOf(hashDeposits(entries, fromHex(options.vault, ADDRESS_LENGTH)));
  return { vault: options.vault, root: toHex(root), depositDataFile: path, validators: entries.length };
}
