// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

contract Multicall {
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
            require(isDone, "Multicall: call failed");
        }
    }
}
