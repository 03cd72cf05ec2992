/**
 * CLIENT: what the server knows of its connections, and what one of them may say about itself or do to the others. Filters of
 * CLIENT KILL are in client-kill.ts.
 */

import { integerArgument, shownText, syntaxError } from '../../engine/arguments.ts';
import {
  CLIENT_NO_EVICT,
  CLIENT_NO_TOUCH,
  CLIENT_REPLY_OFF,
  CLIENT_REPLY_SKIP_NEXT,
  type Client,
} from '../../engine/client.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import { clientType, describeClient, parseClientType } from '../clients.ts';
import { parseInteger64 } from '../config-kinds.ts';
import type { ServerContext } from '../context.ts';
import type { Session } from '../session.ts';
import { CLIENT_HELP } from './client-help.ts';
import { killClients } from './client-kill.ts';
import { unmute } from './client-state.ts';
import { BAD_NAME, isPlainWord } from './connection.ts';
import { bulkLatin1, container } from './container.ts';
import { trackingHandlers } from './tracking-command.ts';

export function clientHandler(context: ServerContext): Handler {
  return container('client', CLIENT_HELP, {
    id: (engine) => engine.reply.integer(engine.client.id),
    info: (engine) => say(engine, [engine.client]),
    list: (engine, arg, argc) => list(context, engine, arg, argc),
    kill: (engine, arg, argc) => killClients(context, engine, arg, argc),
    pause: (engine, arg, argc) => pause(context, engine, arg, argc),
    unpause: (engine) => unpause(context, engine),
    unblock: (engine, arg, argc) => unblock(context, engine, arg, argc),
    reply,
    getname,
    setname,
    setinfo,
    'no-evict': (engine, arg) => onOff(engine, arg, CLIENT_NO_EVICT),
    'no-touch': (engine, arg) => onOff(engine, arg, CLIENT_NO_TOUCH),
    ...trackingHandlers(context),
  });
}

/** One line for each of the clients. */
function say(engine: Engine, clients: readonly Client[]): void {
  engine.client.lastCommandMs = engine.nowMs;
  const lines = clients.map((client) => `${describeClient(client, engine.nowMs)}\n`);
  engine.reply.verbatim('txt', lines.join(''));
}

/** CLIENT LIST [TYPE type] [ID id …] */
function list(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const option = argc > 2 ? engine.text(arg + 2).toLowerCase() : '';
  if (argc === 2) say(engine, [...context.clients.all()]);
  else if (argc === 4 && option === 'type') {
    const type = parseClientType(engine.text(arg + 3));
    if (type === null) engine.reply.error(`ERR Unknown client type '${shownText(engine, arg + 3)}'`);
    else
      say(
        engine,
        [...context.clients.all()].filter((client) => clientType(client) === type),
      );
  } else if (argc > 3 && option === 'id') listById(context, engine, arg + 3, arg + argc);
  else syntaxError(engine);
}

function listById(context: ServerContext, engine: Engine, from: number, to: number): void {
  const found: Client[] = [];
  for (let i = from; i < to; i++) {
    const id = parseInteger64(engine.text(i));
    if (id === null) {
      engine.reply.error('ERR Invalid client ID');
      return;
    }
    const client = context.clients.get(Number(id));
    if (client !== undefined) found.push(client);
  }
  say(engine, found);
}

/** CLIENT PAUSE ms [WRITE|ALL]: a later pause may prolong or tighten the one that is on, never shorten or loosen it. */
function pause(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const mode = argc === 4 ? engine.text(arg + 3).toLowerCase() : 'all';
  if (argc > 4) {
    const name = engine.text(arg + 1);
    engine.reply.error(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try CLIENT HELP.`);
    return;
  }
  if (mode !== 'write' && mode !== 'all') {
    engine.reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
    return;
  }
  const ms = parseInteger64(engine.text(arg + 2));
  if (ms === null) engine.reply.error('ERR timeout is not an integer or out of range');
  else if (ms < 0n) engine.reply.error('ERR timeout is negative');
  else {
    const wasPaused = context.pausedUntilMs !== 0;
    context.pauseWritesOnly = mode === 'write' && (!wasPaused || context.pauseWritesOnly);
    context.pausedUntilMs = Math.max(context.pausedUntilMs, engine.nowMs + Number(ms));
    engine.reply.ok();
  }
}

function unpause(context: ServerContext, engine: Engine): void {
  context.pausedUntilMs = 0;
  context.pauseWritesOnly = false;
  context.hooks.resumePaused();
  engine.reply.ok();
}

/** CLIENT UNBLOCK id [TIMEOUT|ERROR]: as if the client's time were over, or by an error. */
function unblock(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const reason = argc === 4 ? engine.text(arg + 3).toLowerCase() : 'timeout';
  if (reason !== 'timeout' && reason !== 'error') {
    engine.reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    return;
  }
  const id = integerArgument(engine, arg + 2);
  if (Number.isNaN(id)) return;
  const session = context.clients.get(id)?.stream.owner as Session | undefined;
  const unblocked = session !== undefined && context.blocked.unblockClient(session, reason === 'error');
  engine.reply.integer(unblocked ? 1 : 0);
}

/** CLIENT REPLY ON|OFF|SKIP: only ON is answered itself. */
function reply(engine: Engine, arg: number): void {
  const { client } = engine;
  const mode = engine.text(arg + 2).toLowerCase();
  if (mode === 'on') {
    unmute(engine);
    engine.reply.ok();
  } else if (mode === 'off') {
    client.flags |= CLIENT_REPLY_OFF;
    engine.reply.mute(true);
  } else if (mode === 'skip') {
    if ((client.flags & CLIENT_REPLY_OFF) === 0) client.flags |= CLIENT_REPLY_SKIP_NEXT;
  } else syntaxError(engine);
}

function getname(engine: Engine): void {
  if (engine.client.name === '') engine.reply.nil();
  else bulkLatin1(engine, engine.client.name);
}

function setname(engine: Engine, arg: number): void {
  const name = engine.text(arg + 2);
  if (!isPlainWord(name)) {
    engine.reply.error(BAD_NAME);
    return;
  }
  engine.client.name = name;
  engine.reply.ok();
}

/** CLIENT SETINFO LIB-NAME|LIB-VER text */
function setinfo(engine: Engine, arg: number): void {
  const { client } = engine;
  const attribute = engine.text(arg + 2);
  const name = attribute.toLowerCase();
  const value = engine.text(arg + 3);
  if (name !== 'lib-name' && name !== 'lib-ver') engine.reply.error(`ERR Unrecognized option '${attribute}'`);
  else if (!isPlainWord(value)) {
    engine.reply.error(`ERR ${attribute} cannot contain spaces, newlines or special characters.`);
  } else {
    if (name === 'lib-name') client.libraryName = value;
    else client.libraryVersion = value;
    engine.reply.ok();
  }
}

function onOff(engine: Engine, arg: number, flag: number): void {
  const mode = engine.text(arg + 2).toLowerCase();
  if (mode === 'on') engine.client.flags |= flag;
  else if (mode === 'off') engine.client.flags &= ~flag;
  else {
    syntaxError(engine);
    return;
  }
  engine.reply.ok();
}
