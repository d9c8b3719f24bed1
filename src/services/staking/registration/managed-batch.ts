import {
  encodeCalls,
  encodeManagedRegistration,
} from '../../../clients/execution/contracts/vault-calldata.ts';
import type { WalletSigner } from '../../../clients/signer/wallet-signer.ts';
import type { ValidatorType } from '../../../domain/consensus/deposit.ts';
import { encodeUpdateState } from '../../../domain/protocol/rewards.ts';
import { encodeRegistrations } from '../../../domain/protocol/validator-entries.ts';
import { fromHex } from '../../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../../lib/lengths.ts';
import {
  type NextValidator,
  type NoBatch,
  noBatch,
  type RegistrationBatch,
  type RegistrationFacts,
} from './registration-mode.ts';

/** The vault whose validators manager the hot wallet is. */
export interface ManagedVault {
  /** Checksummed. */
  readonly vault: string;
  readonly chainId: number;
}

/** The hot wallet, as a validators manager. */
export type ManagerWallet = Pick<WalletSigner, 'address' | 'signVaultValidators'>;

/** Says so when somebody else has become the vault's validators manager. */
export function findStranger(
  { vault: state }: RegistrationFacts,
  vault: string,
  wallet: string,
): NoBatch | undefined {
  if (state.validatorsManager === wallet) return undefined;
  return noBatch(
    'not-validators-manager',
    `the hot wallet ${wallet} to be the validators manager of vault ${vault} again; it is ${state.validatorsManager}`,
  );
}

/** Validators that the hot wallet registers as the vault's validators manager, at least one. */
export function createManagedBatch(
  wallet: ManagerWallet,
  { vault, chainId }: ManagedVault,
  { type, validators }: { readonly type: ValidatorType; readonly validators: readonly NextValidator[] },
): RegistrationBatch {
  const encoded = encodeRegistrations(
    type,
    validators.map(({ publicKey, depositSignature: signature, amountGwei }) => ({
      publicKey,
      signature,
      amountGwei,
    })),
    fromHex(vault, ADDRESS_LENGTH),
  );
  return {
    type,
    validators,
    encoded,
    authorize: async validatorsRegistryRoot => ({
      kind: 'manager-signature',
      signature: await wallet.signVaultValidators({
        chainId,
        vault,
        validatorsRegistryRoot,
        validators: encoded,
      }),
    }),
    // The manager itself sends it, and so need not sign it a second time.
    encodeCall: (approved, harvest) => ({
      to: vault,
      data: encodeCalls([
        ...(harvest ? [encodeUpdateState(harvest)] : []),
        encodeManagedRegistration(approved),
      ]),
    }),
  };
}
