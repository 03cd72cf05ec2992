/**
 * Sets as commands see them: opening the one under a key, adding to it, and answering with members from where they lie. The
 * structure is store/sets.ts; the set that a command works on is `engine.values.sets.one`.
 */
import { isCanonicalInteger } from '../../store/integer64.ts';
import * as intset from '../../store/intset.ts';
import * as listpack from '../../store/listpack.ts';
import { INTSET, type SetView } from '../../store/set-view.ts';
import type { Engine } from '../engine.ts';
import { changed, createValue, hasRoom, outOfMemory, readTyped, remove, TYPE_SET, writeTyped } from '../keys.ts';

/** What a member takes beside its bytes: record header, padding, slot of the table. */
const MEMBER_OVERHEAD_BYTES = 32;
/** What the bytes of a packed set may become when it is made a table. */
const UNPACKED_FACTOR = 16;

/** Opens the set under the key in argument 1. Its record; 0 for none; -1 for another type: the error has been written. */
export function openToRead(engine: Engine, arg: number): number {
  const ref = readTyped(engine, arg + 1, engine.keyHash, TYPE_SET);
  if (ref !== 0 && ref !== -1) engine.values.sets.one.open(engine.db, ref);
  return ref;
}

/** As openToRead, to change the set. */
export function openToChange(engine: Engine, arg: number): number {
  const ref = writeTyped(engine, arg + 1, engine.keyHash, TYPE_SET);
  if (ref !== 0 && ref !== -1) engine.values.sets.one.open(engine.db, ref);
  return ref;
}

/**
 * Opens the set under the key in argument `i`, whose record `ref` is (0: none, it is made), in a view, to add the members in
 * the arguments [from, end). False when there is no memory for them: the error has been written, and there is no new key.
 */
export function openToAdd(
  engine: Engine,
  view: SetView,
  i: number,
  hash: number,
  ref: number,
  from: number,
  end: number,
): boolean {
  if (end - from > 1 && !hasRoomFor(engine, ref, from, end)) return false;
  if (ref !== 0) view.open(engine.db, ref);
  else {
    const integer =
      end - from <= engine.values.sets.limits.intsetEntries &&
      isCanonicalInteger(engine.memory.dv, engine.argOffset[from], engine.argLength[from]);
    const bytes = integer ? intset.HEADER_BYTES : listpack.EMPTY_BYTES;
    const made = createValue(engine, i, hash, TYPE_SET, integer ? INTSET : 0, bytes);
    if (made === 0) return false;
    view.createEmpty(engine.db, made);
  }
  if (view.expect(end - from)) return true;
  noMemory(engine, view);
  return false;
}

function hasRoomFor(engine: Engine, ref: number, from: number, end: number): boolean {
  let bytes = ref === 0 ? 0 : engine.db.valueLength(ref) * UNPACKED_FACTOR;
  for (let i = from; i < end; i++) bytes += engine.argLength[i] + MEMBER_OVERHEAD_BYTES;
  return hasRoom(engine, bytes);
}

/** The place in the set of the member in argument `i`; 0 for none. */
export function findMember(engine: Engine, view: SetView, i: number): number {
  return view.find(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
}

/** The set was changed: its memory is made to fit, and who listens is told. */
export function setChanged(engine: Engine, view: SetView, event: string): void {
  view.trim();
  changed(engine, engine.db, event, view.ref);
}

/** As setChanged, after members were removed: the key goes with the last one. */
export function membersRemoved(engine: Engine, view: SetView, event: string): void {
  if (view.size > 0) {
    setChanged(engine, view, event);
    return;
  }
  changed(engine, engine.db, event, view.ref);
  remove(engine, engine.db, view.ref);
}

/** There was no memory for a member: says so, and removes a set that has none at all. */
export function noMemory(engine: Engine, view: SetView): void {
  if (view.size === 0) engine.db.remove(view.ref);
  else view.trim();
  outOfMemory(engine);
}

/** Answers with the member at a place of the set that the command works on. */
export function replyMember(engine: Engine, place: number): void {
  const { one } = engine.values.sets;
  one.load(place);
  engine.reply.bulkView(one.view, one.start, one.length);
}
