import { describe, expect, it } from 'vitest';
import {
  importEntryBytes,
  MAX_KEYMANAGER_BODY_BYTES,
  openKeymanager,
} from '../../../src/clients/keymanager.ts';
import { fromHex } from '../../../src/lib/bytes.ts';
import { foreignText } from '../../../src/lib/foreign-text.ts';
import { type RecordedExchange, readSignerExchanges } from '../../support/recorded/recorded-signer.ts';
import { type Handler, startServer } from '../../support/servers/http-server.ts';

const exchanges = readSignerExchanges('keymanager').filter(
  ({ request }) => request.path === '/eth/v1/keystores',
);

function recorded(name: string): RecordedExchange {
  const found = exchanges.find(exchange => exchange.name === name);
  if (found === undefined) throw new Error(`no recorded exchange ${name}`);
  return found;
}

interface ImportBody {
  readonly keystores: string[];
  readonly passwords: string[];
  readonly slashing_protection?: string;
}

/** The batch of a recorded import that this client could have sent. */
function batchOf({ request }: RecordedExchange) {
  const { keystores, passwords, slashing_protection } = JSON.parse(request.body ?? '') as ImportBody;
  return { keystores, passwords, ...(slashing_protection && { slashingProtection: slashing_protection }) };
}

async function withKeymanager<T>(
  handler: Handler,
  use: (
    client: ReturnType<typeof openKeymanager>,
    server: { readonly url: string; readonly seen: readonly { body: string }[] },
  ) => Promise<T>,
): Promise<T> {
  await using server = await startServer(handler);
  await using client = openKeymanager({ url: server.url, timeoutMs: 2_000 });
  return await use(client, server);
}

const replay =
  ({ response }: RecordedExchange): Handler =>
  () =>
    response;
const reset: Handler = (_, response) => void response.socket?.resetAndDestroy();
const key = fromHex(`0x${'a1'.repeat(48)}`);

describe('keymanager list', () => {
  it('listKeystores reads the recorded lists', async () => {
    const lists = exchanges.filter(
      ({ request, response }) => request.method === 'GET' && response.status === 200,
    );
    expect(lists.length).toBeGreaterThan(4);
    for (const exchange of lists) {
      const listed = await withKeymanager(replay(exchange), client => client.listKeystores());
      const { data } = JSON.parse(exchange.response.body) as { data: { validating_pubkey: string }[] };
      expect([...listed.keys()]).toEqual(data.map(entry => entry.validating_pubkey));
    }
    const after = await withKeymanager(replay(recorded('list after import')), client =>
      client.listKeystores(),
    );
    expect(new Set([...after.values()].map(({ isReadOnly }) => isReadOnly))).toEqual(new Set([true, false]));
  });

  it('listKeystores asks again when the connection was cut', async () => {
    let calls = 0;
    const handler: Handler = (seen, response) =>
      ++calls === 1 ? reset(seen, response) : recorded('list after import').response;
    await expect(withKeymanager(handler, client => client.listKeystores())).resolves.toBeDefined();
  });

  it('listKeystores says that a signer has no key manager API, and how to enable it', async () => {
    const missing = readSignerExchanges('info-full').find(({ name }) => name === 'GET /eth/v1/keystores');
    if (missing === undefined) return expect.fail();
    await expect(withKeymanager(replay(missing), client => client.listKeystores())).rejects.toMatchObject({
      code: 'keymanager-missing',
      hint: expect.stringContaining('--key-manager-api-enabled=true'),
    });
  });

  it.each(['{}', '{"data":[{}]}', '{"data":[{"validating_pubkey":"0x00"}]}', '[]', '<html>', ''])(
    'listKeystores refuses the answer %j',
    async body => {
      const listed = withKeymanager(
        () => ({ body }),
        client => client.listKeystores(),
      );
      await expect(listed).rejects.toMatchObject({ code: 'invalid-answer' });
    },
  );
});

