// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {HarvestParams, IDepositContract, IKeeper, IManagedVault, IVaultsRegistry} from "./Interfaces.sol";

interface IExitQueueVault {
    function getExitQueueData()
        external
        view
        returns (
            uint128 queuedShares,
            uint128 unclaimedAssets,
            uint128 totalExitingTickets,
            uint128 totalExitingAssets,
            uint256 totalTickets
        );
    function convertToAssets(uint256 shares) external view returns (uint256);
    function withdrawableAssets() external view returns (uint256);
    function validatorsManager() external view returns (address);
    function version() external view returns (uint8);
}

/// What operators and oracles ask about a vault, most of it after a harvest that `multicall` makes first.
contract ValidatorsChecker {
    enum Status {
        SUCCEEDED,
        INVALID_VALIDATORS_REGISTRY_ROOT,
        INVALID_VAULT,
        INSUFFICIENT_ASSETS,
        INVALID_SIGNATURE
    }

    IDepositContract private immutable _depositContract;
    IKeeper private immutable _keeper;
    IVaultsRegistry private immutable _registry;

    constructor(IDepositContract depositContract, IKeeper keeper, IVaultsRegistry registry) {
        _depositContract = depositContract;
        _keeper = keeper;
        _registry = registry;
    }

    function updateVaultState(address vault, HarvestParams calldata params) external {
        IManagedVault(vault).updateState(params);
    }

    function multicall(bytes[] calldata data) external returns (bytes[] memory results) {
        results = new bytes[](data.length);
        for (uint256 i = 0; i < data.length; i++) {
            (bool isDone, bytes memory result) = address(this).delegatecall(data[i]);
            if (!isDone) {
                assembly {
                    revert(add(result, 32), mload(result))
                }
            }
            results[i] = result;
        }
    }

    function getExitQueueCumulativeTickets(address vault) external view returns (uint256) {
        (uint128 queuedShares,, uint128 exitingTickets,, uint256 totalTickets) =
            IExitQueueVault(vault).getExitQueueData();
        return totalTickets + queuedShares + exitingTickets;
    }

    /// Assets for redemptions and for all tickets up to the target, less what comes in and what the vault has for them.
    function getExitQueueMissingAssets(
        address vault,
        uint256 withdrawingAssets,
        uint256 redemptionAssets,
        uint256 targetCumulativeTickets
    ) external view returns (uint256 missingAssets) {
        (
            uint128 queuedShares,
            uint128 unclaimedAssets,
            uint128 exitingTickets,
            uint128 exitingAssets,
            uint256 totalTickets
        ) = IExitQueueVault(vault).getExitQueueData();
        uint256 toCover = targetCumulativeTickets > totalTickets ? targetCumulativeTickets - totalTickets : 0;
        missingAssets = redemptionAssets;
        if (exitingTickets > 0) {
            uint256 legacy = toCover < exitingTickets ? toCover : exitingTickets;
            missingAssets += legacy * exitingAssets / exitingTickets;
            toCover -= legacy;
        }
        missingAssets += IExitQueueVault(vault).convertToAssets(toCover < queuedShares ? toCover : queuedShares);
        uint256 available = withdrawingAssets + vault.balance - unclaimedAssets;
        return available < missingAssets ? missingAssets - available : 0;
    }

    function checkValidatorsManagerSignature(
        address vault,
        bytes32 validatorsRegistryRoot,
        bytes calldata validators,
        bytes calldata signature
    ) external view returns (uint256 blockNumber, Status status) {
        return (block.number, _check(vault, validatorsRegistryRoot, validators, signature));
    }

    function _check(address vault, bytes32 root, bytes calldata validators, bytes calldata signature)
        private
        view
        returns (Status)
    {
        if (_depositContract.get_deposit_root() != root) return Status.INVALID_VALIDATORS_REGISTRY_ROOT;
        if (!_registry.vaults(vault) || IExitQueueVault(vault).version() < 2) return Status.INVALID_VAULT;
        if (!_keeper.isCollateralized(vault) && IExitQueueVault(vault).withdrawableAssets() < 32 ether) {
            return Status.INSUFFICIENT_ASSETS;
        }
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("VaultValidators"),
                keccak256("1"),
                block.chainid,
                vault
            )
        );
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("VaultValidators(bytes32 validatorsRegistryRoot,bytes validators)"), root, keccak256(validators)
            )
        );
        bytes32 digest = keccak256(bytes.concat(hex"1901", separator, structHash));
        if (signature.length != 65) return Status.INVALID_SIGNATURE;
        address signer = ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        bool isManager = signer != address(0) && signer == IExitQueueVault(vault).validatorsManager();
        return isManager ? Status.SUCCEEDED : Status.INVALID_SIGNATURE;
    }
}
