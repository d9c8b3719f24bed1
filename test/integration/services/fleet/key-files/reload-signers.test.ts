import { describe, expect, it } from 'vitest';
import { openSignerClient } from '../../../../../src/clients/signer/signer-client.ts';
import { reloadSigners } from '../../../../../src/services/fleet/key-files/reload-signers.ts';
import { testKeys } from '../../../../support/servers/exit-signer.ts';
import { type Handler, startServer } from '../../../../support/servers/http-server.ts';

const keys = testKeys(12).map(({ hex }) => hex);
const wanted = new Set(keys.slice(0, 3));

/** A signer that has these keys once it was reloaded. */
function reloadable(loaded: readonly string[], outcome: object = { status: 'completed' }): Handler {
  let isReloaded = false;
  return ({ method, path }) => {
    if (path === '/api/v1/eth2/publicKeys') return { body: JSON.stringify(isReloaded ? loaded : []) };
    if (path !== '/reload') return { status: 404 };
    if (method === 'GET') return { body: JSON.stringify(isReloaded ? outcome : { status: 'idle' }) };
    isReloaded = true;
    return { status: 202, body: '{"status":"accepted"}' };
  };
}

async function reload(...handlers: readonly Handler[]) {
  await using stack = new AsyncDisposableStack();
  const warnings: string[] = [];
  const signers = [];
  for (const handler of handlers) {
    const { url } = stack.use(await startServer(handler));
    signers.push(stack.use(openSignerClient({ urls: [url], timeoutMs: 1_000 })));
  }
  const deps = { signers, warn: (line: string) => warnings.push(line) };
  return { reloaded: await reloadSigners(deps, { wanted, reloadTimeoutMs: 1_000 }), warnings };
}

describe('signers that are reloaded', () => {
  it('reloadSigners finds the keys of the vault in each signer that it has reloaded', async () => {
    const { reloaded, warnings } = await reload(reloadable([...wanted]), reloadable([...wanted]));
    expect(reloaded).toMatchObject([
      { keys: 3, foreignKeys: 0 },
      { keys: 3, foreignKeys: 0 },
    ]);
    expect(warnings).toEqual([]);
  });

  it('reloadSigners names a signer that lacks keys after its reload', async () => {
    const withErrors = { status: 'completed_with_errors', lastError: '1 signer loading error(s)' };
    await expect(reload(reloadable(keys), reloadable(keys.slice(1), withErrors))).rejects.toMatchObject({
      code: 'signer-lacks-keys',
      message: expect.stringMatching(
        `^http://127.0.0.1:\\d+ lacks 1 of 3 keys after its reload \\(1 signer loading error\\(s\\)\\), first ${keys[0]}\\.$`,
      ),
    });
    await expect(reload(reloadable([]))).rejects.toMatchObject({ code: 'signer-lacks-keys' });
  });

  it('reloadSigners warns of errors and of foreign keys, the first twenty by name', async () => {
    const more = [...keys, ...testKeys(13, 100).map(({ hex }) => hex)];
    const { reloaded, warnings } = await reload(reloadable(more, { status: 'completed_with_errors' }));
    expect(reloaded).toMatchObject([{ keys: 25, foreignKeys: 22 }]);
    expect(warnings[0]).toMatch(/its reload ended with: completed_with_errors\.$/);
    expect(warnings[1]).toMatch(
      /also has 22 keys that are not of this vault: (0x[0-9a-f]{96}, ){19}0x[0-9a-f]{96} and 2 more\.$/,
    );
    expect(warnings).toHaveLength(2);
  });
});
