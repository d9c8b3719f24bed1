// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {IMevReceiver, IVaultsRegistry} from "./Interfaces.sol";

/// Priority fees and MEV of all vaults that share it.
contract MevEscrow {
    event MevReceived(uint256 assets);
    event Harvested(address indexed caller, uint256 assets);

    IVaultsRegistry private immutable _registry;

    constructor(IVaultsRegistry registry) {
        _registry = registry;
    }

    receive() external payable {
        emit MevReceived(msg.value);
    }

    function harvest(uint256 assets) external {
        if (!_registry.vaults(msg.sender)) revert Errors.HarvestFailed();
        emit Harvested(msg.sender, assets);
        IMevReceiver(msg.sender).receiveFromMevEscrow{value: assets}();
    }
}
