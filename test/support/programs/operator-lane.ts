import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Interface } from 'ethers/abi';
import { expect } from 'vitest';
import { embeddedDatabasePath } from '../../../src/compose/transaction-store.ts';
import { startKeymanager } from '../../devnet/keymanager.ts';
import { BEACON_CHAIN } from '../../devnet/network-file.ts';
import { type Step, type StepGate, startStepGate } from '../faults/step-gate.ts';
import { createTestDatabase, runSql } from '../postgres/postgres.ts';
import { type OperatorScene, startOperatorScene } from '../scenes/operator-scene.ts';
import { waitUntil } from '../wait-until.ts';
import { COMPILE_CACHE } from './cli.ts';
import { type OperatorProcess, startOperatorProcess } from './operator-process.ts';

/** What has to have happened on the chain: no more, and no less. */
export interface Deeds {
  readonly validators: number;
  /** Transactions. */
  readonly registrations: number;
  readonly rotations: number;
}

/** An operator whose steps go through a gate. */
export interface GatedOperator extends AsyncDisposable {
  readonly process: OperatorProcess;
  readonly gate: StepGate;
}

/** A chain of its own with oracles, a remote signer, a vault, and the place of its operators. */
export interface OperatorLane extends AsyncDisposable {
  readonly scene: OperatorScene;
  /** Starts an operator that talks to everything directly. */
  start(): OperatorProcess;
  /** Starts one behind a gate. The oracles tell of whatever was started last. */
  startGated(onStep: (step: Step, process: OperatorProcess) => Promise<boolean>): Promise<GatedOperator>;
  /** The time of a lease passes whose holder is gone. */
  expireLease(): Promise<void>;
  /** The embedded database is gone with its disk. */
  loseDatabase(): void;
  /** Waits until so much has been done, and recorded as done. @throws when it is more, or takes too long */
  settled(deeds: Deeds, timeoutMs?: number): Promise<void>;
  /** @throws when the chain or the outbox tell anything else */
  expectExactly(deeds: Deeds): Promise<void>;
}

interface OperatorLaneOptions {
  readonly vaultVersion?: number;
  readonly validators?: number;
  /** Instead of a database on the server. */
  readonly isEmbedded?: boolean;
}

const DEPOSITS = new Interface([
  'event DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index)',
]);

