// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {Merkle} from "./Merkle.sol";
import {OsTokenVaultController} from "./OsTokenVaultController.sol";

/// What wants to be redeemed, and of whose positions; of redeeming itself only the account is kept: no vault pays.
contract OsTokenRedeemer {
    struct RedeemablePositions {
        bytes32 merkleRoot;
        string ipfsHash;
    }

    struct OsTokenPosition {
        address vault;
        address owner;
        uint256 leafShares;
        uint256 sharesToRedeem;
    }

    event RedeemablePositionsUpdated(bytes32 indexed merkleRoot, string ipfsHash);
    event OsTokenPositionsRedeemed(uint256 shares, uint256 assets);

    OsTokenVaultController private immutable _controller;
    address public immutable owner = msg.sender;
    uint256 public nonce;
    uint128 public queuedShares;
    mapping(bytes32 leaf => uint256 processedShares) public leafToProcessedShares;
    RedeemablePositions private _positions;

    constructor(OsTokenVaultController controller) {
        _controller = controller;
    }

    modifier onlyOwner() {
        if (msg.sender != owner) revert Errors.AccessDenied();
        _;
    }

    function positionsManager() external view returns (address) {
        return owner;
    }

    function redeemablePositions() external view returns (bytes32 merkleRoot, string memory ipfsHash) {
        return (_positions.merkleRoot, _positions.ipfsHash);
    }

    /// Holders enter the redeemer's queue, or leave it.
    function setQueuedShares(uint128 shares) external onlyOwner {
        queuedShares = shares;
    }

    function setRedeemablePositions(RedeemablePositions calldata positions) external onlyOwner {
        if (positions.merkleRoot == bytes32(0) || bytes(positions.ipfsHash).length == 0) {
            revert Errors.InvalidRedeemablePositions();
        }
        if (positions.merkleRoot == _positions.merkleRoot) revert Errors.ValueNotChanged();
        nonce++;
        _positions = positions;
        emit RedeemablePositionsUpdated(positions.merkleRoot, positions.ipfsHash);
    }

    /// Positions are leaves of the tree that was set last, under the nonce before it.
    function redeemOsTokenPositions(
        OsTokenPosition[] calldata positions,
        bytes32[] calldata proof,
        bool[] calldata proofFlags
    ) external onlyOwner {
        uint256 left = queuedShares;
        if (left == 0 || positions.length == 0) return;
        bytes32[] memory leaves = new bytes32[](positions.length);
        for (uint256 i = 0; i < positions.length; i++) {
            OsTokenPosition calldata position = positions[i];
            leaves[i] = Merkle.leaf(abi.encode(nonce - 1, position.vault, position.leafShares, position.owner));
            uint256 open = position.leafShares - leafToProcessedShares[leaves[i]];
            uint256 shares = position.sharesToRedeem < open ? position.sharesToRedeem : open;
            if (shares > left) shares = left;
            left -= shares;
            leafToProcessedShares[leaves[i]] += shares;
        }
        if (!Merkle.isMultiProven(_positions.merkleRoot, leaves, proofFlags, proof)) revert Errors.InvalidProof();
        uint256 redeemed = queuedShares - left;
        queuedShares = uint128(left);
        emit OsTokenPositionsRedeemed(redeemed, _controller.convertToAssets(redeemed));
    }
}
