import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expectEqual } from './expectations.ts';
import { reload } from './fleet-remedy.ts';
import { clientFolder, FAST_KEYSTORES, type FleetWorld, filledIn } from './fleet-world.ts';
import { runQuietly, withoutPaths } from './runner.ts';

/** Something that happens to a fleet, and what it is found by. */
export interface Drift {
  /** What happened, as one tells it. */
  readonly title: string;
  readonly happen: (world: FleetWorld) => Promise<void>;
  /** What differs then: in this order it is mended. */
  readonly codes: readonly string[];
}

const NEW_KEYS = 3;
const PRYSM = 2;
const SIGNER_KEYS = 'signer_keys.yml';

/** What happens to fleets, one after the other, each to another part of them. */
export const DRIFTS: readonly Drift[] = [
  {
    title: `The vault grows by ${NEW_KEYS} keys. All that has to be done is done, but for one of the two signers.`,
    codes: ['signer-keys-missing'],
    happen: async world => {
      const { folder, managed, signers, clients, envFile } = world;
      const prysm = clientFolder(folder, PRYSM);
      copyFileSync(join(prysm, SIGNER_KEYS), join(folder, 'backup-of-prysm.yml'));
      const mnemonic = ['--mnemonic-file', managed.mnemonicFile];
      const count = ['--count', String(NEW_KEYS), ...FAST_KEYSTORES];
      await silently(world, ['create-keys', '--env-file', envFile, ...count, ...mnemonic]);
      await silently(world, filledIn(world, ['remote-db', 'upload-keypairs'], signers[0]));
      for (const [index, client] of Object.values(clients).entries()) {
        const place = [`--validator-index=${index}`, '--total-validators=3'];
        await silently(world, filledIn(world, ['remote-db', 'setup-validator', ...place], signers[0]));
        client.stop();
        client.start();
      }
      await silently(world, filledIn(world, ['remote-db', 'setup-web3signer'], signers[1]));
      await reload(signers[1].url);
    },
  },
  {
    title: 'A signer starts again, and the memory file system with its key files is empty.',
    codes: ['signer-empty'],
    happen: async ({ signers: [, web3signer] }) => {
      for (const name of readdirSync(web3signer.keyFolder))
        rmSync(join(web3signer.keyFolder, name), { recursive: true });
      web3signer.restart();
    },
  },
  {
    title: 'The machine of Prysm is set up again, from a backup of before the vault grew.',
    codes: ['client-keys-missing'],
    happen: async ({ folder, clients: { prysm } }) => {
      prysm.stop();
      copyFileSync(join(folder, 'backup-of-prysm.yml'), join(clientFolder(folder, PRYSM), SIGNER_KEYS));
      prysm.start();
    },
  },
  {
    title: 'Somebody gives a key of Lighthouse to Teku, over its key manager API.',
    codes: ['keys-run-twice', 'client-keys-misplaced'],
    happen: async ({ signers: [signer], clients: { lighthouse, teku } }) => {
      const response = await fetch(`${teku.url}/eth/v1/remotekeys`, {
        method: 'POST',
        headers: { authorization: `Bearer ${teku.token}` },
        body: JSON.stringify({ remote_keys: [{ pubkey: lighthouse.keys[0], url: signer.url }] }),
      });
      expectEqual('answer', await response.text(), '{"data":[{"status":"imported"}]}');
    },
  },
  {
    title: 'The keeper has other oracles.',
    codes: ['oracle-set-outdated'],
    happen: async ({ devnet }) => {
      await devnet.updateOracles({ count: 5, threshold: 3 });
    },
  },
];

/** Runs a command of which only its line is shown. */
async function silently({ home }: FleetWorld, words: readonly string[]): Promise<void> {
  console.log(withoutPaths(`$ ./operator ${words.join(' ')}`, home));
  const { exitCode, stderr } = await runQuietly(home, './operator', words);
  if (exitCode !== 0) throw new Error(`${words.join(' ')} ended with ${exitCode}\n${stderr}`);
}
