// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

library Errors {
    error AccessDenied();
    error CannotTopUpV1Validators();
    error DeadlineExpired();
    error ExitRequestNotProcessed();
    error HarvestFailed();
    error InsufficientAssets();
    error InvalidAssets();
    error InvalidCheckpointIndex();
    error InvalidOracle();
    error InvalidOracles();
    error InvalidProof();
    error InvalidRedeemablePositions();
    error InvalidRewardsRoot();
    error InvalidShares();
    error InvalidSignatures();
    error InvalidValidator();
    error InvalidValidators();
    error InvalidValidatorsRegistryRoot();
    error InvalidVault();
    error NotCollateralized();
    error NotEnoughSignatures();
    error NotHarvested();
    error TooEarlyUpdate();
    error ValueNotChanged();
    error ZeroAddress();
}
