// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {Vault} from "./Vault.sol";

/// Shares whose price moves with rewards and penalties, and a queue of those who want to leave.
abstract contract SharesVault is Vault {
    /// Tickets and assets of all that left until then; a ticket is a share that was queued.
    struct Checkpoint {
        uint256 totalTickets;
        uint256 exitedAssets;
    }

    event ExitQueueEntered(address indexed owner, address indexed receiver, uint256 positionTicket, uint256 shares);
    event Redeemed(address indexed owner, address indexed receiver, uint256 assets, uint256 shares);
    event CheckpointCreated(uint256 shares, uint256 assets);
    event ExitingAssetsPenalized(uint256 penalty);
    event ExitedAssetsClaimed(
        address indexed receiver, uint256 prevPositionTicket, uint256 newPositionTicket, uint256 withdrawnAssets
    );

    uint256 private _totalShares;
    mapping(address account => uint256 shares) private _shares;
    uint128 private _queuedShares;
    uint128 private _unclaimedAssets;
    uint128 private _totalExitingTickets;
    uint128 private _totalExitingAssets;
    Checkpoint[] private _checkpoints;
    mapping(bytes32 request => uint256 shares) private _exitRequests;

    // --- shares ---

    function totalShares() external view override returns (uint256) {
        return _totalShares;
    }

    function getShares(address account) external view returns (uint256) {
        return _shares[account];
    }

    function convertToAssets(uint256 shares) public view returns (uint256 assets) {
        return _totalShares == 0 ? shares : shares * _totalAssets / _totalShares;
    }

    function convertToShares(uint256 assets) public view returns (uint256 shares) {
        return assets == 0 || _totalShares == 0 ? assets : assets * _totalShares / _totalAssets;
    }

    function _deposit(address receiver, address referrer) internal override returns (uint256 shares) {
        _requireHarvested();
        if (receiver == address(0)) revert Errors.ZeroAddress();
        if (msg.value == 0) revert Errors.InvalidAssets();
        shares = _totalShares == 0 ? msg.value : (msg.value * _totalShares + _totalAssets - 1) / _totalAssets;
        _totalAssets += msg.value;
        _totalShares += shares;
        _shares[receiver] += shares;
        emit Deposited(msg.sender, receiver, msg.value, shares, referrer);
    }

    /// Assets that nobody who leaves has a claim to.
    function withdrawableAssets() public view override returns (uint256) {
        uint256 reserved = convertToAssets(_queuedShares) + _totalExitingAssets + _unclaimedAssets;
        return address(this).balance > reserved ? address(this).balance - reserved : 0;
    }

    // --- the exit queue ---

    function getExitQueueData()
        external
        view
        returns (
            uint128 queuedShares,
            uint128 unclaimedAssets,
            uint128 totalExitingTickets,
            uint128 totalExitingAssets,
            uint256 totalTickets
        )
    {
        return (_queuedShares, _unclaimedAssets, _totalExitingTickets, _totalExitingAssets, _latestTickets());
    }

    /// Before the first validator shares are paid out at once.
    function enterExitQueue(uint256 shares, address receiver) external returns (uint256 positionTicket) {
        if (shares == 0) revert Errors.InvalidShares();
        if (receiver == address(0)) revert Errors.ZeroAddress();
        _shares[msg.sender] -= shares;
        if (!_keeper.isCollateralized(address(this))) {
            _redeem(shares, receiver);
            return type(uint256).max;
        }
        positionTicket = _latestTickets() + _totalExitingTickets + _queuedShares;
        _exitRequests[keccak256(abi.encode(receiver, block.timestamp, positionTicket))] = shares;
        _queuedShares += uint128(shares);
        emit ExitQueueEntered(msg.sender, receiver, positionTicket, shares);
    }

    function getExitQueueIndex(uint256 positionTicket) external view returns (int256) {
        for (uint256 i = 0; i < _checkpoints.length; i++) {
            if (_checkpoints[i].totalTickets > positionTicket) return int256(i);
        }
        return -1;
    }

    function calculateExitedAssets(address receiver, uint256 positionTicket, uint256 timestamp, uint256 exitQueueIndex)
        public
        view
        returns (uint256 leftTickets, uint256 exitedTickets, uint256 exitedAssets)
    {
        uint256 requested = _exitRequests[keccak256(abi.encode(receiver, timestamp, positionTicket))];
        leftTickets = requested;
        if (requested == 0 || exitQueueIndex >= _checkpoints.length) return (leftTickets, 0, 0);
        uint256 ticket = positionTicket;
        for (uint256 i = exitQueueIndex; i < _checkpoints.length && leftTickets > 0; i++) {
            uint256 first = i == 0 ? 0 : _checkpoints[i - 1].totalTickets;
            uint256 end = _checkpoints[i].totalTickets;
            if (ticket < first || ticket >= end) revert Errors.InvalidCheckpointIndex();
            uint256 taken = end - ticket < leftTickets ? end - ticket : leftTickets;
            exitedAssets += taken * _checkpoints[i].exitedAssets / (end - first);
            exitedTickets += taken;
            leftTickets -= taken;
            ticket += taken;
        }
    }

    function claimExitedAssets(uint256 positionTicket, uint256 timestamp, uint256 exitQueueIndex) external {
        (uint256 left, uint256 exited, uint256 assets) =
            calculateExitedAssets(msg.sender, positionTicket, timestamp, exitQueueIndex);
        if (exited == 0 || assets == 0) revert Errors.ExitRequestNotProcessed();
        delete _exitRequests[keccak256(abi.encode(msg.sender, timestamp, positionTicket))];
        uint256 next = 0;
        // One share that is left is an error of rounding.
        if (left > 1) {
            next = positionTicket + exited;
            _exitRequests[keccak256(abi.encode(msg.sender, timestamp, next))] = left;
        }
        _unclaimedAssets -= uint128(assets);
        _send(msg.sender, assets);
        emit ExitedAssetsClaimed(msg.sender, positionTicket, next, assets);
    }

    /// What an upgrade from an earlier version leaves: exits that are counted in assets, before all that are queued here.
    function setLegacyExits(uint128 tickets, uint128 assets) external onlyAdmin {
        _totalExitingTickets = tickets;
        _totalExitingAssets = assets;
    }

    function _takeHarvest(int256 assetsDelta) internal override {
        if (assetsDelta < 0) _takePenalty(uint256(-assetsDelta));
        else _totalAssets += uint256(assetsDelta);
        _updateExitQueue();
    }

    function _takePenalty(uint256 penalty) private {
        if (_totalExitingAssets > 0) {
            uint256 theirs = penalty * _totalExitingAssets / (_totalExitingAssets + _totalAssets);
            _totalExitingAssets -= uint128(theirs);
            penalty -= theirs;
            emit ExitingAssetsPenalized(theirs);
        }
        _totalAssets -= penalty;
    }

    function _updateExitQueue() private {
        uint256 available = address(this).balance - _unclaimedAssets;
        if (_totalExitingAssets > 0) {
            if (available < _totalExitingAssets) return;
            available -= _totalExitingAssets;
            _pushCheckpoint(_totalExitingTickets, _totalExitingAssets);
            _totalExitingTickets = 0;
            _totalExitingAssets = 0;
        }
        uint256 queued = convertToAssets(_queuedShares);
        uint256 exited = available < queued ? available : queued;
        uint256 burned = convertToShares(exited);
        if (exited == 0 || burned == 0) return;
        _queuedShares -= uint128(burned);
        _pushCheckpoint(burned, exited);
        _totalShares -= burned;
        _totalAssets -= exited;
    }

    function _pushCheckpoint(uint256 tickets, uint256 assets) private {
        _checkpoints.push(Checkpoint(_latestTickets() + tickets, assets));
        _unclaimedAssets += uint128(assets);
        emit CheckpointCreated(tickets, assets);
    }

    function _latestTickets() private view returns (uint256) {
        uint256 count = _checkpoints.length;
        return count == 0 ? 0 : _checkpoints[count - 1].totalTickets;
    }

    function _redeem(uint256 shares, address receiver) private {
        uint256 assets = convertToAssets(shares);
        if (assets > withdrawableAssets()) revert Errors.InsufficientAssets();
        _totalAssets -= assets;
        _totalShares -= shares;
        _send(receiver, assets);
        emit Redeemed(msg.sender, receiver, assets, shares);
    }

    function _send(address receiver, uint256 assets) internal {
        (bool isSent,) = receiver.call{value: assets}("");
        require(isSent, "the receiver takes no ether");
    }
}
