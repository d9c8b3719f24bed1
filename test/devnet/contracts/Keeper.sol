// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {ApprovalParams, HarvestParams, IDepositContract, IVaultsRegistry} from "./Interfaces.sol";
import {Merkle} from "./Merkle.sol";
import {TypedData} from "./TypedData.sol";

/// The keeper in small: oracles and their configuration, approvals of validators and exit signatures, rewards.
contract Keeper is TypedData {
    struct Reward {
        int192 assets;
        uint64 nonce;
    }

    struct UnlockedMevReward {
        uint192 assets;
        uint64 nonce;
    }

    struct RewardsUpdateParams {
        bytes32 rewardsRoot;
        uint256 avgRewardPerSecond;
        uint64 updateTimestamp;
        string rewardsIpfsHash;
        bytes signatures;
    }

    event ConfigUpdated(string configIpfsHash);
    event OracleAdded(address indexed oracle);
    event OracleRemoved(address indexed oracle);
    event ValidatorsMinOraclesUpdated(uint256 oracles);
    event RewardsMinOraclesUpdated(uint256 oracles);
    event ValidatorsApproval(address indexed vault, string exitSignaturesIpfsHash);
    event ExitSignaturesUpdated(
        address indexed caller, address indexed vault, uint256 nonce, string exitSignaturesIpfsHash
    );
    event RewardsUpdated(
        address indexed caller,
        bytes32 indexed rewardsRoot,
        uint256 avgRewardPerSecond,
        uint64 updateTimestamp,
        uint64 nonce,
        string rewardsIpfsHash
    );
    event Harvested(
        address indexed vault, bytes32 indexed rewardsRoot, int256 totalAssetsDelta, uint256 unlockedMevDelta
    );

    bytes32 public constant REGISTRATION_TYPE_HASH = keccak256(
        "KeeperValidators(bytes32 validatorsRegistryRoot,address vault,bytes validators,string exitSignaturesIpfsHash,uint256 deadline)"
    );
    bytes32 public constant EXIT_SIGNATURES_TYPE_HASH =
        keccak256("KeeperValidators(address vault,string exitSignaturesIpfsHash,uint256 nonce,uint256 deadline)");
    bytes32 public constant REWARDS_TYPE_HASH = keccak256(
        "KeeperRewards(bytes32 rewardsRoot,string rewardsIpfsHash,uint256 avgRewardPerSecond,uint64 updateTimestamp,uint64 nonce)"
    );

    address public immutable owner = msg.sender;
    IVaultsRegistry private immutable _registry;
    IDepositContract private immutable _depositContract;

    mapping(address oracle => bool) public isOracle;
    uint256 public totalOracles;
    uint256 public validatorsMinOracles;
    uint256 public rewardsMinOracles;
    mapping(address vault => uint256) public exitSignaturesNonces;

    mapping(address vault => Reward) public rewards;
    mapping(address vault => UnlockedMevReward) public unlockedMevRewards;
    bytes32 public rewardsRoot;
    bytes32 public prevRewardsRoot;
    uint64 public rewardsNonce = 1;
    uint64 public lastRewardsTimestamp;
    uint256 public rewardsDelay;

    constructor(IVaultsRegistry registry, IDepositContract depositContract) {
        _registry = registry;
        _depositContract = depositContract;
    }

    modifier onlyOwner() {
        if (msg.sender != owner) revert Errors.AccessDenied();
        _;
    }

    function _domainName() internal pure override returns (string memory) {
        return "KeeperOracles";
    }

    // --- oracles ---

    function updateConfig(string calldata configIpfsHash) external onlyOwner {
        emit ConfigUpdated(configIpfsHash);
    }

    function addOracle(address oracle) external onlyOwner {
        if (isOracle[oracle]) revert Errors.ValueNotChanged();
        isOracle[oracle] = true;
        totalOracles++;
        emit OracleAdded(oracle);
    }

    function removeOracle(address oracle) external onlyOwner {
        if (!isOracle[oracle]) revert Errors.ValueNotChanged();
        isOracle[oracle] = false;
        totalOracles--;
        emit OracleRemoved(oracle);
    }

    function setValidatorsMinOracles(uint256 count) external onlyOwner {
        if (count == 0 || count > totalOracles) revert Errors.InvalidOracles();
        validatorsMinOracles = count;
        emit ValidatorsMinOraclesUpdated(count);
    }

    function setRewardsMinOracles(uint256 count) external onlyOwner {
        if (count == 0 || count > totalOracles) revert Errors.InvalidOracles();
        rewardsMinOracles = count;
        emit RewardsMinOraclesUpdated(count);
    }

    /// Exactly the first `count` signatures count; their signers must be oracles, in strictly ascending order.
    function _requireOracles(uint256 count, bytes32 structHash, bytes calldata signatures) private view {
        if (count == 0 || signatures.length < count * 65) revert Errors.NotEnoughSignatures();
        bytes32 digest = _digest(structHash);
        address last = address(0);
        for (uint256 i = 0; i < count; i++) {
            address oracle = _recover(digest, signatures[i * 65:(i + 1) * 65]);
            if (oracle <= last || !isOracle[oracle]) revert Errors.InvalidOracle();
            last = oracle;
        }
    }

    // --- validators ---

    function approveValidators(ApprovalParams calldata params) external {
        if (!_registry.vaults(msg.sender)) revert Errors.AccessDenied();
        if (_depositContract.get_deposit_root() != params.validatorsRegistryRoot) {
            revert Errors.InvalidValidatorsRegistryRoot();
        }
        if (params.deadline < block.timestamp) revert Errors.DeadlineExpired();
        bytes32 structHash = keccak256(
            abi.encode(
                REGISTRATION_TYPE_HASH,
                params.validatorsRegistryRoot,
                msg.sender,
                keccak256(params.validators),
                keccak256(bytes(params.exitSignaturesIpfsHash)),
                params.deadline
            )
        );
        _requireOracles(validatorsMinOracles, structHash, params.signatures);
        if (rewards[msg.sender].nonce == 0) rewards[msg.sender] = Reward(0, rewardsNonce);
        emit ValidatorsApproval(msg.sender, params.exitSignaturesIpfsHash);
    }

    function updateExitSignatures(
        address vault,
        uint256 deadline,
        string calldata exitSignaturesIpfsHash,
        bytes calldata oraclesSignatures
    ) external {
        if (!_registry.vaults(vault) || !isCollateralized(vault)) revert Errors.InvalidVault();
        if (deadline < block.timestamp) revert Errors.DeadlineExpired();
        uint256 nonce = exitSignaturesNonces[vault];
        bytes32 structHash = keccak256(
            abi.encode(EXIT_SIGNATURES_TYPE_HASH, vault, keccak256(bytes(exitSignaturesIpfsHash)), nonce, deadline)
        );
        _requireOracles(validatorsMinOracles, structHash, oraclesSignatures);
        exitSignaturesNonces[vault] = nonce + 1;
        emit ExitSignaturesUpdated(msg.sender, vault, nonce, exitSignaturesIpfsHash);
    }

    // --- rewards ---

    function setRewardsDelay(uint256 delay) external onlyOwner {
        rewardsDelay = delay;
    }

    function canUpdateRewards() public view returns (bool) {
        return lastRewardsTimestamp + rewardsDelay < block.timestamp;
    }

    function updateRewards(RewardsUpdateParams calldata params) external {
        if (params.rewardsRoot == rewardsRoot) revert Errors.InvalidRewardsRoot();
        if (!canUpdateRewards()) revert Errors.TooEarlyUpdate();
        uint64 nonce = rewardsNonce;
        bytes32 structHash = keccak256(
            abi.encode(
                REWARDS_TYPE_HASH,
                params.rewardsRoot,
                keccak256(bytes(params.rewardsIpfsHash)),
                params.avgRewardPerSecond,
                params.updateTimestamp,
                nonce
            )
        );
        _requireOracles(rewardsMinOracles, structHash, params.signatures);
        prevRewardsRoot = rewardsRoot;
        rewardsRoot = params.rewardsRoot;
        lastRewardsTimestamp = uint64(block.timestamp);
        rewardsNonce = nonce + 1;
        emit RewardsUpdated(
            msg.sender,
            params.rewardsRoot,
            params.avgRewardPerSecond,
            params.updateTimestamp,
            nonce,
            params.rewardsIpfsHash
        );
    }

    function isCollateralized(address vault) public view returns (bool) {
        return rewards[vault].nonce != 0;
    }

    function canHarvest(address vault) external view returns (bool) {
        return isCollateralized(vault) && rewards[vault].nonce < rewardsNonce;
    }

    function isHarvestRequired(address vault) external view returns (bool) {
        return isCollateralized(vault) && rewards[vault].nonce + 1 < rewardsNonce;
    }

    function harvest(HarvestParams calldata params)
        external
        returns (int256 totalAssetsDelta, uint256 unlockedMevDelta, bool harvested)
    {
        if (!_registry.vaults(msg.sender)) revert Errors.AccessDenied();
        uint64 nonce = rewardsNonce;
        if (params.rewardsRoot != rewardsRoot) {
            if (params.rewardsRoot != prevRewardsRoot) revert Errors.InvalidRewardsRoot();
            nonce--;
        }
        bytes32 leaf = Merkle.leaf(abi.encode(msg.sender, params.reward, params.unlockedMevReward));
        if (!Merkle.isProven(params.rewardsRoot, leaf, params.proof)) revert Errors.InvalidProof();
        Reward memory last = rewards[msg.sender];
        if (last.nonce >= nonce) return (0, 0, false);
        totalAssetsDelta = int256(params.reward) - last.assets;
        unlockedMevDelta = uint256(params.unlockedMevReward) - unlockedMevRewards[msg.sender].assets;
        rewards[msg.sender] = Reward(params.reward, nonce);
        unlockedMevRewards[msg.sender] = UnlockedMevReward(params.unlockedMevReward, nonce);
        emit Harvested(msg.sender, params.rewardsRoot, totalAssetsDelta, unlockedMevDelta);
        return (totalAssetsDelta, unlockedMevDelta, true);
    }
}
