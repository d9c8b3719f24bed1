// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

struct ApprovalParams {
    bytes32 validatorsRegistryRoot;
    uint256 deadline;
    bytes validators;
    bytes signatures;
    string exitSignaturesIpfsHash;
}

struct HarvestParams {
    bytes32 rewardsRoot;
    int160 reward;
    uint160 unlockedMevReward;
    bytes32[] proof;
}

interface IDepositContract {
    function get_deposit_root() external view returns (bytes32);
    function deposit(
        bytes calldata pubkey,
        bytes calldata withdrawal_credentials,
        bytes calldata signature,
        bytes32 deposit_data_root
    ) external payable;
}

interface IVaultsRegistry {
    function vaults(address vault) external view returns (bool);
}

interface IKeeper {
    function approveValidators(ApprovalParams calldata params) external;
    function harvest(HarvestParams calldata params)
        external
        returns (int256 totalAssetsDelta, uint256 unlockedMevDelta, bool harvested);
    function isHarvestRequired(address vault) external view returns (bool);
    function isCollateralized(address vault) external view returns (bool);
    function canHarvest(address vault) external view returns (bool);
}

interface IMevEscrow {
    function harvest(uint256 assets) external;
}

interface IMevReceiver {
    function receiveFromMevEscrow() external payable;
}

interface IManagedVault {
    function admin() external view returns (address);
    function registerValidators(ApprovalParams calldata params, bytes calldata managerSignature) external;
    function updateState(HarvestParams calldata params) external;
}
