import { describe, expect, it } from 'vitest';
import { DIFFERENCE_CODES } from '../../../../../src/domain/fleet/drift/difference.ts';
import { DIFFERENCE } from '../../../../../src/domain/fleet/drift/difference-schema.ts';
import { findDrift } from '../../../../../src/domain/fleet/drift/find-drift.ts';
import { isAnythingSeen } from '../../../../../src/domain/fleet/drift/unseen.ts';
import type { Observation } from '../../../../../src/domain/fleet/observation/observation.ts';
import { OBSERVATION } from '../../../../../src/domain/fleet/observation/observation-schema.ts';
import {
  answered,
  failed,
  healthyClient,
  healthyContracts,
  healthyDatabase,
  healthyFleet,
  healthyOperator,
  healthyOracles,
  healthyRunning,
  healthySigner,
  healthyValidators,
  hoursBefore,
  listedTransaction,
  OTHER_OBSERVED_HASH,
  someKeys,
} from '../../../../support/scenes/observed-fleet.ts';

type Change = Partial<Observation>;

const NOT_ASKED = { answer: 'not-asked', reason: 'nobody was named' } as const;

/** A fault, what it does to a healthy fleet, and the differences that are found: severity, code and counterpart. */
const CASES: readonly (readonly [string, Change, readonly string[]])[] = [
  ['nothing', {}, []],
  [
    'keystores that were not uploaded',
    { local: answered({ createdKeys: 10_010, keystores: 10_010 }) },
    ['warning keys-not-uploaded database'],
  ],
  [
    'an upload that never ended',
    { database: answered({ ...healthyDatabase(), unfinished: 4 }) },
    ['warning upload-unfinished database'],
  ],
  [
    'deposit data of fewer keys than are unused',
    { database: answered({ ...healthyDatabase(), depositDataEntries: 500 }) },
    ['warning deposit-data-missing-keys database'],
  ],
  [
    'deposit data of more keys than there are',
    { database: answered({ ...healthyDatabase(), depositDataEntries: 10_001 }) },
    ['warning deposit-data-missing-keys database'],
  ],
  [
    'deposit data of a vault that has grown, without what is registered already',
    { database: answered({ ...healthyDatabase(), depositDataEntries: 588 }) },
    [],
  ],
  [
    'deposit data of fewer keys, and no beacon chain to say which of them are unused',
    {
      database: answered({ ...healthyDatabase(), depositDataEntries: 588 }),
      beaconChain: NOT_ASKED,
    },
    [],
  ],
  [
    'another root on the chain',
    { contracts: answered({ ...healthyContracts(), depositDataRoot: OTHER_OBSERVED_HASH }) },
    ['warning deposit-data-root-differs contracts'],
  ],
  [
    'no root on the chain',
    { contracts: answered({ ...healthyContracts(), depositDataRoot: undefined }) },
    ['warning deposit-data-root-differs contracts'],
  ],
  [
    'no root of a vault that needs none',
    { contracts: answered({ ...healthyContracts(), depositDataUsed: false, depositDataRoot: undefined }) },
    [],
  ],
  [
    'a plan that somebody changed',
    { database: answered({ ...healthyDatabase(), planIntact: false }) },
    ['error plan-changed database'],
  ],
  [
    'keys of no client',
    { database: answered({ ...healthyDatabase(), unassigned: someKeys(30) }) },
    ['warning keys-unassigned database'],
  ],
  [
    'no plan',
    {
      database: answered({ ...healthyDatabase(), planned: undefined, planIntact: undefined }),
      clients: answered({ rows: [] }),
      keymanagers: [],
    },
    ['note plan-missing database'],
  ],
  [
    'keys for six days',
    { beaconChain: answered({ ...healthyValidators(), unregistered: 69 }) },
    ['warning keys-run-out beacon chain'],
  ],
  [
    'no unused key',
    { beaconChain: answered({ ...healthyValidators(), unregistered: 0 }) },
    ['warning keys-run-out beacon chain'],
  ],
  [
    'slashed validators',
    { beaconChain: answered({ ...healthyValidators(), slashed: someKeys(1) }) },
    ['error validators-slashed beacon chain'],
  ],
  [
    'exited validators',
    { beaconChain: answered({ ...healthyValidators(), exited: 31 }) },
    ['note validators-exited beacon chain'],
  ],
  [
    'exited validators whose keys are retired everywhere',
    {
      beaconChain: answered({ ...healthyValidators(), exited: 31 }),
      database: answered({
        ...healthyDatabase(),
        retired: { outOfSigners: 0, outOfClients: 0, outOfRotation: 31 },
      }),
    },
    [],
  ],
  [
    'exited validators of which some are retired from signers',
    {
      beaconChain: answered({ ...healthyValidators(), exited: 31 }),
      database: answered({
        ...healthyDatabase(),
        retired: { outOfSigners: 30, outOfClients: 0, outOfRotation: 0 },
      }),
    },
    ['warning prune-unfinished database', 'note validators-exited beacon chain'],
  ],
  [
    'retired keys that clients may have',
    {
      database: answered({
        ...healthyDatabase(),
        retired: { outOfSigners: 0, outOfClients: 3, outOfRotation: 7 },
      }),
    },
    ['warning prune-unfinished database'],
  ],
  [
    'oracles that the keeper replaced',
    { oracles: answered({ ...healthyOracles(), oracleSetHash: OTHER_OBSERVED_HASH }) },
    ['warning oracle-set-outdated database'],
  ],
  [
    'another document of the keeper, whose oracles nobody could read',
    {
      oracles: NOT_ASKED,
      contracts: answered({ ...healthyContracts(), oracleConfig: 'bafkreiother' }),
    },
    ['warning oracle-set-outdated database'],
  ],
  [
    'another document of the keeper that lists the same oracles',
    { contracts: answered({ ...healthyContracts(), oracleConfig: 'bafkreiother' }) },
    [],
  ],
  [
    'keys with earlier shares',
    { database: answered({ ...healthyDatabase(), stale: 12 }) },
    ['warning shares-stale database'],
  ],
  ['three silent oracles', { oracles: answered(silentOracles(3)) }, ['note oracle-not-answering oracles']],
  ['four silent oracles', { oracles: answered(silentOracles(4)) }, ['error oracles-too-few oracles']],
  [
    'a signer that lacks keys',
    { signers: signers({ loaded: 119_988, missing: someKeys(12) }) },
    ['warning signer-keys-missing signer http://signer-b:9000'],
  ],
  [
    'an empty signer',
    { signers: signers({ loaded: 0, missing: someKeys(120_000) }) },
    ['error signer-empty signer http://signer-b:9000'],
  ],
  [
    'a signer of another vault',
    { signers: signers({ loaded: 50, missing: someKeys(120_000), extra: someKeys(50) }) },
    [
      'error signer-empty signer http://signer-b:9000',
      'note signer-keys-foreign signer http://signer-b:9000',
    ],
  ],
  [
    'a signer with foreign keys',
    { signers: signers({ loaded: 120_050, extra: someKeys(50) }) },
    ['note signer-keys-foreign signer http://signer-b:9000'],
  ],
  [
    'a signer nobody knows the keys of',
    {
      database: NOT_ASKED,
      clients: NOT_ASKED,
      signers: signers({ loaded: 7, expected: undefined, extra: someKeys(7) }),
    },
    [],
  ],
  [
    'a signer that is down',
    {
      signers: [
        {
          name: 'http://signer-a:9000',
          seen: failed('unreachable', 'http://signer-a:9000 cannot be reached.'),
        },
      ],
    },
    ['warning not-seen signer http://signer-a:9000'],
  ],
  [
    'files of an earlier plan',
    { clients: clients({ written: { ...healthyClient(2).written, manifestCounter: 40, current: false } }) },
    ['warning client-files-outdated validator client #2'],
  ],
  [
    'files that the database was not told of',
    { clients: clients({ written: undefined }) },
    ['note client-files-unknown validator clients #2'],
  ],
  [
    'files of a client that the plan has no more',
    { clients: clients({ index: 7, planned: 0 }) },
    ['warning client-not-planned validator client #7'],
  ],
  [
    'empty files of a client that the plan has no more',
    {
      clients: clients({ index: 7, planned: 0, written: { ...healthyClient(7).written, total: 0 } }),
    },
    [],
  ],
  [
    'a client that lacks keys',
    { keymanagers: keymanagers({ runs: 3_330, missing: someKeys(3) }) },
    ['warning client-keys-missing validator client #2 http://client-2:5062'],
  ],
  [
    'a client with keys of another',
    { keymanagers: keymanagers({ runs: 3_334, misplaced: someKeys(1) }) },
    ['error client-keys-misplaced validator client #2 http://client-2:5062'],
  ],
  [
    'a client that runs nothing',
    { keymanagers: keymanagers({ index: undefined, runs: 0, remote: 0 }) },
    ['warning client-runs-nothing validator client http://client-2:5062'],
  ],
  [
    'a client of another vault',
    { keymanagers: keymanagers({ index: undefined, runs: 8, foreign: 8 }) },
    ['warning client-runs-nothing validator client http://client-2:5062'],
  ],
  ['a key that two clients run', { runTwice: someKeys(1) }, ['error keys-run-twice validator clients']],
  [
    'a client that refuses the token',
    {
      keymanagers: [
        {
          name: 'http://client-0:5062',
          seen: failed('web3signer-refused', 'http://client-0:5062 answered with HTTP status 401.'),
        },
      ],
    },
    ['warning not-seen validator client http://client-0:5062'],
  ],
  [
    'a task that fails',
    { operators: [operator({ ready: false, tasks: [failingTask(3)] })] },
    ['warning task-failing operator http://op-0:9101'],
  ],
  ['a task that failed twice', { operators: [operator({ tasks: [failingTask(2)] })] }, []],
  [
    'an operator that is not ready',
    { operators: [operator({ ready: false, phase: 'starting', waitsFor: 'an execution node' })] },
    ['warning operator-not-ready operator http://op-0:9101'],
  ],
  ['two leaders', { operators: [operator({}), operator({})] }, ['error two-leaders operators']],
  [
    'a lease that nobody holds',
    { lease: answered({ holder: 'op-0', epoch: 12, held: false, expiresAt: hoursBefore(1) }) },
    ['warning no-leader lease'],
  ],
  ['a lease that nobody ever held', { lease: answered({ holder: '', epoch: 0, held: false }) }, []],
  ['a low wallet', { wallet: wallet('29999999999999999') }, ['warning wallet-low wallet 0xA']],
  ['an empty wallet', { wallet: wallet('0') }, ['error wallet-empty wallet 0xA']],
  [
    'a transaction under way for an hour',
    {
      transactions: answered({
        open: 1,
        newestTransactions: [listedTransaction({ state: 'sent', createdAt: hoursBefore(1) })],
      }),
    },
    ['warning transaction-stuck transactions'],
  ],
  [
    'a transaction under way for a minute',
    {
      transactions: answered({
        open: 1,
        newestTransactions: [listedTransaction({ state: 'sent', createdAt: hoursBefore(1 / 60) })],
      }),
    },
    [],
  ],
  [
    'a reverted transaction',
    {
      transactions: answered({
        open: 0,
        newestTransactions: [listedTransaction({ state: 'reverted', reason: 'out of gas' })],
      }),
    },
    ['warning transaction-reverted transactions'],
  ],
  [
    'a reverted transaction that was made up for',
    {
      transactions: answered({
        open: 0,
        newestTransactions: [listedTransaction({}), listedTransaction({ state: 'reverted' })],
      }),
    },
    [],
  ],
  [
    'an execution node that is behind another',
    { executionNodes: nodes({ block: 94, producedAt: hoursBefore(0) }) },
    ['warning node-behind execution node http://b:8545'],
  ],
  [
    'an execution node with an old head',
    { executionNodes: nodes({ block: 100, producedAt: hoursBefore(1) }) },
    ['warning node-behind execution node http://b:8545'],
  ],
  [
    'a consensus node that is behind another',
    {
      consensusNodes: [
        { name: 'http://a:5052', seen: answered({ epoch: 400_000 }) },
        { name: 'http://b:5052', seen: answered({ epoch: 399_998 }) },
      ],
    },
    ['warning node-behind consensus node http://b:5052'],
  ],
  [
    'a node of another network',
    {
      consensusNodes: [
        {
          name: 'http://a:5052',
          seen: failed('wrong-network', 'http://a:5052 is a node of another network.'),
        },
      ],
    },
    ['error other-network consensus node http://a:5052'],
  ],
  [
    'a database that is down, of which three parts were to be read',
    {
      database: failed('db-unreachable', 'The database is not there.'),
      clients: failed('db-unreachable', 'The database is not there.'),
      lease: failed('db-unreachable', 'The database is not there.'),
    },
    ['warning not-seen database'],
  ],
];

