/** XLEN, XRANGE, XREVRANGE, XDEL, XSETID: entries by ID, and the IDs and counts that a stream remembers beside them. */
import { StreamId } from '../../store/stream/id.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed } from '../keys.ts';
import {
  endArgument,
  idArgument,
  int64Argument,
  openToRead,
  openToWrite,
  refuse,
  replyRange,
  replyRangeBack,
  startArgument,
} from './value.ts';

const WORD_COUNT = optionWord('COUNT');
const WORD_ENTRIESADDED = optionWord('ENTRIESADDED');
const WORD_MAXDELETEDID = optionWord('MAXDELETEDID');

const start = new StreamId();
const end = new StreamId();
const known = new StreamId();
const added = new Int32Array(2);

export function xlen(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  engine.reply.integer(ref === 0 ? 0 : engine.values.streams.log.length);
}

/** XRANGE key start end [COUNT count] */
export function xrange(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, false);
}

/** XREVRANGE key end start [COUNT count] */
export function xrevrange(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, true);
}

function range(engine: Engine, arg: number, argc: number, back: boolean): void {
  const { reply } = engine;
  if (!startArgument(engine, arg + (back ? 3 : 2), start)) return;
  if (!endArgument(engine, arg + (back ? 2 : 3), end)) return;
  let count = -1;
  for (let i = arg + 4; i < arg + argc; i += 2) {
    if (i + 1 === arg + argc || !isWord(engine, i, WORD_COUNT)) {
      syntaxError(engine);
      return;
    }
    count = integerArgument(engine, i + 1);
    if (Number.isNaN(count)) return;
    if (count < 0) count = 0;
  }
  const ref = openToRead(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  const { log } = engine.values.streams;
  if (ref === 0) reply.array(0);
  else if (count === 0) reply.nilArray();
  else if (back) replyRangeBack(reply, log, start, end, count < 0 ? 0 : count);
  else replyRange(reply, log, start, end, count < 0 ? 0 : count);
}

/** XDEL key ID [ID …] */
export function xdel(engine: Engine, arg: number, argc: number): void {
  const ref = openToWrite(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  if (ref === 0) {
    engine.reply.integer(0);
    return;
  }
  // All IDs are looked at before the first entry goes.
  for (let i = arg + 2; i < arg + argc; i++) if (!idArgument(engine, i, start)) return;
  const { log } = engine.values.streams;
  let deleted = 0;
  let firstGone = false;
  for (let i = arg + 2; i < arg + argc; i++) {
    idArgument(engine, i, start);
    if (!log.remove(start)) continue;
    deleted++;
    if (start.equals(log.firstId(known))) firstGone = true;
    if (start.compare(log.maxDeletedId(known)) > 0) log.setMaxDeletedId(start);
  }
  if (deleted > 0) {
    if (firstGone || log.length === 0) log.findFirstId();
    changed(engine, engine.db, 'xdel', ref);
    engine.stats.dirty += deleted - 1;
  }
  engine.reply.integer(deleted);
}

/** XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id] */
export function xsetid(engine: Engine, arg: number, argc: number): void {
  if (!idArgument(engine, arg + 2, start)) return;
  let addedGiven = false;
  end.setMin();
  for (let i = arg + 3; i < arg + argc; i += 2) {
    const more = i + 1 < arg + argc;
    if (more && isWord(engine, i, WORD_ENTRIESADDED)) {
      if (!int64Argument(engine, i + 1, added)) return;
      if (added[1] < 0) {
        engine.reply.error('ERR entries_added must be positive');
        return;
      }
      addedGiven = true;
    } else if (more && isWord(engine, i, WORD_MAXDELETEDID)) {
      if (!idArgument(engine, i + 1, end)) return;
      if (start.compare(end) < 0) {
        engine.reply.error('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id');
        return;
      }
    } else {
      syntaxError(engine);
      return;
    }
  }
  const ref = openToWrite(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  if (ref === 0) {
    engine.reply.error('ERR no such key');
    return;
  }
  const { log } = engine.values.streams;
  if (!maySetId(engine, addedGiven)) return;
  log.setLastId(start);
  if (addedGiven) log.setAdded(added[0], added[1]);
  if (!end.isZero) log.setMaxDeletedId(end);
  engine.reply.ok();
  changed(engine, engine.db, 'xsetid', ref);
}

/** What is in the stream allows for this last ID and count; otherwise the error has been written. */
function maySetId(engine: Engine, addedGiven: boolean): boolean {
  const { log } = engine.values.streams;
  if (start.compare(log.maxDeletedId(known)) < 0) {
    return refuse(engine, 'ERR The ID specified in XSETID is smaller than current max_deleted_entry_id');
  }
  if (log.length === 0) return true;
  if (log.lastEntryId(known) && start.compare(known) < 0) {
    return refuse(engine, 'ERR The ID specified in XSETID is smaller than the target stream top item');
  }
  if (addedGiven && added[1] === 0 && added[0] >>> 0 < log.length) {
    return refuse(engine, 'ERR The entries_added specified in XSETID is smaller than the target stream length');
  }
  return true;
}
