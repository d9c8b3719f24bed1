// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {ApprovalParams} from "./Interfaces.sol";
import {TypedData} from "./TypedData.sol";
import {Vault} from "./Vault.sol";

/// Versions 2 to 4: a validators manager registers, which is the deposit data registry unless one is set; only entries of
/// 176 bytes are taken.
contract VaultV2 is Vault, TypedData {
    event ValidatorsManagerUpdated(address indexed caller, address indexed validatorsManager);

    bytes32 public constant VALIDATORS_TYPE_HASH =
        keccak256("VaultValidators(bytes32 validatorsRegistryRoot,bytes validators)");

    uint8 public immutable version;
    address private immutable _depositDataRegistry;
    address private _validatorsManager;

    constructor(Setup memory setup, uint8 version_) Vault(setup) {
        version = version_;
        _depositDataRegistry = setup.depositDataRegistry;
    }

    function _domainName() internal pure override returns (string memory) {
        return "VaultValidators";
    }

    function setAdmin(address newAdmin) external onlyAdmin {
        admin = newAdmin;
    }

    function validatorsManager() public view returns (address) {
        return _validatorsManager == address(0) ? _depositDataRegistry : _validatorsManager;
    }

    function setValidatorsManager(address manager) external onlyAdmin {
        _validatorsManager = manager;
        emit ValidatorsManagerUpdated(msg.sender, manager);
    }

    function registerValidators(ApprovalParams calldata params, bytes calldata managerSignature) external {
        _keeper.approveValidators(params);
        _requireHarvested();
        _requireManager(params, managerSignature);
        bytes calldata validators = params.validators;
        if (validators.length == 0 || validators.length % ENTRY_LENGTH != 0) revert Errors.InvalidValidators();
        uint256 available = withdrawableAssets();
        for (uint256 i = 0; i < validators.length; i += ENTRY_LENGTH) {
            bytes calldata entry = validators[i:i + ENTRY_LENGTH];
            if (available < DEPOSIT) revert Errors.InsufficientAssets();
            available -= DEPOSIT;
            _registerEntry(entry, 0x01, DEPOSIT);
            emit ValidatorRegistered(entry[:48]);
        }
    }

    function _requireManager(ApprovalParams calldata params, bytes calldata signature) private view {
        address manager = validatorsManager();
        if (signature.length == 0) {
            if (msg.sender != manager) revert Errors.AccessDenied();
            return;
        }
        bytes32 structHash =
            keccak256(abi.encode(VALIDATORS_TYPE_HASH, params.validatorsRegistryRoot, keccak256(params.validators)));
        if (_recover(_digest(structHash), signature) != manager) revert Errors.AccessDenied();
    }
}
