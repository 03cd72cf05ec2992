/** Commands on whole databases: how many keys, none any more, another's place. */
import { syntaxError } from '../../engine/arguments.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import type { ServerContext } from '../context.ts';

/** Records freed between two looks at whether there are more. */
const FREE_BATCH = 4096;

export function databaseHandlers(context: ServerContext): Record<string, Handler> {
  return {
    dbsize: (engine) => engine.reply.integer(engine.db.size),
    flushdb: (engine, arg, argc) => flush(context, engine, arg, argc, [engine.db]),
    flushall: (engine, arg, argc) => flush(context, engine, arg, argc, engine.databases),
    swapdb: (engine, arg) => swapdb(context, engine, arg),
  };
}

/**
 * FLUSHDB|FLUSHALL [ASYNC|SYNC]: the keys are gone at once; only who asks for SYNC makes everybody wait until their memory is
 * free, too (the lazyfree settings change nothing here: values are always freed in steps).
 */
function flush(
  context: ServerContext,
  engine: Engine,
  arg: number,
  argc: number,
  databases: readonly Keyspace[],
): void {
  const mode = argc > 1 ? engine.text(arg + 1).toLowerCase() : 'async';
  if (argc > 2 || (mode !== 'async' && mode !== 'sync')) {
    syntaxError(engine);
    return;
  }
  context.keyEvents.flushing(databases);
  for (const database of databases) {
    engine.stats.dirty += database.size;
    if (database.size > 0) database.clear();
    if (mode === 'sync') while (database.freeStep(FREE_BATCH));
  }
  if (mode === 'sync') while (engine.values.reaper.step(FREE_BATCH));
  context.keyEvents.flushed(databases);
  engine.stats.dirty++;
  engine.reply.ok();
}

/** SWAPDB a b: clients of either see the other's keys at once. */
function swapdb(context: ServerContext, engine: Engine, arg: number): void {
  const { databases, reply } = engine;
  const indexes: number[] = [];
  for (const [i, which] of ['first', 'second'].entries()) {
    const text = engine.text(arg + 1 + i);
    if (!/^(0|-?[1-9]\d{0,9})$/.test(text) || Math.abs(Number(text)) > 0x7fff_ffff) {
      reply.error(`ERR invalid ${which} DB index`);
      return;
    }
    indexes.push(Number(text));
  }
  const [a, b] = indexes;
  const first = databases[a];
  const second = databases[b];
  if (first === undefined || second === undefined) {
    reply.error('ERR DB index is out of range');
    return;
  }
  if (a !== b) context.keyEvents.swapping(first, second);
  first.index = b;
  second.index = a;
  databases[a] = second;
  databases[b] = first;
  engine.db = databases[engine.client.database];
  context.keyEvents.swapped(a, b);
  engine.stats.dirty++;
  reply.ok();
}
