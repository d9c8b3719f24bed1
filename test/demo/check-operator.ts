import type { BeaconNode } from '../devnet/beacon-node.ts';
import { credentialsOf, DEPOSIT_GWEI } from '../devnet/deposit-data.ts';
import type { Devnet } from '../devnet/devnet.ts';
import { hex } from '../devnet/exit-signature.ts';
import { checkShares } from '../devnet/oracle-checks.ts';
import type { ExitDocument } from '../devnet/oracles.ts';
import { expectEqual, expectSame } from './expectations.ts';

/**
 * The deposit contract has one deposit of each of these validators, 32 ETH with a valid signature and the vault's
 * credentials, and the beacon node calls them active.
 */
export async function checkDeposits(
  devnet: Devnet,
  beacon: BeaconNode,
  { vault, publicKeys }: { readonly vault: string; readonly publicKeys: readonly string[] },
): Promise<void> {
  const { provider, addresses } = devnet.protocol;
  const logs = await provider.getLogs({ address: addresses.depositContract, fromBlock: 0 });
  const validators = await devnet.deposits.listValidators();
  expectEqual('deposits, beside one for each validator', logs.length, validators.length);
  const credentials = hex(credentialsOf(vault));
  const own = validators.filter(one => hex(one.withdrawalCredentials) === credentials);
  expectSame(
    'validators with deposits for the vault',
    own.map(({ publicKey }) => hex(publicKey)),
    publicKeys,
  );
  for (const { amountGwei } of own) expectEqual('gwei deposited', amountGwei, DEPOSIT_GWEI);
  await beacon.refresh();
  const active = beacon.validators.filter(
    one => hex(one.withdrawalCredentials) === credentials && one.status === 'active_ongoing',
  );
  expectEqual('active validators of the beacon node', active.length, publicKeys.length);
}

/**
 * Opens the exits that the keeper names with the keys of the current oracles: they are of these validators, and whichever
 * oracles of the threshold come together recover each.
 */
export async function checkExits(
  devnet: Devnet,
  exitSignaturesIpfsHash: string,
  { vault, publicKeys }: { readonly vault: string; readonly publicKeys: readonly string[] },
): Promise<void> {
  const response = await fetch(`${devnet.ipfs.url}/ipfs/${exitSignaturesIpfsHash}`);
  if (!response.ok)
    throw new Error(`the exits ${exitSignaturesIpfsHash} are not in IPFS: ${response.status}`);
  const exits: ExitDocument = JSON.parse(await response.text());
  const { oracleSet } = devnet;
  expectEqual('vault of the exits', exits.vault, vault);
  expectEqual('oracle set of the exits', exits.oracle_config, oracleSet.configIpfsHash);
  const validators = await devnet.deposits.listValidators();
  const indexOf = new Map(validators.map(one => [hex(one.publicKey), Number(one.index)]));
  for (const one of exits.validators) {
    expectEqual(`index of ${one.public_key}`, one.index, indexOf.get(one.public_key));
  }
  const keys = exits.validators.map(one => one.public_key);
  expectSame('validators with exits', keys, publicKeys);
  const complaints = await checkShares(
    oracleSet,
    {
      vault_address: vault,
      deadline: 1,
      public_keys: keys,
      public_key_shards: exits.validators.map(one => [...one.public_key_shards]),
      exit_signature_shards: exits.validators.map(one => [...one.exit_signature_shards]),
    },
    exits.validators.map(one => BigInt(one.index)),
  );
  for (const [oracle, complaint] of complaints) throw new Error(`oracle ${oracle}: ${complaint}`);
}

/** CID of the exits that the keeper was given with the last registration of the vault. */
export async function readApprovedExits(devnet: Devnet, vault: string): Promise<string> {
  const { protocol, addresses } = devnet;
  const keeper = protocol.at('Keeper', addresses.keeper);
  const events = await keeper.queryFilter('ValidatorsApproval', 0);
  const approvals = events.flatMap(event =>
    'args' in event && event.args.vault === vault ? [event.args] : [],
  );
  const last = approvals.at(-1);
  if (last === undefined) throw new Error(`the keeper has approved no validators of ${vault}`);
  return last.exitSignaturesIpfsHash;
}
