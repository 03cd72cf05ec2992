/**
 * DEBUG: what tests of clients and servers ask for. It is refused unless enable-debug-command allows it. Its subcommands are
 * no entries of the command table (redis-server has it so, too), hence the error of its own for those that don't exist.
 */

import { encodingOf } from '../../engine/encoding.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import { globMatches } from '../../engine/glob.ts';
import { hashOf } from '../../engine/keys.ts';
import { open } from '../../engine/list/value.ts';
import { dumpValue } from '../../engine/rdb/codecs.ts';
import { writer } from '../../engine/rdb/payload.ts';
import { ACCESS_MASK } from '../../store/record.ts';
import { parseMemory } from '../config-kinds.ts';
import type { ServerContext } from '../context.ts';
import { sayHelp } from './container.ts';
import { PROTOCOL_TYPES, sayProtocolType } from './debug-protocol.ts';
import { isLocal } from './local.ts';

const NOT_ALLOWED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local ' +
  'connection, otherwise you need to set this option in the configuration file, and then restart the server.';

const DEBUG_HELP = [
  'ERROR <string>',
  '    Return a Redis protocol error with <string> as message. Useful for clients',
  '    unit tests to simulate Redis errors.',
  'LOG <message>',
  '    Write <message> to the server log.',
  'OBJECT <key>',
  '    Show low level info about `key` and associated value.',
  'PROTOCOL <type>',
  '    Reply with a test value of the specified type. <type> can be: string,',
  '    integer, double, bignum, null, array, set, map, attrib, push, verbatim,',
  '    true, false.',
  'QUICKLIST-PACKED-THRESHOLD <size>',
  '    Sets the threshold for elements to be inserted as plain vs packed nodes',
  '    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default.',
  'SET-ACTIVE-EXPIRE <0|1>',
  '    Setting it to 0 disables expiring keys in background when they are not',
  '    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the',
  '    default.',
  'SLEEP <seconds>',
  '    Stop the server for <seconds>. Decimals allowed.',
  'STRINGMATCH-LEN <pattern> <string>',
  '    Match <string> against the glob-like <pattern>: 1 or 0.',
];

/** Largest threshold that redis-server takes. */
const MAX_PLAIN_BYTES = 2n ** 32n - 2n ** 20n;
/** Longest sleep, seconds: more is a mistake. */
const MAX_SLEEP_SECONDS = 86_400;

type Subcommand = (context: ServerContext, engine: Engine, arg: number) => void;

/** Subcommands by name, each with the number of its arguments. */
const SUBCOMMANDS: Readonly<Record<string, readonly [number, Subcommand]>> = {
  sleep: [1, sleep],
  object: [1, object],
  error: [1, (_, engine, arg) => engine.reply.error(engine.text(arg + 2))],
  log: [1, log],
  protocol: [1, (_, engine, arg) => protocol(engine, arg)],
  'quicklist-packed-threshold': [1, quicklistThreshold],
  'set-active-expire': [1, setActiveExpire],
  'stringmatch-len': [2, stringMatch],
};

export function debugHandler(context: ServerContext): Handler {
  const byName = new Map(Object.entries(SUBCOMMANDS));
  return (engine, arg, argc) => {
    if (!context.config.allows('enable-debug-command', isLocal(engine.client))) {
      engine.reply.error(NOT_ALLOWED);
      return;
    }
    const name = engine.text(arg + 1);
    const [count, subcommand] = byName.get(name.toLowerCase()) ?? [0, null];
    if (argc === 2 && name.toLowerCase() === 'help') sayHelp(engine, 'debug', DEBUG_HELP);
    else if (subcommand !== null && argc === count + 2) subcommand(context, engine, arg);
    else engine.reply.error(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try DEBUG HELP.`);
  };
}

function sleep(context: ServerContext, engine: Engine, arg: number): void {
  const seconds = Number.parseFloat(engine.text(arg + 2));
  if (seconds > 0) context.hooks.sleepMs(Math.min(seconds, MAX_SLEEP_SECONDS) * 1000);
  engine.reply.ok();
}

function log(context: ServerContext, engine: Engine, arg: number): void {
  context.log('warning', `DEBUG LOG: ${engine.text(arg + 2)}`);
  engine.reply.ok();
}

function setActiveExpire(_: ServerContext, engine: Engine, arg: number): void {
  engine.activeExpire = (Number.parseInt(engine.text(arg + 2), 10) || 0) !== 0;
  engine.reply.ok();
}

function quicklistThreshold(_: ServerContext, engine: Engine, arg: number): void {
  const bytes = parseMemory(engine.text(arg + 2));
  if (bytes === null || bytes > MAX_PLAIN_BYTES) {
    engine.reply.error('ERR argument must be a memory value bigger than 1 and smaller than 4gb');
    return;
  }
  engine.values.list.setPlainBytes(Number(bytes));
  engine.reply.ok();
}

function stringMatch(_: ServerContext, engine: Engine, arg: number): void {
  const { argOffset, argLength, memory } = engine;
  const pattern = argOffset[arg + 2];
  const string = argOffset[arg + 3];
  const matches = globMatches(
    memory.u8,
    pattern,
    pattern + argLength[arg + 2],
    memory.u8,
    string,
    string + argLength[arg + 3],
  );
  engine.reply.integer(matches ? 1 : 0);
}

function protocol(engine: Engine, arg: number): void {
  const type = engine.text(arg + 2).toLowerCase();
  if (sayProtocolType(engine.reply, type)) return;
  engine.reply.error(`ERR Wrong protocol type name. Please use one of the following: ${PROTOCOL_TYPES.join('|')}`);
}

/** DEBUG OBJECT key: where and how it is stored. The address is the record's place in the arena. */
function object(_: ServerContext, engine: Engine, arg: number): void {
  const { db, reply } = engine;
  const i = arg + 2;
  const ref = db.find(engine.argOffset[i], engine.argLength[i], hashOf(engine, i));
  if (ref === 0) {
    reply.error('ERR no such key');
    return;
  }
  const address = ((ref >>> 0) * 8).toString(16).padStart(12, '0');
  const encoding = encodingOf(engine, ref);
  const bytes = serializedBytes(engine, ref);
  const now = Math.floor(engine.nowMs / 1000) & ACCESS_MASK;
  const accessed = db.lru(ref) || now; // 0: never, since it was made
  const idle = (now - accessed) & ACCESS_MASK;
  reply.simple(
    `Value at:0x${address} refcount:1 encoding:${encoding} serializedlength:${bytes} ` +
      `lru:${accessed} lru_seconds_idle:${idle}${encoding === 'quicklist' ? quicklistFields(engine, ref) : ''}`,
  );
}

/** Bytes of the value in an RDB file, without the type code before it. */
function serializedBytes(engine: Engine, ref: number): number {
  writer.begin(engine.rdb.version, engine.rdb.compression);
  dumpValue(engine, engine.db, ref, writer);
  return writer.length - 1;
}

/** What is told of a quicklist beside: its nodes, and what they would take if none were compressed. */
function quicklistFields(engine: Engine, ref: number): string {
  const list = open(engine, ref);
  const { nodes, length } = list;
  return (
    ` ql_nodes:${nodes} ql_avg_node:${(length / nodes).toFixed(2)} ql_listpack_max:${list.listFill} ` +
    `ql_compressed:${list.listDepth === 0 ? 0 : 1} ql_uncompressed_size:${list.listpacksBytes}`
  );
}
