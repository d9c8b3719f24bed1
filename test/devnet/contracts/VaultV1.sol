// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {ApprovalParams} from "./Interfaces.sol";
import {Merkle} from "./Merkle.sol";
import {Vault} from "./Vault.sol";

/// Version 1: the deposit data's root and the index of the next validator are the vault's own.
contract VaultV1 is Vault {
    event ValidatorsRootUpdated(address indexed caller, bytes32 indexed validatorsRoot);
    event KeysManagerUpdated(address indexed caller, address indexed keysManager);

    bytes32 public validatorsRoot;
    uint256 public validatorIndex;
    address private _keysManager;

    constructor(Setup memory setup) Vault(setup) {}

    function version() external pure returns (uint8) {
        return 1;
    }

    function keysManager() public view returns (address) {
        return _keysManager == address(0) ? admin : _keysManager;
    }

    function setKeysManager(address manager) external onlyAdmin {
        _keysManager = manager;
        emit KeysManagerUpdated(msg.sender, manager);
    }

    function setValidatorsRoot(bytes32 root) external {
        if (msg.sender != keysManager()) revert Errors.AccessDenied();
        validatorsRoot = root;
        validatorIndex = 0;
        emit ValidatorsRootUpdated(msg.sender, root);
    }

    function registerValidator(ApprovalParams calldata params, bytes32[] calldata proof) external {
        _requireHarvested();
        _keeper.approveValidators(params);
        if (withdrawableAssets() < DEPOSIT) revert Errors.InsufficientAssets();
        if (params.validators.length != ENTRY_LENGTH) revert Errors.InvalidValidator();
        bytes32 leaf = Merkle.leaf(abi.encode(params.validators, validatorIndex));
        if (!Merkle.isProven(validatorsRoot, leaf, proof)) revert Errors.InvalidProof();
        validatorIndex++;
        _register(params.validators);
    }

    function registerValidators(
        ApprovalParams calldata params,
        uint256[] calldata indexes,
        bool[] calldata proofFlags,
        bytes32[] calldata proof
    ) external {
        _requireHarvested();
        _keeper.approveValidators(params);
        uint256 count = indexes.length;
        if (withdrawableAssets() < DEPOSIT * count) revert Errors.InsufficientAssets();
        if (count == 0 || params.validators.length != count * ENTRY_LENGTH) revert Errors.InvalidValidators();
        uint256 first = validatorIndex;
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; i++) {
            bytes calldata entry = params.validators[i * ENTRY_LENGTH:(i + 1) * ENTRY_LENGTH];
            leaves[indexes[i]] = Merkle.leaf(abi.encode(entry, first + i));
        }
        if (!Merkle.isMultiProven(validatorsRoot, leaves, proofFlags, proof)) revert Errors.InvalidProof();
        validatorIndex = first + count;
        for (uint256 i = 0; i < count; i++) {
            _register(params.validators[i * ENTRY_LENGTH:(i + 1) * ENTRY_LENGTH]);
        }
    }

    function _register(bytes calldata entry) private {
        _registerEntry(entry, 0x01, DEPOSIT);
        emit ValidatorRegistered(entry[:48]);
    }
}
