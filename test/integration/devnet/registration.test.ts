import { ByteVectorType, ContainerType, ListCompositeType, UintNumberType } from '@chainsafe/ssz';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Contract } from 'ethers/contract';
import { TypedDataEncoder } from 'ethers/hash';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { mined } from '../../devnet/mined.ts';
import type { OracleKey } from '../../devnet/oracle-set.ts';

const depositData = new ContainerType({
  pubkey: new ByteVectorType(48),
  withdrawalCredentials: new ByteVectorType(32),
  amount: new UintNumberType(8),
  signature: new ByteVectorType(96),
});
const depositList = new ListCompositeType(depositData, 2 ** 32);
type DepositData = ReturnType<typeof depositData.defaultValue>;

const AMOUNT_GWEI = 32_000_000_000;
let devnet: Devnet;
let deposits: DepositData[];
beforeAll(async () => {
  devnet = await startDevnet({ oracles: 5, threshold: 3 });
  deposits = [];
});
afterAll(() => devnet.stop());

function createDeposit(vault: string, seed: number): DepositData {
  const withdrawalCredentials = Uint8Array.from(Buffer.from(`01${'00'.repeat(11)}${vault.slice(2)}`, 'hex'));
  const pubkey = Uint8Array.from({ length: 48 }, (_, index) => (seed * 7 + index) & 0xff);
  const signature = Uint8Array.from({ length: 96 }, (_, index) => (seed * 13 + index) & 0xff);
  return { pubkey, withdrawalCredentials, amount: AMOUNT_GWEI, signature };
}

function encodeEntry(deposit: DepositData): string {
  return `0x${Buffer.concat([deposit.pubkey, deposit.signature, depositData.hashTreeRoot(deposit)]).toString('hex')}`;
}

/** The custom error that a call ended with. */
function revertOf(name: string) {
  return { revert: expect.objectContaining({ name }) };
}