export async function startOperatorLane(options: OperatorLaneOptions = {}): Promise<OperatorLane> {
  const { vaultVersion = 1, validators = 4, isEmbedded = false } = options;
  await using stack = new AsyncDisposableStack();
  const scene = stack.use(
    await startOperatorScene({
      vaultVersion,
      validators,
      hasEmbeddedDatabase: false,
      oracles: 3,
      threshold: 2,
      // What they check has its own tests, and costs more than all the rest here.
      oracleServers: { instant: true },
    }),
  );
  const { devnet, vault, publicKeys } = scene;
  const { provider } = devnet.protocol;
  const signer = stack.use(await startKeymanager(BEACON_CHAIN));
  for (const [i, secretKey] of scene.secretKeys.entries())
    signer.addKey(publicKeys[i] ?? '', { secretKey, path: '', isReadOnly: false });
  writeFileSync(
    join(scene.vaultDir, 'remote_signer_config.json'),
    JSON.stringify({ pubkeys_to_shares: Object.fromEntries(publicKeys.map(key => [key, []])) }),
  );
  const database = isEmbedded ? undefined : stack.use(await createTestDatabase()).url;
  const vaultBytes = Buffer.from(vault.slice(2), 'hex');
  const servers = {
    execution: devnet.rpcUrl,
    beacon: scene.beacon.url,
    signer: signer.url,
    ipfs: devnet.ipfs.url,
    database,
  };

  const launch = ({ execution, beacon, signer, ipfs, database }: typeof servers): OperatorProcess =>
    startOperatorProcess(
      [
        '--vault',
        vault,
        '--data-dir',
        scene.dataDir,
        '--remote-signer-url',
        signer,
        '--execution-endpoints',
        execution,
        '--consensus-endpoints',
        beacon,
      ],
      {
        env: {
          NODE_COMPILE_CACHE: COMPILE_CACHE,
          IPFS_FETCH_ENDPOINTS: ipfs,
          // Vaults of version 5 take two.
          VALIDATOR_TYPE: '0x01',
          ...(database !== undefined && { REMOTE_DB_URL: database }),
        },
      },
    );

  const readOutbox = async (): Promise<Record<string, unknown>[]> =>
    database === undefined
      ? []
      : runSql(
          database,
          `select kind, state, (select count(*)::int from stakewise_operator.transaction_attempts a
             where a.transaction_id = t.transaction_id) as attempts
           from stakewise_operator.transactions t where vault = $1`,
          [vaultBytes],
        );

  const countDeposits = async (): Promise<Record<string, number>> => {
    const logs = await provider.getLogs({ address: devnet.addresses.depositContract, fromBlock: 0 });
    const counts: Record<string, number> = {};
    for (const log of logs) {
      const key: string = DEPOSITS.parseLog(log)?.args.pubkey;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  };

  const expectExactly = async ({ validators, registrations, rotations }: Deeds): Promise<void> => {
    const log = await devnet.readVaultLog();
    const registered = publicKeys.slice(0, validators);
    expect(log).toMatchObject({ registered, registrations });
    expect(log.rotations.map(({ nonce }) => Number(nonce))).toEqual(
      Array.from({ length: rotations }, (_, nonce) => nonce),
    );
    expect(await countDeposits()).toEqual(Object.fromEntries(registered.map(key => [key, 1])));
    // With all events accounted for, a transaction more would be one that reverted.
    expect(await provider.getTransactionCount(scene.wallet), 'transactions').toBe(registrations + rotations);
    if (database === undefined) return;
    const rows = await readOutbox();
    const confirmed = rows.filter(({ state }) => state === 'confirmed');
    const ofKind = (name: string) => confirmed.filter(({ kind }) => kind === name).length;
    expect(ofKind('register-validators')).toBe(registrations);
    expect(ofKind('update-exit-signatures')).toBe(rotations);
    // An approval that was lost with its holder is another one the next time; its intent was never signed.
    const others = rows.filter(row => !confirmed.includes(row));
    expect(others.filter(({ state, attempts }) => state !== 'abandoned' || attempts !== 0)).toEqual([]);
  };

  const open = stack.move();
  return {
    scene,
    start: () => launch(servers),
    async startGated(onStep) {
      await using own = new AsyncDisposableStack();
      let process: OperatorProcess | undefined;
      const gate = own.use(
        await startStepGate(servers, async step => process === undefined || (await onStep(step, process))),
      );
      process = own.use(launch({ ...servers, ...gate.servers }));
      devnet.oracles.onRequest = async (_, request) => void (await gate.asked(request));
      const opened = own.move();
      return { process, gate, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    },
    async expireLease() {
      await runSql(
        database ?? '',
        'update stakewise_operator.operator_leases set expires_at = clock_timestamp() where vault = $1',
        [vaultBytes],
      );
    },
    loseDatabase: () => rmSync(embeddedDatabasePath(scene.dataDir, vault), { recursive: true }),
    async settled(deeds, timeoutMs) {
      const transactions = deeds.registrations + deeds.rotations;
      let rows: Awaited<ReturnType<typeof readOutbox>> = [];
      const isSettled = async () => {
        const isMined = (await provider.getTransactionCount(scene.wallet)) >= transactions;
        rows = isMined ? await readOutbox() : [];
        const ended = rows.filter(({ state }) => state === 'confirmed').length;
        return isMined && (database === undefined || ended >= transactions);
      };
      await waitUntil(`${transactions} transactions`, isSettled, { timeoutMs, lastSeen: () => rows });
      await expectExactly(deeds);
    },
    expectExactly,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
