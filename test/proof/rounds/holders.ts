import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { ZeroAddress } from 'ethers/constants';
import { id } from 'ethers/hash';
import { parseEther } from 'ethers/utils';
import type { Distribution } from '../../devnet/rewards.ts';
import type { StakingWorld } from '../../support/scenes/staking-world.ts';
import type { Chance } from './chance.ts';

const ETH = 10n ** 18n;
const GWEI = 10n ** 9n;
/** A vault of others, whose positions are redeemed before those of ours. */
export const OTHER_VAULT = `0x${'77'.repeat(20)}`;
const OTHER_SHARES = 50n * ETH;
const OWN_SHARES = 40n * ETH;

/** Somebody's place in the exit queue. */
interface Position {
  readonly ticket: bigint;
  readonly timestamp: bigint;
}

/** Holders of a vault's shares, who come and go, what they are told of rewards, and holders of osTokens, who redeem them. */
export class Holders {
  readonly #world: StakingWorld;
  readonly #chance: Chance;
  #positions: Position[] = [];
  #unreportedWei = 0n;
  #distribution: Distribution | undefined;
  #queuedShares = 0n;

  constructor(world: StakingWorld, chance: Chance) {
    this.#world = world;
    this.#chance = chance;
  }

  /** What redemptions need of the vault at least: positions are redeemed in their order, 1 share being 1 wei. */
  get reserveWei(): bigint {
    const left = this.#queuedShares > OTHER_SHARES ? this.#queuedShares - OTHER_SHARES : 0n;
    return left < OWN_SHARES ? left : OWN_SHARES;
  }

  /** Validators have earned that much, which the next report tells. */
  noteEarned(gwei: bigint): void {
    this.#unreportedWei += gwei * GWEI;
  }

  /** Positions of osToken holders that may be redeemed, of this vault and of another. */
  async prepare(): Promise<void> {
    const { protocol, electraAddresses, ipfs } = this.#world.devnet;
    const owner = `0x${'12'.repeat(20)}`;
    const redeemer = protocol.at('OsTokenRedeemer', electraAddresses.osTokenRedeemer);
    const nonce: bigint = await redeemer.getFunction('nonce').staticCall();
    const positions: [string, bigint][] = [
      [OTHER_VAULT, OTHER_SHARES],
      [this.#world.vault, OWN_SHARES],
    ];
    const leaves = positions.map(([vault, shares]) => [nonce, vault, shares, owner]);
    const { root } = StandardMerkleTree.of(leaves, ['uint256', 'address', 'uint256', 'address']);
    const document = positions.map(([vault, shares]) => ({ vault, owner, leaf_shares: String(shares) }));
    const ipfsHash = await ipfs.add(JSON.stringify(document));
    await protocol.send(redeemer, 'setRedeemablePositions', { merkleRoot: root, ipfsHash });
    const controller = protocol.at('OsTokenVaultController', electraAddresses.osTokenVaultController);
    await protocol.send(controller, 'setTotals', parseEther('100'), parseEther('100'));
  }

  /** Somebody deposits, after the harvest that the vault insists on. @returns what happened; undefined when it could not */
  async deposit(): Promise<string | undefined> {
    if ((await this.#world.devnet.readHarvestState()).isHarvestRequired) await this.#harvest();
    const gwei = this.#chance.is(0.1) ? this.#chance.gwei(300, 900) : this.#chance.gwei(1, 120);
    const { protocol } = this.#world.devnet;
    const { address } = protocol.owner;
    await this.#world.devnet.setBalance(address, parseEther('100000'));
    await protocol.send(this.#vault(), 'deposit', address, ZeroAddress, {
      value: gwei * GWEI + 1n,
    });
    return 'holder deposits';
  }

  /**
   * Somebody enters the exit queue, with little or with most of what there is.
   * @returns what happened; undefined when it could not
   */
  async leave(): Promise<string | undefined> {
    const { protocol } = this.#world.devnet;
    const vault = this.#vault();
    const shares: bigint = await vault.getFunction('getShares').staticCall(protocol.owner.address);
    const percent = this.#chance.is(0.1) ? this.#chance.between(60, 90) : this.#chance.between(1, 12);
    const leaving = (shares * BigInt(percent)) / 100n;
    const { isCollateralized } = await this.#world.devnet.readHarvestState();
    if (leaving === 0n || !isCollateralized) return undefined;
    await protocol.send(vault, 'enterExitQueue', leaving, protocol.owner.address);
    const [log] = await protocol.provider.getLogs({
      address: this.#world.vault,
      topics: [id('ExitQueueEntered(address,address,uint256,uint256)')],
      fromBlock: 'latest',
    });
    const block = await protocol.provider.getBlock('latest');
    const ticket = vault.interface.parseLog(log ?? { topics: [], data: '0x' })?.args.positionTicket;
    this.#positions.push({ ticket, timestamp: BigInt(block?.timestamp ?? 0) });
    return 'holder leaves';
  }

  /** Somebody takes what the exit queue has for one who left. @returns what happened; undefined when it could not */
  async claim(): Promise<string | undefined> {
    const vault = this.#vault();
    const { protocol } = this.#world.devnet;
    const position = this.#chance.one(this.#positions);
    if (position === undefined) return undefined;
    const index: bigint = await vault.getFunction('getExitQueueIndex').staticCall(position.ticket);
    if (index < 0n) return undefined;
    const where = [position.ticket, position.timestamp, index] as const;
    const calculate = vault.getFunction('calculateExitedAssets');
    const found = await calculate.staticCall(protocol.owner.address, ...where);
    if (found.exitedAssets === 0n) return undefined;
    await protocol.send(vault, 'claimExitedAssets', ...where);
    this.#positions = this.#positions.filter(one => one !== position);
    const ticket = position.ticket + found.exitedTickets;
    if (found.leftTickets > 1n) this.#positions.push({ ...position, ticket });
    return 'holder claims';
  }

  /** Holders of osTokens want another amount of them redeemed. @returns what happened; undefined when it could not */
  async redeem(): Promise<string | undefined> {
    const { protocol, electraAddresses } = this.#world.devnet;
    const redeemer = protocol.at('OsTokenRedeemer', electraAddresses.osTokenRedeemer);
    const shares = this.#chance.is(0.5) ? 0n : this.#chance.gwei(1, 120) * GWEI;
    if (shares === this.#queuedShares) return undefined;
    await protocol.send(redeemer, 'setQueuedShares', shares);
    this.#queuedShares = shares;
    return 'redeemer wants another amount';
  }

  /**
   * Oracles publish what validators have earned; somebody harvests it, or leaves that to others.
   * @returns what happened; undefined when it could not
   */
  async report(): Promise<string | undefined> {
    const { devnet, vault } = this.#world;
    if (!(await devnet.readHarvestState()).isCollateralized) return undefined;
    this.#distribution = await devnet.distributeRewards([{ vault, consensusWei: this.#unreportedWei }]);
    this.#unreportedWei = 0n;
    if (this.#chance.is(0.6)) await this.#harvest();
    return 'oracles report rewards';
  }

  async #harvest(): Promise<void> {
    const { devnet, vault } = this.#world;
    const params = this.#distribution?.harvestParams(vault);
    if (params !== undefined) await devnet.protocol.send(this.#vault(), 'updateState', params);
  }

  #vault() {
    return this.#world.devnet.protocol.at('VaultV5', this.#world.vault);
  }
}
