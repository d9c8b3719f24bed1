// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {ApprovalParams, HarvestParams, IManagedVault, IVaultsRegistry} from "./Interfaces.sol";
import {Merkle} from "./Merkle.sol";

/// Deposit data of vaults of version 2 and later, whose validators manager it may be.
contract DepositDataRegistry {
    event DepositDataManagerUpdated(address indexed vault, address depositDataManager);
    event DepositDataRootUpdated(address indexed vault, bytes32 depositDataRoot);

    uint256 private constant ENTRY_LENGTH = 176;
    IVaultsRegistry private immutable _registry;
    mapping(address vault => uint256) public depositDataIndexes;
    mapping(address vault => bytes32) public depositDataRoots;
    mapping(address vault => address) private _managers;

    constructor(IVaultsRegistry registry) {
        _registry = registry;
    }

    modifier onlyVault(address vault) {
        if (!_registry.vaults(vault)) revert Errors.InvalidVault();
        _;
    }

    function getDepositDataManager(address vault) public view returns (address) {
        address manager = _managers[vault];
        return manager == address(0) ? IManagedVault(vault).admin() : manager;
    }

    function setDepositDataManager(address vault, address manager) external onlyVault(vault) {
        if (msg.sender != IManagedVault(vault).admin()) revert Errors.AccessDenied();
        _managers[vault] = manager;
        emit DepositDataManagerUpdated(vault, manager);
    }

    function setDepositDataRoot(address vault, bytes32 root) external onlyVault(vault) {
        if (msg.sender != getDepositDataManager(vault)) revert Errors.AccessDenied();
        if (depositDataRoots[vault] == root) revert Errors.ValueNotChanged();
        depositDataRoots[vault] = root;
        depositDataIndexes[vault] = 0;
        emit DepositDataRootUpdated(vault, root);
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

    function updateVaultState(address vault, HarvestParams calldata params) external {
        IManagedVault(vault).updateState(params);
    }

    function registerValidator(address vault, ApprovalParams calldata params, bytes32[] calldata proof)
        external
        onlyVault(vault)
    {
        bytes32 leaf = Merkle.leaf(abi.encode(params.validators, depositDataIndexes[vault]));
        if (!Merkle.isProven(depositDataRoots[vault], leaf, proof)) revert Errors.InvalidProof();
        depositDataIndexes[vault]++;
        IManagedVault(vault).registerValidators(params, "");
    }

    function registerValidators(
        address vault,
        ApprovalParams calldata params,
        uint256[] calldata indexes,
        bool[] calldata proofFlags,
        bytes32[] calldata proof
    ) external onlyVault(vault) {
        uint256 count = indexes.length;
        if (count == 0 || params.validators.length != count * ENTRY_LENGTH) revert Errors.InvalidValidators();
        uint256 first = depositDataIndexes[vault];
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            bytes calldata entry = params.validators[i * ENTRY_LENGTH:(i + 1) * ENTRY_LENGTH];
            leaves[indexes[i]] = Merkle.leaf(abi.encode(entry, first + i));
        }
        if (!Merkle.isMultiProven(depositDataRoots[vault], leaves, proofFlags, proof)) revert Errors.InvalidProof();
        depositDataIndexes[vault] = first + count;
        IManagedVault(vault).registerValidators(params, "");
    }
}
