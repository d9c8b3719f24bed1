import {
  type ComparableAnswer,
  comparable,
  type Exchange,
  type RecordedNetwork,
  recordedExchanges,
} from './exchanges.ts';

/** Where the built-in signer answers otherwise on purpose, and why. */
export interface Difference {
  readonly why: string;
  readonly answer: (recorded: ComparableAnswer, all: readonly Exchange[]) => ComparableAnswer;
}

const said =
  (status: number, body: RegExp | string): Difference['answer'] =>
  () => ({
    status,
    contentType: 'text/plain;charset=utf-8',
    body,
  });
const badRequest: Difference['answer'] = () => ({ status: 400, contentType: undefined, body: 'Bad Request' });
const tooLarge: Difference['answer'] = () => ({
  status: 413,
  contentType: undefined,
  body: 'Request Entity Too Large',
});
const MAX_BODY_BYTES = 8 * 1024;
const SMALL_BODIES = 'a request for an exit has less than a KiB: 8 KiB are read, not 10 MiB';
const FOREIGN_ROOT = 'a foreign genesis validators root is refused: the signature would be valid nowhere';
const FOREIGN_FORK = 'a fork version of another network is refused';
const CAPELLA_ONLY =
  'signed in the domain of Capella, the only one that a chain accepts since Deneb (EIP-7044)';

/** Cases of one network in which the built-in signer is stricter than Web3Signer, or has an answer of its own. */
export function differencesOf(network: RecordedNetwork): ReadonlyMap<string, Difference> {
  const differences: Record<string, Difference> = {
    'sign-exit: type duplicate key (json)': {
      why: 'a member that stands twice is refused',
      answer: badRequest,
    },
    'sign-exit: trailing garbage after JSON': {
      why: 'what stands behind the JSON is refused',
      answer: badRequest,
    },
    'sign-exit: genesis_validators_root 31 bytes': {
      why: 'a short root is refused, not padded',
      answer: badRequest,
    },
    'sign-exit: genesis_validators_root zero': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x0{64} is not that of \w+\.$/),
    },
    'sign-exit: fork_info of another network (capella/capella)': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x\w{64} is not that of \w+\.$/),
    },
    'sign-exit: fork_info of another network, with its own signing_root': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x\w{64} is not that of \w+\.$/),
    },
    'sign-exit: documented example (openapi), exit before deneb': {
      why: FOREIGN_ROOT,
      answer: said(412, /^The genesis validators root 0x\w{64} is not that of \w+\.$/),
    },
  };
  for (const size of [1_048_576, 10_485_760]) {
    differences[`sign-exit: body of ${size} bytes`] = { why: SMALL_BODIES, answer: tooLarge };
  }
  differences['sign-exit: host header empty'] = {
    why: 'a Host header without a name is refused, as RFC 9112 has it',
    answer: badRequest,
  };
  if (network === 'holesky') {
    // Recorded with mainnet's versions, which Web3Signer ignores.
    differences['sign-exit: fork versions without 0x'] = {
      why: FOREIGN_FORK,
      answer: said(412, 'The fork version 0x03000000 is not one of holesky.'),
    };
    differences['sign-exit: fork_info zero versions, own gvr, exit after deneb'] = {
      why: FOREIGN_FORK,
      answer: said(412, 'The fork version 0x00000000 is not one of holesky.'),
    };
  }
  const epochs = network === 'mainnet' ? [1, 194048, 269567] : [1, 256, 29695];
  for (const epoch of epochs) {
    for (const fork of epoch === 1 ? ['capella', 'electra', 'fulu'] : ['electra', 'fulu']) {
      const name = `sign-exit: exit epoch ${epoch}, fork_info at ${fork}`;
      const twin = `sign-exit: exit epoch ${epoch}, fork_info capella/capella`;
      differences[name] = { why: CAPELLA_ONLY, answer: (_, all) => recordedAnswer(all, twin) };
    }
  }
  if (network === 'mainnet') Object.assign(differences, infoDifferences(), typeDifferences());
  return new Map(Object.entries(differences));
}

function recordedAnswer(all: readonly Exchange[], name: string): ComparableAnswer {
  const exchange = all.find(each => each.name === name);
  if (exchange === undefined) throw new Error(`there is no exchange "${name}"`);
  return comparable(exchange, exchange.response);
}

function infoDifferences(): Record<string, Difference> {
  return {
    'info-full: GET /metrics': {
      why: 'metrics stand beside the API, not on a port of their own',
      answer: () => ({ status: 200, contentType: 'text/plain;version=0.0.4;charset=utf-8', body: /^# HELP/ }),
    },
  };
}

/** Every other type is refused by name, whatever else the request holds. */
function typeDifferences(): Record<string, Difference> {
  const differences: Record<string, Difference> = {};
  for (const { name, request } of recordedExchanges('mainnet')) {
    if (!name.startsWith('sign-types: ') || request.body === undefined) continue;
    const { type } = JSON.parse(request.body) as { type: string };
    if (type === 'VOLUNTARY_EXIT') continue;
    if (request.body.length > MAX_BODY_BYTES) {
      differences[name] = { why: SMALL_BODIES, answer: tooLarge };
      continue;
    }
    const body = `This signer signs VOLUNTARY_EXIT only, never ${type.toUpperCase()}.`;
    differences[name] = { why: 'exits only: no slashing, no deposit', answer: said(400, body) };
  }
  differences['sign-types: VOLUNTARY_EXIT with other genesis_validators_root'] = {
    why: FOREIGN_ROOT,
    answer: said(412, /^The genesis validators root 0x\w{64} is not that of mainnet\.$/),
  };
  differences['sign-types: documented example: VOLUNTARY_EXIT'] = {
    why: FOREIGN_ROOT,
    answer: said(412, /^The genesis validators root 0x\w{64} is not that of mainnet\.$/),
  };
  return differences;
}
