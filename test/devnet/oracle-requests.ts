import { z } from 'zod';
import { checksumOf } from './typed-data.ts';

/** What oracles are sent: exactly the fields of the vault's version, nothing more, nothing less. */

const bytes = (length: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-f]{${2 * length}}$`), `must be ${length} bytes of lower-case hex with 0x`);
const address = z
  .string()
  .refine(
    text => /^0x[0-9a-fA-F]{40}$/.test(text) && checksumOf(text) === text,
    'must be a checksummed address',
  );
const seconds = z.int().min(1);

/** ECIES over a BLS signature: ephemeral key, nonce, tag and 96 bytes. */
const SHARD_LENGTH = 193;

const shares = {
  vault_address: address,
  public_keys: z.array(bytes(48)).min(1),
  public_key_shards: z.array(z.array(bytes(48))),
  exit_signature_shards: z.array(z.array(bytes(SHARD_LENGTH))),
  deadline: seconds,
};
const registration = {
  ...shares,
  validator_index: z.int().min(0),
  validators_root: bytes(32),
  deposit_signatures: z.array(bytes(96)),
};
const proof = {
  proof: z.array(bytes(32)),
  proof_flags: z.array(z.boolean()),
  proof_indexes: z.array(z.int().min(0)),
};
const noProof = { proof: z.null(), proof_flags: z.null(), proof_indexes: z.null() };

const version1 = z.strictObject({ ...registration, ...proof });
const byProof = z.strictObject({ ...registration, ...proof, validators_manager_signature: z.null() });
const byManager = z.strictObject({ ...registration, ...noProof, validators_manager_signature: bytes(65) });
/** Gwei of validators with 0x02 credentials, each as the vault takes it; null for 0x01. */
const amount = z.int().min(32_000_000_000).max(2_048_000_000_000);
const version5ByManager = z.strictObject({
  ...registration,
  validators_manager_signature: bytes(65),
  amounts: z.array(amount).nullable(),
});

const rotationSchema = z.strictObject(shares);

/** Shards of exits for the oracles of the current set, in the order of its document. */
export type ShareRequest = z.infer<typeof rotationSchema>;

export interface ApprovalRequest extends ShareRequest {
  readonly validator_index: number;
  readonly validators_root: string;
  readonly deposit_signatures: readonly string[];
  readonly proof?: readonly string[] | null;
  readonly proof_flags?: readonly boolean[] | null;
  readonly proof_indexes?: readonly number[] | null;
  readonly validators_manager_signature?: string | null;
  readonly amounts?: readonly number[] | null;
}

/** An oracle's no: the status of its answer, and why. */
export class Refusal extends Error {
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** The vault that a body is about, before anything else of it is known. */
export function vaultOf(body: unknown): string {
  return parse(z.looseObject({ vault_address: address }), body).vault_address;
}

/**
 * Reads a request for approval.
 * @param proves - whether deposit data registers in this vault, or its validators manager
 * @throws Refusal
 */
export function parseApprovalRequest(
  body: unknown,
  vault: { readonly version: number; readonly proves: boolean },
): ApprovalRequest {
  if (vault.version === 1) return sized(parse(version1, body));
  if (vault.proves) return sized(parse(byProof, body));
  return sized(vault.version >= 5 ? parse(version5ByManager, body) : parse(byManager, body));
}

/** Reads a request for the rotation of exit signatures; throws Refusal. */
export function parseRotationRequest(body: unknown): ShareRequest {
  return sized(parse(rotationSchema, body));
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : issue?.path.join('.');
  throw new Refusal(`${where}: ${issue?.message}`);
}

/** The contract tells the kind of a batch by its length, and refuses one that 176 and 184 divide. */
const AMBIGUOUS_LENGTH = 4048;

function sized<T extends ShareRequest & Partial<Pick<ApprovalRequest, 'deposit_signatures' | 'amounts'>>>(
  request: T,
): T {
  const count = request.public_keys.length;
  const { public_key_shards, exit_signature_shards, deposit_signatures, amounts } = request;
  const lists = [public_key_shards, exit_signature_shards, deposit_signatures, amounts ?? undefined];
  if (lists.some(list => list !== undefined && list.length !== count)) {
    throw new Refusal('the lists of validators have different lengths');
  }
  if (amounts !== undefined && (count * (amounts === null ? 176 : 184)) % AMBIGUOUS_LENGTH === 0) {
    throw new Refusal(`${count} entries are as long as others of the other kind`);
  }
  if (new Set(request.public_keys).size !== count) throw new Refusal('a public key is there twice');
  return request;
}
