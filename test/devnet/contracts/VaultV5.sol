// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {ApprovalParams} from "./Interfaces.sol";
import {TypedData} from "./TypedData.sol";
import {Vault} from "./Vault.sol";

/// Versions 2 to 5: a validators manager registers. Before 5 that is the deposit data registry unless one is set,
/// and only entries of 176 bytes are taken.
contract VaultV5 is Vault, TypedData {
    event ValidatorsManagerUpdated(address indexed caller, address indexed validatorsManager);
    event V2ValidatorRegistered(bytes publicKey, uint256 amount);

    bytes32 public constant VALIDATORS_TYPE_HASH =
        keccak256("VaultValidators(bytes32 validatorsRegistryRoot,bytes validators)");
    uint256 private constant V2_ENTRY_LENGTH = 184;

    uint8 public immutable version;
    address private immutable _depositDataRegistry;
    address private _validatorsManager;
    uint256 public validatorsManagerNonce;
    mapping(bytes32 publicKeyHash => bool isRegistered) public v2Validators;

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
        if (_validatorsManager != address(0)) return _validatorsManager;
        return version < 5 ? _depositDataRegistry : address(0);
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
        bool isV1 = validators.length % ENTRY_LENGTH == 0;
        bool isV2 = version >= 5 && validators.length % V2_ENTRY_LENGTH == 0;
        if (validators.length == 0 || isV1 == isV2) revert Errors.InvalidValidators();
        uint256 length = isV1 ? ENTRY_LENGTH : V2_ENTRY_LENGTH;
        // Version 5 has no InsufficientAssets: the subtraction panics (0x11).
        uint256 available = withdrawableAssets();
        for (uint256 i = 0; i < validators.length; i += length) {
            bytes calldata entry = validators[i:i + length];
            uint256 amount = isV1 ? DEPOSIT : _amountOf(entry);
            if (version < 5 && available < amount) revert Errors.InsufficientAssets();
            available -= amount;
            if (isV1) _registerV1(entry);
            else _registerV2(entry, amount);
        }
    }

    function _requireManager(ApprovalParams calldata params, bytes calldata signature) private {
        address manager = validatorsManager();
        if (manager == address(0)) revert Errors.AccessDenied();
        if (signature.length == 0) {
            if (msg.sender != manager) revert Errors.AccessDenied();
            return;
        }
        bytes32 structHash =
            keccak256(abi.encode(VALIDATORS_TYPE_HASH, params.validatorsRegistryRoot, keccak256(params.validators)));
        if (_recover(_digest(structHash), signature) != manager) revert Errors.AccessDenied();
        validatorsManagerNonce++;
    }

    function _registerV1(bytes calldata entry) private {
        _registerEntry(entry, 0x01, DEPOSIT);
        emit ValidatorRegistered(entry[:48]);
    }

    function _amountOf(bytes calldata entry) private pure returns (uint256 amount) {
        amount = uint256(uint64(bytes8(entry[176:184]))) * 1 gwei;
        if (amount < DEPOSIT || amount > 2048 ether) revert Errors.InvalidAssets();
    }

    function _registerV2(bytes calldata entry, uint256 amount) private {
        _registerEntry(entry, 0x02, amount);
        v2Validators[keccak256(entry[:48])] = true;
        emit V2ValidatorRegistered(entry[:48], amount);
    }
}
