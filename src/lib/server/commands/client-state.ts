/** What CLIENT REPLY, RESET and MONITOR change about the client whose command runs. */
import {
  CLIENT_MONITOR,
  CLIENT_NO_EVICT,
  CLIENT_NO_TOUCH,
  CLIENT_REPLY_OFF,
  CLIENT_REPLY_SKIP,
  CLIENT_REPLY_SKIP_NEXT,
} from '../../engine/client.ts';
import type { Engine } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import type { Session } from '../session.ts';
import { leaveTransaction } from './transactions.ts';

const REPLY_FLAGS = CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT;

/** CLIENT REPLY ON: this command's own reply is written, too. */
export function unmute(engine: Engine): void {
  engine.client.flags &= ~REPLY_FLAGS;
  engine.reply.mute(false);
}

/** RESET: RESP2, database 0, no name, no MONITOR, every reply is sent, and not authenticated if that is required. */
export function resetClient(context: ServerContext, engine: Engine): void {
  const { client } = engine;
  unmute(engine);
  leaveTransaction(context, client as Session);
  context.disengage(client as Session);
  client.flags &= ~(CLIENT_MONITOR | CLIENT_NO_EVICT | CLIENT_NO_TOUCH);
  client.protocol = 2;
  engine.reply.protocol = 2;
  client.database = 0;
  engine.db = engine.databases[0];
  client.name = '';
  client.user = 'default';
  client.authenticated = !context.authRequired();
}

/** MONITOR. Asking twice changes nothing and is not answered. */
export function monitor(context: ServerContext, engine: Engine): void {
  const { client } = engine;
  if (context.clients.monitors.has(client)) return;
  client.flags |= CLIENT_MONITOR;
  context.clients.monitors.add(client);
  context.monitorsChanged();
  engine.reply.ok();
}
