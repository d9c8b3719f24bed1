import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderChecks } from '../../../../../src/cli/fleet-screen/render-checks.ts';
import { CHECK_CODES } from '../../../../../src/domain/fleet/doctor/check.ts';
import { checkObservation } from '../../../../../src/domain/fleet/doctor/check-observation.ts';
import { CHECK } from '../../../../../src/domain/fleet/doctor/check-schema.ts';
import { DIFFERENCE_CODES } from '../../../../../src/domain/fleet/drift/difference.ts';
import {
  answered,
  failed,
  healthyFleet,
  healthySigner,
  hoursBefore,
  someKeys,
} from '../../../../support/scenes/observed-fleet.ts';

describe('checkObservation', () => {
  it('checkObservation has a line for each counterpart of a healthy fleet, and nothing fails', () => {
    const checks = checkObservation(healthyFleet());
    for (const check of checks) expect(CHECK.parse(check)).toEqual(check);
    expect(new Set(checks.map(({ severity }) => severity))).toEqual(new Set(['ok']));
    expect(checks.map(({ where }) => where)).toEqual([
      'database',
      'vault directory',
      'execution node http://a:8545',
      'execution node http://b:8545',
      'contracts',
      'consensus node http://a:5052',
      'beacon chain',
      'oracles',
      'signer http://signer-a:9000',
      'signer http://signer-b:9000',
      'validator client http://client-0:5062',
      'validator client http://client-1:5062',
      'validator client http://client-2:5062',
      'operator http://op-0:9101',
      'operator http://op-1:9101',
      'wallet',
      'transactions',
      'clock',
    ]);
  });

  it('checkObservation fails for what is to be mended, and not for a note', () => {
    const signers = [
      { name: 'http://a', seen: answered({ ...healthySigner(), missing: someKeys(2), extra: someKeys(1) }) },
      { name: 'http://b', seen: failed('timeout', 'No answer within 10 s.', 'Look at it.') },
    ];
    const found = checkObservation({ ...healthyFleet(), signers });
    const ofSigners = found.filter(({ where }) => where.startsWith('signer '));
    expect(ofSigners.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      'ok answers',
      'fail not-seen',
      'fail signer-keys-missing',
      'ok signer-keys-foreign',
    ]);
  });

  it('checkObservation fails for a clock that is behind the chain', () => {
    const ahead = (hours: number) => [
      { name: 'http://a:8545', seen: answered({ block: 100, producedAt: hoursBefore(-hours) }) },
    ];
    const clockOf = (hours: number) =>
      checkObservation({ ...healthyFleet(), executionNodes: ahead(hours) }).find(
        ({ code }) => code === 'clock',
      );
    expect(clockOf(1)).toMatchObject({ severity: 'fail', what: expect.stringContaining('3600 s behind') });
    expect(clockOf(1 / 3_600)).toMatchObject({ severity: 'ok' });
    const none = checkObservation({ ...healthyFleet(), executionNodes: [] });
    expect(none.find(({ code }) => code === 'clock')).toMatchObject({ severity: 'skip' });
  });
});

describe('docs/fleet-reference.md', () => {
  it('docs/fleet-reference.md explains every difference and every check, and no other', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../../../docs/fleet-reference.md'), 'utf8');
    const explained = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code = '']) => code);
    expect(explained.sort()).toEqual([...CHECK_CODES, ...DIFFERENCE_CODES].sort());
  });
});

describe('renderChecks', () => {
  const signers = [{ name: 'http://a', seen: answered({ ...healthySigner(), missing: someKeys(2) }) }];
  const checks = checkObservation({ ...healthyFleet(), signers, consensusNodes: [] });

  it('renderChecks puts what fails last, with what to do', () => {
    const lines = renderChecks(checks, 100);
    expect(lines[0]).toBe('- consensus nodes: none is named');
    expect(lines.slice(-4)).toEqual([
      '✗ signer http://a: lacks 2 keys, first 0x00000000…',
      '  → operator remote-db setup-web3signer, then /reload of the signer',
      '',
      '17 checks: 1 failed, 0 with a warning; 1 not made.',
    ]);
  });

  it.each([40, 60, 100])('renderChecks keeps within %i columns', columns => {
    for (const line of renderChecks(checks, columns)) expect(line.length).toBeLessThanOrEqual(columns);
  });
});
