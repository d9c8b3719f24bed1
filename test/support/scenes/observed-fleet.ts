import type { Observation, Seen, SomeKeys } from '../../../src/domain/fleet/observation/observation.ts';

const HASH = `0x${'ab'.repeat(32)}`;
/** Another hash than that of the healthy fleet. */
export const OTHER_OBSERVED_HASH = `0x${'cd'.repeat(32)}`;
const HOUR_MS = 3_600_000;

/** When the observations of these tests are made. */
const SEEN_AT = '2026-03-01T12:00:00.000Z';

/** A public key that no curve has, told apart by its number. */
export function observedKey(number: number): string {
  return `0x${number.toString(16).padStart(96, '0')}`;
}

export function someKeys(total: number): SomeKeys {
  return { total, publicKeys: Array.from({ length: Math.min(total, 20) }, (_, i) => observedKey(i + 1)) };
}

/** A counterpart that has answered. */
export function answered<F>(facts: F, latencyMs = 4): Seen<F> {
  return { answer: 'answered', latencyMs, facts };
}

/** A counterpart that was asked in vain. */
export function failed(code: string, message: string, hint?: string): Seen<never> {
  return { answer: 'failed', latencyMs: 5_000, fault: { code, message, hint } };
}

/** A time so many hours before the observation. */
export function hoursBefore(hours: number): string {
  return new Date(Date.parse(SEEN_AT) - hours * HOUR_MS).toISOString();
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const ADDRESS = '0x73c500000000000000000000000000000000Eefe';

/** A fleet of 10,000 keys, two signers and three clients in which everything is as it should be. */
export function healthyFleet(): Mutable<Observation> {
  return {
    seenAt: SEEN_AT,
    vault: '0x8189aF89403718412877d3CB3bE7F74D39129bCc',
    network: 'mainnet',
    local: answered({
      createdKeys: 10_000,
      keystores: 10_000,
      depositDataEntries: 10_000,
      depositDataRoot: HASH,
    }),
    database: answered(healthyDatabase()),
    lastChange: answered({
      command: 'remote-db upload-keypairs',
      actor: 'ci@runner-3',
      changedAt: hoursBefore(2),
    }),
    executionNodes: [
      { name: 'http://a:8545', seen: answered({ block: 100, producedAt: hoursBefore(0) }) },
      { name: 'http://b:8545', seen: answered({ block: 99, producedAt: hoursBefore(0) }) },
    ],
    consensusNodes: [{ name: 'http://a:5052', seen: answered({ epoch: 400_000 }) }],
    contracts: answered(healthyContracts()),
    beaconChain: answered(healthyValidators()),
    oracles: answered(healthyOracles()),
    signers: [
      { name: 'http://signer-a:9000', seen: answered(healthySigner()) },
      { name: 'http://signer-b:9000', seen: answered(healthySigner()) },
    ],
    clients: answered({ rows: [0, 1, 2].map(index => healthyClient(index)) }),
    keymanagers: [0, 1, 2].map(index => ({
      name: `http://client-${index}:5062`,
      seen: answered(healthyRunning(index)),
    })),
    runTwice: someKeys(0),
    operators: [
      { name: 'http://op-0:9101', seen: answered(healthyOperator()) },
      { name: 'http://op-1:9101', seen: answered({ ...healthyOperator(), phase: 'standby', tasks: [] }) },
    ],
    lease: answered({ holder: 'op-0', epoch: 12, held: true, expiresAt: hoursBefore(-0.01) }),
    wallet: answered({
      address: ADDRESS,
      balanceWei: '412000000000000000',
      recommendedWei: '30000000000000000',
      currency: 'ETH',
    }),
    transactions: answered({ open: 0, newestTransactions: [listedTransaction({})] }),
  };
}

export function healthyDatabase() {
  return {
    server: 'PostgreSQL 16.4',
    step: '0010-written-key-sets',
    manifestCounter: 41,
    total: 10_000,
    unfinished: 0,
    stale: 0,
    oracleSetHash: HASH,
    oracleConfig: 'bafkreihealthy',
    threshold: 8,
    setSize: 11,
    depositDataEntries: 10_000,
    depositDataRoot: HASH,
    planned: 3,
    planIntact: true,
    unassigned: someKeys(0),
  };
}

export function healthyContracts() {
  return {
    block: 100,
    producedAt: hoursBefore(0),
    vaultVersion: 2,
    depositDataUsed: true,
    depositDataRoot: HASH as string | undefined,
    nextIndex: 9_412,
    withdrawableWei: '0',
    registeredLately: 70,
    oracleConfig: 'bafkreihealthy',
    minOracles: 8,
  };
}

export function healthyValidators() {
  return { unregistered: 588, pending: 2, active: 9_379, exiting: 0, exited: 0, slashed: someKeys(0) };
}

export function healthyOracles() {
  return {
    oracleSetHash: HASH,
    oracleConfig: 'bafkreihealthy',
    threshold: 8,
    members: Array.from({ length: 11 }, (_, i) => ({
      address: `0x${String(i).padStart(40, '0')}`,
      result: 'answered' as 'answered' | 'refused' | 'failed',
      latencyMs: 40 + i,
      message: undefined as string | undefined,
    })),
  };
}

export function healthySigner() {
  return { loaded: 120_000, expected: 120_000, missing: someKeys(0), extra: someKeys(0) };
}

export function healthyClient(index: number) {
  return {
    index,
    planned: 3_333,
    written: {
      total: 3_333,
      digest: HASH,
      manifestCounter: 41,
      planned: 3,
      host: `client-${index}`,
      writtenAt: hoursBefore(2),
      current: true,
    },
  };
}

export function healthyRunning(index: number) {
  return {
    index: index as number | undefined,
    runs: 3_333,
    remote: 3_333,
    missing: someKeys(0),
    misplaced: someKeys(0),
    foreign: 0,
  };
}

export function healthyOperator() {
  return {
    ready: true,
    phase: 'running',
    waitsFor: undefined as string | undefined,
    tasks: [
      {
        task: 'register-validators',
        running: false,
        failures: 0,
        waitsFor: 'assets: 0 of 32 ETH',
        message: undefined as string | undefined,
      },
      { task: 'harvest-vault', running: false, failures: 0, succeededAt: hoursBefore(0.05) },
    ],
  };
}

export function listedTransaction(
  change: Partial<
    Extract<Observation['transactions'], { answer: 'answered' }>['facts']['newestTransactions'][number]
  >,
) {
  return {
    id: 7,
    kind: 'harvest',
    state: 'confirmed' as const,
    nonce: 5,
    createdAt: hoursBefore(2.1),
    updatedAt: hoursBefore(2),
    ...change,
  };
}
