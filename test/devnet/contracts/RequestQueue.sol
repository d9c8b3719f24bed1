// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// The execution layer's request queues of EIP-7002 (withdrawals, 56 bytes) and EIP-7251 (consolidations, 96 bytes), with
/// their storage: slot 0 excess, 1 requests of this block, 2 head and 3 tail of the queue, entries from slot 4 on, each the
/// sender and then the bytes of the request in words. Its code is placed at the two addresses of the protocol.
contract RequestQueue {
    address private constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
    uint256 private constant INHIBITED = type(uint256).max;
    uint256 private constant FIRST_SLOT = 4;

    uint256 private immutable _inputLength;
    uint256 private immutable _targetPerBlock;
    uint256 private immutable _maxPerBlock;

    constructor(uint256 inputLength, uint256 targetPerBlock, uint256 maxPerBlock) {
        _inputLength = inputLength;
        _targetPerBlock = targetPerBlock;
        _maxPerBlock = maxPerBlock;
    }

    fallback() external payable {
        if (msg.sender == SYSTEM) _endBlock();
        if (msg.data.length == 0) _answerFee();
        require(msg.data.length == _inputLength);
        require(msg.value >= _fee());
        _append();
    }

    /// What every block ends with: up to the maximum leave the queue, and the excess moves.
    function _endBlock() private {
        uint256 head = _load(2);
        uint256 tail = _load(3);
        uint256 count = tail - head < _maxPerBlock ? tail - head : _maxPerBlock;
        bytes memory requests = "";
        for (uint256 i = head; i < head + count; i++) requests = bytes.concat(requests, _entryAt(i));
        if (head + count == tail) {
            _store(2, 0);
            _store(3, 0);
        } else {
            _store(2, head + count);
        }
        uint256 excess = _load(0) == INHIBITED ? 0 : _load(0);
        excess += _load(1);
        _store(0, excess > _targetPerBlock ? excess - _targetPerBlock : 0);
        _store(1, 0);
        assembly {
            return(add(requests, 32), mload(requests))
        }
    }

    function _answerFee() private view {
        require(msg.value == 0);
        uint256 fee = _fee();
        assembly {
            mstore(0, fee)
            return(0, 32)
        }
    }

    function _fee() private view returns (uint256) {
        uint256 excess = _load(0);
        require(excess != INHIBITED);
        uint256 output = 0;
        uint256 accumulated = 17;
        for (uint256 i = 1; accumulated > 0; i++) {
            output += accumulated;
            accumulated = accumulated * excess / (17 * i);
        }
        return output / 17;
    }

    function _append() private {
        uint256 tail = _load(3);
        uint256 words = _words();
        uint256 slot = FIRST_SLOT + tail * (1 + words);
        _store(1, _load(1) + 1);
        _store(slot, uint160(msg.sender));
        for (uint256 i = 0; i < words; i++) {
            uint256 word;
            assembly {
                word := calldataload(mul(i, 32))
            }
            _store(slot + 1 + i, word);
        }
        bytes memory said = abi.encodePacked(msg.sender, msg.data);
        assembly {
            log0(add(said, 32), mload(said))
        }
        _store(3, tail + 1);
    }

    /// As the beacon chain takes it: the sender and the request, whose amount is little-endian there.
    function _entryAt(uint256 index) private view returns (bytes memory entry) {
        uint256 words = _words();
        uint256 slot = FIRST_SLOT + index * (1 + words);
        entry = abi.encodePacked(address(uint160(_load(slot))));
        for (uint256 i = 0; i < words; i++) entry = bytes.concat(entry, bytes32(_load(slot + 1 + i)));
        uint256 length = 20 + _inputLength;
        assembly {
            mstore(entry, length)
        }
        if (_inputLength != 56) return entry;
        for (uint256 i = 0; i < 4; i++) (entry[68 + i], entry[75 - i]) = (entry[75 - i], entry[68 + i]);
    }

    function _words() private view returns (uint256) {
        return (_inputLength + 31) / 32;
    }

    function _load(uint256 slot) private view returns (uint256 value) {
        assembly {
            value := sload(slot)
        }
    }

    function _store(uint256 slot, uint256 value) private {
        assembly {
            sstore(slot, value)
        }
    }
}
