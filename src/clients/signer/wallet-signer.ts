import { keccak256, Signature } from 'ethers/crypto';
import { computeAddress, recoverAddress, Transaction } from 'ethers/transaction';
import { z } from 'zod';
import { managerApprovalPreimage } from '../../domain/protocol/manager-approval.ts';
import { fromHex, type Hex, toHex } from '../../lib/bytes.ts';
import { ExternalError } from '../../lib/errors.ts';
import { foreignText } from '../../lib/foreign-text.ts';
import { HASH_LENGTH, RECOVERABLE_SIGNATURE_LENGTH } from '../../lib/lengths.ts';
import type { Logger } from '../../lib/logger.ts';
import { retry } from '../../lib/retry.ts';
import { bodyText, HttpStatusError, requestHttp } from '../http.ts';
import { openSignerEndpoint, parseSignerAnswer, type SignerEndpoint, socketUrl } from './signer-endpoint.ts';
import { explainSignerFailure } from './signer-errors.ts';

/** An EIP-1559 transaction. */
export interface UnsignedTransaction {
  readonly chainId: number;
  readonly nonce: number;
  readonly to: string;
  readonly data: Hex;
  /** Default: no ether. */
  readonly valueWei?: bigint | undefined;
  readonly gasLimit: bigint;
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

/** The message by which a vault's validators manager approves validators (EIP-712 `VaultValidators`). */
interface VaultValidatorsMessage {
  readonly chainId: number;
  readonly vault: string;
  /** 32 bytes. */
  readonly validatorsRegistryRoot: Uint8Array;
  /** All validators' bytes, one after another, as the vault takes them. */
  readonly validators: Uint8Array;
}

/** The hot wallet, in a process that speaks Web3Signer's eth1 API, and has paths of its own for what that one lacks. */
export interface WalletSigner extends AsyncDisposable {
  /** Checksummed. */
  readonly address: string;
  /** The signed transaction, ready to be broadcast. @throws ExternalError 'wallet-refused', 'invalid-signature' */
  signTransaction(transaction: UnsignedTransaction): Promise<Hex>;
  /** r, s and v, 65 bytes. @throws ExternalError 'wallet-refused', 'invalid-signature' */
  signVaultValidators(message: VaultValidatorsMessage): Promise<Uint8Array>;
  /**
   * Tag of a record, 32 bytes, under a key that only the wallet's process has: the same for the same record, wallet, chain
   * and vault. What is kept in the database with its tag can be told from what others have written there.
   * @throws ExternalError that of the connection
   */
  macRecord(purpose: 'intent' | 'oracle-set', record: Uint8Array): Promise<Uint8Array>;
}

export interface WalletSignerOptions {
  readonly socketPath: string;
  /** Time limit of one signature; long enough for a signer that is being started again. Default 30 s. */
  readonly timeoutMs?: number | undefined;
  readonly log?: Pick<Logger, 'debug'> | undefined;
  /** Ends what waits for a signer that is away. */
  readonly signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 30_000;
const publicKeysAnswer = z.array(z.string().regex(/^0x[0-9a-f]{128}$/i));
const macAnswer = z.string().regex(/^0x[0-9a-f]{64}$/);
const signatureAnswer = z.string().regex(/^0x[0-9a-f]{128}(1b|1c)$/i);

/**
 * Connects to the signer of the hot wallet and asks for its address. Every signature is recovered and compared with that
 * address before it is given.
 * @throws ExternalError that of the connection, or 'no-wallet' when the signer has no wallet, or several
 */
export async function openWalletSigner(options: WalletSignerOptions): Promise<WalletSigner> {
  const { timeoutMs = TIMEOUT_MS, log } = options;
  const waiting = { timeoutMs, signal: options.signal };
  const url = socketUrl(options.socketPath);
  await using stack = new AsyncDisposableStack();
  const endpoint = stack.use(openSignerEndpoint({ url, connections: 2, timeoutMs, log }));
  const publicKey = await findPublicKey(endpoint, waiting);
  return new WalletConnection({ endpoint, waiting, publicKey, open: stack.move() });
}

/** The wallet behind an open connection. */
class WalletConnection implements WalletSigner {
  readonly address: string;
  readonly #endpoint: SignerEndpoint;
  readonly #waiting: Waiting;
  readonly #publicKey: string;
  readonly #open: AsyncDisposable;

  constructor(options: {
    readonly endpoint: SignerEndpoint;
    readonly waiting: Waiting;
    /** The point without its prefix, 64 bytes in hex. */
    readonly publicKey: string;
    /** What has to be closed in the end. */
    readonly open: AsyncDisposable;
  }) {
    this.#endpoint = options.endpoint;
    this.#waiting = options.waiting;
    this.#publicKey = options.publicKey;
    this.#open = options.open;
    this.address = computeAddress(`0x04${options.publicKey.slice(2)}`);
  }

