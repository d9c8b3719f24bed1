import { credentialsOf, DEPOSIT_GWEI, depositDataRoot } from './deposit-data.ts';
import type { DepositLog } from './deposit-log.ts';
import { hex, unhex } from './exit-signature.ts';
import type { IpfsGateway } from './ipfs-gateway.ts';
import { mined } from './mined.ts';
import type { OracleSet } from './oracle-set.ts';
import type { ExitDocument } from './oracles.ts';
import type { Protocol } from './protocol.ts';
import { signSorted } from './rewards.ts';
import { registrationDigest } from './typed-data.ts';

export interface DirectValidator {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  /** 96 bytes; without it the devnet makes one up and vouches for it. */
  readonly depositSignature?: Uint8Array;
}

/**
 * Deposits for the vault in its own name, and has the keeper approve it, so that it counts as collateralized; the vault's
 * own log and index know nothing of it.
 * @returns the document that the oracles then have of the exits
 */
export async function registerDirectly(
  deps: { protocol: Protocol; deposits: DepositLog; ipfs: IpfsGateway; oracleSet: OracleSet },
  vault: string,
  validators: readonly DirectValidator[],
): Promise<{ readonly ipfsHash: string; readonly document: ExitDocument }> {
  const { protocol, deposits, ipfs, oracleSet } = deps;
  const { provider, addresses } = protocol;
  const first = (await deposits.listValidators()).length;
  const document: ExitDocument = {
    vault,
    oracle_config: oracleSet.configIpfsHash,
    validators: validators.map(({ publicKey }, i) => ({
      index: first + i,
      public_key: hex(publicKey),
      public_key_shards: [],
      exit_signature_shards: [],
    })),
  };
  const ipfsHash = await ipfs.add(JSON.stringify(document));
  const balance = await provider.getBalance(vault);
  const funds = balance + BigInt(validators.length) * DEPOSIT_GWEI * 10n ** 9n + 10n ** 20n;
  await provider.send('anvil_setBalance', [vault, `0x${funds.toString(16)}`]);
  await provider.send('anvil_impersonateAccount', [vault]);
  const send = async (to: string, data: string, value = 0n) => {
    const transaction = { from: vault, to, data, value: `0x${value.toString(16)}`, gas: '0x7a1200' };
    return await provider.send('eth_sendTransaction', [transaction]);
  };
  const approval = await approve(protocol, oracleSet, vault, ipfsHash);
  const depositContract = protocol.at('DepositContract', addresses.depositContract);
  const hashes = [await send(addresses.keeper, approval)];
  for (const { publicKey, depositSignature } of validators) {
    if (depositSignature === undefined) deposits.vouchFor(publicKey);
    const signature = depositSignature ?? Buffer.alloc(96, 0xcc);
    const withdrawalCredentials = credentialsOf(vault);
    const root = depositDataRoot({ publicKey, withdrawalCredentials, amountGwei: DEPOSIT_GWEI, signature });
    const data = depositContract.interface.encodeFunctionData('deposit', [
      publicKey,
      withdrawalCredentials,
      signature,
      root,
    ]);
    hashes.push(await send(addresses.depositContract, data, DEPOSIT_GWEI * 10n ** 9n));
  }
  if (protocol.pace.isPaced) await provider.send('evm_mine', []);
  for (const hash of hashes) {
    await mined(provider, { hash });
  }
  await provider.send('anvil_stopImpersonatingAccount', [vault]);
  await provider.send('anvil_setBalance', [vault, `0x${balance.toString(16)}`]);
  return { ipfsHash, document };
}

async function approve(
  protocol: Protocol,
  oracleSet: OracleSet,
  vault: string,
  exitSignaturesIpfsHash: string,
): Promise<string> {
  const { addresses } = protocol;
  const keeper = protocol.at('Keeper', addresses.keeper);
  const depositContract = protocol.at('DepositContract', addresses.depositContract);
  const root: string = await depositContract.getFunction('get_deposit_root').staticCall();
  const minOracles: bigint = await keeper.getFunction('validatorsMinOracles').staticCall();
  const message = { vault, validators: Uint8Array.of(0), exitSignaturesIpfsHash, deadline: 2n ** 40n };
  const digest = registrationDigest(
    { chainId: await protocol.chainId(), keeper: addresses.keeper },
    { ...message, validatorsRegistryRoot: unhex(root) },
  );
  const signatures = signSorted(oracleSet, Number(minOracles), digest);
  return keeper.interface.encodeFunctionData('approveValidators', [
    { ...message, validatorsRegistryRoot: root, signatures },
  ]);
}
