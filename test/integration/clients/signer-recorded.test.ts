import { describe, expect, it } from 'vitest';
import { openSignerClient } from '../../../src/clients/signer-client.ts';
import { checkSignerHealth, checkSignerUp, listSignerPublicKeys } from '../../../src/clients/web3signer.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import type { ExternalError } from '../../../src/lib/errors.ts';
import { NETWORK_NAMES, resolveNetwork } from '../../../src/networks.ts';
import { type Answer, type SeenRequest, startServer } from '../../support/http-server.ts';
import { type RecordedExchange, readSignerExchanges } from '../../support/recorded-signer.ts';

const exchanges = [...readSignerExchanges('sign-exit'), ...readSignerExchanges('reload-full')].filter(
  ({ request }) => request.path.startsWith('/api/v1/eth2/sign/0x'),
);
const networks = NETWORK_NAMES.map(name => resolveNetwork(name));

interface ExitBody {
  readonly signing_root?: string;
  readonly fork_info: {
    readonly fork: {
      readonly previous_version: string;
      readonly current_version: string;
      readonly epoch: string;
    };
    readonly genesis_validators_root: string;
  };
  readonly voluntary_exit: { readonly epoch: string; readonly validator_index: string };
}

function parseBody(text: string | undefined): Partial<ExitBody> | undefined {
  try {
    return JSON.parse(text ?? '') as Partial<ExitBody>;
  } catch {
    return undefined;
  }
}

/** The request of this client that a recorded one stands for; undefined for one that it would never send. */
function asOwnRequest({ request, server }: RecordedExchange) {
  const body = parseBody(request.body);
  const [, hex] = /^\/api\/v1\/eth2\/sign\/(0x[0-9a-f]{96})$/.exec(request.path) ?? [];
  const { fork_info, voluntary_exit } = body ?? {};
  if (hex === undefined || !fork_info?.fork || !voluntary_exit?.epoch || !voluntary_exit.validator_index)
    return;
  if (request.headers.Accept !== 'application/json' || (request.headers.Host ?? 'localhost') !== 'localhost')
    return;
  const network = networks.find(
    ({ genesisValidatorsRoot, capellaForkVersion, capellaForkEpoch, name }) =>
      toHex(genesisValidatorsRoot) === fork_info.genesis_validators_root &&
      toHex(capellaForkVersion) === fork_info.fork.current_version &&
      toHex(capellaForkVersion) === fork_info.fork.previous_version &&
      String(capellaForkEpoch) === fork_info.fork.epoch &&
      (!server.includes('--network=') || server.includes(`--network=${name}`)),
  );
  const [epoch, index] = [voluntary_exit.epoch, voluntary_exit.validator_index].map(String);
  if (network === undefined || !/^\d+$/.test(epoch ?? '') || !/^\d+$/.test(index ?? '')) return;
  return {
    publicKey: fromHex(hex, 48),
    network,
    epoch: BigInt(epoch ?? ''),
    validatorIndex: BigInt(index ?? ''),
  };
}

/** Web3Signer also takes leading zeros, and JSON numbers. */
function decimal(number: string | number | undefined): string {
  return BigInt(number ?? 0).toString();
}

/** Answers as recorded, when the request says the same as the recorded one; with `signing_root` always. */
function replay({ request, response }: RecordedExchange) {
  return (seen: SeenRequest): Answer => {
    const own = parseBody(seen.body);
    const recorded = parseBody(request.body);
    const exit = recorded?.voluntary_exit;
    expect(seen.path).toBe(request.path);
    expect(own).toEqual({
      type: 'VOLUNTARY_EXIT',
      signing_root: recorded?.signing_root?.toLowerCase().replace(/^(?!0x)/, '0x') ?? expect.any(String),
      fork_info: recorded?.fork_info,
      voluntary_exit: { epoch: decimal(exit?.epoch), validator_index: decimal(exit?.validator_index) },
    });
    return response;
  };
}

