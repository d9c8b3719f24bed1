import { DEPOSIT_TYPE, type DepositRequest, readDepositRequest } from './deposit-request.ts';
import { EXIT_TYPE, type ExitRequest, readExitRequest } from './exit-request.ts';
import { Refusal } from './refusal.ts';
import { readSignBody } from './request-members.ts';

/** What a sign request asks for. */
export type SignRequest =
  | { readonly type: typeof EXIT_TYPE; readonly exit: ExitRequest }
  | { readonly type: typeof DEPOSIT_TYPE; readonly deposit: DepositRequest };

/** Web3Signer's types: known, and refused by name where they are not signed. */
const KNOWN_TYPES: ReadonlySet<string> = new Set([
  'AGGREGATION_SLOT',
  'AGGREGATE_AND_PROOF',
  'AGGREGATE_AND_PROOF_V2',
  'ATTESTATION',
  'BLOCK',
  'BLOCK_V2',
  DEPOSIT_TYPE,
  'RANDAO_REVEAL',
  'SYNC_COMMITTEE_MESSAGE',
  'SYNC_COMMITTEE_SELECTION_PROOF',
  'SYNC_COMMITTEE_CONTRIBUTION_AND_PROOF',
  'VALIDATOR_REGISTRATION',
]);

/**
 * Reads a sign request with Web3Signer's statuses: 400 for what its parser refuses, 500 for what its handler stumbles
 * over. Stricter where two readers could understand two things, or where a root would be padded to another one.
 * @param options.signsDeposits - whether this signer signs deposits beside exits
 * @throws Refusal
 */
export function readSignRequest(
  body: Uint8Array,
  { signsDeposits }: { readonly signsDeposits: boolean },
): SignRequest {
  const members = readSignBody(body);
  const type = readType(members.type);
  if (type === EXIT_TYPE) return { type, exit: readExitRequest(members) };
  if (type === DEPOSIT_TYPE && signsDeposits) return { type, deposit: readDepositRequest(members) };
  const signed = signsDeposits ? `${EXIT_TYPE} and ${DEPOSIT_TYPE}` : EXIT_TYPE;
  throw new Refusal(400, `This signer signs ${signed} only, never ${type}.`, { told: true });
}

function readType(type: unknown): string {
  if (type === undefined) throw new Refusal(400, 'type is missing');
  if (typeof type !== 'string') throw new Refusal(500, 'type is not a string');
  const name = type.toUpperCase();
  if (name === EXIT_TYPE || KNOWN_TYPES.has(name)) return name;
  throw new Refusal(400, 'type is unknown');
}
