import { expect, it } from 'vitest';
import { bodyText, requestHttp } from '../../../../src/clients/http.ts';
import { openFarNodes } from '../../../support/servers/far-nodes.ts';
import { startServer } from '../../../support/servers/http-server.ts';

it('Far nodes stand under any name, let nothing else out, and leave the network as it was', async () => {
  await using real = await startServer(() => ({ body: 'real' }));
  const read = async (url: string) => bodyText(await requestHttp({}, { url, timeoutMs: 10_000, retries: 0 }));
  const nodes = openFarNodes();
  try {
    const requests = nodes.answer('https://ipfs.io', () => ({ body: 'far' }));
    expect(await read('https://ipfs.io/ipfs/cid?format=raw')).toBe('far');
    expect(requests.map(({ url }) => url.href)).toEqual(['https://ipfs.io/ipfs/cid?format=raw']);
    for (const elsewhere of ['https://example.org', real.url]) {
      await expect(read(elsewhere)).rejects.toMatchObject({ code: 'unreachable' });
    }
    expect(real.seen).toEqual([]);
  } finally {
    nodes[Symbol.dispose]();
  }
  expect(await read(real.url)).toBe('real');
});
