/**
 * CLIENT KILL: the old form (an address, answered OK or an error) and the new one (filters that must all match, answered by
 * how many were closed). The client itself is spared unless SKIPME no; if it is hit, it still gets its reply.
 */

import { syntaxError } from '../../engine/arguments.ts';
import { CLIENT_CLOSE_AFTER_REPLY, type Client } from '../../engine/client.ts';
import type { Engine } from '../../engine/engine.ts';
import { type ClientType, clientType, parseClientType } from '../clients.ts';
import { parseInteger64 } from '../config-kinds.ts';
import type { ServerContext } from '../context.ts';

interface KillFilter {
  id: number | null;
  address: string | null;
  localAddress: string | null;
  type: ClientType | null;
  user: string | null;
  skipMe: boolean;
}

export function killClients(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const filter: KillFilter = { id: null, address: null, localAddress: null, type: null, user: null, skipMe: true };
  const oldForm = argc === 3;
  if (oldForm) {
    filter.address = engine.text(arg + 2);
    filter.skipMe = false;
  } else if (!parseFilter(engine, arg, argc, filter)) return;
  let killed = 0;
  for (const client of [...context.clients.all()]) {
    if (!matches(client, filter) || (filter.skipMe && client === engine.client)) continue;
    killed++;
    if (client === engine.client) client.flags |= CLIENT_CLOSE_AFTER_REPLY;
    else context.hooks.killClient(client);
  }
  if (!oldForm) engine.reply.integer(killed);
  else if (killed > 0) engine.reply.ok();
  else engine.reply.error('ERR No such client');
}

function matches(client: Client, filter: KillFilter): boolean {
  return (
    (filter.id === null || client.id === filter.id) &&
    (filter.address === null || client.stream.remoteAddress() === filter.address) &&
    (filter.localAddress === null || client.stream.localAddress() === filter.localAddress) &&
    (filter.type === null || clientType(client) === filter.type) &&
    (filter.user === null || (client.authenticated && client.user === filter.user))
  );
}

/** Pairs of option and value; false when one is wrong: the error has been written. */
function parseFilter(engine: Engine, arg: number, argc: number, filter: KillFilter): boolean {
  for (let i = 2; i < argc; i += 2) {
    const option = engine.text(arg + i).toLowerCase();
    const error = i + 1 < argc ? setOption(filter, option, engine.text(arg + i + 1)) : SYNTAX;
    if (error === null) continue;
    if (error === SYNTAX) syntaxError(engine);
    else engine.reply.error(error);
    return false;
  }
  return true;
}

const SYNTAX = 'syntax';

function setOption(filter: KillFilter, option: string, value: string): string | null {
  switch (option) {
    case 'id': {
      const id = parseInteger64(value);
      if (id === null || id < 1n) return 'ERR client-id should be greater than 0';
      filter.id = Number(id);
      return null;
    }
    case 'type':
      filter.type = parseClientType(value);
      return filter.type === null ? `ERR Unknown client type '${value}'` : null;
    case 'addr':
      filter.address = value;
      return null;
    case 'laddr':
      filter.localAddress = value;
      return null;
    case 'user':
      filter.user = value;
      return value === 'default' ? null : `ERR No such user '${value}'`;
    case 'skipme':
      filter.skipMe = value.toLowerCase() === 'yes';
      return filter.skipMe || value.toLowerCase() === 'no' ? null : SYNTAX;
    default:
      return SYNTAX;
  }
}
