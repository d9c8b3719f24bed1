/** Wei of one gwei. */
export const WEI_PER_GWEI = 1_000_000_000n;

/** Wei of one ether, and of one token with 18 decimals, such as GNO. */
export const WEI_PER_ETHER = 1_000_000_000n * WEI_PER_GWEI;

/**
 * An amount as people write it: `32 ETH`, `0.03 ETH`, `0 ETH`; without zeros at the end, and what is below a millionth cut off.
 * @param currency - of the network
 */
export function formatEther(wei: bigint, currency: string): string {
  const sign = wei < 0n ? '-' : '';
  const amount = wei < 0n ? -wei : wei;
  const fraction = (amount % WEI_PER_ETHER).toString().padStart(18, '0').slice(0, 6).replace(/0+$/, '');
  const whole = amount / WEI_PER_ETHER;
  if (fraction === '' && whole === 0n && amount > 0n) return `less than ${sign}0.000001 ${currency}`;
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`} ${currency}`;
}

/** An amount in gwei as people write it: `12.3`, `0.000000007`; without zeros at the end. */
export function formatGwei(wei: bigint): string {
  const fraction = (wei % WEI_PER_GWEI).toString().padStart(9, '0').replace(/0+$/, '');
  return `${wei / WEI_PER_GWEI}${fraction === '' ? '' : `.${fraction}`}`;
}
