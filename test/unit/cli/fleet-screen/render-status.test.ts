import { describe, expect, it } from 'vitest';
import { ranges } from '../../../../src/cli/fleet-screen/part-rows.ts';
import { renderStatus } from '../../../../src/cli/fleet-screen/render-status.ts';
import { paragraph, row } from '../../../../src/cli/fleet-screen/wrap.ts';
import { findDrift } from '../../../../src/domain/fleet/drift/find-drift.ts';
import type { Observation } from '../../../../src/domain/fleet/observation/observation.ts';
import {
  answered,
  failed,
  healthyClient,
  healthyDatabase,
  healthyFleet,
  healthyRunning,
  healthySigner,
  someKeys,
} from '../../../support/scenes/observed-fleet.ts';

/** The fleet of the mock-up: a signer lacks keys, a client has old files, another is down. */
function driftingFleet(): Observation {
  return {
    ...healthyFleet(),
    database: answered({ ...healthyDatabase(), stale: 12 }),
    signers: [
      { name: 'http://signer-a:9000', seen: answered(healthySigner()) },
      {
        name: 'http://signer-b:9000',
        seen: answered({ ...healthySigner(), loaded: 119_988, missing: someKeys(12) }),
      },
      {
        name: 'http://signer-c:9000',
        seen: failed('unreachable', 'http://signer-c:9000 cannot be reached: ECONNREFUSED.'),
      },
    ],
    clients: answered({
      rows: [
        healthyClient(0),
        healthyClient(1),
        {
          ...healthyClient(2),
          written: { ...healthyClient(2).written, manifestCounter: 40, current: false },
        },
      ],
    }),
    keymanagers: [
      {
        name: 'http://client-2:5062',
        seen: answered({ ...healthyRunning(2), runs: 3_330, missing: someKeys(3) }),
      },
    ],
  };
}

const screenOf = (observation: Observation, columns: number) =>
  `\n${renderStatus(observation, findDrift(observation), columns).join('\n')}\n`;

