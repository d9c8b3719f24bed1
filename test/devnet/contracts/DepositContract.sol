// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// The beacon chain's deposit contract: an incremental SHA-256 tree of depth 32 over SSZ DepositData roots.
contract DepositContract {
    event DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index);

    uint256 private constant DEPTH = 32;
    bytes32[DEPTH] private _branch;
    bytes32[DEPTH] private _zeroHashes;
    uint64 private _count;

    constructor() {
        for (uint256 i = 1; i < DEPTH; i++) {
            _zeroHashes[i] = _hash(_zeroHashes[i - 1], _zeroHashes[i - 1]);
        }
    }

    function get_deposit_root() external view returns (bytes32) {
        bytes32 node;
        uint256 size = _count;
        for (uint256 height = 0; height < DEPTH; height++) {
            node = size & 1 == 1 ? _hash(_branch[height], node) : _hash(node, _zeroHashes[height]);
            size >>= 1;
        }
        return sha256(bytes.concat(node, _littleEndian(_count), bytes24(0)));
    }

    function get_deposit_count() external view returns (bytes memory) {
        return bytes.concat(_littleEndian(_count));
    }

    function deposit(
        bytes calldata pubkey,
        bytes calldata withdrawal_credentials,
        bytes calldata signature,
        bytes32 deposit_data_root
    ) external payable {
        require(pubkey.length == 48, "DepositContract: invalid pubkey length");
        require(withdrawal_credentials.length == 32, "DepositContract: invalid withdrawal_credentials length");
        require(signature.length == 96, "DepositContract: invalid signature length");
        require(msg.value >= 1 ether, "DepositContract: deposit value too low");
        require(msg.value % 1 gwei == 0, "DepositContract: deposit value not multiple of gwei");
        require(msg.value / 1 gwei <= type(uint64).max, "DepositContract: deposit value too high");

        bytes8 amount = _littleEndian(uint64(msg.value / 1 gwei));
        emit DepositEvent(
            pubkey, withdrawal_credentials, bytes.concat(amount), signature, bytes.concat(_littleEndian(_count))
        );
        bytes32 node = _depositDataRoot(pubkey, bytes32(withdrawal_credentials), amount, signature);
        require(
            node == deposit_data_root,
            "DepositContract: reconstructed DepositData does not match supplied deposit_data_root"
        );
        _insert(node);
    }

    function _depositDataRoot(bytes calldata pubkey, bytes32 credentials, bytes8 amount, bytes calldata signature)
        private
        pure
        returns (bytes32)
    {
        bytes32 pubkeyRoot = sha256(bytes.concat(pubkey, bytes16(0)));
        bytes32 signatureRoot = _hash(sha256(signature[:64]), sha256(bytes.concat(signature[64:], bytes32(0))));
        return _hash(
            _hash(pubkeyRoot, credentials), sha256(bytes.concat(amount, bytes24(0), signatureRoot))
        );
    }

    function _insert(bytes32 node) private {
        _count++;
        uint256 size = _count;
        for (uint256 height = 0; height < DEPTH; height++) {
            if (size & 1 == 1) {
                _branch[height] = node;
                return;
            }
            node = _hash(_branch[height], node);
            size >>= 1;
        }
    }

    function _hash(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(bytes.concat(left, right));
    }

    function _littleEndian(uint64 value) private pure returns (bytes8) {
        uint64 reversed = 0;
        for (uint256 i = 0; i < 8; i++) {
            reversed = (reversed << 8) | (value & 0xff);
            value >>= 8;
        }
        return bytes8(reversed);
    }
}
