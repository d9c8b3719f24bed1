import { SigningKey } from 'ethers/crypto';
import { TypedDataEncoder } from 'ethers/hash';
import { computeAddress } from 'ethers/transaction';
import { describe, expect, it } from 'vitest';
import {
  credentialsOfType,
  depositDataRoot,
  type ValidatorType,
} from '../../../../src/domain/consensus/deposit.ts';
import {
  type ManagerApproval,
  managerApprovalDigest,
  nonceWord,
} from '../../../../src/domain/protocol/manager-approval.ts';
import {
  encodeConsolidations,
  encodeRegistrations,
  encodeTopUps,
  encodeWithdrawals,
} from '../../../../src/domain/protocol/validator-entries.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { readNewestVectors, type Whole } from '../../../support/recorded/newest-vectors.ts';

interface Registration {
  readonly network: string;
  readonly chain_id: number;
  readonly vault: string;
  readonly validator_type: ValidatorType;
  readonly validators_registry_root: string;
  readonly withdrawal_credentials: string;
  readonly validators: readonly {
    readonly public_key: string;
    readonly deposit_signature: string;
    readonly amount_gwei: Whole;
    readonly deposit_data_root: string;
  }[];
  readonly encoded_validators: string;
  readonly entry_length: number;
  readonly domain_separator: string;
  readonly digest: string;
  readonly manager_private_key: string;
  readonly manager_address: string;
  readonly signature_as_returned: string;
}

interface RecordedAmount {
  readonly public_key: string;
  readonly amount_gwei: Whole;
}

interface Operations {
  readonly vault: string;
  readonly manager_private_key: string;
  readonly manager_address: string;
  readonly cases: readonly {
    readonly kind: 'fund' | 'withdraw' | 'consolidate';
    readonly network: 'mainnet' | 'hoodi' | 'gnosis';
    readonly nonce: Whole;
    /** What an operation to fund has. */
    readonly validators?: readonly RecordedAmount[];
    /** What an operation to withdraw has. */
    readonly withdrawals?: readonly RecordedAmount[];
    readonly pairs?: readonly { readonly source: string; readonly target: string }[];
    readonly encoded: string;
    readonly digest: string;
    readonly signature: string;
  }[];
}

const CHAINS = { mainnet: 1, hoodi: 560048, gnosis: 100 };

/** The manager's signature, 0x and 65 bytes. */
function sign(approval: ManagerApproval, privateKey: string): string {
  return new SigningKey(privateKey).sign(managerApprovalDigest(approval)).serialized;
}

describe('manager-register.json', () => {
  const cases = readNewestVectors<readonly Registration[]>('manager-register');

  it.each(cases)(
    'a registration on $network of type $validator_type is encoded and signed so: $digest',
    one => {
      const vault = fromHex(one.vault, 20);
      const credentials = credentialsOfType(one.validator_type, vault);
      expect(toHex(credentials)).toBe(one.withdrawal_credentials);
      const validators = one.validators.map(validator => ({
        publicKey: fromHex(validator.public_key, 48),
        signature: fromHex(validator.deposit_signature, 96),
        amountGwei: BigInt(validator.amount_gwei),
      }));
      const roots = validators.map(validator =>
        toHex(depositDataRoot({ ...validator, withdrawalCredentials: credentials })),
      );
      expect(roots).toEqual(one.validators.map(validator => validator.deposit_data_root));
      const encoded = encodeRegistrations(one.validator_type, validators, vault);
      expect(toHex(encoded)).toBe(one.encoded_validators);
      expect(encoded.length).toBe(one.entry_length * validators.length);
      const approval = {
        chainId: one.chain_id,
        vault: one.vault,
        occasion: fromHex(one.validators_registry_root, 32),
        validators: encoded,
      };
      expect(toHex(managerApprovalDigest(approval))).toBe(one.digest);
      expect(computeAddress(one.manager_private_key)).toBe(one.manager_address);
      expect(sign(approval, one.manager_private_key)).toBe(`0x${one.signature_as_returned}`);
      const domain = {
        name: 'VaultValidators',
        version: '1',
        chainId: one.chain_id,
        verifyingContract: one.vault,
      };
      expect(TypedDataEncoder.hashDomain(domain)).toBe(one.domain_separator);
    },
  );
});

describe('manager-nonce-operations.json', () => {
  const { vault, manager_private_key, cases } = readNewestVectors<Operations>('manager-nonce-operations');

  const encode = (one: Operations['cases'][number]): Uint8Array => {
    const amounts = (one.validators ?? one.withdrawals ?? []).map(({ public_key, amount_gwei }) => ({
      publicKey: fromHex(public_key, 48),
      amountGwei: BigInt(amount_gwei),
    }));
    if (one.kind === 'fund') return encodeTopUps(amounts, fromHex(vault, 20));
    if (one.kind === 'withdraw') return encodeWithdrawals(amounts);
    return encodeConsolidations(
      (one.pairs ?? []).map(({ source, target }) => ({
        source: fromHex(source, 48),
        target: fromHex(target, 48),
      })),
    );
  };

  it.each(cases)(
    'an operation to $kind on $network with the nonce $nonce is encoded and signed so: $digest',
    one => {
      const validators = encode(one);
      expect(toHex(validators)).toBe(one.encoded);
      const approval = {
        chainId: CHAINS[one.network],
        vault,
        occasion: nonceWord(BigInt(one.nonce)),
        validators,
      };
      expect(toHex(managerApprovalDigest(approval))).toBe(one.digest);
      expect(sign(approval, manager_private_key)).toBe(one.signature);
    },
  );
});