describe('renderStatus', () => {
  it('renderStatus shows a healthy fleet in 100 columns', () => {
    expect(screenOf(healthyFleet(), 100)).toMatchInlineSnapshot(`
      "
      Vault      0x8189…9bCc on mainnet   seen 2026-03-01 12:00:00 UTC
      Database   PostgreSQL 16.4   step 0010   manifest 41
                 changed 2 h ago by ci@runner-3 (remote-db upload-keypairs)
      Keys       created 10,000   deposit data 10,000 (root = chain)   in database 10,000
                 registered 9,381   active 9,379   exited 0   unused 588, 58 days   next index 9,412
      Shares     8 of 11   oracle set = keeper's   10,000 of 10,000 keys current
      Oracles    11 of 11 answer   slowest 50 ms
      Nodes      execution http://a:8545   block 100
                 execution http://b:8545   block 99
                 consensus http://a:5052   epoch 400,000
      Signers    http://signer-a:9000   120,000 keys   complete
                 http://signer-b:9000   120,000 keys   complete
      Clients    3 planned, 3,333 keys each   #0–#2 files current
                 #0 http://client-0:5062   runs 3,333 keys   as planned
                 #1 http://client-1:5062   runs 3,333 keys   as planned
                 #2 http://client-2:5062   runs 3,333 keys   as planned
      Operator   http://op-0:9101   running   register-validators: waits for assets: 0 of 32 ETH
                 harvest-vault: 3 min ago
                 http://op-1:9101   standby
                 lease: op-0 leads (epoch 12)
      Wallet     0x73c5…Eefe   0.412 ETH   last tx harvest 2 h ago, confirmed

      Everything that was asked is as it should be.
      "
    `);
  });

  it('renderStatus shows a healthy fleet in 60 columns', () => {
    expect(screenOf(healthyFleet(), 60)).toMatchInlineSnapshot(`
      "
      Vault      0x8189…9bCc on mainnet
                 seen 2026-03-01 12:00:00 UTC
      Database   PostgreSQL 16.4   step 0010   manifest 41
                 changed 2 h ago by ci@runner-3 (remote-db
                 upload-keypairs)
      Keys       created 10,000
                 deposit data 10,000 (root = chain)
                 in database 10,000   registered 9,381
                 active 9,379   exited 0   unused 588, 58 days
                 next index 9,412
      Shares     8 of 11   oracle set = keeper's
                 10,000 of 10,000 keys current
      Oracles    11 of 11 answer   slowest 50 ms
      Nodes      execution http://a:8545   block 100
                 execution http://b:8545   block 99
                 consensus http://a:5052   epoch 400,000
      Signers    http://signer-a:9000   120,000 keys   complete
                 http://signer-b:9000   120,000 keys   complete
      Clients    3 planned, 3,333 keys each   #0–#2 files current
                 #0 http://client-0:5062   runs 3,333 keys
                 as planned
                 #1 http://client-1:5062   runs 3,333 keys
                 as planned
                 #2 http://client-2:5062   runs 3,333 keys
                 as planned
      Operator   http://op-0:9101   running
                 register-validators: waits for assets: 0 of 32
                 ETH   harvest-vault: 3 min ago
                 http://op-1:9101   standby
                 lease: op-0 leads (epoch 12)
      Wallet     0x73c5…Eefe   0.412 ETH
                 last tx harvest 2 h ago, confirmed

      Everything that was asked is as it should be.
      "
    `);
  });

  it('renderStatus shows a drifting fleet in 100 columns, with what mends it', () => {
    expect(screenOf(driftingFleet(), 100)).toMatchInlineSnapshot(`
      "
      Vault      0x8189…9bCc on mainnet   seen 2026-03-01 12:00:00 UTC
      Database   PostgreSQL 16.4   step 0010   manifest 41
                 changed 2 h ago by ci@runner-3 (remote-db upload-keypairs)
      Keys       created 10,000   deposit data 10,000 (root = chain)   in database 10,000
                 registered 9,381   active 9,379   exited 0   unused 588, 58 days   next index 9,412
      Shares     8 of 11   oracle set = keeper's   9,988 of 10,000 keys current
      Oracles    11 of 11 answer   slowest 50 ms
      Nodes      execution http://a:8545   block 100
                 execution http://b:8545   block 99
                 consensus http://a:5052   epoch 400,000
      Signers    http://signer-a:9000   120,000 keys   complete
                 http://signer-b:9000   119,988 keys   ✗ 12 missing
                 http://signer-c:9000   ✗ not seen
      Clients    3 planned, 3,333 keys each   #0–#1 files current
                 #2 ✗ outdated   manifest 40   3,333 keys on client-2   written 2 h ago
                 #2 http://client-2:5062   runs 3,330 keys   ✗ 3 missing
      Operator   http://op-0:9101   running   register-validators: waits for assets: 0 of 32 ETH
                 harvest-vault: 3 min ago
                 http://op-1:9101   standby
                 lease: op-0 leads (epoch 12)
      Wallet     0x73c5…Eefe   0.412 ETH   last tx harvest 2 h ago, confirmed

      ! signer http://signer-c:9000: http://signer-c:9000 cannot be reached: ECONNREFUSED
        → Look into signer http://signer-c:9000: docs/errors.md#unreachable tells more.
      ! database: has shares of an earlier oracle set for 12 of 10000 keys
        → operator remote-db upload-keypairs with the keystores of these keys
      ! signer http://signer-b:9000: lacks 12 keys, first 0x00000000…
        → operator remote-db setup-web3signer, then /reload of the signer
      ! validator client #2 http://client-2:5062: does not run 3 keys, first 0x00000000…, which the plan
        gives to it
        → operator remote-db setup-validator --validator-index=2 --total-validators=3, then restart the
          client
      ! validator client #2: has files of manifest 40 on client-2 with 3333 keys, which are not the 3333
        of the plan
        → operator remote-db setup-validator --validator-index=2 --total-validators=3
      5 differences to be mended.
      "
    `);
  });

  it('renderStatus shows a drifting fleet in 60 columns, with what mends it', () => {
    expect(screenOf(driftingFleet(), 60)).toMatchInlineSnapshot(`
      "
      Vault      0x8189…9bCc on mainnet
                 seen 2026-03-01 12:00:00 UTC
      Database   PostgreSQL 16.4   step 0010   manifest 41
                 changed 2 h ago by ci@runner-3 (remote-db
                 upload-keypairs)
      Keys       created 10,000
                 deposit data 10,000 (root = chain)
                 in database 10,000   registered 9,381
                 active 9,379   exited 0   unused 588, 58 days
                 next index 9,412
      Shares     8 of 11   oracle set = keeper's
                 9,988 of 10,000 keys current
      Oracles    11 of 11 answer   slowest 50 ms
      Nodes      execution http://a:8545   block 100
                 execution http://b:8545   block 99
                 consensus http://a:5052   epoch 400,000
      Signers    http://signer-a:9000   120,000 keys   complete
                 http://signer-b:9000   119,988 keys
                 ✗ 12 missing
                 http://signer-c:9000   ✗ not seen
      Clients    3 planned, 3,333 keys each   #0–#1 files current
                 #2 ✗ outdated   manifest 40
                 3,333 keys on client-2   written 2 h ago
                 #2 http://client-2:5062   runs 3,330 keys
                 ✗ 3 missing
      Operator   http://op-0:9101   running
                 register-validators: waits for assets: 0 of 32
                 ETH   harvest-vault: 3 min ago
                 http://op-1:9101   standby
                 lease: op-0 leads (epoch 12)
      Wallet     0x73c5…Eefe   0.412 ETH
                 last tx harvest 2 h ago, confirmed

      ! signer http://signer-c:9000: http://signer-c:9000 cannot
        be reached: ECONNREFUSED
        → Look into signer http://signer-c:9000:
          docs/errors.md#unreachable tells more.
      ! database: has shares of an earlier oracle set for 12 of
        10000 keys
        → operator remote-db upload-keypairs with the keystores of
          these keys
      ! signer http://signer-b:9000: lacks 12 keys, first
        0x00000000…
        → operator remote-db setup-web3signer, then /reload of the
          signer
      ! validator client #2 http://client-2:5062: does not run 3
        keys, first 0x00000000…, which the plan gives to it
        → operator remote-db setup-validator --validator-index=2
          --total-validators=3, then restart the client
      ! validator client #2: has files of manifest 40 on client-2
        with 3333 keys, which are not the 3333 of the plan
        → operator remote-db setup-validator --validator-index=2
          --total-validators=3
      5 differences to be mended.
      "
    `);
  });

  it.each([40, 60, 80, 100, 120, 300])('renderStatus keeps within %i columns', columns => {
    for (const fleet of [healthyFleet(), driftingFleet()])
      for (const line of renderStatus(fleet, findDrift(fleet), columns))
        expect(line.length).toBeLessThanOrEqual(Math.min(120, columns));
  });

  it('renderStatus shows a fleet of 100 clients, all outdated, on one screen', () => {
    const rows = Array.from({ length: 100 }, (_, index) => ({
      ...healthyClient(index),
      written: { ...healthyClient(index).written, current: false },
    }));
    const fleet = { ...healthyFleet(), clients: answered({ rows }), keymanagers: [] };
    const above = renderStatus(fleet, [], 100);
    expect(above.length).toBeLessThanOrEqual(24);
  });
});

describe('the rows of a screen', () => {
  it('ranges names neighbours together', () => {
    expect(ranges([0, 1, 2, 5, 7, 8])).toBe('#0–#2, #5, #7–#8');
    expect(ranges([])).toBe('');
  });

  it('row breaks between its parts, and a part that is longer than a line at its blanks', () => {
    expect(row('Name', ['one', 'two'], 20)).toEqual(['Name       one   two']);
    expect(row('Name', ['one', 'twenty'], 21)).toEqual(['Name       one', '           twenty']);
    expect(row('Name', ['one two three four'], 20)).toEqual([
      'Name       one two',
      '           three',
      '           four',
    ]);
    expect(row('Name', ['x'.repeat(12)], 20)).toEqual(['Name       xxxxxxxxx', '           xxx']);
  });

  it('paragraph keeps its further lines below the first one', () => {
    expect(paragraph('! ', 'one two three', 9)).toEqual(['! one two', '  three']);
  });
});
