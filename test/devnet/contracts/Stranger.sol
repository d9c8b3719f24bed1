// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// Somebody who sends requests to the beacon chain, as many as fit into a block.
contract Stranger {
    function send(address queue, bytes[] calldata requests) external payable {
        (bool isAnswered, bytes memory answer) = queue.staticcall("");
        require(isAnswered && answer.length == 32, "the request queue names no fee");
        uint256 fee = uint256(bytes32(answer));
        for (uint256 i = 0; i < requests.length; i++) {
            (bool isTaken,) = queue.call{value: fee}(requests[i]);
            require(isTaken, "the request queue takes no request");
        }
    }
}
