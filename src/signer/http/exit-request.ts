import type { ExitMessage } from '../../domain/consensus/exit-message.ts';
import { HASH_LENGTH } from '../../lib/lengths.ts';
import { Refusal } from './refusal.ts';
import {
  type Members,
  readHexMember,
  readObject,
  readOptional,
  readSigningRootMember,
  readUint64Member,
} from './request-members.ts';

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
/** Reads the members of a sign request for an exit. @throws Refusal */
export function readExitRequest(members: Members): ExitRequest {
  // All that its parser would refuse comes first, as there.
  const forkInfo = readForkInfo(members.fork_info);
  const message = readExit(members.voluntary_exit);
  const signingRoot = readSigningRootMember(members);
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

function readForkInfo(value: unknown) {
  if (value === undefined || value === null) return undefined;
  const { fork, genesis_validators_root: root } = readObject(value, 'fork_info');
  const { previous_version: previous, current_version: current, epoch } = readObject(fork, 'fork_info.fork');
  return {
    genesisValidatorsRoot: readHexMember(root, 'fork_info.genesis_validators_root', HASH_LENGTH),
    previous: readOptional(previous, text => readHexMember(text, 'fork_info.fork.previous_version', 4)),
    current: readOptional(current, text => readHexMember(text, 'fork_info.fork.current_version', 4)),
    epoch: readOptional(epoch, text => readUint64Member(text, 'fork_info.fork.epoch')),
  };
}

function readExit(value: unknown) {
  if (value === undefined || value === null) return undefined;
  const { epoch, validator_index: index } = readObject(value, 'voluntary_exit');
  return {
    epoch: readOptional(epoch, text => readUint64Member(text, 'voluntary_exit.epoch')),
    validatorIndex: readOptional(index, text => readUint64Member(text, 'voluntary_exit.validator_index')),
  };
}
