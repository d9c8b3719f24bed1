// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";

/// Proofs over trees whose nodes hash their children in ascending order and whose leaves are hashed twice.
library Merkle {
    function leaf(bytes memory encoded) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(encoded)));
    }

    function isProven(bytes32 root, bytes32 node, bytes32[] calldata proof) internal pure returns (bool) {
        for (uint256 i = 0; i < proof.length; i++) node = hashPair(node, proof[i]);
        return node == root;
    }

    /// Consumes leaves, then computed nodes, in order; a flag says whether the sibling is one of them or of the proof.
    function isMultiProven(bytes32 root, bytes32[] memory leaves, bool[] calldata flags, bytes32[] calldata proof)
        internal
        pure
        returns (bool)
    {
        if (leaves.length + proof.length != flags.length + 1) revert Errors.InvalidProof();
        if (flags.length == 0) return (leaves.length == 1 ? leaves[0] : proof[0]) == root;
        bytes32[] memory nodes = new bytes32[](flags.length);
        uint256 taken = 0;
        uint256 proofTaken = 0;
        for (uint256 i = 0; i < flags.length; i++) {
            bytes32 left = take(leaves, nodes, taken++);
            bytes32 right = flags[i] ? take(leaves, nodes, taken++) : proof[proofTaken++];
            nodes[i] = hashPair(left, right);
        }
        if (proofTaken != proof.length) revert Errors.InvalidProof();
        return nodes[flags.length - 1] == root;
    }

    function take(bytes32[] memory leaves, bytes32[] memory nodes, uint256 at) private pure returns (bytes32) {
        return at < leaves.length ? leaves[at] : nodes[at - leaves.length];
    }

    function hashPair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}
