/**
 * WATCH: keys whose change makes the transaction of the clients that watch them fail. A client is told once: then it watches
 * nothing any more, and EXEC finds its flag.
 *
 * A key whose time was over when WATCH came counts as one that wasn't there: that it is removed later is no change. One whose
 * time ends between WATCH and EXEC was changed, whether it has been removed yet or not.
 */
import { CLIENT_DIRTY_CAS } from '../engine/client.ts';
import type { Engine } from '../engine/engine.ts';
import { isExpired } from '../engine/keys.ts';
import type { Keyspace } from '../store/keyspace.ts';
import { type KeyEntry, KeyIndex } from './key-index.ts';
import type { Session } from './session.ts';

export interface WatchedKey {
  readonly session: Session;
  readonly entry: KeyEntry<Map<Session, WatchedKey>>;
  /** Its time was over when WATCH came, and its record is still there. */
  expired: boolean;
}

export class Watches {
  private readonly engine: Engine;
  private readonly index = new KeyIndex<Map<Session, WatchedKey>>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Keys that somebody watches. */
  get keyCount(): number {
    return this.index.size;
  }

  /** The client watches the key in argument `i`. */
  watch(session: Session, i: number): void {
    const { engine, index } = this;
    const { db, memory } = engine;
    const offset = engine.argOffset[i];
    const length = engine.argLength[i];
    const hash = db.hash(offset, length);
    const entry =
      index.ofBytes(memory, offset, length, hash, db.index) ??
      index.add(memory, offset, length, hash, db.index, new Map());
    if (entry.value.has(session)) return;
    const ref = db.find(offset, length, hash);
    const watched = { session, entry, expired: ref !== 0 && isExpired(engine, db, ref) };
    entry.value.set(session, watched);
    session.watched.push(watched);
  }

  /** UNWATCH, EXEC, DISCARD, or the connection is gone. */
  unwatchAll(session: Session): void {
    for (const watched of session.watched) {
      watched.entry.value.delete(session);
      if (watched.entry.value.size === 0) this.index.remove(watched.entry);
    }
    session.watched = [];
  }

  /** The time of a key has come to its end since the client began to watch it. */
  anyExpired(session: Session): boolean {
    const { engine } = this;
    return session.watched.some(({ entry, expired }) => {
      const ref = expired ? 0 : entry.find(engine.databases);
      return ref !== 0 && isExpired(engine, engine.databases[entry.database], ref);
    });
  }

  /** @param goes the key is removed now */
  keyChanged(db: Keyspace, ref: number, hash: number, goes: boolean): void {
    const entry = this.index.ofRecord(this.engine.arena, db, ref, hash, db.index);
    if (entry === null) return;
    for (const watched of [...entry.value.values()]) {
      if (watched.expired) {
        if (goes) watched.expired = false;
      } else this.fail(watched.session);
    }
  }

  /** The keys of database `index` go away; those of `replacement`, if there is one, take their place. */
  databaseGoes(index: number, replacement: Keyspace | null): void {
    const { engine } = this;
    for (const entry of this.index.entries()) {
      if (entry.database !== index) continue;
      const after = replacement === null ? 0 : entry.findIn(replacement);
      if (entry.find(engine.databases) === 0 && after === 0) continue;
      for (const watched of [...entry.value.values()]) {
        if (!watched.expired) watched.session.flags |= CLIENT_DIRTY_CAS;
        else if (after === 0) watched.expired = false;
        else if (!isExpired(engine, replacement as Keyspace, after)) watched.session.flags |= CLIENT_DIRTY_CAS;
      }
    }
  }

  private fail(session: Session): void {
    session.flags |= CLIENT_DIRTY_CAS;
    this.unwatchAll(session);
  }
}
