// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {ApprovalParams} from "./Interfaces.sol";
import {SharesVault} from "./SharesVault.sol";
import {TypedData} from "./TypedData.sol";
import {Vault} from "./Vault.sol";

interface IContractSigner {
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4);
}

/// Version 5: a validators manager registers, tops up, withdraws and consolidates; there is none until the admin names one.
contract VaultV5 is SharesVault, TypedData {
    event ValidatorsManagerUpdated(address indexed caller, address indexed validatorsManager);
    event V2ValidatorRegistered(bytes publicKey, uint256 amount);
    event ValidatorFunded(bytes publicKey, uint256 amount);
    event ValidatorWithdrawalSubmitted(bytes publicKey, uint256 amount, uint256 feePaid);
    event ValidatorConsolidationSubmitted(bytes fromPublicKey, bytes toPublicKey, uint256 feePaid);

    bytes32 public constant VALIDATORS_TYPE_HASH =
        keccak256("VaultValidators(bytes32 validatorsRegistryRoot,bytes validators)");
    address public constant WITHDRAWAL_REQUESTS = 0x00000961Ef480Eb55e80D19ad83579A64c007002;
    address public constant CONSOLIDATION_REQUESTS = 0x0000BBdDc7CE488642fb579F8B00f3a590007251;
    uint256 private constant V2_ENTRY_LENGTH = 184;
    uint256 private constant WITHDRAWAL_LENGTH = 56;
    uint256 private constant CONSOLIDATION_LENGTH = 96;

    uint8 public immutable version;
    address public validatorsManager;
    uint256 public validatorsManagerNonce;
    mapping(bytes32 publicKeyHash => bool isRegistered) public v2Validators;
    bool private _isEntered;

    constructor(Setup memory setup, uint8 version_) Vault(setup) {
        version = version_;
    }

    modifier nonReentrant() {
        require(!_isEntered, "reentrant call");
        _isEntered = true;
        _;
        _isEntered = false;
    }

    function _domainName() internal pure override returns (string memory) {
        return "VaultValidators";
    }

    function setAdmin(address newAdmin) external onlyAdmin {
        admin = newAdmin;
    }

    function setValidatorsManager(address manager) external onlyAdmin {
        if (manager == validatorsManager) revert Errors.ValueNotChanged();
        validatorsManager = manager;
        emit ValidatorsManagerUpdated(msg.sender, manager);
    }

    // --- deposits ---

    function registerValidators(ApprovalParams calldata params, bytes calldata managerSignature) external {
        _keeper.approveValidators(params);
        _requireHarvested();
        _requireManager(params.validators, params.validatorsRegistryRoot, managerSignature);
        _deposit(params.validators, false);
    }

    function fundValidators(bytes calldata validators, bytes calldata managerSignature) external {
        _requireHarvested();
        _requireManager(validators, bytes32(validatorsManagerNonce), managerSignature);
        _deposit(validators, true);
    }

    /// The length alone says which kind the entries are of, so that one that both divide says nothing.
    function _deposit(bytes calldata validators, bool isTopUp) private {
        bool isV1 = validators.length % ENTRY_LENGTH == 0;
        if (isV1 == (validators.length % V2_ENTRY_LENGTH == 0)) revert Errors.InvalidValidators();
        if (isV1 && isTopUp) revert Errors.CannotTopUpV1Validators();
        uint256 length = isV1 ? ENTRY_LENGTH : V2_ENTRY_LENGTH;
        uint256 available = withdrawableAssets();
        for (uint256 i = 0; i < validators.length; i += length) {
            bytes calldata entry = validators[i:i + length];
            uint256 amount = isV1 ? DEPOSIT : uint256(uint64(bytes8(entry[176:184]))) * 1 gwei;
            _track(entry[:48], amount, isV1, isTopUp);
            // Too few assets are no named error: the subtraction panics (0x11). Amounts below 1 ETH are the deposit contract's to refuse.
            available -= amount;
            _registerEntry(entry, isV1 ? bytes1(0x01) : bytes1(0x02), amount);
        }
    }

    function _track(bytes calldata publicKey, uint256 amount, bool isV1, bool isTopUp) private {
        bytes32 hash = keccak256(publicKey);
        if (isTopUp) {
            if (!v2Validators[hash]) revert Errors.InvalidValidators();
            emit ValidatorFunded(publicKey, amount);
            return;
        }
        if (amount < DEPOSIT || amount > 2048 ether) revert Errors.InvalidAssets();
        if (isV1) {
            emit ValidatorRegistered(publicKey);
        } else {
            v2Validators[hash] = true;
            emit V2ValidatorRegistered(publicKey, amount);
        }
    }

    // --- requests to the beacon chain ---

    function withdrawValidators(bytes calldata validators, bytes calldata managerSignature)
        external
        payable
        nonReentrant
    {
        _requireCollateralized();
        _requireManager(validators, bytes32(validatorsManagerNonce), managerSignature);
        if (validators.length % WITHDRAWAL_LENGTH != 0) revert Errors.InvalidValidators();
        uint256 left = msg.value;
        for (uint256 i = 0; i < validators.length; i += WITHDRAWAL_LENGTH) {
            bytes calldata entry = validators[i:i + WITHDRAWAL_LENGTH];
            uint256 fee = _request(WITHDRAWAL_REQUESTS, entry);
            left -= fee;
            emit ValidatorWithdrawalSubmitted(entry[:48], uint256(uint64(bytes8(entry[48:56]))) * 1 gwei, fee);
        }
        if (left > 0) _send(msg.sender, left);
    }

    /// Oracles' signatures, which let a target in that the vault does not know, are not part of this devnet yet.
    function consolidateValidators(
        bytes calldata validators,
        bytes calldata managerSignature,
        bytes calldata oracleSignatures
    ) external payable nonReentrant {
        require(oracleSignatures.length == 0, "oracles approve no consolidations in this devnet");
        _requireCollateralized();
        _requireManager(validators, bytes32(validatorsManagerNonce), managerSignature);
        if (validators.length % CONSOLIDATION_LENGTH != 0) revert Errors.InvalidValidators();
        uint256 left = msg.value;
        for (uint256 i = 0; i < validators.length; i += CONSOLIDATION_LENGTH) {
            bytes calldata entry = validators[i:i + CONSOLIDATION_LENGTH];
            if (!v2Validators[keccak256(entry[48:])]) revert Errors.InvalidValidators();
            uint256 fee = _request(CONSOLIDATION_REQUESTS, entry);
            left -= fee;
            emit ValidatorConsolidationSubmitted(entry[:48], entry[48:], fee);
        }
        if (left > 0) _send(msg.sender, left);
    }

    /// The fee is asked for anew for every entry, and paid out of the vault, whose caller has sent it.
    function _request(address queue, bytes calldata entry) private returns (uint256 fee) {
        (bool isAnswered, bytes memory answer) = queue.staticcall("");
        require(isAnswered && answer.length == 32, "the request queue names no fee");
        fee = uint256(bytes32(answer));
        (bool isTaken,) = queue.call{value: fee}(entry);
        require(isTaken, "the request queue takes no request");
    }

    // --- who may ---

    function _requireCollateralized() private view {
        if (!_keeper.isCollateralized(address(this))) revert Errors.NotCollateralized();
    }

    /// The manager calls without a signature; one that is passed counts alone, whoever calls, and once.
    function _requireManager(bytes calldata validators, bytes32 nonce, bytes calldata signature) private {
        address manager = validatorsManager;
        if (manager == address(0) || validators.length == 0) revert Errors.AccessDenied();
        if (signature.length == 0) {
            if (msg.sender != manager) revert Errors.AccessDenied();
            return;
        }
        bytes32 digest = _digest(keccak256(abi.encode(VALIDATORS_TYPE_HASH, nonce, keccak256(validators))));
        if (!_isSignedBy(manager, digest, signature)) revert Errors.AccessDenied();
        validatorsManagerNonce++;
    }

    /// A manager that is a contract says itself what is its signature (ERC-1271).
    function _isSignedBy(address manager, bytes32 digest, bytes calldata signature) private view returns (bool) {
        if (manager.code.length == 0) return _recover(digest, signature) == manager;
        (bool isAnswered, bytes memory answer) =
            manager.staticcall(abi.encodeCall(IContractSigner.isValidSignature, (digest, signature)));
        return isAnswered && answer.length >= 32 && bytes32(answer) == bytes32(IContractSigner.isValidSignature.selector);
    }
}
