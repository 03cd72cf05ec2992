/**
 * The commands that every connection begins with: who speaks (AUTH, HELLO), in which version of the protocol, to which
 * database, and whether anybody is there (PING, ECHO).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { databaseArgument, shownText, syntaxError } from '../../engine/arguments.ts';
import { CLIENT_CLOSE_AFTER_REPLY, CLIENT_PUBSUB } from '../../engine/client.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { REDIS_VERSION } from '../version.ts';
import { resetClient } from './client-state.ts';

const DEFAULT_USER = 'default';
const NO_PASSWORD =
  'ERR AUTH <password> called without any password configured for the default user. ' +
  'Are you sure your configuration is correct?';
const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';
const HELLO_UNAUTHENTICATED =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> ' +
  'option can be used to authenticate the client and select the RESP protocol version at the same time';
export const BAD_NAME = 'ERR Client names cannot contain spaces, newlines or special characters.';

/** A name that CLIENT LIST can show: no blanks, printable ASCII. May be empty. */
export function isPlainWord(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

export function connectionHandlers(context: ServerContext): Record<string, Handler> {
  return {
    ping,
    echo: (engine, arg) => engine.reply.bulk(engine.argOffset[arg + 1], engine.argLength[arg + 1]),
    quit,
    select,
    auth: (engine, arg, argc) => auth(context, engine, arg, argc),
    hello: (engine, arg, argc) => hello(context, engine, arg, argc),
    reset: (engine) => reset(context, engine),
  };
}

function ping(engine: Engine, arg: number, argc: number): void {
  const { reply, client } = engine;
  if (argc > 2) {
    reply.error("ERR wrong number of arguments for 'ping' command");
    return;
  }
  const pushed = (client.flags & CLIENT_PUBSUB) !== 0 && client.protocol === 2;
  if (argc === 1 && !pushed) {
    reply.pong();
    return;
  }
  if (pushed) {
    reply.array(2);
    reply.bulkText('pong');
  }
  if (argc === 2) reply.bulk(engine.argOffset[arg + 1], engine.argLength[arg + 1]);
  else reply.bulkText('');
}

function quit(engine: Engine): void {
  engine.reply.ok();
  engine.client.flags |= CLIENT_CLOSE_AFTER_REPLY;
}

function select(engine: Engine, arg: number): void {
  const index = databaseArgument(engine, arg + 1);
  if (index < 0) return;
  engine.client.database = index;
  engine.db = engine.databases[index];
  engine.reply.ok();
}

/** AUTH [user] password. There is one user, `default`; without requirepass it takes any password. */
function auth(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  if (argc > 3) {
    syntaxError(engine);
    return;
  }
  if (argc === 2 && !context.authRequired()) {
    engine.reply.error(NO_PASSWORD);
    return;
  }
  const user = argc === 2 ? DEFAULT_USER : engine.text(arg + 1);
  if (authenticate(context, engine, user, engine.text(arg + argc - 1))) engine.reply.ok();
}

/** Lets the client in, or answers WRONGPASS. */
function authenticate(context: ServerContext, engine: Engine, user: string, password: string): boolean {
  const { client } = engine;
  if (user === DEFAULT_USER && (!context.authRequired() || samePassword(password, context.config.password))) {
    client.authenticated = true;
    client.user = user;
    return true;
  }
  context.stats.aclDeniedAuth++;
  engine.reply.error(WRONG_PASSWORD);
  return false;
}

/** Takes the same time whatever the passwords have in common. */
function samePassword(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'latin1').digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

interface HelloOptions {
  user: string | null;
  password: string;
  name: string | null;
}

/** HELLO [version [AUTH user password] [SETNAME name]] */
function hello(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const { client, reply } = engine;
  let version = 0;
  if (argc >= 2) {
    const text = engine.text(arg + 1);
    if (!/^(0|-?[1-9]\d{0,17})$/.test(text)) {
      reply.error('ERR Protocol version is not an integer or out of range');
      return;
    }
    version = Number(text);
    if (version !== 2 && version !== 3) {
      reply.error('NOPROTO unsupported protocol version');
      return;
    }
  }
  const options = helloOptions(engine, arg, argc);
  if (options === null) return;
  if (options.user !== null && !authenticate(context, engine, options.user, options.password)) return;
  if (!client.authenticated) {
    reply.error(HELLO_UNAUTHENTICATED);
    return;
  }
  if (options.name !== null) client.name = options.name;
  if (version !== 0) {
    client.protocol = version;
    reply.protocol = version;
  }
  sayHello(engine);
}

/** The options behind the version; null when they are wrong: the error has been written. */
function helloOptions(engine: Engine, arg: number, argc: number): HelloOptions | null {
  const options: HelloOptions = { user: null, password: '', name: null };
  for (let i = 2; i < argc; ) {
    const option = engine.text(arg + i);
    const more = argc - 1 - i;
    if (option.toLowerCase() === 'auth' && more >= 2) {
      options.user = engine.text(arg + i + 1);
      options.password = engine.text(arg + i + 2);
      i += 3;
    } else if (option.toLowerCase() === 'setname' && more >= 1) {
      options.name = engine.text(arg + i + 1);
      if (!isPlainWord(options.name)) {
        engine.reply.error(BAD_NAME);
        return null;
      }
      i += 2;
    } else {
      engine.reply.error(`ERR Syntax error in HELLO option '${shownText(engine, arg + i)}'`);
      return null;
    }
  }
  return options;
}

function sayHello(engine: Engine): void {
  const { reply, client } = engine;
  reply.map(7);
  reply.bulkText('server');
  reply.bulkText('redis');
  reply.bulkText('version');
  reply.bulkText(REDIS_VERSION);
  reply.bulkText('proto');
  reply.integer(client.protocol);
  reply.bulkText('id');
  reply.integer(client.id);
  reply.bulkText('mode');
  reply.bulkText('standalone');
  reply.bulkText('role');
  reply.bulkText('master');
  reply.bulkText('modules');
  reply.array(0);
}

/** The connection as it was when it was opened, but for the library's name. */
function reset(context: ServerContext, engine: Engine): void {
  resetClient(context, engine);
  engine.reply.simple('RESET');
}
