import { TypedDataEncoder } from 'ethers/hash';
import { Transaction } from 'ethers/transaction';
import { equalBytes, fromHex, toHex } from '../lib/bytes.ts';
import { Refusal } from './refusal.ts';

/** What the hot wallet may sign for. */
export interface WalletPolicy {
  readonly chainId: number;
  /** Whose validators manager the wallet may be; without it no EIP-712 message is signed. */
  readonly vault?: string | undefined;
}

/** What the log says of a signed message. */
type WalletMessage =
  | { readonly type: 'TRANSACTION'; readonly to: string; readonly nonce: number }
  | { readonly type: 'VAULT_VALIDATORS'; readonly vault: string };

/** Tells what the data is when it may be signed. @throws Refusal */
export type WalletGate = (data: Uint8Array) => WalletMessage;

const EIP1559_TYPE = 0x02;
const EIP712_LENGTH = 66;

/**
 * Lets transactions of one chain be signed, and the approvals of one vault. Nothing else: neither a transaction that
 * would be valid on other chains, nor a message that somebody else's contract takes for consent.
 */
export function createWalletGate({ chainId, vault }: WalletPolicy): WalletGate {
  const separator =
    vault === undefined
      ? undefined
      : fromHex(
          TypedDataEncoder.hashDomain({
            ...{ name: 'VaultValidators', version: '1', chainId, verifyingContract: vault },
          }),
        );
  return data => {
    if (data[0] === EIP1559_TYPE) return requireOwnTransaction(data, chainId);
    const isTypedData = data.length === EIP712_LENGTH && data[0] === 0x19 && data[1] === 0x01;
    if (!isTypedData) {
      throw refused('This signer signs EIP-1559 transactions and approvals of validators only.');
    }
    if (vault === undefined || separator === undefined || !equalBytes(data.subarray(2, 34), separator)) {
      throw refused(`This signer signs EIP-712 messages of the ${vault ?? 'configured'} vault only.`);
    }
    return { type: 'VAULT_VALIDATORS', vault };
  };
}

function requireOwnTransaction(data: Uint8Array, chainId: number): WalletMessage {
  const transaction = parseTransaction(data);
  if (transaction.chainId !== BigInt(chainId)) {
    throw refused(
      `The transaction is for chain ${transaction.chainId}; this signer is for chain ${chainId}.`,
    );
  }
  if (transaction.to === null) throw refused('This signer signs no creation of a contract.');
  return { type: 'TRANSACTION', to: transaction.to, nonce: transaction.nonce };
}

function parseTransaction(data: Uint8Array): Transaction {
  try {
    const hex = toHex(data);
    const transaction = Transaction.from(hex);
    // What reads otherwise than it is written could be understood in two ways.
    if (!transaction.isSigned() && transaction.unsignedSerialized === hex) return transaction;
  } catch {
    // Said below.
  }
  throw refused('The data is not an unsigned EIP-1559 transaction.');
}

function refused(reason: string): Refusal {
  return new Refusal(412, reason, { told: true });
}
