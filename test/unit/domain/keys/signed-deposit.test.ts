import { expect, it } from 'vitest';
import {
  depositDataRoot,
  depositMessageRoot,
  depositOfVault,
  vaultCredentials,
} from '../../../../src/domain/consensus/deposit.ts';
import { depositSigningRoot } from '../../../../src/domain/consensus/deposit-signature.ts';
import { computeDomain, DOMAIN } from '../../../../src/domain/consensus/signing-root.ts';
import { createDepositData } from '../../../../src/domain/keys/signed-deposit.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

const VAULT = fromHex('0x1234567890abcdef1234567890abcdef12345678');

interface RecordedDeposit {
  network: string;
  fork_version: string;
  private_key: string;
  public_key: string;
  withdrawal_credentials: string;
  domain: string;
  deposit_message_root: string;
  signing_root: string;
  signature: string;
  deposit_data_root: string;
}

it.each(readRecordedJson<RecordedDeposit[]>('06-exits/deposits.json'))(
  'createDepositData makes the recorded roots and signature on $network',
  recorded => {
    const network = { name: recorded.network, genesisForkVersion: fromHex(recorded.fork_version) };
    const entry = createDepositData({ secretKey: fromHex(recorded.private_key), vault: VAULT, network });
    const deposit = depositOfVault(entry, VAULT);
    expect(toHex(vaultCredentials(VAULT))).toBe(recorded.withdrawal_credentials);
    expect(toHex(computeDomain(DOMAIN.deposit, network.genesisForkVersion))).toBe(recorded.domain);
    expect(toHex(depositMessageRoot(deposit))).toBe(recorded.deposit_message_root);
    expect(toHex(depositSigningRoot(deposit, network.genesisForkVersion))).toBe(recorded.signing_root);
    expect(toHex(entry.signature)).toBe(recorded.signature);
    expect(toHex(depositDataRoot(deposit))).toBe(recorded.deposit_data_root);
  },
);
