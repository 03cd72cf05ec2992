/**
 * Sorted sets as commands see them: opening the one under a key, to read or to change it, answering with members and scores
 * from where they lie, and reporting changes. The structure is store/sorted-set.ts; commands work on `engine.values.sortedSets`.
 */
import { EMPTY_BYTES } from '../../store/listpack.ts';
import { keyLengthAt, keyWordAt } from '../../store/record.ts';
import { chunkOf, wordOf } from '../../store/ref.ts';
import type { SortedSet } from '../../store/sorted-set.ts';
import type { Engine } from '../engine.ts';
import { changed, createValue, hasRoom, outOfMemory, readTyped, remove, TYPE_ZSET, writeTyped } from '../keys.ts';

/** What a member takes beside its bytes: record header, score, slots of table and index, half-empty nodes. */
const MEMBER_OVERHEAD_BYTES = 72;
/** What the bytes of a packed set may become when it is made a rooted one. */
const UNPACKED_FACTOR = 16;

/** Opens the sorted set under the key in argument 1. Its record; 0 for none; -1 for another type: the error has been written. */
export function openToRead(engine: Engine, arg: number): number {
  const ref = readTyped(engine, arg + 1, engine.keyHash, TYPE_ZSET);
  if (ref !== 0 && ref !== -1) engine.values.sortedSets.open(engine.db, ref);
  return ref;
}

/** As openToRead, to change the set. */
export function openToChange(engine: Engine, arg: number): number {
  const ref = writeTyped(engine, arg + 1, engine.keyHash, TYPE_ZSET);
  if (ref !== 0 && ref !== -1) engine.values.sortedSets.open(engine.db, ref);
  return ref;
}

/**
 * Makes the set when there is none (`ref` as openToChange returned it), with room for `members` arguments, from `first` on and
 * `stride` apart. False when that can't be: the error has been written, and there is no new key.
 */
export function prepareToAdd(
  engine: Engine,
  arg: number,
  ref: number,
  first: number,
  stride: number,
  members: number,
): boolean {
  const { sortedSets } = engine.values;
  if (members > 1) {
    let bytes = ref === 0 ? 0 : engine.db.valueLength(ref) * UNPACKED_FACTOR;
    for (let k = 0; k < members; k++) bytes += engine.argLength[first + stride * k] + MEMBER_OVERHEAD_BYTES;
    if (!hasRoom(engine, bytes)) return false;
  }
  if (ref === 0) {
    const made = createValue(engine, arg + 1, engine.keyHash, TYPE_ZSET, 0, EMPTY_BYTES);
    if (made === 0) return false;
    sortedSets.createEmpty(engine.db, made);
  }
  if (sortedSets.expect(members)) return true;
  noMemory(engine);
  return false;
}

/** There was no memory for a member of the open set: says so, and removes a set that has none at all. */
export function noMemory(engine: Engine): void {
  const { sortedSets } = engine.values;
  if (sortedSets.size === 0) engine.db.remove(sortedSets.ref);
  else sortedSets.trim();
  outOfMemory(engine);
}

/** The place of the member in argument `i` in the open set; 0 for none. */
export function findMember(engine: Engine, i: number): number {
  return engine.values.sortedSets.find(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
}

/** The open set was changed `changes` times: its memory is made to fit, and who listens is told. */
export function setChanged(engine: Engine, event: string, changes: number): void {
  const { sortedSets } = engine.values;
  sortedSets.trim();
  engine.stats.dirty += changes - 1; // one is counted with the event
  changed(engine, engine.db, event, sortedSets.ref);
}

/** As setChanged, after members were removed: the key goes with the last one. */
export function membersRemoved(engine: Engine, event: string, changes: number): void {
  const { sortedSets } = engine.values;
  if (sortedSets.size > 0) {
    setChanged(engine, event, changes);
    return;
  }
  engine.stats.dirty += changes - 2;
  changed(engine, engine.db, event, sortedSets.ref);
  remove(engine, engine.db, sortedSets.ref);
}

/** Answers with the member that was loaded. */
export function replyMember(engine: Engine, set: SortedSet): void {
  engine.reply.bulkView(set.view, set.start, set.length);
}

/** Answers with member and score of what was loaded: a pair of its own in RESP3, if `nested` asks for it. */
export function replyPair(engine: Engine, set: SortedSet, nested: boolean): void {
  if (nested) engine.reply.array(2);
  replyMember(engine, set);
  engine.reply.double(set.score);
}

/**
 * Answers with `count` members of the set from a rank on, upwards or downwards, and their scores if asked: the array and all.
 * The ranks must be there.
 */
export function replyRange(
  engine: Engine,
  set: SortedSet,
  rank: number,
  count: number,
  reverse: boolean,
  withScores: boolean,
): void {
  const { reply } = engine;
  const nested = withScores && reply.protocol !== 2;
  reply.array(withScores && !nested ? count * 2 : count);
  if (count === 0) return;
  set.seek(rank);
  if (!set.keepsText) {
    replyRecords(engine, set, count, reverse, withScores, nested);
    return;
  }
  for (let left = count; left > 0; left--) {
    set.load();
    if (withScores) replyPair(engine, set, nested);
    else replyMember(engine, set);
    if (reverse) set.prev();
    else set.next();
  }
}

/** Records that are touched together: as many cache misses as can be under way, and some. */
const AHEAD = 64;
/** The refs, and at the end what touching read: so it is not optimised away. */
const ahead = new Int32Array(AHEAD + 1);
const scoresAhead = new Float64Array(AHEAD);

/** From the cursor of a rooted set on. The records of neighbours are anywhere: they are touched ahead, then written. */
function replyRecords(
  engine: Engine,
  set: SortedSet,
  count: number,
  reverse: boolean,
  withScores: boolean,
  nested: boolean,
): void {
  const { reply } = engine;
  const { words, views } = engine.arena;
  const { index } = set;
  for (let left = count; left > 0; ) {
    const n = left < AHEAD ? left : AHEAD;
    for (let k = 0; k < n; k++) {
      const member = index.member;
      ahead[k] = member;
      if (withScores) scoresAhead[k] = index.score;
      ahead[AHEAD] ^= words[chunkOf(member)][wordOf(member)];
      if (reverse) index.prev();
      else index.next();
    }
    for (let k = 0; k < n; k++) {
      const chunk = chunkOf(ahead[k]);
      const at = wordOf(ahead[k]);
      if (nested) reply.array(2);
      reply.bulkWords(views[chunk], words[chunk], keyWordAt(words[chunk], at), keyLengthAt(words[chunk], at));
      if (withScores) reply.double(scoresAhead[k]);
    }
    left -= n;
  }
}
