import { setTimeout as sleep } from 'node:timers/promises';
import type { ValidatorClient } from '../devnet/validator-client.ts';
import { expectEqual } from './expectations.ts';
import type { Seen, ShownDifference } from './fleet-looks.ts';
import { type FleetWorld, filledIn } from './fleet-world.ts';

const PATIENCE_MS = 20_000;

/** Does what a step of a remedy says to whom it is about. */
type Deed = (world: FleetWorld, difference: ShownDifference, seen: Seen) => Promise<void> | void;

/** What remedies ask of people, by their words up to the first bracket. */
const DEEDS: Readonly<Record<string, Deed>> = {
  '/reload of the signer': async (world, { where }) => {
    for (const { url } of signersOf(world, where)) await reload(url);
  },
  '/reload of each signer': async ({ signers }) => {
    for (const { url } of signers) await reload(url);
  },
  'restart the client': (world, { where }) => {
    const client = clientOf(world, where);
    client.stop();
    client.start();
    console.log(`${client.kind} starts again.\n`);
  },
  // That one of them which another difference says to have what is not its own.
  'Delete them from all but one of these clients now': async (world, _, { drift, runTwice }) => {
    const stranger = drift.find(({ code }) => code === 'client-keys-misplaced');
    const answer = await deleteKeys(clientOf(world, stranger?.where ?? ''), runTwice.publicKeys);
    expectEqual('answer', answer, 'deleted');
  },
  'Delete them from this client': async (world, { where }, { runTwice }) => {
    // Nothing of them is left: the worse difference was mended first.
    expectEqual('answer', await deleteKeys(clientOf(world, where), runTwice.publicKeys), 'not_found');
  },
};

/**
 * Follows a remedy step by step, as it is printed.
 * @throws Error for a step that is neither a command nor known, and for a command that fails
 */
export async function follow(world: FleetWorld, difference: ShownDifference, seen: Seen): Promise<void> {
  for (const step of difference.remedy.split(/, then |, and |; then |, (?=operator )/)) {
    const words = /^operator (.+)$/.exec(step)?.[1]?.split(' ');
    if (words === undefined) {
      const deed = DEEDS[step.replace(/ \(.*$/, '')];
      if (deed === undefined) throw new Error(`nobody knows how to follow “${step}”`);
      await deed(world, difference, seen);
      continue;
    }
    const isForSigners = words.includes('setup-web3signer');
    const [first] = world.signers;
    for (const signer of isForSigners ? signersOf(world, difference.where) : [first])
      await world.run('./operator', filledIn(world, words, signer));
  }
}

/** The signer that a difference is about; all where it names none. */
function signersOf({ signers }: FleetWorld, where: string) {
  const named = signers.filter(({ url }) => where.includes(url));
  return named.length === 0 ? signers : named;
}

function clientOf({ clients }: FleetWorld, where: string) {
  const client = Object.values(clients).find(({ url }) => where.includes(url));
  if (client === undefined) throw new Error(`which client is ${where}?`);
  return client;
}

/** @returns what a client says of the last of the keys */
async function deleteKeys(client: ValidatorClient, publicKeys: readonly string[]): Promise<string> {
  const response = await fetch(`${client.url}/eth/v1/remotekeys`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${client.token}` },
    body: JSON.stringify({ pubkeys: publicKeys }),
  });
  const { data }: { data: readonly { status: string }[] } = JSON.parse(await response.text());
  const status = data.at(-1)?.status ?? '';
  console.log(`$ curl -X DELETE ${client.url}/eth/v1/remotekeys\n${client.kind} says: ${status}\n`);
  return status;
}

/** Has a signer read its key files again, and waits for the end of it. */
export async function reload(url: string): Promise<void> {
  console.log(`$ curl -X POST ${url}/reload\n`);
  const accepted = await fetch(`${url}/reload`, { method: 'POST' });
  if (accepted.status !== 202) throw new Error(`${url}/reload answered ${accepted.status}`);
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const state: { status: string } = JSON.parse(await (await fetch(`${url}/reload`)).text());
    if (state.status === 'completed') return;
    if (state.status !== 'running' || performance.now() > deadline)
      throw new Error(`the reload of ${url} is ${state.status}`);
    await sleep(50);
  }
}
