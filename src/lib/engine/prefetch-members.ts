/**
 * Touches what a batch's commands on one large hash or set will look for, before they run: the slots and records of all their
 * fields or members together, so that the cache misses overlap. As Keyspace.prefetch() does for keys, one floor below.
 *
 *   HGET h a │ HGET h b │ HSET h c 1 ─▶ one key's run ─▶ hashes of a, b, c ─▶ slots ─▶ records
 */
import type { CommandBatch } from '../resp/batch.ts';
import { RecordTable } from '../store/record-table.ts';
import { ROOTED, rootOf } from '../store/value-kind.ts';
import { commands } from './command-table.ts';
import type { Engine } from './engine.ts';
import { TYPE_HASH, TYPE_SET } from './keys.ts';

/** From so many elements on they are not in the cache. */
const LARGE = 65_536;
const MOST = 32;
/** Commands that look for the element that their second argument names. */
const OF_ONE_ELEMENT = [
  ...['hget', 'hset', 'hsetnx', 'hmset', 'hexists', 'hstrlen', 'hdel', 'hincrby', 'hincrbyfloat', 'hmget'],
  ...['sadd', 'srem', 'sismember', 'smismember'],
];
const ELEMENT_ARGUMENT = 2;

export class MemberPrefetch {
  private readonly engine: Engine;
  private readonly table: RecordTable;
  private readonly looksFor = Uint8Array.from(commands, ({ spec }) => (OF_ONE_ELEMENT.includes(spec.name) ? 1 : 0));
  private readonly hashes = new Int32Array(MOST);

  constructor(engine: Engine) {
    this.engine = engine;
    this.table = new RecordTable(engine.arena, engine.databases[0].hashKey);
  }

  /** Looks for runs of commands with the same key; the batch's arguments are the engine's. */
  run(batch: CommandBatch): void {
    const n = batch.count;
    for (let i = 0; i + 1 < n; ) {
      const end = this.runEnd(batch, i, n);
      if (end - i > 1) this.touch(batch, i, end);
      i = end > i ? end : i + 1;
    }
  }

  /** Where the run of commands that begins at `i` ends; `i` when there is none. */
  private runEnd(batch: CommandBatch, i: number, n: number): number {
    const hash = batch.hash[i];
    let end = i;
    while (end < n && end - i < MOST && batch.hash[end] === hash) {
      const id = batch.id[end];
      if (id < 0 || this.looksFor[id] === 0 || batch.argc[end] <= ELEMENT_ARGUMENT) break;
      end++;
    }
    return end;
  }

  private touch(batch: CommandBatch, from: number, end: number): void {
    const { engine, table, hashes } = this;
    const { db } = engine;
    const key = batch.first[from] + 1;
    const ref = db.find(batch.argOffset[key], batch.argLength[key], batch.hash[from]);
    if (ref === 0 || (db.flags(ref) & ROOTED) === 0) return;
    const root = rootOf(engine.arena.words, db, ref);
    const type = db.type(ref);
    if (type === TYPE_SET) table.open(root);
    else if (type === TYPE_HASH) table.open(engine.values.hashes.tableOf(root, db.flags(ref)));
    else return;
    if (table.size < LARGE) return;
    for (let i = from; i < end; i++) {
      const element = batch.first[i] + ELEMENT_ARGUMENT;
      hashes[i - from] = table.hashOfBytes(engine.memory.dv, batch.argOffset[element], batch.argLength[element]);
    }
    table.prefetch(hashes, end - from);
  }
}
