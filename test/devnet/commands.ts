import { readFile } from 'node:fs/promises';
import { getAddress } from 'ethers/address';
import { formatEther, parseEther } from 'ethers/utils';
import { depositTreeRoot, type FileEntry } from './deposit-data.ts';
import type { Devnet } from './devnet.ts';
import { type Keymanager, startKeymanager } from './keymanager.ts';
import { BEACON_CHAIN } from './network-file.ts';

/** What somebody may tell a running devnet, one line each. */
interface Command {
  readonly usage: string;
  readonly about: string;
  /** @returns what was done, in a line */
  readonly run: (words: readonly string[]) => Promise<string>;
}

export interface DevnetCommands extends AsyncDisposable {
  /** One line for each command. */
  readonly list: string;
  /** Carries out one line. @throws Error that says what is wrong with it */
  run(line: string): Promise<string>;
}

/** Ether that a rewards update brings the vault when nothing else is said. */
const USUAL_REWARDS = '1';

/**
 * The commands of a devnet that runs.
 * @param secondsPerEpoch - of its beacon chain
 */
export function createDevnetCommands(devnet: Devnet, secondsPerEpoch: number): DevnetCommands {
  const keymanagers: Keymanager[] = [];
  const commands: Readonly<Record<string, Command>> = {
    fund: {
      usage: 'fund ADDRESS|FILE [ETHER]',
      about: 'gives an account, or the hot wallet of that file, so much ether; 10 when left out',
      run: async ([given = '', ether = '10']) => {
        const account = /^0x/i.test(given) ? getAddress(given) : await readWalletAddress(given);
        await devnet.setBalance(account, parseEther(ether));
        return `${account} has ${ether} ETH`;
      },
    },
    root: {
      usage: 'root FILE|ROOT',
      about: 'sets the deposit data root of the vault: of a deposit_data.json, or 32 bytes of hex',
      run: async ([given = '']) => {
        const root = /^0x[0-9a-f]{64}$/i.test(given) ? given : await readRoot(given, devnet.addresses.vault);
        await devnet.setDepositDataRoot(root);
        return `The deposit data root of the vault is ${root}`;
      },
    },
    deposit: {
      usage: 'deposit ETHER',
      about: 'somebody deposits in the vault: 32 for each validator',
      run: async ([ether = '']) => {
        await devnet.depositEther(numberOf(ether));
        const balance = await devnet.protocol.provider.getBalance(devnet.addresses.vault);
        return `The vault has ${formatEther(balance)} ETH`;
      },
    },
    oracles: {
      usage: 'oracles COUNT [THRESHOLD]',
      about: 'another oracle set: the first ones stay; the threshold is two thirds when left out',
      run: async ([count = '', threshold]) => {
        const oracles = numberOf(count);
        const needed = threshold === undefined ? Math.ceil((oracles * 2) / 3) : numberOf(threshold);
        const set = await devnet.updateOracles({ count: oracles, threshold: needed });
        return `${oracles} oracles, ${needed} of them approve; configuration ${set.configIpfsHash}`;
      },
    },
    rewards: {
      usage: 'rewards [ETHER]',
      about: 'the oracles publish what the vault has earned; 1 when left out',
      run: async ([ether = USUAL_REWARDS]) => {
        const { vault } = devnet.addresses;
        const { rewardsRoot } = await devnet.distributeRewards([{ vault, consensusWei: parseEther(ether) }]);
        return `The vault has earned ${ether} ETH; rewards root ${rewardsRoot}`;
      },
    },
    skip: {
      usage: 'skip EPOCHS',
      about: 'lets the clock of the chain go on; a validator may exit 256 epochs after its start',
      run: async ([epochs = '']) => {
        await devnet.passSeconds(numberOf(epochs) * secondsPerEpoch);
        return `${epochs} epochs later`;
      },
    },
    keymanager: {
      usage: 'keymanager [PORT]',
      about: 'starts a signer with a key manager, for remote-signer-setup; at 9000 when left out',
      run: async ([port = '9000']) => {
        const keymanager = await startKeymanager(BEACON_CHAIN, { port: numberOf(port) }).catch(
          (error: NodeJS.ErrnoException) => {
            throw error.code === 'EADDRINUSE'
              ? new Error(`Port ${port} is in use: name another one.`)
              : error;
          },
        );
        keymanagers.push(keymanager);
        return `The signer with a key manager listens at ${keymanager.url}`;
      },
    },
  };
  const width = Math.max(...Object.values(commands).map(({ usage }) => usage.length));
  return {
    list: Object.values(commands)
      .map(({ usage, about }) => `  ${usage.padEnd(width)}  ${about}\n`)
      .join(''),
    async run(line) {
      const [name = '', ...words] = line.trim().split(/\s+/);
      const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
      if (command === undefined) {
        throw new Error(`There is no command '${name}'; there are ${Object.keys(commands).join(', ')}.`);
      }
      try {
        return await command.run(words);
      } catch (error) {
        throw new Error(`${command.usage}: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(keymanagers.map(keymanager => keymanager[Symbol.asyncDispose]()));
    },
  };
}

function numberOf(text: string): number {
  const number = Number(text);
  if (text !== '' && Number.isFinite(number) && number >= 0) return number;
  throw new Error(`'${text}' is not a number`);
}

async function readWalletAddress(path: string): Promise<string> {
  const { address }: { readonly address: string } = JSON.parse(await readFile(path, 'utf8'));
  return getAddress(`0x${address.replace(/^0x/i, '')}`);
}

/** The root of the tree over a deposit data file's entries, as the vault has it. */
async function readRoot(path: string, vault: string): Promise<string> {
  const entries: readonly FileEntry[] = JSON.parse(await readFile(path, 'utf8'));
  return depositTreeRoot(vault, entries);
}
