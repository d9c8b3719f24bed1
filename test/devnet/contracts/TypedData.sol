// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// EIP-712 domain and signer recovery.
abstract contract TypedData {
    bytes32 private constant DOMAIN_TYPE_HASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    function _domainName() internal pure virtual returns (string memory);

    function _digest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                DOMAIN_TYPE_HASH, keccak256(bytes(_domainName())), keccak256(bytes("1")), block.chainid, address(this)
            )
        );
        return keccak256(bytes.concat(hex"1901", separator, structHash));
    }

    /// Zero for a signature that is none; signatures with a high s are none.
    function _recover(bytes32 digest, bytes calldata signature) internal pure returns (address) {
        if (signature.length != 65) return address(0);
        bytes32 r = bytes32(signature[:32]);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0) return address(0);
        return ecrecover(digest, uint8(signature[64]), r, s);
    }

    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", _domainName(), "1", block.chainid, address(this), bytes32(0), new uint256[](0));
    }
}
