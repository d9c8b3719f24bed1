import { Transaction } from 'ethers/transaction';
import { toHex } from '../../lib/bytes.ts';
import { Refusal } from '../http/refusal.ts';
import { type CallParties, createCallCheck } from './wallet-calls.ts';

/** Whom the hot wallet signs transactions for, and what they may cost. */
export interface WalletPolicy extends CallParties {
  readonly chainId: number;
  /** The wallet's own address. */
  readonly wallet: string;
  readonly maxFeePerGasWei: bigint;
  readonly maxGas: bigint;
}

/** What the log says of a signed transaction. */
interface WalletMessage {
  readonly type: 'TRANSACTION';
  readonly to: string;
  readonly nonce: number;
  /** The functions that are called; `nothing` for what only takes a nonce. */
  readonly call: string;
}

/** Tells what the data is when it may be signed. @throws Refusal */
export type WalletGate = (data: Uint8Array) => WalletMessage;

const EIP1559_TYPE = 0x02;

/**
 * Lets those transactions be signed that this vault needs: calls that are in the table of `createCallCheck`, and the
 * transfer of nothing to the wallet itself, which takes back what waits. Whoever gives the data to sign, the operator's
 * process or what it was made to believe, gets nothing else out of the wallet, nor at another price.
 */
export function createWalletGate(policy: WalletPolicy): WalletGate {
  const nameCall = createCallCheck(policy);
  const { chainId, wallet, maxFeePerGasWei, maxGas } = policy;
  return data => {
    if (data[0] !== EIP1559_TYPE) throw refused('This signer signs EIP-1559 transactions only.');
    const transaction = parseTransaction(data);
    const { to, nonce, gasLimit, maxFeePerGas } = transaction;
    if (transaction.chainId !== BigInt(chainId)) {
      throw refused(
        `The transaction is for chain ${transaction.chainId}; this signer is for chain ${chainId}.`,
      );
    }
    if (to === null) throw refused('This signer signs no creation of a contract.');
    if ((transaction.accessList ?? []).length > 0)
      throw refused('This signer signs no transaction with an access list.');
    if (maxFeePerGas === null || maxFeePerGas > maxFeePerGasWei) {
      throw refused(
        `The transaction offers ${maxFeePerGas} wei per gas; this signer was started with a ceiling of ${maxFeePerGasWei}.`,
      );
    }
    if (gasLimit > maxGas) {
      throw refused(`The transaction may use ${gasLimit} gas; this signer has a ceiling of ${maxGas}.`);
    }
    const call = { to, data: transaction.data, valueWei: transaction.value };
    return { type: 'TRANSACTION', to, nonce, call: isNothing(call, wallet) ? 'nothing' : nameCall(call) };
  };
}

/** What `tx cancel` sends: it does nothing but take the nonce. */
function isNothing(
  { to, data, valueWei }: { readonly to: string; readonly data: string; readonly valueWei: bigint },
  wallet: string,
): boolean {
  return to.toLowerCase() === wallet.toLowerCase() && data === '0x' && valueWei === 0n;
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
