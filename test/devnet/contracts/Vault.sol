// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "./Errors.sol";
import {HarvestParams, IDepositContract, IKeeper, IMevEscrow} from "./Interfaces.sol";
import {OwnMevEscrow} from "./OwnMevEscrow.sol";

/// What vaults of every version have in common, in small: one share is one wei and nobody leaves, before version 5.
abstract contract Vault {
    struct Setup {
        address admin;
        IKeeper keeper;
        IDepositContract depositContract;
        address sharedMevEscrow;
        bool hasOwnMevEscrow;
        address depositDataRegistry;
    }

    event ValidatorRegistered(bytes publicKey);
    event Deposited(
        address indexed caller, address indexed receiver, uint256 assets, uint256 shares, address referrer
    );

    uint256 internal constant DEPOSIT = 32 ether;
    uint256 internal constant ENTRY_LENGTH = 176;

    address public admin;
    address public immutable mevEscrow;
    address private immutable _sharedMevEscrow;
    uint16 public constant feePercent = 0;
    uint256 public constant capacity = type(uint256).max;
    IKeeper internal immutable _keeper;
    IDepositContract internal immutable _depositContract;
    uint256 internal _totalAssets;

    constructor(Setup memory setup) {
        admin = setup.admin;
        _sharedMevEscrow = setup.sharedMevEscrow;
        mevEscrow = setup.hasOwnMevEscrow ? address(new OwnMevEscrow()) : setup.sharedMevEscrow;
        _keeper = setup.keeper;
        _depositContract = setup.depositContract;
    }

    modifier onlyAdmin() {
        if (msg.sender != admin) revert Errors.AccessDenied();
        _;
    }

    receive() external payable {
        _deposit(msg.sender, address(0));
    }

    function receiveFromMevEscrow() external payable {
        if (msg.sender != mevEscrow) revert Errors.AccessDenied();
    }

    function vaultId() external pure returns (bytes32) {
        return keccak256("EthVault");
    }

    function deposit(address receiver, address referrer) external payable returns (uint256 shares) {
        return _deposit(receiver, referrer);
    }

    function _deposit(address receiver, address referrer) internal virtual returns (uint256 shares) {
        _totalAssets += msg.value;
        emit Deposited(msg.sender, receiver, msg.value, msg.value, referrer);
        return msg.value;
    }

    function totalAssets() external view returns (uint256) {
        return _totalAssets;
    }

    function totalShares() external view virtual returns (uint256) {
        return _totalAssets;
    }

    function withdrawableAssets() public view virtual returns (uint256) {
        return address(this).balance;
    }

    function isStateUpdateRequired() external view returns (bool) {
        return _keeper.isHarvestRequired(address(this));
    }

    function updateState(HarvestParams calldata params) external {
        (int256 assetsDelta, uint256 unlockedMevDelta, bool harvested) = _keeper.harvest(params);
        if (!harvested) return;
        if (mevEscrow != _sharedMevEscrow) assetsDelta += int256(OwnMevEscrow(payable(mevEscrow)).harvest());
        else if (unlockedMevDelta > 0) IMevEscrow(mevEscrow).harvest(unlockedMevDelta);
        _takeHarvest(assetsDelta);
    }

    function _takeHarvest(int256 assetsDelta) internal virtual {
        _totalAssets = uint256(int256(_totalAssets) + assetsDelta);
    }

    function multicall(bytes[] calldata data) external returns (bytes[] memory results) {
        results = new bytes[](data.length);
        for (uint256 i = 0; i < data.length; i++) {
            (bool isDone, bytes memory result) = address(this).delegatecall(data[i]);
            if (!isDone) {
                assembly {
                    revert(add(result, 32), mload(result))
                }
            }
            results[i] = result;
        }
    }

    function _requireHarvested() internal view {
        if (_keeper.isHarvestRequired(address(this))) revert Errors.NotHarvested();
    }

    function _registerEntry(bytes calldata entry, bytes1 prefix, uint256 amount) internal {
        bytes calldata publicKey = entry[:48];
        bytes memory credentials = abi.encodePacked(prefix, bytes11(0), address(this));
        _depositContract.deposit{value: amount}(publicKey, credentials, entry[48:144], bytes32(entry[144:176]));
    }
}
