import { signMessage } from '../../../src/domain/consensus/bls.ts';
import { computeDomain, computeSigningRoot, DOMAIN } from '../../../src/domain/consensus/signing-root.ts';
import { VoluntaryExit } from '../../../src/domain/consensus/ssz.ts';
import { publicKeyOf } from '../../../src/domain/keys/derivation.ts';
import { fromHex, type Hex, toHex } from '../../../src/lib/bytes.ts';
import type { Answer, Handler, SeenRequest } from './http-server.ts';

export interface TestKey {
  readonly secretKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly hex: Hex;
}

/** Keys that are the same in every run. */
export function testKeys(count: number, first = 1): TestKey[] {
  return Array.from({ length: count }, (_, i) => {
    const secretKey = new Uint8Array(32).fill(first + i, 1);
    const publicKey = publicKeyOf(secretKey);
    return { secretKey, publicKey, hex: toHex(publicKey) };
  });
}

interface ExitBody {
  readonly fork_info: {
    readonly fork: { readonly current_version: string };
    readonly genesis_validators_root: string;
  };
  readonly voluntary_exit: { readonly epoch: string; readonly validator_index: string };
}

/** A signer that does what the documents say, as small as can be: computes the root from the request itself. */
export function exitSigner(keys: readonly TestKey[]): Handler {
  const secretKeys = new Map(keys.map(({ hex, secretKey }) => [hex as string, secretKey]));
  return request => {
    if (request.path === '/upcheck') return { body: 'OK' };
    if (request.path === '/api/v1/eth2/publicKeys') return { body: JSON.stringify([...secretKeys.keys()]) };
    const [, hex = ''] = /^\/api\/v1\/eth2\/sign\/(0x[0-9a-f]{96})$/.exec(request.path) ?? [];
    const secretKey = secretKeys.get(hex);
    return secretKey === undefined ? { status: 404, body: 'Not Found' } : signedBy(secretKey, request);
  };
}

/** The answer to a request, signed with this key whatever key was asked for. */
export function signedBy(secretKey: Uint8Array, request: Pick<SeenRequest, 'body'>): Answer {
  const { fork_info, voluntary_exit } = JSON.parse(request.body) as ExitBody;
  const root = computeSigningRoot(
    VoluntaryExit.hashTreeRoot({
      epoch: BigInt(voluntary_exit.epoch),
      validator_index: BigInt(voluntary_exit.validator_index),
    }),
    computeDomain(
      DOMAIN.voluntaryExit,
      fromHex(fork_info.fork.current_version),
      fromHex(fork_info.genesis_validators_root),
    ),
  );
  return { body: JSON.stringify({ signature: toHex(signMessage(secretKey, root)) }) };
}
