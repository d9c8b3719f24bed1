import { example } from '../cli/examples.ts';
import { triedEncryptKey } from '../cli/flags/encrypt-key.ts';
import { checkFleet, FLEET_OPTIONS } from '../cli/flags/fleet.ts';
import { slashingDbUrl } from '../cli/flags/slashing-db.ts';
import { renderChecks } from '../cli/fleet-screen/render-checks.ts';
import { fleetSettings } from '../cli/fleet-settings.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { flag, optional } from '../cli/options/option.ts';
import { directory } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/doctor.ts';
import { openFleet } from '../compose/fleet.ts';
import { EXIT } from '../lib/errors.ts';
import { keepHeapSmall } from '../lib/small-heap.ts';
import type { TryEncryptKey } from '../services/fleet/diagnose/check-encryption-key.ts';
import { unlockVault } from '../services/remote-db/unlock-vault.ts';

const OPTIONS = {
  ...FLEET_OPTIONS,
  slashingDbUrl,
  keyFilesDir: optional<string>({
    description: "Folder of Web3Signer's key files, if it is on this machine.",
    env: 'KEY_FILES_DIR',
    value: directory({ exists: true }),
  }),
  encryptKey: triedEncryptKey,
  proveSigning: flag({
    description:
      'Has each signer sign with one key of the vault: an exit that no chain accepts, which is verified and thrown away.',
  }),
};

export default class Doctor extends operatorCommand(OPTIONS, { check: checkFleet })<typeof RESULT> {
  static override summary =
    'Checks everything that the fleet stands on, one line each. Changes nothing; exits with 3 when a check fails.';
  static override description =
    'Takes the options of status. What is not named is not looked at, and said so. A warning leaves the exit code at 0.';
  static override examples = [
    example(
      'doctor --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url --signer-url http://signer-a:9000 --slashing-db-url-file ./slashing-db-url',
    ),
  ];

  async run() {
    keepHeapSmall();
    const options = await this.resolve();
    const settings = await fleetSettings(options);
    const context = { programVersion: this.config.version, warn: this.warn };
    await using fleet = await openFleet(settings, context);
    const { slashingDbUrl: slashingDb, keyFilesDir, encryptKey, proveSigning } = options;
    const checks = await fleet.diagnose({
      slashingDb,
      keyFilesDir,
      tryKey: keyTrial(encryptKey),
      proveSigning,
    });
    for (const line of renderChecks(checks, this.columns ?? Number.POSITIVE_INFINITY))
      this.print(`${line}\n`);
    if (checks.some(({ severity }) => severity === 'fail')) process.exitCode = EXIT.differences;
    return { checks };
  }
}

/** Whether a key opens a vault is tried here: what the operator loads of the fleet handles no key. */
function keyTrial(encryptKey: string | undefined): TryEncryptKey | undefined {
  if (encryptKey === undefined) return undefined;
  return async (session, ref) => {
    using _ = await unlockVault(session, ref, encryptKey);
  };
}
