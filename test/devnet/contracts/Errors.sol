// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

library Errors {
    error AccessDenied();
    error DeadlineExpired();
    error HarvestFailed();
    error InsufficientAssets();
    error InvalidAssets();
    error InvalidOracle();
    error InvalidOracles();
    error InvalidProof();
    error InvalidRewardsRoot();
    error InvalidValidator();
    error InvalidValidators();
    error InvalidValidatorsRegistryRoot();
    error InvalidVault();
    error NotEnoughSignatures();
    error NotHarvested();
    error TooEarlyUpdate();
    error ValueNotChanged();
}
