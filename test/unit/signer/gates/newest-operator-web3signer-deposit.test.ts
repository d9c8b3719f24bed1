import { describe, expect, it } from 'vitest';
import { signMessage } from '../../../../src/domain/consensus/bls.ts';
import { depositDataRoot } from '../../../../src/domain/consensus/deposit.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { createDepositGate } from '../../../../src/signer/gates/deposit-gate.ts';
import { readSignRequest } from '../../../../src/signer/http/sign-request.ts';
import { readNewestOperator } from '../../../support/recorded/newest-operator.ts';

interface DepositCase {
  readonly network: string;
  readonly validator_type: string;
  readonly secret_key: string;
  readonly vault: string;
  readonly request: {
    readonly url: string;
    readonly body: {
      readonly deposit: { readonly pubkey: string; readonly genesis_fork_version: string };
      readonly signing_root: string;
    };
  };
  readonly signature: string;
  readonly deposit_data_root: string;
}

const cases = readNewestOperator<DepositCase>('web3signer-deposit.json').map(
  (recorded, place) => [`${place}, ${recorded.network} ${recorded.validator_type}`, recorded] as const,
);

describe('what the newest Python operator asks Web3Signer for a deposit', () => {
  it.each(cases)('the gate gives the root and the signature of case %s', (_, recorded) => {
    const { body, url } = recorded.request;
    const request = readSignRequest(Buffer.from(JSON.stringify(body)), { signsDeposits: true });
    if (request.type !== 'DEPOSIT') throw new Error('it is read as an exit');
    const gate = createDepositGate(
      {
        name: recorded.network,
        // The request's own: which chain's it is, the table of refusals looks at.
        genesisForkVersion: fromHex(body.deposit.genesis_fork_version),
      },
      { vault: recorded.vault },
    );
    const root = gate(request.deposit, url.slice(url.lastIndexOf('/') + 1));
    expect(toHex(root)).toBe(body.signing_root);
    const signature = signMessage(fromHex(recorded.secret_key), root);
    expect(toHex(signature)).toBe(recorded.signature);
    expect(toHex(depositDataRoot({ ...request.deposit, signature }))).toBe(recorded.deposit_data_root);
  });
});
