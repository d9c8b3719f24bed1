import type { Provider } from 'ethers/providers';
import { mined } from './mined.ts';

/** Can be told to act for somebody whose key nobody has. */
interface ForkableChain extends Pick<Provider, 'getTransactionReceipt'> {
  send(method: string, params: unknown[]): Promise<unknown>;
}

/** A call that somebody makes without a key of theirs being known. */
interface ForeignCall {
  readonly from: string;
  readonly to: string;
  readonly data: string;
  readonly valueWei?: bigint;
}

/**
 * Sends a transaction in somebody's name, and waits until it is in a block: anvil answers before that.
 * @throws Error when it fails
 */
export async function sendAs(
  chain: ForkableChain,
  { from, to, data, valueWei = 0n }: ForeignCall,
): Promise<void> {
  await chain.send('anvil_impersonateAccount', [from]);
  const call = { from, to, data, value: `0x${valueWei.toString(16)}`, gas: '0x1e8480' };
  const hash = String(await chain.send('eth_sendTransaction', [call]));
  await mined(chain, { hash });
  await chain.send('anvil_stopImpersonatingAccount', [from]);
}
