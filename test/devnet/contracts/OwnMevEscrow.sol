// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {IMevReceiver} from "./Interfaces.sol";

/// Priority fees and MEV of one vault, which takes all of them with every harvest.
contract OwnMevEscrow {
    event MevReceived(uint256 assets);
    event Harvested(uint256 assets);

    address public immutable vault = msg.sender;

    receive() external payable {
        emit MevReceived(msg.value);
    }

    function harvest() external returns (uint256 assets) {
        if (msg.sender != vault) revert Errors.HarvestFailed();
        assets = address(this).balance;
        if (assets == 0) return 0;
        emit Harvested(assets);
        IMevReceiver(msg.sender).receiveFromMevEscrow{value: assets}();
    }
}
