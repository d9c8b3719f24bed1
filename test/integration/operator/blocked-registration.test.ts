// The task that registers validators, while something is in the way that no waiting mends; time is the test's.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OperatorError } from '../../../src/lib/errors.ts';
import { Outlook } from '../../../src/operator/probes/outlook.ts';
import { registerValidators } from '../../../src/operator/tasks/registration-task.ts';
import { testMetrics } from '../../support/operator-metrics.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { rootOf } from '../../support/scenes/growing-vault.ts';
import {
  type RegistrationScene,
  type SceneVault,
  startRegistrationScene,
} from '../../support/scenes/registration-scene.ts';

const HOUR_MS = 3_600_000;

let scene: RegistrationScene;
beforeAll(async () => {
  scene = await startRegistrationScene({ oracles: 4, threshold: 3 });
});
afterAll(() => scene[Symbol.asyncDispose]());

/** The task for a vault, whose deposit data is that of `vault.validators` when it is opened. */
async function openTask(vault: SceneVault) {
  const { log, texts } = recordingLog();
  const metrics = testMetrics();
  let opened = await scene.openRegistrar(vault, { deps: { log } });
  let failure: Error | undefined;
  const clock = { ms: Date.UTC(2026, 10, 29) };
  const loadRegistrar = async () => {
    if (failure !== undefined) throw failure;
    return opened.registrar;
  };
  const now = () => clock.ms;
  const outlook = new Outlook({ log, now }, { currency: 'ETH', assetsPerValidatorWei: 32n * 10n ** 18n });
  const task = registerValidators({ loadRegistrar, metrics, outlook, log, now }, scene.network);
  return {
    warnings: () => texts('warn'),
    /** One pass, so many hours after the last one. */
    async pass(afterHours = 0) {
      clock.ms += afterHours * HOUR_MS;
      return await task.run(new AbortController().signal);
    },
    async reopen(validators: SceneVault['validators']) {
      opened = await scene.openRegistrar({ ...vault, validators }, { deps: { log } });
    },
    fail(error: Error | undefined) {
      failure = error;
    },
    /** Reasons that the metric raises. */
    async raised() {
      const text = await metrics.registry.metrics();
      return [...text.matchAll(/^registration_blocked\{reason="(\w+)",network="mainnet"\} 1$/gm)].map(
        ([, reason]) => reason,
      );
    },
  };
}

it.each([
  ['version 1', 1],
  ['version 3, through the deposit data registry', 3],
])(
  'the operator of a vault of %s warns each hour while the next entry is registered, and the metric says so until it is not',
  async (_, version) => {
    const vault = await scene.createVault(version, { validators: 4, ether: 64, manager: 'registry' });
    const { validators, address } = vault;
    const task = await openTask(vault);
    await task.pass();
    expect(await task.raised()).toEqual([]);
    expect((await scene.devnet.readVaultLog(address)).registered).toHaveLength(2);
    expect(task.warnings()).toEqual([]);

    // Another root with the registered ones before the others: what an appended file has.
    await scene.devnet.depositEther(64, address);
    await scene.devnet.setDepositDataRoot(rootOf(address, validators.slice(0, 3)), address);
    await task.reopen(validators.slice(0, 3));
    expect(await task.pass()).toContain('the next validator is registered: entry 0');
    expect(await task.raised()).toEqual(['next_entry_registered']);
    const first = 'Registration waits for new deposit data, which "operator deposit-data" writes';
    expect(task.warnings()).toEqual([expect.stringContaining(first)]);
    for (let half = 0; half < 4; half++) await task.pass(0.5);
    const hourly = expect.stringMatching(/^No validator has been registered since 2026-11-29T00:00.*entry 0/);
    expect(task.warnings()).toEqual([expect.stringContaining(first), hourly, hourly]);

    // An outage says nothing of it; what no waiting mends takes its place.
    task.fail(new OperatorError('deposit-data-missing', 'There is no deposit data.'));
    await expect(task.pass()).rejects.toThrow('There is no deposit data.');
    expect(await task.raised()).toEqual(['no_deposit_data']);
    task.fail(undefined);

    await scene.devnet.setDepositDataRoot(rootOf(address, validators.slice(2)), address);
    await task.reopen(validators.slice(2));
    await task.pass();
    expect(await task.raised()).toEqual([]);
    expect((await scene.devnet.readVaultLog(address)).registered).toHaveLength(4);
    await scene.devnet.depositEther(32, address);
    await task.pass();
    expect(await task.raised()).toEqual(['keys_used_up']);
  },
);

it('the operator of a vault whose root is of other deposit data, or not set, says by the metric which', async () => {
  const vault = await scene.createVault(1, { validators: 2, ether: 32 });
  const task = await openTask(vault);
  await scene.devnet.setDepositDataRoot(`0x${'00'.repeat(32)}`, vault.address);
  await task.pass();
  expect(await task.raised()).toEqual(['root_not_set']);
  await scene.devnet.setDepositDataRoot(rootOf(vault.address, vault.validators.slice(1)), vault.address);
  await task.pass();
  expect(await task.raised()).toEqual(['root_mismatch']);
  expect(task.warnings()).toHaveLength(2);
});
