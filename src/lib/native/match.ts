/**
 * What a link takes from its interface; the kernel decides for each frame, before it costs us anything.
 *
 *   address   an IPv4 address of our own: ARP about it and every datagram to it
 *   port      one TCP port of an address of the host; ARP, ICMP, fragments and all else stay with the kernel
 *   arp       ARP only (packet links)
 *   all       everything (packet links)
 */
export type Match =
  | { readonly kind: 'address'; readonly address: number }
  | { readonly kind: 'port'; readonly address: number; readonly port: number }
  | { readonly kind: 'arp' }
  | { readonly kind: 'all' };

/** enum match_kind in native/rtcp.h. */
const KINDS: Readonly<Record<Match['kind'], number>> = { all: 0, address: 1, port: 2, arp: 3 };

/** The match as the three numbers that the native calls take. */
export function matchNumbers(match: Match): [kind: number, address: number, port: number] {
  return [KINDS[match.kind], 'address' in match ? match.address : 0, 'port' in match ? match.port : 0];
}
