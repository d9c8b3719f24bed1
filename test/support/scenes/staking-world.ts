import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEther, Wallet } from 'ethers';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { type Hex, toHex } from '../../../src/lib/bytes.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import type { ElectraNode } from '../../devnet/electra-node.ts';
import { type Keymanager, startKeymanager } from '../../devnet/keymanager.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { createTestDatabase } from '../postgres/postgres.ts';
import type { StakingPlace } from './staking-operator.ts';

/** A devnet with a vault of version 5 that has no deposit data file, and its operator's keys in a signer. */
export interface StakingWorld extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly beacon: ElectraNode;
  readonly signer: Keymanager;
  readonly vault: string;
  readonly wallet: string;
  readonly place: StakingPlace;
}

interface StakingWorldOptions {
  /** Keys and wallet come of it. */
  readonly seed: number;
  readonly keys: number;
}

/** Starts it with blocks on demand, and with oracles that sign without a look: what they check has its own tests. */
export async function startStakingWorld({ seed, keys }: StakingWorldOptions): Promise<StakingWorld> {
  await using stack = new AsyncDisposableStack();
  const devnet = stack.use(
    await startDevnet({
      electra: true,
      vaultVersion: 5,
      slotsPerEpoch: 2,
      oracleServers: { instant: true },
    }),
  );
  const beacon = stack.use(await devnet.startElectraNode());
  const database = stack.use(await createTestDatabase());
  const directory = await mkdtemp(join(tmpdir(), 'staking-world-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const networkFile = join(directory, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  const signer = stack.use(await startKeymanager(BEACON_CHAIN));
  const publicKeys = Array.from({ length: keys }, (_, i) => addKey(signer, secretKeyOf(seed, i)));
  const wallet = new Wallet(toHex(secretKeyOf(seed, -1)));
  const { vault } = devnet.addresses;
  await devnet.setBalance(wallet.address, parseEther('100'));
  await devnet.setValidatorsManager(wallet.address);
  const open = stack.move();
  return {
    devnet,
    beacon,
    signer,
    vault,
    wallet: wallet.address,
    place: {
      vault,
      networkFile,
      publicKeys,
      databaseUrl: database.url,
      rpcUrl: devnet.rpcUrl,
      chainId: devnet.chainId,
      secretKey: wallet.privateKey,
      beaconUrl: beacon.url,
      signerUrl: signer.url,
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** A key below the group's order, the same for a seed and a number. */
function secretKeyOf(seed: number, number: number): Uint8Array {
  const secretKey = createHash('sha256').update(`key ${seed} ${number}`).digest();
  secretKey[0] = (secretKey[0] ?? 0) & 0x3f;
  return secretKey;
}

function addKey(signer: Keymanager, secretKey: Uint8Array): Hex {
  const publicKey = toHex(publicKeyOf(secretKey));
  signer.addKey(publicKey, { secretKey, path: '', isReadOnly: false });
  return publicKey;
}
