/**
 * Every change to a key, handed on to whoever is there to hear of it. While nobody is, the engine has no listener at all, and
 * a change costs one comparison.
 *
 *   keys.ts: changed, remove ──▶ keyChanged ──▶ transactions that watch the key, clients that wait for it or cached it, notifications
 *   FLUSHALL, FLUSHDB, SWAPDB ──▶ flushing, flushed, swap ──▶ …
 */
import type { Engine, KeyListener } from '../engine/engine.ts';
import type { Keyspace } from '../store/keyspace.ts';
import { byteOf, chunkOf } from '../store/ref.ts';
import type { ServerContext } from './context.ts';
import { hashOfRecord } from './key-index.ts';

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
      if (watched) watches.keyChanged(db, ref, hash, event === 'del' || event === 'expired' || event === 'evicted');
      if (tracked) tracking.keyChanged(db, ref, hash, this.keyOf(db, ref));
      if (waits) blocked.keyChanged(db, ref, hash);
    }
    if (notifications.on && notifications.wants(event)) notifications.keyChanged(event, db, this.keyOf(db, ref));
  }

  keyAdded(db: Keyspace, ref: number): void {
    const { notifications } = this.context;
    if (notifications.additionsWanted) notifications.keyAdded(db, this.keyOf(db, ref));
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