describe('keymanager import', () => {
  it('importKeystores sends what was recorded and reads a result for each key', async () => {
    const imports = exchanges.filter(
      ({ request, response, name }) =>
        request.method === 'POST' && response.status === 200 && !/null|empty string|unknown field/.test(name),
    );
    expect(imports.length).toBeGreaterThan(20);
    const statuses = new Set<string>();
    for (const exchange of imports) {
      await withKeymanager(replay(exchange), async (client, server) => {
        const results = await client.importKeystores(batchOf(exchange));
        const { data } = JSON.parse(exchange.response.body) as {
          data: { status: string; message: string | null }[];
        };
        expect(results).toEqual(
          data.map(({ status, message }) => ({ status, message: foreignText(message ?? '') })),
        );
        for (const { status } of results) statuses.add(status);
        expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual(JSON.parse(exchange.request.body ?? ''));
      });
    }
    expect(statuses).toEqual(new Set(['imported', 'duplicate', 'error']));
  });

  it('importKeystores explains the status with which a signer refuses', async () => {
    for (const exchange of exchanges.filter(
      ({ request, response }) => request.method === 'POST' && response.status >= 400,
    )) {
      const sent = withKeymanager(replay(exchange), client =>
        client.importKeystores({ keystores: ['{}'], passwords: [''] }),
      );
      await expect(sent).rejects.toMatchObject({ exitCode: 1, hint: expect.any(String) });
    }
  });

  it.each<readonly [string, Handler, string]>([
    ['a cut connection', reset, 'connection-reset'],
    ['silence', () => undefined, 'timeout'],
    ['503', () => ({ status: 503 }), 'signer-busy'],
    ['garbage', () => ({ body: 'garbage' }), 'invalid-answer'],
    ['half the results', () => ({ body: '{"data":[{"status":"imported"}]}' }), 'invalid-answer'],
    ['no results', () => ({ body: '{"data":[]}' }), 'invalid-answer'],
    [
      'an unknown status',
      () => ({ body: '{"data":[{"status":"done"},{"status":"done"}]}' }),
      'invalid-answer',
    ],
  ])('importKeystores never repeats an import by itself: %s', async (_, handler, code) => {
    await withKeymanager(handler, async (client, server) => {
      const sent = client.importKeystores({ keystores: ['{}', '{}'], passwords: ['a', 'b'] });
      await expect(sent).rejects.toMatchObject({ code });
      expect(server.seen).toHaveLength(1);
    });
  });

  it('importKeystores does not send more than a signer takes, and importEntryBytes knows the size before', async () => {
    const keystore = 'x'.repeat(1_000_000);
    expect(importEntryBytes('{"a":"ü"}', 'p"')).toBe(Buffer.byteLength('"{\\"a\\":\\"ü\\"}"') + 5 + 2);
    await withKeymanager(replay(recorded('empty lists')), async (client, server) => {
      const entries = Math.ceil(MAX_KEYMANAGER_BODY_BYTES / importEntryBytes(keystore, 'p'));
      const batch = { keystores: Array(entries).fill(keystore), passwords: Array(entries).fill('p') };
      await expect(client.importKeystores(batch)).rejects.toMatchObject({
        code: 'body-too-large',
        exitCode: 2,
      });
      expect(server.seen).toHaveLength(0);
    });
  });

  it('importKeystores does not send different numbers of keystores and passwords', async () => {
    await withKeymanager(replay(recorded('empty lists')), async (client, server) => {
      await expect(client.importKeystores({ keystores: ['{}'], passwords: [] })).rejects.toThrow(RangeError);
      expect(server.seen).toHaveLength(0);
    });
  });
});

describe('keymanager delete', () => {
  it('deleteKeystores reads the recorded answers', async () => {
    const deletes = exchanges.filter(
      ({ request, response }) => request.method === 'DELETE' && response.status === 200,
    );
    const statuses = new Set<string>();
    for (const exchange of deletes) {
      const { data, slashing_protection } = JSON.parse(exchange.response.body) as {
        data: { status: string }[];
        slashing_protection?: string;
      };
      const keys = data.map(() => key);
      const answer = await withKeymanager(replay(exchange), client => client.deleteKeystores(keys));
      expect(answer.results.map(({ status }) => status)).toEqual(data.map(({ status }) => status));
      expect(answer.slashingProtection).toBe(slashing_protection);
      for (const { status } of answer.results) statuses.add(status);
    }
    expect(statuses).toEqual(new Set(['deleted', 'not_active', 'not_found', 'error']));
  });

  it('deleteKeystores sends the keys in lower case, and does not repeat the request', async () => {
    await withKeymanager(reset, async (client, server) => {
      await expect(client.deleteKeystores([key])).rejects.toMatchObject({ code: 'connection-reset' });
      expect(server.seen.map(({ body }) => body)).toEqual([`{"pubkeys":["0x${'a1'.repeat(48)}"]}`]);
    });
  });
});
