// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// What the clients of version 5 read, each contract with just the views that are asked for, as v3-core has them.

struct HarvestParams {
    bytes32 rewardsRoot;
    int160 reward;
    uint160 unlockedMevReward;
    bytes32[] proof;
}

abstract contract Multicallable {
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
}

contract ViewedVault is Multicallable {
    event ValidatorRegistered(bytes publicKey);
    event V2ValidatorRegistered(bytes publicKey, uint256 amount);
    event ValidatorFunded(bytes publicKey, uint256 amount);
    event ValidatorWithdrawalSubmitted(bytes publicKey, uint256 amount, uint256 feePaid);

    error HarvestFailed();

    address public validatorsManager;
    uint256 public validatorsManagerNonce;
    uint256 public assets;
    mapping(bytes32 publicKeyHash => bool isRegistered) public v2Validators;
    uint128[4] private _queue;
    uint256 private _totalTickets;

    function set(address manager, uint256 nonce, uint256 assets_) external {
        validatorsManager = manager;
        validatorsManagerNonce = nonce;
        assets = assets_;
    }

    /// Queued shares, unclaimed assets, tickets and assets of the old queue.
    function setQueue(uint128[4] calldata queue, uint256 totalTickets) external {
        _queue = queue;
        _totalTickets = totalTickets;
    }

    function getExitQueueData() public view returns (uint128, uint128, uint128, uint128, uint256) {
        return (_queue[0], _queue[1], _queue[2], _queue[3], _totalTickets);
    }

    /// Two assets for each share.
    function convertToAssets(uint256 shares) public pure returns (uint256) {
        return shares * 2;
    }

    function withdrawableAssets() external view returns (uint256) {
        uint256 owed = convertToAssets(_queue[0]) + _queue[3] + _queue[1];
        return assets > owed ? assets - owed : 0;
    }

    function updateState(HarvestParams calldata params) external {
        if (params.rewardsRoot == 0) revert HarvestFailed();
        assets = uint256(int256(assets) + params.reward);
    }

    function register(bytes calldata publicKey) external {
        emit ValidatorRegistered(publicKey);
    }

    function registerV2(bytes calldata publicKey, uint256 amount) external {
        v2Validators[keccak256(publicKey)] = true;
        emit V2ValidatorRegistered(publicKey, amount);
    }

    function fund(bytes calldata publicKey, uint256 amount) external {
        emit ValidatorFunded(publicKey, amount);
    }

    function withdraw(bytes calldata publicKey, uint256 amount) external {
        emit ValidatorWithdrawalSubmitted(publicKey, amount, 7);
    }
}

contract ViewedKeeper {
    event ConfigUpdated(string configIpfsHash);
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

    mapping(address vault => bool) public isCollateralized;

    function collateralize(address vault) external {
        isCollateralized[vault] = true;
    }

    function updateConfig(string calldata ipfsHash) external {
        emit ConfigUpdated(ipfsHash);
    }

    function updateRewards(bytes32 root, string calldata ipfsHash) external {
        emit RewardsUpdated(msg.sender, root, 0, 0, 1, ipfsHash);
    }

    function updateExitSignatures(address vault, string calldata ipfsHash) external {
        emit ExitSignaturesUpdated(msg.sender, vault, 0, ipfsHash);
    }
}

/// The release with redemptions, with the formula of v3-core.
contract ViewedChecker is Multicallable {
    function updateVaultState(address vault, HarvestParams calldata params) external {
        ViewedVault(vault).updateState(params);
    }

    function getExitQueueCumulativeTickets(address vault) external view returns (uint256) {
        (uint128 queuedShares,, uint128 exitingTickets,, uint256 totalTickets) = ViewedVault(vault).getExitQueueData();
        return totalTickets + queuedShares + exitingTickets;
    }

    function getExitQueueMissingAssets(
        address vault,
        uint256 withdrawingAssets,
        uint256 redemptionAssets,
        uint256 targetCumulativeTickets
    ) external view returns (uint256) {
        (uint128 shares, uint128 unclaimed, uint128 tickets, uint128 exiting, uint256 total) =
            ViewedVault(vault).getExitQueueData();
        uint256 missing = redemptionAssets;
        if (total < targetCumulativeTickets) {
            uint256 toCover = targetCumulativeTickets - total;
            if (tickets > 0) {
                uint256 legacy = toCover < tickets ? toCover : tickets;
                missing += legacy * exiting / tickets;
                toCover -= legacy;
            }
            missing += ViewedVault(vault).convertToAssets(toCover < shares ? toCover : shares);
        }
        uint256 available = withdrawingAssets + ViewedVault(vault).assets() - unclaimed;
        return available >= missing ? 0 : missing - available;
    }
}

contract ViewedRedeemer {
    uint256 public nonce;
    uint256 public queuedShares;
    bytes32 private _root;
    string private _ipfsHash;
    mapping(bytes32 leaf => uint256 shares) public leafToProcessedShares;

    function set(uint256 nonce_, uint256 queuedShares_, bytes32 root, string calldata ipfsHash) external {
        nonce = nonce_;
        queuedShares = queuedShares_;
        _root = root;
        _ipfsHash = ipfsHash;
    }

    function process(bytes32 leaf, uint256 shares) external {
        leafToProcessedShares[leaf] = shares;
    }

    function redeemablePositions() external view returns (bytes32 merkleRoot, string memory ipfsHash) {
        return (_root, _ipfsHash);
    }
}

contract ViewedController {
    uint256 public constant totalAssets = 1_000 ether;
    uint256 public constant totalShares = 900 ether;
}

contract ViewedMulticall {
    struct Call {
        address target;
        bytes callData;
    }

    function aggregate(Call[] calldata calls) external payable returns (uint256 blockNumber, bytes[] memory returnData) {
        blockNumber = block.number;
        returnData = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; i++) {
            bool isDone;
            (isDone, returnData[i]) = calls[i].target.call(calls[i].callData);
            require(isDone, "Multicall3: call failed");
        }
    }
}