async function signOver(
  handler: (seen: SeenRequest) => Answer,
  own: NonNullable<ReturnType<typeof asOwnRequest>>,
) {
  await using server = await startServer(handler);
  await using client = openSignerClient({ urls: [server.url], timeoutMs: 500 });
  return await client.signExit(own);
}

describe('a recorded Web3Signer', () => {
  const signed = exchanges.flatMap(exchange => {
    const own = exchange.response.status === 200 ? asOwnRequest(exchange) : undefined;
    return own === undefined ? [] : [{ exchange, own }];
  });

  it('gave many signatures to requests such as those of this client, of mainnet and holesky', () => {
    expect(signed.length).toBeGreaterThan(40);
    expect(new Set(signed.map(({ own }) => own.network.name))).toEqual(new Set(['mainnet', 'holesky']));
  });

  it('is understood and its signatures are right, whatever the exit’s epoch', async () => {
    for (const { exchange, own } of signed) {
      const signature = await signOver(replay(exchange), own);
      expect(JSON.parse(exchange.response.body)).toEqual({ signature: toHex(signature) });
    }
  });

  it('that signs in another domain than Capella’s is found out', async () => {
    const foreign = exchanges.find(({ name }) => name === 'exit epoch 1, fork_info at fulu');
    const [{ own }] = signed as [(typeof signed)[0]];
    if (foreign === undefined) return expect.fail();
    const request = { ...own, epoch: 1n, publicKey: fromHex(foreign.request.path.slice(-96), 48) };
    const answered = signOver(() => foreign.response, request);
    await expect(answered).rejects.toMatchObject({ code: 'invalid-signature' });
  });

  it('that refuses is explained, each time', async () => {
    const refusals = exchanges.filter(({ response }) => response.status >= 400);
    expect(new Set(refusals.map(({ response }) => response.status))).toEqual(
      new Set([400, 403, 404, 405, 412, 413, 500]),
    );
    const [{ own }] = signed as [(typeof signed)[0]];
    const kinds = new Map(refusals.map(each => [`${each.response.status} ${each.response.body}`, each]));
    for (const { response } of kinds.values()) {
      const error = await signOver(() => response, own).catch((e: unknown) => e as ExternalError);
      expect(error).toMatchObject({ exitCode: 1, hint: expect.any(String), retryable: false });
    }
  });
});

describe('recorded answers about a signer', () => {
  const info = readSignerExchanges('info-full');
  const times = { timeoutMs: 1_000 };

  it('are all understood', async () => {
    const asks = {
      'GET /api/v1/eth2/publicKeys': listSignerPublicKeys,
      'GET /upcheck': checkSignerUp,
      'GET /healthcheck': checkSignerHealth,
    };
    let understood = 0;
    for (const { request, response } of info) {
      const ask = asks[`${request.method} ${request.path}` as keyof typeof asks];
      if (ask === undefined || response.status !== 200) continue;
      await using server = await startServer(() => response);
      await ask({}, { url: server.url, ...times });
      understood++;
    }
    expect(understood).toBeGreaterThan(15);
  });

  it('give the figures of its health', async () => {
    const healths = [
      ...info,
      ...readSignerExchanges('reload-full'),
      ...readSignerExchanges('keymanager'),
    ].filter(
      ({ request, response }) =>
        request.path === '/healthcheck' && request.method === 'GET' && response.status !== 403,
    );
    const seen = new Set<string>();
    for (const { response } of healths) {
      await using server = await startServer(() => response);
      const { isUp, keysLoaded, errorCount } = await checkSignerHealth({}, { url: server.url, ...times });
      expect(isUp).toBe(response.status === 200);
      expect(keysLoaded).toBeGreaterThanOrEqual(0);
      seen.add(`${isUp} ${(errorCount ?? 0) > 0}`);
    }
    // The last: the database of its slashing protection is down.
    expect(seen).toEqual(new Set(['true false', 'false true', 'false false']));
  });
});
