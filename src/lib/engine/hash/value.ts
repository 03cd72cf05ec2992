/**
 * Hashes as commands see them: opening the one under a key, to read or to change it, and answering with fields and values
 * from where they lie. The structure is store/hashes.ts; there is one open hash at a time, `engine.values.hashes`.
 */
import { EMPTY_BYTES } from '../../store/listpack.ts';
import type { Engine } from '../engine.ts';
import { changed, createValue, hasRoom, outOfMemory, readTyped, remove, TYPE_HASH, tell, writeTyped } from '../keys.ts';

/** What a field takes beside its bytes and those of its value: record header, padding, slot of the table. */
const FIELD_OVERHEAD_BYTES = 48;
/** Fields whose time is over that a command removes before it looks at a hash; it passes over those that are left. */
const OPEN_BUDGET = 1024;
/** What the bytes of a packed hash may become when it is made a table. */
const UNPACKED_FACTOR = 8;

/** Opens the hash under the key in argument 1. Its record; 0 for none; -1 for another type: the error has been written. */
export function openToRead(engine: Engine, arg: number): number {
  return opened(engine, readTyped(engine, arg + 1, engine.keyHash, TYPE_HASH));
}

/** As openToRead, to change the hash. */
export function openToChange(engine: Engine, arg: number): number {
  return opened(engine, writeTyped(engine, arg + 1, engine.keyHash, TYPE_HASH));
}

function opened(engine: Engine, ref: number): number {
  if (ref === 0 || ref === -1) return ref;
  const { hashes } = engine.values;
  hashes.open(engine.db, ref, engine.nowMs);
  return hashes.hasDue && !expireFields(engine, OPEN_BUDGET) ? 0 : ref;
}

/** Removes at most `budget` fields of the open hash whose time is over; false when the key went with the last one. */
export function expireFields(engine: Engine, budget: number): boolean {
  const { hashes } = engine.values;
  const db = hashes.database;
  const left = hashes.removeDue(budget);
  tell(engine, db, 'hexpired', hashes.ref);
  if (!left) remove(engine, db, hashes.ref);
  return left;
}

/**
 * As openToChange, making the hash when there is none, with room for the arguments [from, end), of which each second is a
 * value. False when that can't be: the error has been written, and there is no new key.
 */
export function openToAdd(engine: Engine, arg: number, from: number, end: number): boolean {
  const ref = openToChange(engine, arg);
  if (ref === -1) return false;
  const several = end - from > 2;
  if (several && !hasRoomFor(engine, ref, from, end)) return false;
  const { hashes } = engine.values;
  if (ref === 0) {
    const bytes = EMPTY_BYTES + (several ? packedBytes(engine, from, end) : 0);
    const made = createValue(engine, arg + 1, engine.keyHash, TYPE_HASH, 0, bytes);
    if (made === 0) return false;
    hashes.createEmpty(engine.db, made, engine.nowMs);
  }
  if (hashes.expect((end - from) >> 1)) return true;
  noMemory(engine);
  return false;
}

/** Gives the field in argument `field` the value in argument `value`: SET_NEW, SET_AGAIN, SET_NO_MEMORY. */
export function setField(engine: Engine, field: number, value: number, keepsDeadline = false): number {
  const dv = engine.memory.dv;
  const offset = engine.argOffset;
  const length = engine.argLength;
  return engine.values.hashes.set(dv, offset[field], length[field], dv, offset[value], length[value], keepsDeadline);
}

/** The place of the field in argument `i` in the open hash; 0 for none. */
export function findField(engine: Engine, i: number): number {
  return engine.values.hashes.find(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
}

/** The open hash was changed: its memory is made to fit, and who listens is told. */
export function hashChanged(engine: Engine, event: string): void {
  const { hashes } = engine.values;
  hashes.trim();
  changed(engine, engine.db, event, hashes.ref);
}

/** As hashChanged, after fields were removed: the key goes with the last one. */
export function fieldsRemoved(engine: Engine, event: string): void {
  const { hashes } = engine.values;
  if (hashes.size > 0) {
    hashChanged(engine, event);
    return;
  }
  changed(engine, engine.db, event, hashes.ref);
  remove(engine, engine.db, hashes.ref);
}

/** There was no memory for a field of the open hash: says so, and removes a hash that has none at all. */
export function noMemory(engine: Engine): void {
  const { hashes } = engine.values;
  if (hashes.size === 0) engine.db.remove(hashes.ref);
  else hashes.trim();
  outOfMemory(engine);
}

/** Answers with the field at a place. */
export function replyField(engine: Engine, place: number): void {
  const { hashes } = engine.values;
  hashes.loadField(place);
  engine.reply.bulkView(hashes.view, hashes.start, hashes.length);
}

/** Answers with the value of the field at a place. */
export function replyFieldValue(engine: Engine, place: number): void {
  const { hashes } = engine.values;
  hashes.loadValue(place);
  engine.reply.bulkView(hashes.view, hashes.start, hashes.length);
}

/** Answers with field and value. */
export function replyFieldAndValue(engine: Engine, place: number): void {
  replyField(engine, place);
  replyFieldValue(engine, place);
}

function hasRoomFor(engine: Engine, ref: number, from: number, end: number): boolean {
  let bytes = ref === 0 ? 0 : engine.db.valueLength(ref) * UNPACKED_FACTOR;
  for (let i = from; i < end; i++) bytes += engine.argLength[i] + FIELD_OVERHEAD_BYTES;
  return hasRoom(engine, bytes);
}

/** Bytes that the arguments would take as entries of a listpack, or a little more; 0 when they would not be kept in one. */
function packedBytes(engine: Engine, from: number, end: number): number {
  const { maxPackedFields, maxPackedLength } = engine.values.hashes;
  if (end - from > maxPackedFields * 2) return 0;
  let bytes = 0;
  for (let i = from; i < end; i++) {
    if (engine.argLength[i] > maxPackedLength) return 0;
    bytes += engine.argLength[i] + 2;
  }
  return bytes;
}
