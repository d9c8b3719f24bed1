import type { ExitMessage } from '../../domain/consensus/exit-message.ts';
import { fromHex } from '../../lib/bytes.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import { Refusal } from './refusal.ts';
import { parseStrictJson } from './strict-json.ts';

/** The body of a sign request that asks for an exit. */
export interface ExitRequest {
  readonly exit: ExitMessage;
  /** 32 bytes. */
  readonly genesisValidatorsRoot: Uint8Array;
  /** 4 bytes each. */
  readonly forkVersions: readonly [Uint8Array, Uint8Array];
  /** The signing root as given; undefined when the client leaves it to the signer. */
  readonly signingRoot: Uint8Array | undefined;
}

export const EXIT_TYPE = 'VOLUNTARY_EXIT';
/** Web3Signer's other types: known, and refused by name. */
const OTHER_TYPES: ReadonlySet<string> = new Set([
  'AGGREGATION_SLOT',
  'AGGREGATE_AND_PROOF',
  'AGGREGATE_AND_PROOF_V2',
  'ATTESTATION',
  'BLOCK',
  'BLOCK_V2',
  'DEPOSIT',
  'RANDAO_REVEAL',
  'SYNC_COMMITTEE_MESSAGE',
  'SYNC_COMMITTEE_SELECTION_PROOF',
  'SYNC_COMMITTEE_CONTRIBUTION_AND_PROOF',
  'VALIDATOR_REGISTRATION',
]);

const MAX_UINT64 = 2n ** 64n - 1n;

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads a sign request with Web3Signer's statuses: 400 for what its parser refuses, 500 for what its handler stumbles
 * over. Stricter where two readers could understand two things, or where a root would be padded to another one.
 * @throws Refusal
 */
export function readExitRequest(body: Uint8Array): ExitRequest {
  const root = parseBody(body);
  if (root === null) throw new Refusal(500, 'the body is null');
  const members = asMembers(root, 'the body');
  requireExitType(members.type);
  // All that its parser would refuse comes first, as there.
  const forkInfo = readForkInfo(members.fork_info);
  const message = readExit(members.voluntary_exit);
  const signingRoot = readSigningRoot(members);
  if (forkInfo === undefined) throw new Refusal(500, 'fork_info is missing');
  const { genesisValidatorsRoot, previous, current, epoch } = forkInfo;
  if (previous === undefined || current === undefined || epoch === undefined)
    throw new Refusal(500, 'fork_info.fork lacks a member');
  if (message?.epoch === undefined || message.validatorIndex === undefined)
    throw new Refusal(500, 'voluntary_exit lacks a member');
  if (signingRoot !== undefined && signingRoot.length !== HASH_LENGTH)
    throw new Refusal(500, 'signing_root is not 32 bytes');
  return {
    exit: { epoch: message.epoch, validatorIndex: message.validatorIndex },
    genesisValidatorsRoot,
    forkVersions: [previous, current],
    signingRoot,
  };
}

function parseBody(body: Uint8Array): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    throw new Refusal(400, 'the body is not JSON, or names a member twice');
  }
}

function requireExitType(type: unknown): void {
  if (type === undefined) throw new Refusal(400, 'type is missing');
  if (typeof type !== 'string') throw new Refusal(500, 'type is not a string');
  const name = type.toUpperCase();
  if (name === EXIT_TYPE) return;
  if (OTHER_TYPES.has(name))
    throw new Refusal(400, `This signer signs ${EXIT_TYPE} only, never ${name}.`, { told: true });
  throw new Refusal(400, 'type is unknown');
}

function readForkInfo(value: unknown) {
  if (value === undefined || value === null) return undefined;
  const { fork, genesis_validators_root: root } = asMembers(value, 'fork_info');
  const { previous_version: previous, current_version: current, epoch } = asMembers(fork, 'fork_info.fork');
  return {
    genesisValidatorsRoot: readBytes(root, 'fork_info.genesis_validators_root', HASH_LENGTH),
    previous: optionally(previous, text => readBytes(text, 'fork_info.fork.previous_version', 4)),
    current: optionally(current, text => readBytes(text, 'fork_info.fork.current_version', 4)),
    epoch: optionally(epoch, text => readUint64(text, 'fork_info.fork.epoch')),
  };
}

function readExit(value: unknown) {
  if (value === undefined || value === null) return undefined;
  const { epoch, validator_index: index } = asMembers(value, 'voluntary_exit');
  return {
    epoch: optionally(epoch, text => readUint64(text, 'voluntary_exit.epoch')),
    validatorIndex: optionally(index, text => readUint64(text, 'voluntary_exit.validator_index')),
  };
}

/** Both spellings are Web3Signer's; both at once are one member twice. */
function readSigningRoot({ signing_root: snake, signingRoot: camel }: Members): Uint8Array | undefined {
  if (snake !== undefined && camel !== undefined) {
    throw new Refusal(
      isMeantTheSame(snake, camel) ? 400 : 500,
      'signing_root and signingRoot are both given',
    );
  }
  return optionally(snake ?? camel, text => readBytes(text, 'signing_root'));
}

function isMeantTheSame(a: unknown, b: unknown): boolean {
  return String(a).toLowerCase() === String(b).toLowerCase();
}

function optionally<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

function asMembers(value: unknown, name: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(400, `${name} is not an object`);
  return value as Members;
}

function readBytes(value: unknown, name: string, length?: number): Uint8Array {
  try {
    if (typeof value === 'string') return fromHex(value, length);
  } catch {
    // Said below.
  }
  throw new Refusal(400, `${name} is not ${length ?? 'whole'} bytes of hex`);
}

/** A decimal string or a JSON number, as Web3Signer takes both. A number must be one that JSON.parse cannot round. */
function readUint64(value: unknown, name: string): bigint {
  const isExact = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string';
  const text = String(value);
  if (isExact && /^\d{1,32}$/.test(text)) {
    const number = BigInt(text);
    if (number <= MAX_UINT64) return number;
  }
  throw new Refusal(400, `${name} is not an unsigned 64-bit number`);
}
