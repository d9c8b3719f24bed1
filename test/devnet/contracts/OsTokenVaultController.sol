// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// The price of an osToken share, which its owner says.
contract OsTokenVaultController {
    address public immutable owner = msg.sender;
    uint256 public totalAssets;
    uint256 public totalShares;

    function setTotals(uint256 assets, uint256 shares) external {
        require(msg.sender == owner, "only the owner");
        totalAssets = assets;
        totalShares = shares;
    }

    function convertToAssets(uint256 shares) public view returns (uint256) {
        return totalShares == 0 ? shares : shares * totalAssets / totalShares;
    }

    function convertToShares(uint256 assets) external view returns (uint256) {
        return assets == 0 || totalShares == 0 ? assets : assets * totalShares / totalAssets;
    }
}
