import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../../src/lib/bytes.ts';
import { credentialsOf } from '../../devnet/deposit-data.ts';
import { freePort } from '../../devnet/listen.ts';
import { runCli } from '../../support/programs/cli.ts';
import { startOperatorProcess } from '../../support/programs/operator-process.ts';
import { spawnSignerProcess } from '../../support/programs/signer-process.ts';
import { type OperatorScene, startOperatorScene } from '../../support/scenes/operator-scene.ts';
import { waitUntil } from '../../support/wait-until.ts';

let scene: OperatorScene;

beforeAll(async () => {
  scene = await startOperatorScene({ validators: 8, vaultVersion: 5 });
  rmSync(join(scene.vaultDir, 'deposit_data.json'));
});
afterAll(() => scene[Symbol.asyncDispose]());

/** What the deposit contract has taken for the vault's validators, in their order. */
async function listDeposits() {
  const validators = await scene.devnet.deposits.listValidators();
  return validators
    .filter(({ publicKey }) => scene.publicKeys.includes(toHex(publicKey)))
    .map(({ publicKey, amountGwei, withdrawalCredentials }) => ({
      publicKey: toHex(publicKey),
      ether: Number(amountGwei) / 1e9,
      credentials: toHex(withdrawalCredentials),
    }));
}

/** A data directory without deposit data and without keystores. */
function writeBareDataDir(name: string): { readonly dataDir: string; readonly own: string } {
  const dataDir = scene.writeDataDir(name);
  const own = join(dataDir, scene.vault.toLowerCase());
  rmSync(join(own, 'deposit_data.json'));
  rmSync(join(own, 'keystores'), { recursive: true });
  return { dataDir, own };
}

describe('start without deposit data for a vault of version 5', () => {
  it('the operator registers 0x02 validators with keys of local keystores, unasked, and says how many are left', async () => {
    const port = await freePort();
    await using operator = startOperatorProcess([...scene.args, '--health-port', String(port)]);
    await operator.printed('Validators of type 0x02 are registered with keys of the built-in signer');
    await operator.printed('8 unused validator keys left; 0 validators registered in the last 7 days');
    await scene.devnet.depositEther(345);
    await operator.printed('Successfully registered validators');
    const credentials = toHex(credentialsOf(scene.vault, 2));
    const [first, second] = scene.publicKeys;
    expect(await listDeposits()).toEqual([
      { publicKey: first, ether: 300, credentials },
      { publicKey: second, ether: 45, credentials },
    ]);
    expect(operator.output).toMatch(
      / INFO {5}\[signer\] signed key=0x[0-9a-f]{96} type=DEPOSIT credentials=0x02\S+ amountGwei=300000000000\n/,
    );
    expect(operator.output).not.toContain('deposit_data');
    const report = await (await fetch(`http://127.0.0.1:${port}/readyz`)).json();
    expect(report).toMatchObject({ ready: true, validatorKeys: { enoughForDays: null } });
    expect((await operator.stop()).exitCode).toBe(0);
  });

  it('the operator registers 0x01 validators with keys of local keystores where it is told to', async () => {
    const before = await listDeposits();
    await using operator = startOperatorProcess([...scene.args, '--validator-type', '0x01']);
    await operator.printed('Validators of type 0x01 are registered with keys of the built-in signer');
    await operator.printed('Started operator service');
    await scene.devnet.depositEther(32);
    await operator.printed('Successfully registered validators');
    expect((await listDeposits()).slice(before.length)).toEqual([
      {
        publicKey: scene.publicKeys[before.length],
        ether: 32,
        credentials: toHex(credentialsOf(scene.vault)),
      },
    ]);
    expect((await operator.stop()).exitCode).toBe(0);
  });

  it('the operator has a built-in signer of another process sign deposits, and registers validators of its own keys only', async () => {
    const port = await freePort();
    const { dataDir, own } = writeBareDataDir('remote');
    const signerArgs = ['--keystores-dir', join(scene.vaultDir, 'keystores'), '--network', scene.networkFile];
    await using _signer = await spawnSignerProcess([
      ...signerArgs,
      '--listen',
      `127.0.0.1:${port}`,
      '--vault',
      scene.vault,
      '--sign-deposits',
    ]);
    const before = await listDeposits();
    const open = scene.publicKeys.slice(before.length);
    // The signer has all of them: the first one is to be of another vault.
    const [foreign = '', last = '', ...named] = open;
    const args = [
      ...scene.args.slice(0, 2),
      '--data-dir',
      dataDir,
      '--remote-signer-url',
      `http://127.0.0.1:${port}`,
      ...scene.args.slice(4),
    ];
    const unknown = await runCli(['start', ...args]);
    expect(unknown.exitCode).toBe(1);
    expect(unknown.stderr).toContain('nothing says which are those of the vault');
    expect(unknown.stderr).toContain('--remote-signer-exclusive');
    const name = (keys: readonly string[]) =>
      writeFileSync(
        join(own, 'remote_signer_config.json'),
        JSON.stringify({ pubkeys_to_shares: Object.fromEntries(keys.map(key => [key, []])) }),
      );
    name(named);
    await using operator = startOperatorProcess([...args, '--validator-type', '0x01']);
    await operator.printed('Validators of type 0x01 are registered with keys of ');
    await scene.devnet.depositEther(named.length * 32 + 32);
    await waitUntil(
      'all named keys to be registered',
      async () => {
        return (await listDeposits()).length === before.length + named.length;
      },
      { lastSeen: () => operator.output },
    );
    await operator.printed('more keys: deposits have used all');
    const after = await listDeposits();
    expect(after.map(({ publicKey }) => publicKey)).not.toContain(foreign);
    const credentials = toHex(credentialsOf(scene.vault));
    expect(after.slice(before.length)).toEqual(
      named.map(publicKey => ({ publicKey, ether: 32, credentials })),
    );
    expect((await operator.stop()).exitCode).toBe(0);
    name([...named, last]);
    await using compounding = startOperatorProcess([...args, '--disable-validators-funding']);
    await compounding.printed('Validators of type 0x02 are registered with keys of ');
    await compounding.printed('Successfully registered validators');
    expect((await listDeposits()).slice(after.length)).toEqual([
      { publicKey: last, ether: 32, credentials: toHex(credentialsOf(scene.vault, 2)) },
    ]);
    expect((await compounding.stop()).exitCode).toBe(0);
  });

  it('a vault of version 4 has validators of type 0x01 only, and still needs deposit data', async () => {
    await using old = await startOperatorScene({ validators: 1, vaultVersion: 4 });
    const refused = await runCli(['start', ...old.args, '--validator-type', '0x02']);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('0x02 is refused: validators of the vault');
    rmSync(join(old.vaultDir, 'deposit_data.json'));
    const missing = await runCli(['start', ...old.args]);
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain('Deposit data file does not exist.');
    // Keys may take hours to load.
    expect(missing.stdout + missing.stderr).not.toContain('Loading keys');
  });
});