describe('the healthy fleet of these tests', () => {
  it('the healthy fleet is an observation by the published schema', () => {
    expect(OBSERVATION.parse(healthyFleet())).toEqual(healthyFleet());
  });
});

describe('findDrift', () => {
  it.each(CASES)('findDrift with %s', (_, change, expected) => {
    const observation = { ...healthyFleet(), ...change };
    OBSERVATION.parse(observation);
    const found = findDrift(observation);
    expect(found.map(({ severity, code, where }) => `${severity} ${code} ${where}`)).toEqual(expected);
    for (const difference of found) {
      expect(DIFFERENCE.parse(difference)).toEqual(difference);
      expect(difference.what).not.toMatch(/undefined|NaN|\.$/);
      expect(difference.remedy.length).toBeGreaterThan(10);
    }
  });

  it('findDrift has a case of every kind of difference', () => {
    const seen = new Set(CASES.flatMap(([, , expected]) => expected.map(line => line.split(' ')[1])));
    expect([...seen].sort()).toEqual([...DIFFERENCE_CODES]);
  });

  it('findDrift tells the worst first', () => {
    const found = findDrift({
      ...healthyFleet(),
      beaconChain: answered({ ...healthyValidators(), exited: 1 }),
      wallet: wallet('1'),
      runTwice: someKeys(1),
    });
    expect(found.map(({ severity }) => severity)).toEqual(['error', 'warning', 'note']);
  });

  it('findDrift names all that has to be done for shares of new oracles, up to the signers', () => {
    const database = answered({ ...healthyDatabase(), oracleSetHash: `0x${'9'.repeat(64)}` });
    const [difference] = findDrift({ ...healthyFleet(), database });
    expect(difference?.remedy).toBe(
      'operator remote-db upload-keypairs, then operator remote-db setup-web3signer, then /reload of each signer',
    );
  });

  it('findDrift has keys of other clients deleted, which a client may keep when it is only stopped', () => {
    const found = findDrift({
      ...healthyFleet(),
      keymanagers: keymanagers({ misplaced: someKeys(1) }),
      runTwice: someKeys(1),
    });
    expect(found.map(({ remedy }) => remedy)).toEqual([
      'Delete them from all but one of these clients now (DELETE /eth/v1/remotekeys), or stop those',
      'Delete them from this client (DELETE /eth/v1/remotekeys; stopping it helps for good only where they are in its files), then operator remote-db setup-validator --validator-index=2 --total-validators=3 --removals=allow, then restart the client',
    ]);
  });

  it('findDrift says nothing of counterparts that were not asked', () => {
    const observation: Observation = {
      ...healthyFleet(),
      local: NOT_ASKED,
      database: NOT_ASKED,
      lastChange: NOT_ASKED,
      executionNodes: [],
      consensusNodes: [],
      contracts: NOT_ASKED,
      beaconChain: NOT_ASKED,
      oracles: NOT_ASKED,
      signers: [],
      clients: NOT_ASKED,
      keymanagers: [],
      operators: [],
      lease: NOT_ASKED,
      wallet: NOT_ASKED,
      transactions: NOT_ASKED,
    };
    expect(findDrift(observation)).toEqual([]);
    expect(isAnythingSeen(observation)).toBe(false);
    expect(isAnythingSeen({ ...observation, local: healthyFleet().local })).toBe(false);
    expect(isAnythingSeen({ ...observation, signers: healthyFleet().signers })).toBe(true);
  });
});

