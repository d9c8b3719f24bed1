import { encodeCompoundingEntry } from './deposit-data.ts';
import type { DepositLog } from './deposit-log.ts';
import { hex, unhex } from './exit-signature.ts';
import type { IpfsGateway } from './ipfs-gateway.ts';
import { mined } from './mined.ts';
import type { OracleSet } from './oracle-set.ts';
import type { ExitDocument } from './oracles.ts';
import type { Protocol } from './protocol.ts';
import { signSorted } from './rewards.ts';
import { registrationDigest } from './typed-data.ts';

/** A validator with 0x02 credentials. */
export interface CompoundingValidator {
  /** 48 bytes. */
  readonly publicKey: Uint8Array;
  readonly amountGwei: bigint;
  /** 96 bytes; without it the devnet makes one up and vouches for it. */
  readonly depositSignature?: Uint8Array;
}

/** 22 entries are as long as 23 with 0x01 credentials, which the contract refuses. */
const BATCH = 21;

interface Deps {
  readonly protocol: Protocol;
  readonly deposits: DepositLog;
  readonly ipfs: IpfsGateway;
  readonly oracleSet: OracleSet;
}

/**
 * Registers validators with 0x02 credentials through the vault, which must have the assets and a manager.
 * @returns the documents that the oracles then have of the exits
 */
export async function registerCompounding(
  deps: Deps,
  vault: string,
  validators: readonly CompoundingValidator[],
): Promise<readonly { readonly ipfsHash: string; readonly document: ExitDocument }[]> {
  const { provider } = deps.protocol;
  const contract = deps.protocol.at('VaultV5', vault);
  const manager: string = await contract.getFunction('validatorsManager').staticCall();
  const balance = await provider.getBalance(manager);
  await provider.send('anvil_impersonateAccount', [manager]);
  await provider.send('anvil_setBalance', [manager, `0x${(10n ** 20n).toString(16)}`]);
  const exits = [];
  for (let i = 0; i < validators.length; i += BATCH) {
    exits.push(await registerBatch(deps, { vault, manager }, validators.slice(i, i + BATCH)));
  }
  await provider.send('anvil_stopImpersonatingAccount', [manager]);
  await provider.send('anvil_setBalance', [manager, `0x${balance.toString(16)}`]);
  return exits;
}

async function registerBatch(
  { protocol, deposits, ipfs, oracleSet }: Deps,
  { vault, manager }: { readonly vault: string; readonly manager: string },
  batch: readonly CompoundingValidator[],
) {
  const { provider, addresses } = protocol;
  const first = (await deposits.listValidators()).length;
  const document: ExitDocument = {
    vault,
    oracle_config: oracleSet.configIpfsHash,
    validators: batch.map(({ publicKey }, i) => ({
      index: first + i,
      public_key: hex(publicKey),
      public_key_shards: [],
      exit_signature_shards: [],
    })),
  };
  const entries = batch.map(({ publicKey, amountGwei, depositSignature }) => {
    if (depositSignature === undefined) deposits.vouchFor(publicKey);
    return encodeCompoundingEntry(vault, publicKey, depositSignature ?? Buffer.alloc(96, 0xcc), amountGwei);
  });
  const depositContract = protocol.at('DepositContract', addresses.depositContract);
  const root: string = await depositContract.getFunction('get_deposit_root').staticCall();
  const ipfsHash = await ipfs.add(JSON.stringify(document));
  const message = {
    vault,
    validators: Buffer.concat(entries),
    exitSignaturesIpfsHash: ipfsHash,
    deadline: 2n ** 40n,
  };
  const domain = { chainId: await protocol.chainId(), keeper: addresses.keeper };
  const digest = registrationDigest(domain, { ...message, validatorsRegistryRoot: unhex(root) });
  const signatures = signSorted(oracleSet, oracleSet.threshold, digest);
  const data = protocol
    .at('VaultV5', vault)
    .interface.encodeFunctionData('registerValidators', [
      { ...message, validatorsRegistryRoot: root, signatures },
      '0x',
    ]);
  const hash: string = await provider.send('eth_sendTransaction', [
    { from: manager, to: vault, data, gas: '0xf42400' },
  ]);
  if (protocol.pace.isPaced) await provider.send('evm_mine', []);
  await mined(provider, { hash });
  return { ipfsHash, document };
}
