import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { encryptKeystoreJson, getAddress, hexlify, JsonRpcProvider, parseEther, Wallet } from 'ethers';
import { openWalletSigner, type WalletSigner } from '../../../src/clients/signer/wallet-signer.ts';
import { encodeUpdateState } from '../../../src/domain/protocol/rewards.ts';
import { WEI_PER_GWEI as GWEI } from '../../../src/lib/units.ts';
import type { WalletOperationsSettings } from '../../../src/settings/signer-settings.ts';
import { spawnSigner } from '../../../src/signer-process/spawn-signer.ts';
import type { OutboxOptions } from '../../../src/transactions/outbox.ts';
import type { TransactionIntent } from '../../../src/transactions/transaction.ts';
import { startAnvil } from '../../devnet/anvil.ts';
import { createTestDatabase, runSql } from '../postgres/postgres.ts';
import { temporaryDirectory } from '../programs/cli.ts';
import { COUNTER_CODE, type OutboxPlace, startTestOperator, type TestOperator } from './outbox-scene.ts';

/** Mainnet's, on a chain of the tests' own with the same number. */
export const KEEPER = '0x6B5815467da09DaA7DC83Db21c9239d98Bb487b5';
export const REGISTRY = '0x75AB6DdCe07556639333d3Df1eaa684F5735223e';
export const CEILING_WEI = 100n * GWEI;

/** A vault, with the hot wallet in a signer's process as `start` spawns it. */
export interface WalletPlace extends OutboxPlace {
  /** Checksummed. */
  readonly wallet: string;
  readonly signer: WalletSigner;
  readonly socketPath: string;
}

/** A chain and a database, in which vaults with wallets are put. */
export interface WalletScene extends AsyncDisposable {
  readonly chain: JsonRpcProvider;
  /** Default: a new wallet, and a new vault. */
  newPlace(options?: {
    readonly secretKey?: string;
    readonly vault?: string;
    readonly operations?: WalletOperationsSettings;
  }): Promise<WalletPlace>;
  startOperator(place: WalletPlace, options?: Partial<OutboxOptions>): Promise<TestOperator>;
  /** What somebody with a password of the database does, past the program. */
  sql(statement: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** How often the vault was harvested. */
  countHarvests(place: WalletPlace): Promise<number>;
  nonceOf(place: WalletPlace): Promise<number>;
  balanceOf(place: WalletPlace): Promise<bigint>;
}

const CHAIN_ID = 1;
const PASSWORD = 'correct horse';

export async function startWalletScene(): Promise<WalletScene> {
  await using stack = new AsyncDisposableStack();
  const anvil = stack.use(await startAnvil({ chainId: CHAIN_ID, slotsPerEpoch: 4 }));
  const database = stack.use(await createTestDatabase());
  const directory = stack.use(temporaryDirectory());
  const chain = new JsonRpcProvider(anvil.rpcUrl, CHAIN_ID, { staticNetwork: true, cacheTimeout: -1 });
  stack.defer(() => chain.destroy());
  for (const address of [KEEPER, REGISTRY]) await chain.send('anvil_setCode', [address, COUNTER_CODE]);

  const open = stack.move();
  const newPlace: WalletScene['newPlace'] = async options => {
    const {
      secretKey = hexlify(randomBytes(32)),
      vault = getAddress(hexlify(randomBytes(20))),
      operations,
    } = options ?? {};
    const wallet = new Wallet(secretKey);
    await chain.send('anvil_setCode', [vault, COUNTER_CODE]);
    await chain.send('anvil_setBalance', [wallet.address, `0x${parseEther('10').toString(16)}`]);
    const file = join(directory.path, `${vault}-${wallet.address}.json`);
    const passwordFile = join(directory.path, `${vault}-${wallet.address}.txt`);
    await writeFile(file, await encryptKeystoreJson(wallet, PASSWORD, { scrypt: { N: 1024, r: 8, p: 1 } }));
    await writeFile(passwordFile, PASSWORD, { mode: 0o600 });
    const silent = { warn: () => undefined, error: () => undefined };
    const ceilings = { maxFeePerGasWei: String(CEILING_WEI), gas: '16777216' };
    const { socketPath } = open.use(
      await spawnSigner(
        { log: silent },
        { network: 'mainnet', wallet: { file, passwordFile, vault, ceilings, operations } },
        // Refusals are what these tests are about: the answers tell them.
        { logLevel: 'WARNING' },
      ),
    );
    const signer = open.use(await openWalletSigner({ socketPath }));
    return {
      databaseUrl: database.url,
      rpcUrl: anvil.rpcUrl,
      chainId: CHAIN_ID,
      vault,
      secretKey,
      wallet: wallet.address,
      signer,
      socketPath,
    };
  };

  return {
    chain,
    newPlace,
    startOperator: (place, options = {}) =>
      startTestOperator(place, { signer: place.signer, maxFeePerGasWei: CEILING_WEI, ...options }),
    sql: (statement, values) => runSql(database.url, statement, values),
    async countHarvests({ vault }) {
      const slot = `${harvestOf({ vault }, 'any').data.slice(0, 10)}${'00'.repeat(28)}`;
      return Number(await chain.getStorage(vault, slot));
    },
    nonceOf: ({ wallet }) => chain.getTransactionCount(wallet),
    balanceOf: ({ wallet }) => chain.getBalance(wallet),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** A call that the vault needs. */
export function harvestOf(
  { vault }: Pick<WalletPlace, 'vault'>,
  key: string,
  more: Partial<TransactionIntent> = {},
): TransactionIntent {
  const rewardsRoot = Buffer.from(key.padEnd(32)).subarray(0, 32);
  const data = encodeUpdateState({ rewardsRoot, rewardWei: 1n, unlockedMevRewardWei: 0n, proof: [] });
  return { kind: 'harvest', key, to: vault, data, ...more };
}

/** What the signer's socket answers to a request that no client of this program makes. */
export async function postToSigner(
  { socketPath }: WalletPlace,
  path: string,
  body: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  const answered = Promise.withResolvers<{ status: number; text: string }>();
  const sent = request({ socketPath, path, method: 'POST' }, response => {
    text(response).then(
      answer => answered.resolve({ status: response.statusCode ?? 0, text: answer }),
      answered.reject,
    );
  });
  sent.on('error', answered.reject);
  sent.end(JSON.stringify(body));
  return answered.promise;
}
