import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { expect, it } from 'vitest';
import { firstLineOf } from '../../support/programs/first-line.ts';

const START = `
  import { startAnvil } from '${new URL('../../devnet/anvil.ts', import.meta.url).href}';
  const { rpcUrl } = await startAnvil({ chainId: 7, slotsPerEpoch: 32 });
  console.log(rpcUrl);
  setInterval(() => {}, 1000);
`;

async function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

it('an anvil node ends with the process that started it, also when that one is killed', async () => {
  const args = ['--input-type=module-typescript', '--eval', START];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = (await firstLineOf(child)).trim();
  expect(await isListening(url)).toBe(true);
  child.kill('SIGKILL');
  await expect.poll(() => isListening(url), { timeout: 5_000 }).toBe(false);
});
