/** The handlers of the connection and server commands, by name, bound to one shard's context. */
import type { Handler } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { aclHandler } from './acl-command.ts';
import { clientHandler } from './client-command.ts';
import { configHandler } from './config-command.ts';
import { connectionHandlers } from './connection.ts';
import { databaseHandlers } from './databases.ts';
import { debugHandler } from './debug.ts';
import { latencyHandler } from './latency-command.ts';
import { memoryHandler } from './memory-command.ts';
import { pubsubHandlers } from './pubsub-commands.ts';
import { replicationHandlers } from './replication.ts';
import { scriptingHandlers } from './scripting.ts';
import { serverHandlers } from './server.ts';
import { slowlogHandler } from './slowlog-command.ts';
import { transactionHandlers } from './transactions.ts';

export function bindServerCommands(context: ServerContext): Record<string, Handler> {
  return {
    ...connectionHandlers(context),
    ...databaseHandlers(context),
    ...serverHandlers(context),
    ...transactionHandlers(context),
    ...pubsubHandlers(context),
    ...scriptingHandlers(context),
    ...replicationHandlers(),
    acl: aclHandler(context),
    latency: latencyHandler(context),
    client: clientHandler(context),
    config: configHandler(context),
    debug: debugHandler(context),
    memory: memoryHandler(context),
    slowlog: slowlogHandler(context),
  };
}
