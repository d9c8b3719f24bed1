import { BlockList, isIP, isIPv4 } from 'node:net';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Whether an IP address, in any notation, is this machine's own, which no other can take part in: for the other end of a
 * connection. A name is none.
 */
export function isLoopback(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  return LOOPBACK.check(address, version === 4 ? 'ipv4' : 'ipv6');
}

/**
 * Whether an IP address is this machine's own in its plain notation: for what is about to be listened on or sent to. An
 * IPv4 address within an IPv6 one (`::ffff:127.0.0.1`) is none: what a system makes of it is the system's choice.
 */
export function isPlainLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
