import { setTimeout as sleep } from 'node:timers/promises';
import type { Provider, TransactionReceipt } from 'ethers/providers';

const LOOK_EVERY_MS = 20;
const LONG_MS = 5_000;
const LONGEST_MS = 60_000;

/** Can be asked to mine. */
interface Chain extends Pick<Provider, 'getTransactionReceipt'> {
  send(method: string, params: unknown[]): Promise<unknown>;
}

/**
 * The receipt of a transaction that was sent; unlike `wait()` of ethers with an end, and with a word. Once in some thousand tests,
 * a transaction was in no block for as long as anybody waited, and in one as soon as the next was sent: after five seconds the
 * chain is asked to mine.
 * @throws Error when the transaction failed, or is in no block for a minute
 */
export async function mined(chain: Chain, { hash }: { readonly hash: string }): Promise<TransactionReceipt> {
  const began = performance.now();
  let isAsked = false;
  for (;;) {
    const receipt = await chain.getTransactionReceipt(hash);
    if (receipt?.status === 1) return receipt;
    if (receipt !== null) throw new Error(`The transaction ${hash} failed in block ${receipt.blockNumber}.`);
    const waitedMs = performance.now() - began;
    if (waitedMs > LONGEST_MS) throw new Error(`The transaction ${hash} is in no block after a minute.`);
    if (waitedMs > LONG_MS && !isAsked) {
      isAsked = true;
      console.warn(`The transaction ${hash} is in no block after five seconds: the chain is asked to mine.`);
      await chain.send('evm_mine', []);
    }
    await sleep(LOOK_EVERY_MS);
  }
}
