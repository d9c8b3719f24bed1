import { Transaction } from 'ethers';
import { describe, expect, it } from 'vitest';
import {
  type ApprovedValidators,
  encodeCalls,
  encodeManagedRegistration,
  encodeProvenRegistration,
  encodeRegistryRegistration,
  encodeRegistryStateUpdate,
} from '../../../../src/clients/execution/contracts/vault-calldata.ts';
import { encodeUpdateState } from '../../../../src/domain/protocol/rewards.ts';
import { encodeUpdateExitSignatures } from '../../../../src/domain/protocol/signature-rotation.ts';
import { fromHex, type Hex } from '../../../../src/lib/bytes.ts';
import { WEI_PER_GWEI } from '../../../../src/lib/units.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { createWalletGate } from '../../../../src/signer/gates/wallet-gate.ts';
import { readRecordedJson } from '../../../support/recorded/vectors.ts';

/** The vault of the recorded operator. */
const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const WALLET = '0xaB4cE16c086735f0497514F0Fe9DF8e8cccFc94e';
const { contracts, chainId } = resolveNetwork('holesky');
const REGISTRY = contracts.depositDataRegistry ?? '';
const CEILING_WEI = 100n * WEI_PER_GWEI;

const gate = createWalletGate({
  chainId,
  wallet: WALLET,
  vault: VAULT,
  keeper: contracts.keeper,
  depositDataRegistry: REGISTRY,
  maxFeePerGasWei: CEILING_WEI,
  maxGas: 16_777_216n,
});

function judge(to: string, data: string, more: object = {}): string {
  const transaction = Transaction.from({
    type: 2,
    chainId,
    nonce: 3,
    to,
    data,
    value: 0n,
    gasLimit: 16_777_216n,
    maxFeePerGas: CEILING_WEI,
    maxPriorityFeePerGas: 1n,
    ...more,
  });
  return gate(fromHex(transaction.unsignedSerialized)).call;
}

const update = {
  rewardsRoot: new Uint8Array(32).fill(1),
  rewardWei: -3n,
  unlockedMevRewardWei: 4n,
  proof: [new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)],
};
const approval = {
  deadline: 1_795_371_116n,
  ipfsHash: 'bafyexitsigs',
  signatures: new Uint8Array(195).fill(4),
};
const approved: ApprovedValidators = {
  registryRoot: new Uint8Array(32).fill(5),
  validators: new Uint8Array(352).fill(6),
  approval,
};
const one = { indexes: [0], proofFlags: [], proof: [`0x${'77'.repeat(32)}` as Hex] };
const two = { indexes: [1, 0], proofFlags: [true, false], proof: [`0x${'88'.repeat(32)}` as Hex] };

describe('the gate of the wallet', () => {
  it('the wallet’s gate lets everything pass that the recorded operator has sent', () => {
    const recorded = readRecordedJson<
      readonly { readonly function: string; readonly tx: { readonly to: string; readonly data: string } }[]
    >('07-oracle-requests/decoded-tx.json');
    expect(recorded.length).toBeGreaterThan(5);
    for (const { function: name, tx } of recorded) expect(judge(tx.to, tx.data)).toMatch(name);
  });

  it.each<[string, string, Hex, string]>([
    ['one validator of version 1', VAULT, encodeProvenRegistration(approved, one), 'registerValidator'],
    ['several of version 1', VAULT, encodeProvenRegistration(approved, two), 'registerValidators'],
    ['validators of the manager', VAULT, encodeManagedRegistration(approved), 'registerValidators'],
    [
      'a harvest before them',
      VAULT,
      encodeCalls([encodeUpdateState(update), encodeManagedRegistration(approved)]),
      'multicall(updateState, registerValidators)',
    ],
    ['a harvest', VAULT, encodeUpdateState(update), 'updateState'],
    ['one of the registry', REGISTRY, encodeRegistryRegistration(VAULT, approved, one), 'registerValidator'],
    [
      'several of the registry, after a harvest',
      REGISTRY,
      encodeCalls([
        encodeRegistryStateUpdate(VAULT, update),
        encodeRegistryRegistration(VAULT, approved, two),
      ]),
      'multicall(updateVaultState, registerValidators)',
    ],
    ['a rotation', contracts.keeper, encodeUpdateExitSignatures(VAULT, approval), 'updateExitSignatures'],
    ['what takes back', WALLET, '0x', 'nothing'],
  ])('the wallet’s gate lets %s pass', (_, to, data, call) => {
    expect(judge(to, data)).toBe(call);
    // In whatever case an address is written.
    expect(judge(to.toLowerCase(), data)).toBe(call);
  });

  it('the wallet’s gate refuses known calls to another receiver, and names receiver and selector', () => {
    expect(() => judge(REGISTRY, encodeUpdateState(update))).toThrow(
      `This signer signs no call of the deposit data registry ${REGISTRY} with selector 0x1a7ff553.`,
    );
    expect(() => judge(VAULT, encodeRegistryStateUpdate(VAULT, update))).toThrow(`the vault ${VAULT}`);
    expect(() => judge(contracts.depositContract, encodeUpdateState(update))).toThrow(
      `${contracts.depositContract}, which is no contract of the vault ${VAULT}, with selector 0x1a7ff553`,
    );
    expect(() => judge(VAULT, '0x')).toThrow('with no selector');
    expect(() => judge(VAULT, '0x1a7f')).toThrow('selector 0x1a7f');
  });

  it('the wallet’s gate refuses what costs a wei or a unit of gas too much, and an access list', () => {
    const harvest = encodeUpdateState(update);
    expect(() => judge(VAULT, harvest, { maxFeePerGas: CEILING_WEI + 1n })).toThrow('a ceiling of');
    expect(() => judge(VAULT, harvest, { gasLimit: 16_777_217n })).toThrow('16777217 gas');
    expect(() => judge(VAULT, harvest, { value: 1n })).toThrow('sends 1 wei; 0 may be sent');
    const accessList = [{ address: VAULT, storageKeys: [] }];
    expect(() => judge(VAULT, harvest, { accessList })).toThrow('access list');
  });

  it('the wallet’s gate refuses arguments that are written otherwise than it would write them', () => {
    const harvest = encodeUpdateState(update);
    expect(() => judge(VAULT, `${harvest}00`)).toThrow('not written as');
    expect(() => judge(VAULT, harvest.slice(0, -64))).toThrow('not written as');
    // The address of the vault with something in the bytes above it.
    const registration = encodeRegistryRegistration(VAULT, approved, one);
    const dirty = `${registration.slice(0, 10)}01${registration.slice(12)}`;
    expect(() => judge(REGISTRY, dirty)).toThrow('not written as');
  });
});
