/**
 * DEBUG: what tests of clients and servers ask for. It is refused unless enable-debug-command allows it. Its subcommands are
 * no entries of the command table (redis-server has it so, too), hence the error of its own for those that don't exist.
 */
import { randomBytes } from 'node:crypto';
import type { Engine, Handler } from '../../engine/engine.ts';
import { globMatches } from '../../engine/glob.ts';
import { parseMemory } from '../config-kinds.ts';
import type { ServerContext } from '../context.ts';
import { sayHelp } from './container.ts';
import { PROTOCOL_TYPES, sayProtocolType } from './debug-protocol.ts';
import * as values from './debug-values.ts';
import { isLocal } from './local.ts';

const NOT_ALLOWED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local ' +
  'connection, otherwise you need to set this option in the configuration file, and then restart the server.';

const DEBUG_HELP = [
  'CHANGE-REPL-ID',
  '    Change the replication IDs of the instance.',
  '    Dangerous: should be used only for testing the replication subsystem.',
  'DIGEST',
  '    Output a hex signature representing the current DB content.',
  'DIGEST-VALUE <key> [<key> ...]',
  '    Output a hex signature of the values of all the specified keys.',
  'ERROR <string>',
  '    Return a Redis protocol error with <string> as message. Useful for clients',
  '    unit tests to simulate Redis errors.',
  'LISTPACK <key>',
  '    Show low level info about the listpack encoding of <key>.',
  'LOG <message>',
  '    Write <message> to the server log.',
  'OBJECT <key> [fast]',
  '    Show low level info about `key` and associated value.',
  'POPULATE <count> [<prefix>] [<size>]',
  '    Create <count> string keys named key:<num>. If <prefix> is specified then',
  '    it is used instead of the `key` prefix. These are not propagated to',
  '    replicas.',
  'PROTOCOL <type>',
  '    Reply with a test value of the specified type. <type> can be: string,',
  '    integer, double, bignum, null, array, set, map, attrib, push, verbatim,',
  '    true, false.',
  'QUICKLIST <key> [<0|1>]',
  '    Show low level info about the quicklist encoding of <key>.',
  'QUICKLIST-PACKED-THRESHOLD <size>',
  '    Sets the threshold for elements to be inserted as plain vs packed nodes',
  '    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default.',
  'RELOAD [option ...]',
  '    Write all values as RDB does it, and read them back.',
  'SDSLEN <key>',
  '    Show low level SDS string info representing `key` and value.',
  'SET-ACTIVE-EXPIRE <0|1>',
  '    Setting it to 0 disables expiring keys in background when they are not',
  '    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the',
  '    default.',
  'SET-SKIP-CHECKSUM-VALIDATION <0|1>',
  '    Enables or disables checksum checks for RDB files and RESTORE payload.',
  'SLEEP <seconds>',
  '    Stop the server for <seconds>. Decimals allowed.',
  'STRINGMATCH-LEN <pattern> <string>',
  '    Match <string> against the glob-like <pattern>: 1 or 0.',
];

/** Largest threshold that redis-server takes. */
const MAX_PLAIN_BYTES = 2n ** 32n - 2n ** 20n;
const REPLICATION_ID_BYTES = 20;
/** Longest sleep, seconds: more is a mistake. */
const MAX_SLEEP_SECONDS = 86_400;

type Subcommand = (context: ServerContext, engine: Engine, arg: number, argc: number) => void;

const ANY_NUMBER = Number.MAX_SAFE_INTEGER;

/** Subcommands by name, each with the least and the most of its arguments. */
const SUBCOMMANDS: Readonly<Record<string, readonly [number, number, Subcommand]>> = {
  'change-repl-id': [0, 0, changeReplicationId],
  digest: [0, 0, values.digest],
  'digest-value': [0, ANY_NUMBER, values.digestValue],
  error: [1, 1, (_, engine, arg) => engine.reply.error(engine.text(arg + 2))],
  listpack: [1, 1, values.showListpack],
  log: [1, 1, log],
  object: [1, 2, values.object],
  populate: [1, 3, values.populate],
  protocol: [1, 1, (_, engine, arg) => protocol(engine, arg)],
  quicklist: [1, 2, values.showQuicklist],
  'quicklist-packed-threshold': [1, 1, quicklistThreshold],
  reload: [0, ANY_NUMBER, values.reload],
  sdslen: [1, 1, values.stringLengths],
  'set-active-expire': [1, 1, setActiveExpire],
  'set-skip-checksum-validation': [1, 1, values.skipChecksum],
  sleep: [1, 1, sleep],
  'stringmatch-len': [2, 2, stringMatch],
};

export function debugHandler(context: ServerContext): Handler {
  const byName = new Map(Object.entries(SUBCOMMANDS));
  return (engine, arg, argc) => {
    if (!context.config.allows('enable-debug-command', isLocal(engine.client))) {
      engine.reply.error(NOT_ALLOWED);
      return;
    }
    const name = engine.text(arg + 1);
    const [least, most, subcommand] = byName.get(name.toLowerCase()) ?? [0, 0, null];
    if (argc === 2 && name.toLowerCase() === 'help') sayHelp(engine, 'debug', DEBUG_HELP);
    else if (subcommand !== null && argc >= least + 2 && argc <= most + 2) subcommand(context, engine, arg, argc);
    else engine.reply.error(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try DEBUG HELP.`);
  };
}

function changeReplicationId(context: ServerContext, engine: Engine): void {
  context.replicationId = randomBytes(REPLICATION_ID_BYTES).toString('hex');
  engine.reply.ok();
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