function hexOf(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

/** r, s, v over a digest, made with another library than the program's. */
function signDigest(secretKey: Uint8Array, digest: string): string {
  const recovered = secp256k1.sign(Buffer.from(digest.slice(2), 'hex'), secretKey, {
    prehash: false,
    format: 'recovered',
  });
  return Buffer.concat([recovered.subarray(1), Uint8Array.of(27 + (recovered[0] ?? 0))]).toString('hex');
}

interface Approval {
  readonly validatorsRegistryRoot: string;
  readonly deadline: bigint;
  readonly validators: string;
  readonly signatures: string;
  readonly exitSignaturesIpfsHash: string;
}

/** Approved by so many oracles, in the order that the keeper asks for unless another one is given. */
async function approve(
  vault: string,
  validators: string,
  options: {
    count?: number;
    order?: (a: OracleKey, b: OracleKey) => number;
    root?: string;
    deadline?: bigint;
  } = {},
): Promise<Approval> {
  const { addresses, chainId, oracleSet, protocol } = devnet;
  const depositContract = protocol.at('DepositContract', addresses.depositContract);
  const message = {
    validatorsRegistryRoot:
      options.root ?? (await depositContract.getFunction('get_deposit_root').staticCall()),
    vault,
    validators,
    exitSignaturesIpfsHash: 'QmExits',
    deadline: options.deadline ?? 2n ** 40n,
  };
  const domain = { name: 'KeeperOracles', version: '1', chainId, verifyingContract: addresses.keeper };
  const fields = Object.entries({
    validatorsRegistryRoot: 'bytes32',
    vault: 'address',
    validators: 'bytes',
    exitSignaturesIpfsHash: 'string',
    deadline: 'uint256',
  }).map(([name, type]) => ({ name, type }));
  const digest = TypedDataEncoder.hash(domain, { KeeperValidators: fields }, message);
  const byAddress = (a: OracleKey, b: OracleKey) => (a.address < b.address ? -1 : 1);
  const signers = oracleSet.oracles.slice(0, options.count ?? 3).sort(options.order ?? byAddress);
  const signatures = `0x${signers.map(({ secretKey }) => signDigest(secretKey, digest)).join('')}`;
  return { ...message, signatures };
}

async function depositAssets(vault: Contract, count: number): Promise<void> {
  const { owner, provider } = devnet.protocol;
  await provider.send('anvil_setBalance', [owner.address, `0x${(10n ** 24n).toString(16)}`]);
  const deposit = vault.getFunction('deposit');
  const response = await deposit.send(owner.address, owner.address, {
    value: 32n * 10n ** 18n * BigInt(count),
  });
  await mined(provider, response);
}

async function expectRoot(): Promise<void> {
  const { addresses, protocol } = devnet;
  const root: unknown = await protocol
    .at('DepositContract', addresses.depositContract)
    .getFunction('get_deposit_root')
    .staticCall();
  expect(root).toBe(hexOf(depositList.hashTreeRoot(deposits)));
}

describe('a vault of version 1', () => {
  it('a devnet vault of version 1 registers with a proof, and only what oracles approved, in order', async () => {
    const { protocol, addresses } = devnet;
    const vault = protocol.at('VaultV1', addresses.vault);
    const own = Array.from({ length: 6 }, (_, index) => createDeposit(addresses.vault, index));
    const entries = own.map(encodeEntry);
    const tree = StandardMerkleTree.of(
      entries.map((entry, index) => [entry, index]),
      ['bytes', 'uint256'],
    );
    await devnet.setDepositDataRoot(tree.root);
    await depositAssets(vault, 4);
    await expectRoot();

    const single = vault.getFunction('registerValidator');
    const first = entries[0] ?? '';
    const proof = tree.getProof(0);
    const refused = (approval: Approval) => single.staticCall(approval, proof);
    const reversed = (a: OracleKey, b: OracleKey) => (a.address < b.address ? 1 : -1);
    await expect(refused(await approve(addresses.vault, first, { count: 2 }))).rejects.toMatchObject(
      revertOf('NotEnoughSignatures'),
    );
    await expect(refused(await approve(addresses.vault, first, { order: reversed }))).rejects.toMatchObject(
      revertOf('InvalidOracle'),
    );
    await expect(refused(await approve(addresses.vault, first, { deadline: 1n }))).rejects.toMatchObject(
      revertOf('DeadlineExpired'),
    );
    const root = `0x${'00'.repeat(32)}`;
    await expect(refused(await approve(addresses.vault, first, { root }))).rejects.toMatchObject(
      revertOf('InvalidValidatorsRegistryRoot'),
    );
    await expect(refused(await approve(addresses.vault, entries[1] ?? ''))).rejects.toMatchObject(
      revertOf('InvalidProof'),
    );

    await protocol.send(vault, 'registerValidator', await approve(addresses.vault, first), proof);
    deposits.push(...own.slice(0, 1));
    await expectRoot();

    const selected = [1, 2, 3];
    const multi = tree.getMultiProof(selected);
    const order = multi.leaves.map(leaf => Number(leaf[1]));
    const validators = `0x${selected.map(index => entries[index]?.slice(2)).join('')}`;
    const indexes = selected.map(index => order.indexOf(index));
    const approval = await approve(addresses.vault, validators);
    await protocol.send(vault, 'registerValidators', approval, indexes, multi.proofFlags, multi.proof);
    deposits.push(...own.slice(1, 4));
    await expectRoot();
    expect(await vault.getFunction('validatorIndex').staticCall()).toBe(4n);

    const fifth = await approve(addresses.vault, entries[4] ?? '');
    await expect(single.staticCall(fifth, tree.getProof(4))).rejects.toMatchObject(
      revertOf('InsufficientAssets'),
    );
  });
});

describe('a vault of version 5', () => {
  it('a devnet vault of version 5 registers for its manager or with the manager’s signature', async () => {
    const { protocol, chainId } = devnet;
    const address = await devnet.createVault(5);
    const vault = protocol.at('VaultV5', address);
    await depositAssets(vault, 2);
    const [first, second] = [createDeposit(address, 21), createDeposit(address, 22)];
    const register = vault.getFunction('registerValidators');
    await expect(register.staticCall(await approve(address, encodeEntry(first)), '0x')).rejects.toMatchObject(
      revertOf('AccessDenied'),
    );

    await protocol.send(vault, 'setValidatorsManager', protocol.owner.address);
    await protocol.send(vault, 'registerValidators', await approve(address, encodeEntry(first)), '0x');
    deposits.push(first);
    await expectRoot();

    const [manager] = devnet.oracleSet.oracles;
    if (manager === undefined) throw new Error('no oracle');
    await protocol.send(vault, 'setValidatorsManager', manager.address);
    const approval = await approve(address, encodeEntry(second));
    const fields = [
      { name: 'validatorsRegistryRoot', type: 'bytes32' },
      { name: 'validators', type: 'bytes' },
    ];
    const domain = { name: 'VaultValidators', version: '1', chainId, verifyingContract: address };
    const { validatorsRegistryRoot, validators } = approval;
    const digest = TypedDataEncoder.hash(
      domain,
      { VaultValidators: fields },
      { validatorsRegistryRoot, validators },
    );
    await expect(register.staticCall(approval, '0x')).rejects.toMatchObject(revertOf('AccessDenied'));
    await protocol.send(vault, 'registerValidators', approval, `0x${signDigest(manager.secretKey, digest)}`);
    deposits.push(second);
    await expectRoot();
    expect(await vault.getFunction('validatorsManagerNonce').staticCall()).toBe(1n);
  });
});

describe('a vault of version 3', () => {
  it('a devnet vault of version 3 registers through the deposit data registry', async () => {
    const { protocol, addresses } = devnet;
    const address = await devnet.createVault(3);
    await depositAssets(protocol.at('VaultV5', address), 1);
    const own = [createDeposit(address, 31), createDeposit(address, 32)];
    const entries = own.map(encodeEntry);
    const tree = StandardMerkleTree.of(
      entries.map((entry, index) => [entry, index]),
      ['bytes', 'uint256'],
    );
    await devnet.setDepositDataRoot(tree.root, address);
    const registry = protocol.at('DepositDataRegistry', addresses.depositDataRegistry);
    const approval = await approve(address, entries[0] ?? '');
    await protocol.send(registry, 'registerValidator', address, approval, tree.getProof(0));
    deposits.push(...own.slice(0, 1));
    await expectRoot();
    expect(await registry.getFunction('depositDataIndexes').staticCall(address)).toBe(1n);
  });
});
