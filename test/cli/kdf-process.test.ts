// What commands that derive keys from passwords are to the system: the same process as without their settings of memory.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deriveSecretKey, publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { mnemonicToSeed } from '../../src/domain/keys/mnemonic.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { canKeepKdfMemory, KDF_MALLOC } from '../../src/lib/kdf-malloc.ts';
import { runCli } from '../support/programs/cli.ts';
import { type BareProcess, startBareProcess } from '../support/programs/held-process.ts';

/** What the program adds to its environment: nothing on a machine with little memory. */
const GIVEN = canKeepKdfMemory() ? KDF_MALLOC : {};
const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const MNEMONIC = `${'abandon '.repeat(23)}art`;

/** An empty working directory, and the data directory of a vault of the mnemonic as `init` leaves it. */
function initialisedVault() {
  const path = mkdtempSync(join(tmpdir(), 'stakewise-kdf-'));
  const cwd = join(path, 'cwd');
  const dataDir = join(path, 'data');
  const directory = join(dataDir, VAULT.toLowerCase());
  mkdirSync(cwd);
  mkdirSync(directory, { recursive: true });
  const first_public_key = toHex(publicKeyOf(deriveSecretKey(mnemonicToSeed(MNEMONIC), 0)));
  writeFileSync(
    join(directory, 'config.json'),
    JSON.stringify({ network: 'hoodi', mnemonic_next_index: 0, first_public_key }),
  );
  writeFileSync(join(path, 'mnemonic'), MNEMONIC, { mode: 0o600 });
  const args = ['create-keys', '--vault', VAULT, '--data-dir', dataDir];
  const createKeys = (...more: string[]) => [...args, '--mnemonic-file', join(path, 'mnemonic'), ...more];
  return { cwd, createKeys, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function mallocVariables({ pid }: BareProcess): Record<string, string> {
  const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  return Object.fromEntries(
    pairs.filter(pair => pair.startsWith('MALLOC_')).map(pair => pair.split('=') as [string, string]),
  );
}

describe('a command that derives keys', () => {
  it('create-keys gets the settings of memory as the process that was started, without core dumps, and ends at a signal', async () => {
    using vault = initialisedVault();
    await using process = startBareProcess(vault.createKeys('--count', '40', '--pool-size', '1'), vault);
    await process.printed('Exporting validator keystores');
    expect(mallocVariables(process)).toEqual(GIVEN);
    const read = (name: string) => readFileSync(`/proc/${process.pid}/${name}`, 'utf8');
    expect(read('limits')).toMatch(/^Max core file size +0 /m);
    expect(Number.parseInt(read('coredump_filter'), 16)).toBe(0);
    process.kill('SIGTERM');
    expect(await process.ended).toBe('SIGTERM');
  });

  it('create-keys leaves a setting that the user has made as it is', async () => {
    using vault = initialisedVault();
    const env = { MALLOC_ARENA_MAX: '4', MALLOC_TRIM_THRESHOLD_: '65536' };
    await using process = startBareProcess(vault.createKeys('--count', '40', '--pool-size', '1'), {
      ...vault,
      env,
    });
    await process.printed('Exporting validator keystores');
    expect(mallocVariables(process)).toEqual({ ...GIVEN, ...env });
  });

  it('create-keys makes a keystore by scrypt, and ends with 0', async () => {
    using vault = initialisedVault();
    await using process = startBareProcess(vault.createKeys('--count', '1'), vault);
    expect(await process.ended, process.output).toBe(0);
    expect(process.output).toContain('Done. Generated 1 keys');
  });

  it('create-keys exits with 2 and its usage at a wrong option, whoever has started it', async () => {
    using vault = initialisedVault();
    await using process = startBareProcess(['create-keys', '--nonsense'], vault);
    const run = await runCli(['create-keys', '--nonsense']);
    expect(await process.ended).toBe(2);
    expect(run).toEqual({ stdout: '', stderr: process.output, exitCode: 2 });
  });
});