  async signTransaction(unsigned: UnsignedTransaction): Promise<Hex> {
    const transaction = Transaction.from({
      type: 2,
      chainId: unsigned.chainId,
      nonce: unsigned.nonce,
      to: unsigned.to,
      data: unsigned.data,
      gasLimit: unsigned.gasLimit,
      value: unsigned.valueWei ?? 0n,
      maxFeePerGas: unsigned.maxFeePerGasWei,
      maxPriorityFeePerGas: unsigned.maxPriorityFeePerGasWei,
    });
    const data = transaction.unsignedSerialized;
    transaction.signature = await this.#signBytes(fromHex(data), `/api/v1/eth1/sign/${this.#publicKey}`, {
      data,
    });
    return transaction.serialized as Hex;
  }

  async signVaultValidators(approval: VaultValidatorsMessage): Promise<Uint8Array> {
    const { chainId, vault, validatorsRegistryRoot, validators } = approval;
    const preimage = managerApprovalPreimage({
      chainId,
      vault,
      occasion: validatorsRegistryRoot,
      validators,
    });
    // The members, not their hash: the signer sees what it signs.
    const request = {
      chainId,
      vault,
      validatorsRegistryRoot: toHex(validatorsRegistryRoot),
      validators: toHex(validators),
    };
    const signature = await this.#signBytes(preimage, '/api/v1/stakewise/sign/vault-validators', request);
    return fromHex(signature.serialized, RECOVERABLE_SIGNATURE_LENGTH);
  }

  async macRecord(purpose: 'intent' | 'oracle-set', record: Uint8Array): Promise<Uint8Array> {
    const body = JSON.stringify({ data: toHex(record) });
    const answer = macAnswer.safeParse(await this.#post(`/api/v1/stakewise/mac/${purpose}`, body));
    if (answer.success) return fromHex(answer.data, HASH_LENGTH);
    throw new ExternalError('invalid-mac', `${this.#endpoint.name} did not answer with a record's tag.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open[Symbol.asyncDispose]();
  }

  /** The signature that a path answers with, when it is the wallet's own of these bytes. */
  async #signBytes(preimage: Uint8Array, path: string, request: object): Promise<Signature> {
    const answer = signatureAnswer.safeParse(await this.#post(path, JSON.stringify(request)));
    if (!answer.success) throw this.#invalidSignature();
    const signature = Signature.from(answer.data);
    if (recoverAddress(keccak256(preimage), signature) !== this.address) throw this.#invalidSignature();
    return signature;
  }

  #post(path: string, body: string): Promise<string> {
    return ask(this.#endpoint, this.#waiting, 'POST', path, body);
  }

  #invalidSignature(): ExternalError {
    return new ExternalError(
      'invalid-signature',
      `${this.#endpoint.name} answered with a signature that is not one of the wallet ${this.address}.`,
    );
  }
}

async function findPublicKey(endpoint: SignerEndpoint, waiting: Waiting): Promise<string> {
  const text = await ask(endpoint, waiting, 'GET', '/api/v1/eth1/publicKeys');
  const body = new TextEncoder().encode(text);
  const keys = parseSignerAnswer(publicKeysAnswer, { status: 200, headers: {}, body }, endpoint.name);
  const [publicKey] = keys;
  if (publicKey !== undefined && keys.length === 1) return publicKey.toLowerCase();
  throw new ExternalError('no-wallet', `${endpoint.name} has ${keys.length} wallets instead of one.`);
}

/** How long an answer is waited for. */
type Waiting = { readonly timeoutMs: number; readonly signal: AbortSignal | undefined };

/** Text of an answer. Asked again while the signer is away: the same data gives the same signature. */
function ask(
  endpoint: SignerEndpoint,
  { timeoutMs, signal }: Waiting,
  method: 'GET' | 'POST',
  path: string,
  body?: string,
): Promise<string> {
  const request = async () => {
    try {
      const response = await requestHttp(endpoint.http, {
        url: `http://localhost${path}`,
        method,
        timeoutMs,
        signal,
        retries: 0,
        body,
        headers: body === undefined ? undefined : { 'content-type': 'application/json' },
      });
      return bodyText(response).trim();
    } catch (error) {
      if (error instanceof HttpStatusError) throw refused(endpoint.name, error);
      throw explainSignerFailure(error, endpoint.name);
    }
  };
  return retry(request, { timeoutMs, signal, minDelayMs: 100, maxDelayMs: 2_000 });
}

function refused(name: string, error: HttpStatusError): ExternalError {
  const reason = foreignText(new TextDecoder().decode(error.body));
  return new ExternalError('wallet-refused', `${name} refused (HTTP status ${error.status}): ${reason}`, {
    cause: error,
    retryable: error.retryable && error.status !== 500,
  });
}
