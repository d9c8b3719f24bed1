/** Wei of one gwei. */
export const WEI_PER_GWEI = 1_000_000_000n;

/** Wei of one ether, and of one token with 18 decimals, such as GNO. */
export const WEI_PER_ETHER = 1_000_000_000n * WEI_PER_GWEI;