function silentOracles(count: number) {
  const oracles = healthyOracles();
  const members = oracles.members.map((member, i) =>
    i < count
      ? { ...member, result: 'failed' as const, message: 'http://oracle cannot be reached.' }
      : member,
  );
  return { ...oracles, members };
}

function signers(change: Partial<ReturnType<typeof healthySigner>> | { readonly expected: undefined }) {
  return [
    { name: 'http://signer-a:9000', seen: answered(healthySigner()) },
    { name: 'http://signer-b:9000', seen: answered({ ...healthySigner(), ...change }) },
  ];
}

function clients(change: Partial<ReturnType<typeof healthyClient>> | { readonly written: undefined }) {
  return answered({ rows: [healthyClient(0), healthyClient(1), { ...healthyClient(2), ...change }] });
}

function keymanagers(change: Partial<ReturnType<typeof healthyRunning>>) {
  return [{ name: 'http://client-2:5062', seen: answered({ ...healthyRunning(2), ...change }) }];
}

function operator(change: Partial<ReturnType<typeof healthyOperator>>) {
  return { name: 'http://op-0:9101', seen: answered({ ...healthyOperator(), ...change }) };
}

function failingTask(failures: number) {
  return {
    task: 'harvest-vault',
    running: false,
    failures,
    waitsFor: undefined as never,
    message: 'The node is not there.',
  };
}

function nodes(second: { readonly block: number; readonly producedAt: string }) {
  return [
    { name: 'http://a:8545', seen: answered({ block: 100, producedAt: hoursBefore(0) }) },
    { name: 'http://b:8545', seen: answered(second) },
  ];
}

function wallet(balanceWei: string) {
  return answered({ address: '0xA', balanceWei, recommendedWei: '30000000000000000', currency: 'ETH' });
}
