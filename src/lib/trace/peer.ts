/** `192.0.2.1` or `192.0.2.1:6379` on a command line. */
import { UsageError } from '../cli/command-error.ts';
import { parseIpv4 } from '../wire/address.ts';
import type { ConnectionFilter } from './follower.ts';

export function parsePeer(text: string): ConnectionFilter {
  const [addressText, portText] = text.split(':', 2);
  const address = parseIpv4(addressText);
  const addressPort = portText === undefined ? undefined : Number(portText);
  const portOk =
    addressPort === undefined || (Number.isInteger(addressPort) && addressPort > 0 && addressPort < 65_536);
  if (address === null || !portOk || text.split(':').length > 2) {
    throw new UsageError(`--peer ${text} is no address`, 'write it as 192.0.2.1 or 192.0.2.1:40000');
  }
  return addressPort === undefined ? { address } : { address, addressPort };
}
