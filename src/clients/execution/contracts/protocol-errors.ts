import { Interface } from 'ethers/abi';
import type { Hex } from '../../../lib/bytes.ts';

/** What keeper, vaults and deposit data registry revert with when validators are registered (v3-core `Errors.sol`). */
const protocolErrors = new Interface(
  [
    'AccessDenied',
    'DeadlineExpired',
    'InvalidValidatorsRegistryRoot',
    'InvalidOracle',
    'InvalidOracles',
    'NotEnoughSignatures',
    'InvalidProof',
    'InvalidValidator',
    'InvalidValidators',
    'NotHarvested',
    'NotCollateralized',
    'InvalidVault',
    'InvalidRewardsRoot',
    'HarvestFailed',
    'ValueNotChanged',
    'InvalidAssets',
    'InsufficientAssets',
    'CannotTopUpV1Validators',
    'InvalidSignatures',
    'ExitRequestNotProcessed',
  ].map(name => `error ${name}()`),
);

/** Name of the protocol's error that a call reverted with; undefined when it is none of them. */
export function nameProtocolError(data: Hex | undefined): string | undefined {
  return data === undefined ? undefined : protocolErrors.parseError(data)?.name;
}
