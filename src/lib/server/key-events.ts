/**
 * Every change to a key, handed on to whoever is there to hear of it. While nobody is, the engine has no listener at all, and
 * a change costs one comparison.
 *
 *   keys.ts: changed, remove ──▶ keyChanged ──▶ clients that wait for the key
 *   FLUSHALL, FLUSHDB, SWAPDB ──▶ flushed, swapped ──▶ …
 */
import type { Engine, KeyListener } from '../engine/engine.ts';
import type { Keyspace } from '../store/keyspace.ts';
import type { BlockedClients } from './blocking.ts';
import { hashOfRecord } from './key-index.ts';

export class KeyEvents implements KeyListener {
  private readonly engine: Engine;
  private readonly blocked: BlockedClients;

  constructor(engine: Engine, blocked: BlockedClients) {
    this.engine = engine;
    this.blocked = blocked;
  }

  /** Somebody began to listen, or ceased to. */
  refresh(): void {
    this.engine.keyListener = this.blocked.keyCount > 0 ? this : null;
  }

  keyChanged(_event: string, db: Keyspace, ref: number): void {
    const hash = hashOfRecord(this.engine.arena, db, ref);
    if (this.blocked.keyCount > 0) this.blocked.keyChanged(db, ref, hash);
  }

  /** These databases are empty now. */
  flushed(databases: readonly Keyspace[]): void {
    for (const db of databases) this.blocked.databaseChanged(db.index);
  }

  /** Databases `a` and `b` have changed places. */
  swapped(a: number, b: number): void {
    this.blocked.databaseChanged(a);
    this.blocked.databaseChanged(b);
  }
}
