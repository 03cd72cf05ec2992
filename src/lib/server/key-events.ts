/**
 * Every change to a key, handed on to whoever is there to hear of it. While nobody is, the engine has no listener at all, and
 * a change costs one comparison.
 *
 *   keys.ts: changed, remove ──▶ keyChanged ──▶ transactions that watch the key, clients that wait for it
 *   FLUSHALL, FLUSHDB, SWAPDB ──▶ flushing, flushed, swap ──▶ …
 */
import type { Engine, KeyListener } from '../engine/engine.ts';
import type { Keyspace } from '../store/keyspace.ts';
import type { BlockedClients } from './blocking.ts';
import { hashOfRecord } from './key-index.ts';
import type { Watches } from './watch.ts';

export class KeyEvents implements KeyListener {
  private readonly engine: Engine;
  private readonly blocked: BlockedClients;
  private readonly watches: Watches;

  constructor(engine: Engine, blocked: BlockedClients, watches: Watches) {
    this.engine = engine;
    this.blocked = blocked;
    this.watches = watches;
  }

  /** Somebody began to listen, or ceased to. */
  refresh(): void {
    this.engine.keyListener = this.blocked.keyCount > 0 || this.watches.keyCount > 0 ? this : null;
  }

  keyChanged(event: string, db: Keyspace, ref: number): void {
    const { blocked, watches } = this;
    const hash = hashOfRecord(this.engine.arena, db, ref);
    if (watches.keyCount > 0) watches.keyChanged(db, ref, hash, event === 'del' || event === 'expired');
    if (blocked.keyCount > 0) blocked.keyChanged(db, ref, hash);
  }

  /** These databases are about to be emptied. */
  flushing(databases: readonly Keyspace[]): void {
    for (const db of databases) this.watches.databaseGoes(db.index, null);
  }

  /** These databases are empty now. */
  flushed(databases: readonly Keyspace[]): void {
    for (const db of databases) this.blocked.databaseChanged(db.index);
  }

  /** Databases `a` and `b` are about to change places. */
  swapping(a: Keyspace, b: Keyspace): void {
    this.watches.databaseGoes(a.index, b);
    this.watches.databaseGoes(b.index, a);
  }

  /** Databases `a` and `b` have changed places. */
  swapped(a: number, b: number): void {
    this.blocked.databaseChanged(a);
    this.blocked.databaseChanged(b);
  }
}
