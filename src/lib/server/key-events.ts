/**
 * Every change to a key, handed on to whoever is there to hear of it. While nobody is, the engine has no listener at all, and
 * a change costs one comparison.
 *
 *   keys.ts: changed, remove ──▶ keyChanged ──▶ transactions that watch the key, clients that wait for it or cached it, notifications
 *   FLUSHALL, FLUSHDB, SWAPDB ──▶ flushing, flushed, swap ──▶ …
 */
import type { Engine, KeyListener } from '../engine/engine.ts';
import { TYPE_STREAM } from '../engine/keys.ts';
import type { Keyspace } from '../store/keyspace.ts';
import { byteOf, chunkOf } from '../store/ref.ts';
import type { ServerContext } from './context.ts';
import { hashOfRecord } from './key-index.ts';

/** What happens to a stream's groups and its last ID: in Redis no change of the key, for those who watch or cache it. */
const ASIDE: ReadonlySet<string> = new Set([
  'xgroup-create',
  'xgroup-createconsumer',
  'xgroup-delconsumer',
  'xgroup-destroy',
  'xgroup-setid',
  'xsetid',
]);

export class KeyEvents implements KeyListener {
  private readonly engine: Engine;
  private readonly context: ServerContext;

  constructor(context: ServerContext) {
    this.engine = context.engine;
    this.context = context;
  }

  /** Somebody began to listen, or ceased to. */
  refresh(): void {
    const { blocked, watches, notifications, tracking } = this.context;
    const wanted = blocked.keyCount > 0 || watches.keyCount > 0 || notifications.on || tracking.listening;
    this.engine.keyListener = wanted ? this : null;
  }

  keyChanged(event: string, db: Keyspace, ref: number): void {
    const { blocked, watches, notifications, tracking } = this.context;
    const waits = blocked.keyCount > 0;
    const watched = watches.keyCount > 0;
    const tracked = tracking.listening;
    if (waits || watched || tracked) {
      const hash = hashOfRecord(this.engine.arena, db, ref);
      const aside = ASIDE.has(event);
      if (watched && !aside) {
        watches.keyChanged(db, ref, hash, event === 'del' || event === 'expired' || event === 'evicted');
      }
      if (tracked && !aside) tracking.keyChanged(db, ref, hash, this.keyOf(db, ref));
      if (waits) blocked.keyChanged(db, ref, hash);
    }
    if (notifications.on && notifications.wants(event)) notifications.keyChanged(event, db, this.keyOf(db, ref));
  }

  keyAdded(db: Keyspace, ref: number): void {
    const { notifications } = this.context;
    if (notifications.additionsWanted) notifications.keyAdded(db, this.keyOf(db, ref));
    // That a group was made is no change of the stream; that the stream was made for it is one.
    if (db.type(ref) === TYPE_STREAM) this.streamAdded(db, ref);
  }

  private streamAdded(db: Keyspace, ref: number): void {
    const { watches, tracking } = this.context;
    if (watches.keyCount === 0 && !tracking.listening) return;
    const hash = hashOfRecord(this.engine.arena, db, ref);
    if (watches.keyCount > 0) watches.keyChanged(db, ref, hash, false);
    if (tracking.listening) tracking.keyChanged(db, ref, hash, this.keyOf(db, ref));
  }

  keyMissed(db: Keyspace, i: number): void {
    const { engine } = this;
    const { notifications } = this.context;
    if (!notifications.missesWanted) return;
    const from = engine.argOffset[i];
    notifications.keyMissed(db, engine.memory.u8.subarray(from, from + engine.argLength[i]));
  }

  /** The name of a record's key, where it lies. */
  private keyOf(db: Keyspace, ref: number): Uint8Array {
    const at = byteOf(ref) + db.keyByte(ref);
    return this.engine.arena.bytes8[chunkOf(ref)].subarray(at, at + db.keyLength(ref));
  }

  /** These databases are about to be emptied. */
  flushing(databases: readonly Keyspace[]): void {
    for (const db of databases) this.context.watches.databaseGoes(db.index, null);
  }

  /** These databases are empty now. */
  flushed(databases: readonly Keyspace[]): void {
    for (const db of databases) this.context.blocked.databaseChanged(db.index);
    this.context.tracking.flushed();
  }

  /** Databases `a` and `b` are about to change places. */
  swapping(a: Keyspace, b: Keyspace): void {
    this.context.watches.databaseGoes(a.index, b);
    this.context.watches.databaseGoes(b.index, a);
  }

  /** Databases `a` and `b` have changed places. */
  swapped(a: number, b: number): void {
    this.context.blocked.databaseChanged(a);
    this.context.blocked.databaseChanged(b);
  }
}
