/**
 * Values as RDB has them, in one place for each type: what writes it, what reads each of its forms, and what DEBUG DIGEST takes
 * of it.
 *
 *   record ── dump ──▶ type code, value                          (writer.ts)
 *   type code, value ── load ──▶ Loaded: packed bytes or a root, of no key yet ── attach ──▶ record
 *
 * What is loaded may come from anywhere. A codec accepts only what could have been a value: every length within the bytes, no
 * element twice, every number a number; what it accepts, commands can work on.
 */
import { copyAcross } from '../../memory/copy.ts';
import { byteOf, chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import { ROOT_BYTES, ROOTED, setRoot } from '../../store/value-kind.ts';
import type { Engine } from '../engine.ts';
import type { Digest } from './digest.ts';
import { type RdbReader, Slice } from './reader.ts';
import type { RdbWriter } from './writer.ts';

/** What load() answers. */
export const LOADED = 0;
/** The bytes are no such value. */
export const REFUSED = 1;
export const NO_MEMORY = 2;

export interface ValueCodec {
  /** The codes that load() reads. */
  readonly codes: readonly number[];
  /** Writes the type code and the value of a record. */
  dump(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void;
  /** Reads a value of one of `codes` into `into`. Unless it answers LOADED, nothing is left behind in the arena. */
  load(engine: Engine, code: number, reader: RdbReader, into: Loaded): number;
  /** Adds a record's value to a digest. */
  digest(engine: Engine, db: Keyspace, ref: number, digest: Digest): void;
}

/** A value that was loaded and belongs to no key yet: a root, or (root 0) the bytes of `packed`. */
export class Loaded {
  type = 0;
  /** The record's flags, without ROOTED. */
  flags = 0;
  root = 0;
  readonly packed = new Slice();

  setRooted(type: number, flags: number, root: number): number {
    this.type = type;
    this.flags = flags;
    this.root = root;
    return LOADED;
  }

  /** The bytes are those that `packed` shows already. */
  setPacked(type: number, flags: number): number {
    this.type = type;
    this.flags = flags;
    this.root = 0;
    return LOADED;
  }
}

/** Bytes of record that a loaded value needs. */
export function recordBytes(loaded: Loaded): number {
  return loaded.root !== 0 ? ROOT_BYTES : loaded.packed.length;
}

/**
 * Makes a record of a loaded value for a key that is not there: `length` bytes at `offset` of a view. Returns its ref; 0
 * without memory, and then the value is still the caller's.
 */
export function attach(
  engine: Engine,
  db: Keyspace,
  view: DataView,
  offset: number,
  length: number,
  hash: number,
  loaded: Loaded,
): number {
  const { arena } = engine;
  const made = db.insertBytes(view, offset, length, hash, loaded.type, recordBytes(loaded));
  if (made === 0) return 0;
  if (loaded.root !== 0) {
    db.setFlags(made, loaded.flags | ROOTED);
    setRoot(arena.words, db, made, loaded.root);
    engine.values.kinds[loaded.type]?.adopted?.(db, made);
    return made;
  }
  const { packed } = loaded;
  db.setFlags(made, loaded.flags);
  copyAcross(arena.views[chunkOf(made)], byteOf(made) + db.valueByte(made), packed.view, packed.start, packed.length);
  return made;
}

/** Frees a loaded value that becomes no key's. */
export function discard(engine: Engine, loaded: Loaded): void {
  const kind = engine.values.kinds[loaded.type];
  if (loaded.root !== 0 && kind !== null) engine.values.reaper.bury(kind, loaded.root, loaded.flags | ROOTED);
  loaded.root = 0;
}
