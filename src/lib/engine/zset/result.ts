/**
 * A sorted set that a command computes: it is made beside the keyspace, then it answers (ZUNION …), or becomes the value of a
 * key (ZUNIONSTORE, ZRANGESTORE, GEOSEARCHSTORE), packed if it is small enough. So a source may also be the destination.
 *
 *   beginResult ─▶ addToResult …, or accumulate … and indexResult ─▶ storeResult │ abandonResult
 */
import { EMPTY_BYTES, empty, end } from '../../store/listpack.ts';
import * as packed from '../../store/packed-sorted-set.ts';
import { chunkOf } from '../../store/ref.ts';
import type { SortedSet } from '../../store/sorted-set.ts';
import { RefList } from '../../store/table.ts';
import { ROOTED, valueStart } from '../../store/value-kind.ts';
import type { Engine } from '../engine.ts';
import { changed, createRooted, createValue, find, hashOf, hasRoom, outOfMemory, remove, TYPE_ZSET } from '../keys.ts';

/** Members that are indexed between two looks into the table. */
const BATCH = 256;

/** The result at hand. */
let root = 0;
let longest = 0;

/** Makes an empty result, `engine.values.zsetResult`. False without memory: the error has been written. */
export function beginResult(engine: Engine): boolean {
  longest = 0;
  root = engine.values.zsetResult.createRoot();
  if (root !== 0) return true;
  outOfMemory(engine);
  return false;
}

/** Adds a member that is not in the result. False without memory. */
export function addToResult(engine: Engine, view: DataView, start: number, length: number, score: number): boolean {
  if (length > longest) longest = length;
  return engine.values.zsetResult.add(view, start, length, score);
}

/** As addToResult, but indexResult() is yet to be called: until then scores may change. Its record; 0 without memory. */
export function accumulate(engine: Engine, view: DataView, start: number, length: number, score: number): number {
  const { members } = engine.values.zsetResult;
  if (length > longest) longest = length;
  return members.insertMember(view, start, length, members.hashOfBytes(view, start, length), score);
}

/** Puts the members that were accumulated in order. False without memory: then the result is gone. */
export function indexResult(engine: Engine): boolean {
  const { members, index } = engine.values.zsetResult;
  const found = new RefList();
  let cursor = 0;
  do {
    found.length = 0;
    cursor = members.collect(cursor, BATCH, found);
    for (let i = 0; i < found.length; i++) {
      if (index.insert(members.scoreOf(found.refs[i]), found.refs[i])) continue;
      abandonUnindexed(engine);
      return false;
    }
  } while (cursor !== 0);
  return true;
}

/** The result is not wanted, since there is no memory: frees it and says so. */
export function abandonResult(engine: Engine): void {
  discardResult(engine);
  outOfMemory(engine);
}

/** As abandonResult, of members of which not all are indexed. */
export function abandonUnindexed(engine: Engine): void {
  const { members, index } = engine.values.zsetResult;
  const unwanted = new RefList();
  while (index.destroyStep(index.root, BATCH, unwanted)) unwanted.length = 0;
  members.destroy();
  engine.values.zsetResult.freeRoot(root);
  outOfMemory(engine);
}

/** Frees a result that is not needed any more. */
export function discardResult(engine: Engine): void {
  engine.values.reaper.bury(engine.values.sortedSets, root, engine.values.zsetResult.rootFlags);
}

/** Puts the result under the key in argument `i` in place of what was there, and answers with the number of members. */
export function storeResult(engine: Engine, i: number, event: string): void {
  const result = engine.values.zsetResult;
  const { db, reply } = engine;
  const hash = hashOf(engine, i);
  const size = result.size;
  const old = find(engine, db, i, hash);
  if (size === 0) {
    discardResult(engine);
    if (old !== 0) remove(engine, db, old);
    reply.integer(0);
    return;
  }
  const bytes = bytesWhenPacked(result);
  if (!hasRoom(engine, engine.argLength[i] + bytes)) {
    discardResult(engine);
    return;
  }
  if (old !== 0) db.remove(old);
  const made =
    bytes === 0
      ? createRooted(engine, i, hash, TYPE_ZSET, result.rootFlags & ~ROOTED, root)
      : createValue(engine, i, hash, TYPE_ZSET, 0, bytes);
  if (made === 0) {
    discardResult(engine);
    return;
  }
  if (bytes !== 0) {
    pack(engine, result, made);
    discardResult(engine);
  }
  changed(engine, db, event, made);
  reply.integer(size);
}

/** Bytes of the result as a listpack; 0 when it is too large to be one. */
function bytesWhenPacked(result: SortedSet): number {
  const { maxPackedMembers, maxPackedLength } = result.limits;
  if (result.size > maxPackedMembers || longest > maxPackedLength) return 0;
  let bytes = EMPTY_BYTES;
  for (let more = result.seek(0); more; more = result.next()) {
    result.load();
    bytes += packed.pairBytes(result.view, result.start, result.length, result.score);
  }
  return bytes;
}

function pack(engine: Engine, result: SortedSet, ref: number): void {
  const view = engine.arena.views[chunkOf(ref)];
  const at = valueStart(engine.db, ref);
  empty(view, at);
  for (let more = result.seek(0); more; more = result.next()) {
    result.load();
    packed.append(view, at, end(view, at), result.view, result.start, result.length, result.score);
  }
}
