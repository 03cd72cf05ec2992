/**
 * The addresses that were named on the command line: single ones and networks, `192.0.2.7 198.51.100.0/24`. Of a network,
 * every host address: all but the first and the last, for a prefix up to /30 (RFC 3021 keeps both of a /31).
 */
import { UsageError } from '../cli/command-error.ts';
import { parseCidr, prefixMask } from '../wire/address.ts';

export const MAX_TARGETS = 65_536;

/** int32 addresses, each once, in the order given. */
export function parseAddresses(texts: readonly string[]): number[] {
  const addresses = new Set<number>();
  for (const text of texts) {
    for (const address of expand(text)) addresses.add(address);
    if (addresses.size > MAX_TARGETS) throw tooMany(text);
  }
  return [...addresses];
}

function expand(text: string): number[] {
  const cidr = parseCidr(text);
  if (cidr === null) {
    throw new UsageError(`'${text}' is not an IPv4 address or network`, 'for example 192.0.2.7 or 192.0.2.0/24');
  }
  const size = 2 ** (32 - cidr.prefixLength);
  if (size > MAX_TARGETS) throw tooMany(text);
  const network = cidr.address & prefixMask(cidr.prefixLength);
  const all = Array.from({ length: size }, (_, i) => (network + i) | 0);
  return cidr.prefixLength < 31 ? all.slice(1, -1) : all;
}

function tooMany(text: string): UsageError {
  return new UsageError(`${text}: more than ${MAX_TARGETS} addresses`, 'ask for a /16 or less at a time');
}
