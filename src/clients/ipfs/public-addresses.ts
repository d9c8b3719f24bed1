import { BlockList, isIP } from 'node:net';

/** What is no address of the public internet, by IANA's registries; and the one public address of a cloud's metadata. */
const SPECIAL: readonly (readonly [address: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  // Azure's virtual public address, where its metadata and its DNS are.
  ['168.63.129.16', 32, 'ipv4'],
  ['::', 96, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 9, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];

const special = new BlockList();
for (const [address, prefix, family] of SPECIAL) special.addSubnet(address, prefix, family);

/**
 * Whether an address is one of the public internet: neither loopback, private, shared (CGNAT), link-local (with the
 * metadata of clouds), unique local, multicast, nor reserved; also where IPv4 is written as IPv6.
 * @param address - IPv4 or IPv6, also with brackets or a zone; anything else is not public
 */
export function isPublicAddress(address: string): boolean {
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const version = isIP(bare);
  if (version === 0) return false;
  if (version === 4) return !special.check(bare, 'ipv4');
  const embedded = embeddedIpv4(bare);
  return embedded === undefined ? !special.check(bare, 'ipv6') : !special.check(embedded, 'ipv4');
}

/** The IPv4 address in ::ffff:0:0/96 (mapped) and 64:ff9b::/96 (behind NAT64, where every public IPv4 address is). */
function embeddedIpv4(ipv6: string): string | undefined {
  const canonical = new URL(`http://[${ipv6}]`).hostname.slice(1, -1);
  const [, high = '', low = ''] =
    /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ?? [];
  if (high === '') return undefined;
  const a = Number.parseInt(high, 16);
  const b = Number.parseInt(low, 16);
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
}
