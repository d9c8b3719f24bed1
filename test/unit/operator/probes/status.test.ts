import { expect, it } from 'vitest';
import { createOperatorStatus } from '../../../../src/operator/probes/status.ts';

it('createOperatorStatus is not ready, and says why, as long as something is missing that every task needs', () => {
  const status = createOperatorStatus(text => text.replace('secret', '***'));
  status.enter('running');
  status.expect('harvest-vault');
  expect(status.report()).toMatchObject({ ready: true, waitsFor: null });
  status.miss('the signer, secret');
  expect(status.report()).toMatchObject({ ready: false, phase: 'running', waitsFor: 'the signer, ***' });
  // A phase that begins meanwhile does not hide it.
  status.enter('standby', 'another process');
  expect(status.report()).toMatchObject({ ready: false, waitsFor: 'the signer, ***' });
  status.miss(undefined);
  expect(status.report()).toMatchObject({ ready: true, phase: 'standby', waitsFor: 'another process' });
});
