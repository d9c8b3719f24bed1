import { getAddress } from 'ethers/address';
import { UsageError } from './errors.ts';

/**
 * Checksummed form (EIP-55) of an address given in lower case, upper case or with a right checksum.
 * @throws UsageError 'invalid-address'
 */
export function checksumAddress(text: string): string {
  if (!/^0x[0-9a-f]{40}$/i.test(text)) throw new UsageError('invalid-address', 'Invalid Ethereum address');
  const digits = text.slice(2);
  const unchecked = digits === digits.toUpperCase() || digits === digits.toLowerCase();
  try {
    return getAddress(`0x${unchecked ? digits.toLowerCase() : digits}`);
  } catch (error) {
    throw new UsageError('invalid-address', `Invalid Ethereum address: the checksum of ${text} is wrong`, {
      cause: error,
      hint: 'A character is mistyped. Copy the address again; without capital letters it is not checked.',
    });
  }
}
