// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";

contract VaultsRegistry {
    event VaultAdded(address indexed caller, address indexed vault);

    address public immutable owner = msg.sender;
    mapping(address vault => bool) public vaults;

    function addVault(address vault) external {
        if (msg.sender != owner) revert Errors.AccessDenied();
        vaults[vault] = true;
        emit VaultAdded(msg.sender, vault);
    }
}
