import { describe, expect, it } from 'vitest';
import {
  credentialsOfType,
  depositDataRoot,
  type ValidatorType,
} from '../../../../src/domain/consensus/deposit.ts';
import {
  createDepositSignRequest,
  verifyDepositSignature,
} from '../../../../src/domain/consensus/deposit-signature.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readNewestVectors } from '../../../support/recorded/newest-vectors.ts';

const cases =
  readNewestVectors<
    readonly {
      readonly network: string;
      readonly validator_type: ValidatorType;
      readonly vault: string;
      readonly request: {
        readonly url: string;
        readonly body: {
          readonly deposit: {
            readonly pubkey: string;
            readonly withdrawal_credentials: string;
            readonly amount: string;
            readonly genesis_fork_version: string;
          };
          readonly signing_root: string;
          readonly type: string;
        };
      };
      readonly signature: string;
      readonly deposit_data_root: string;
      readonly withdrawal_credentials: string;
    }[]
  >('web3signer-deposit');

describe('web3signer-deposit.json', () => {
  it.each(cases.map((one, place) => ({ ...one, place })))(
    'a deposit of $validator_type on $network is asked for and verified so: case $place',
    one => {
      const { body } = one.request;
      const withdrawalCredentials = credentialsOfType(one.validator_type, fromHex(one.vault, 20));
      expect(toHex(withdrawalCredentials)).toBe(one.withdrawal_credentials);
      const message = {
        publicKey: fromHex(body.deposit.pubkey, 48),
        withdrawalCredentials,
        amountGwei: BigInt(body.deposit.amount),
      };
      const forkVersion = fromHex(body.deposit.genesis_fork_version, 4);
      const request = createDepositSignRequest(message, forkVersion);
      expect(request).toEqual(body);
      expect(one.request.url.endsWith(`/api/v1/eth2/sign/${request.deposit.pubkey}`)).toBe(true);
      const deposit = { ...message, signature: fromHex(one.signature, 96) };
      expect(verifyDepositSignature(deposit, forkVersion)).toBe(true);
      expect(verifyDepositSignature({ ...deposit, amountGwei: message.amountGwei + 1n }, forkVersion)).toBe(
        false,
      );
      expect(toHex(depositDataRoot(deposit))).toBe(one.deposit_data_root);
    },
  );
});
