// The table of cases. Each is asked over HTTP as it was recorded, and by this program's client.
import { isDeepStrictEqual } from 'node:util';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import type { Network } from '../../../src/networks/network.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { exitSigningRoot, hex } from '../../devnet/exit-signature.ts';
import { type Difference, differencesOf } from './differences.ts';
import {
  type Exchange,
  RECORDED_PUBLIC_KEY,
  type RecordedNetwork,
  recordedExchanges,
  recordedHistory,
} from './exchanges.ts';

export interface ConformanceCase {
  readonly name: string;
  readonly exchange: Exchange;
  /** How the built-in signer differs, by design. */
  readonly difference: Difference | undefined;
  /** What the client is asked for. */
  readonly ask: ClientAsk;
  /** Whether the client itself then says what was recorded; where it never would, it is only given the answer. */
  readonly isOwn: boolean;
}

export type ClientAsk =
  | { readonly kind: 'publicKeys' | 'upcheck' | 'health' | 'reload' }
  | {
      readonly kind: 'sign';
      readonly publicKey: Uint8Array;
      readonly epoch: bigint;
      readonly validatorIndex: bigint;
      readonly network: Network;
    };

/** Cases for a signer of this network that holds the recorded key. */
export function conformanceCases(name: RecordedNetwork): readonly ConformanceCase[] {
  const differences = differencesOf(name);
  const network = resolveNetwork(name);
  return recordedExchanges(name).map(exchange =>
    createCase(exchange, network, differences.get(exchange.name)),
  );
}

/** Cases that only a recording can bring about. */
export function historyCases(): readonly ConformanceCase[] {
  const network = resolveNetwork('mainnet');
  return recordedHistory().map(exchange => createCase(exchange, network, undefined));
}

function createCase(
  exchange: Exchange,
  network: Network,
  difference: Difference | undefined,
): ConformanceCase {
  const ask = askOf(exchange, network);
  return { name: exchange.name, exchange, difference, ask, isOwn: isOwn(exchange, ask) };
}

function askOf({ request: { path, body } }: Exchange, network: Network): ClientAsk {
  if (path === '/reload') return { kind: 'reload' };
  if (path === '/upcheck') return { kind: 'upcheck' };
  if (path.startsWith('/healthcheck')) return { kind: 'health' };
  if (!/\/sign\b/.test(path)) return { kind: 'publicKeys' };
  const [key = RECORDED_PUBLIC_KEY] = /0x[0-9a-f]{96}/.exec(path) ?? [];
  const exit = (parse(body) as { voluntary_exit?: Record<string, unknown> } | undefined)?.voluntary_exit;
  return {
    kind: 'sign',
    network,
    publicKey: fromHex(key, 48),
    epoch: uint64(exit?.epoch),
    validatorIndex: uint64(exit?.validator_index),
  };
}

/** One that the client can ask for, where the recorded one is none. */
function uint64(value: unknown): bigint {
  const number = /^\d{1,20}$/.test(String(value)) ? BigInt(String(value)) : 1n;
  return number < 2n ** 64n ? number : 1n;
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

function isOwn({ request, response }: Exchange, ask: ClientAsk): boolean {
  const { method, path, body } = request;
  const { Accept: accept, 'Content-Type': type, ...others } = request.headers;
  if (Object.keys(others).length > 0) return false;
  const isJson = accept === 'application/json';
  switch (ask.kind) {
    case 'sign': {
      const isSign = path === `/api/v1/eth2/sign/${toHex(ask.publicKey)}`;
      return method === 'POST' && isSign && isJson && type === 'application/json' && isExit(parse(body), ask);
    }
    case 'reload':
      return method === 'POST' && response.status === 202;
    case 'upcheck':
      return method === 'GET' && accept === 'text/plain';
    case 'health':
      return method === 'GET' && isJson && path === '/healthcheck';
    case 'publicKeys':
      return method === 'GET' && isJson && path === '/api/v1/eth2/publicKeys';
  }
}

/** Whether a parsed body asks for the exit in the client's way; Web3Signer needs no signing root. */
export function isExit(body: unknown, ask: ClientAsk & { readonly kind: 'sign' }): boolean {
  const { network, epoch, validatorIndex } = ask;
  const version = toHex(network.capellaForkVersion);
  const signing_root = hex(exitSigningRoot(ask, network));
  return isDeepStrictEqual(
    { signing_root, ...(body as object) },
    {
      type: 'VOLUNTARY_EXIT',
      signing_root,
      fork_info: {
        fork: {
          previous_version: version,
          current_version: version,
          epoch: String(network.capellaForkEpoch),
        },
        genesis_validators_root: toHex(network.genesisValidatorsRoot),
      },
      voluntary_exit: { epoch: String(epoch), validator_index: String(validatorIndex) },
    },
  );
}
