/** SLOWLOG: reading and emptying the log of slow commands. */
import { subcommandSyntaxError } from '../../engine/arguments.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import { parseInteger64 } from '../config-kinds.ts';
import type { ServerContext } from '../context.ts';
import type { SlowlogEntry } from '../slowlog.ts';
import { bulkLatin1, container } from './container.ts';

const DEFAULT_COUNT = 10;

const SLOWLOG_HELP = [
  'GET [<count>]',
  '    Return top <count> entries from the slowlog (default: 10, -1 mean all).',
  '    Entries are made of:',
  '    id, timestamp, time in microseconds, arguments array, client IP and port,',
  '    client name',
  'LEN',
  '    Return the length of the slowlog.',
  'RESET',
  '    Reset the slowlog.',
];

export function slowlogHandler(context: ServerContext): Handler {
  const { slowlog } = context;
  return container('slowlog', SLOWLOG_HELP, {
    get: (engine, arg, argc) => get(slowlog.entries, engine, arg, argc),
    len: (engine) => engine.reply.integer(slowlog.entries.length),
    reset: (engine) => {
      slowlog.reset();
      engine.reply.ok();
    },
  });
}

function get(entries: readonly SlowlogEntry[], engine: Engine, arg: number, argc: number): void {
  if (argc > 3) {
    subcommandSyntaxError(engine, arg, 'SLOWLOG');
    return;
  }
  let count = DEFAULT_COUNT;
  if (argc === 3) {
    const wanted = parseInteger64(engine.text(arg + 2));
    if (wanted === null || wanted < -1n) {
      engine.reply.error('ERR count should be greater than or equal to -1');
      return;
    }
    count = wanted === -1n ? entries.length : Number(wanted);
  }
  const shown = entries.slice(0, count);
  engine.reply.array(shown.length);
  for (const entry of shown) sayEntry(engine, entry);
}

function sayEntry(engine: Engine, entry: SlowlogEntry): void {
  const { reply } = engine;
  reply.array(6);
  reply.integer(entry.id);
  reply.integer(entry.timeSeconds);
  reply.integer(entry.micros);
  reply.array(entry.args.length);
  for (const arg of entry.args) bulkLatin1(engine, arg);
  bulkLatin1(engine, entry.address);
  bulkLatin1(engine, entry.clientName);
}
