import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import { buildDepositTree } from '../../../src/domain/protocol/deposit-tree.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { type Devnet, startDevnet } from '../../devnet/devnet.ts';
import { createCheapKeystore } from '../../support/scenes/bad-input/keystore.ts';
import { check } from '../measure.ts';

const PASSWORD = 'a password';

export interface FleetSize {
  readonly validators: number;
  readonly oracles: number;
  readonly threshold: number;
}

/** A size as the command line has it, as in `1000x11`: so many validators and oracles. */
export function readSize(text: string): FleetSize {
  const [validators = 0, oracles = 0] = text.split('x').map(Number);
  check(validators > 0 && oracles > 1, `a size is given as 1000x11, not as ${text}`);
  return { validators, oracles, threshold: Math.floor((oracles * 2) / 3) + 1 };
}

/** A vault on a devnet and the keystores of its validators, which cost nothing to open. */
export interface Fleet extends AsyncDisposable {
  readonly devnet: Devnet;
  readonly networkFile: string;
  readonly folder: string;
  readonly keystoresDirectory: string;
  readonly depositDataFile: string;
  /** 32 bytes. */
  readonly depositDataRoot: Uint8Array;
  /** 48 bytes each, in the order of the deposit data. */
  readonly publicKeys: readonly Uint8Array[];
}

/** Starts the devnet, and writes keystores and deposit data. */
export async function prepareFleet({ validators, oracles, threshold }: FleetSize): Promise<Fleet> {
  await using resources = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'stakewise-fleet-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  const devnet = resources.use(await startDevnet({ name: 'scale', oracles, threshold, oracleServers: {} }));
  const networkFile = join(folder, 'network.json');
  await devnet.writeNetworkFile(networkFile);
  const network = resolveNetwork(networkFile);
  const vault = Buffer.from(devnet.addresses.vault.slice(2), 'hex');
  const keystoresDirectory = join(folder, 'keystores');
  mkdirSync(keystoresDirectory, { mode: 0o755 });
  const secret = { mode: 0o600 };
  writeFileSync(join(keystoresDirectory, 'password.txt'), PASSWORD, secret);
  const entries = Array.from({ length: validators }, (_, index) => {
    const secretKey = numberedKey(index);
    const entry = createDepositData({ secretKey, vault, network });
    const publicKey = Buffer.from(entry.publicKey).toString('hex');
    const keystore = createCheapKeystore(secretKey, publicKey, PASSWORD);
    writeFileSync(join(keystoresDirectory, `keystore-${index}.json`), JSON.stringify(keystore), secret);
    return entry;
  });
  const depositDataFile = join(folder, 'deposit_data.json');
  writeFileSync(depositDataFile, formatDepositData(entries));
  const owned = resources.move();
  return {
    devnet,
    networkFile,
    folder,
    keystoresDirectory,
    depositDataFile,
    depositDataRoot: buildDepositTree(entries, vault).root,
    publicKeys: entries.map(({ publicKey }) => publicKey),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A key of its own for each number: any but zero will do. */
export function numberedKey(index: number): Uint8Array {
  const key = new Uint8Array(32);
  key[0] = 1;
  new DataView(key.buffer).setUint32(28, index + 1);
  return key;
}
