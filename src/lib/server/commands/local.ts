/** Which clients are on this machine, for what is allowed to `local` ones only. */
import type { Client } from '../../engine/client.ts';

export function isLocal(client: Client): boolean {
  return client.stream.remoteAddress().startsWith('127.');
}
