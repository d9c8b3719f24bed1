import { findDrift } from '../../../src/domain/fleet/drift/find-drift.ts';
import type { Observation } from '../../../src/domain/fleet/observation/observation.ts';
import type { PageContent } from '../../../src/services/fleet/page/render-page.ts';
import {
  answered,
  failed,
  healthyClient,
  healthyDatabase,
  healthyFleet,
  healthyOperator,
  healthyOracles,
  healthyRunning,
  healthySigner,
  healthyValidators,
  hoursBefore,
  listedTransaction,
  someKeys,
} from './observed-fleet.ts';

const CLIENTS = 10;
const KEYS_EACH = 1_000;
const indexes = Array.from({ length: CLIENTS }, (_, index) => index);

/** The transaction hash of these pages. */
const HASH = `0x${'5e'.repeat(32)}`;

function clientRow(index: number, current = true) {
  const row = healthyClient(index);
  const manifestCounter = current ? 41 : 40;
  return {
    ...row,
    planned: KEYS_EACH,
    written: { ...row.written, total: KEYS_EACH, planned: CLIENTS, manifestCounter, current },
  };
}

function runningClient(index: number) {
  return { ...healthyRunning(index), runs: KEYS_EACH, remote: KEYS_EACH };
}

/** A fleet of 10,000 keys, three signers and ten clients in which everything is as it should be. */
export function healthyPage(): PageContent {
  return contentOf(healthy());
}

function healthy(): Observation {
  return {
    ...healthyFleet(),
    database: answered({ ...healthyDatabase(), planned: CLIENTS }),
    beaconChain: answered({ ...healthyValidators(), unregistered: 588, pending: 12, active: 9_400 }),
    signers: ['a', 'b', 'c'].map((letter, i) => ({
      name: `http://signer-${letter}:9000`,
      seen: answered(healthySigner(), 80 + 7 * i),
    })),
    clients: answered({ rows: indexes.map(index => clientRow(index)) }),
    keymanagers: indexes.map(index => ({
      name: `http://client-${index}:5062`,
      seen: answered(runningClient(index)),
    })),
    transactions: answered({
      open: 0,
      newestTransactions: [
        listedTransaction({ id: 9, kind: 'register', nonce: 7, hash: HASH, updatedAt: hoursBefore(0.5) }),
        listedTransaction({ id: 8, kind: 'rotate', nonce: 6, hash: HASH, updatedAt: hoursBefore(5) }),
        listedTransaction({ hash: HASH, updatedAt: hoursBefore(26) }),
      ],
    }),
  };
}

/** The same fleet, with a signer that lacks keys, another that is down, old files, and an oracle that does not answer. */
export function driftingPage(): PageContent {
  const fleet = healthy();
  const oracles = healthyOracles();
  return contentOf({
    ...fleet,
    database: answered({ ...healthyDatabase(), planned: CLIENTS, stale: 12 }),
    signers: [
      ...fleet.signers.slice(0, 1),
      {
        name: 'http://signer-b:9000',
        seen: answered({ ...healthySigner(), loaded: 117_600, missing: someKeys(2_400) }, 91),
      },
      {
        name: 'http://signer-c:9000',
        seen: failed('unreachable', 'http://signer-c:9000 cannot be reached: ECONNREFUSED.'),
      },
    ],
    clients: answered({ rows: indexes.map(index => clientRow(index, index !== 9)) }),
    keymanagers: fleet.keymanagers.map((client, index) =>
      index === 4
        ? { ...client, seen: answered({ ...runningClient(4), runs: 997, missing: someKeys(3) }) }
        : client,
    ),
    oracles: answered({
      ...oracles,
      members: oracles.members.map((member, i) =>
        i === 3
          ? { ...member, result: 'failed' as const, latencyMs: 10_000, message: 'no answer within 10 s' }
          : member,
      ),
    }),
  });
}

/** The same fleet as nobody wants to see it: keys that run twice, slashed validators, an empty wallet, no leader. */
export function burningPage(): PageContent {
  const fleet = healthy();
  const operator = healthyOperator();
  return contentOf({
    ...fleet,
    beaconChain: answered({
      ...healthyValidators(),
      unregistered: 588,
      pending: 12,
      active: 9_390,
      exiting: 7,
      exited: 3,
      slashed: someKeys(2),
    }),
    signers: fleet.signers.map((signer, i) =>
      i === 0
        ? {
            ...signer,
            seen: answered({ ...healthySigner(), loaded: 0, missing: someKeys(120_000) }, 12),
          }
        : signer,
    ),
    keymanagers: fleet.keymanagers.map((client, index) =>
      index === 2
        ? { ...client, seen: answered({ ...runningClient(2), runs: 1_004, misplaced: someKeys(4) }) }
        : client,
    ),
    runTwice: someKeys(4),
    operators: [
      {
        name: 'http://op-0:9101',
        seen: answered({
          ...operator,
          ready: false,
          waitsFor: 'the execution node',
          tasks: [
            {
              task: 'register-validators',
              running: false,
              failures: 14,
              message: 'The hot wallet has 0 ETH.',
            },
            { task: 'rotate-oracles', running: true, failures: 0 },
          ],
        }),
      },
    ],
    lease: answered({ holder: 'op-0', epoch: 12, held: false, expiresAt: hoursBefore(3) }),
    wallet: answered({
      address: '0x73c500000000000000000000000000000000Eefe',
      balanceWei: '0',
      recommendedWei: '30000000000000000',
      currency: 'ETH',
    }),
    transactions: answered({
      open: 1,
      newestTransactions: [
        listedTransaction({
          id: 9,
          kind: 'register',
          state: 'sent',
          nonce: 7,
          hash: HASH,
          createdAt: hoursBefore(6),
        }),
        listedTransaction({
          id: 8,
          kind: 'rotate',
          state: 'reverted',
          nonce: 6,
          hash: HASH,
          reason: 'InvalidOracles',
        }),
      ],
    }),
  });
}

/** A page of an observation, with what differs in it. */
export function contentOf(observation: Observation): PageContent {
  return { observation, differences: findDrift(observation) };
}
