/** XCLAIM and XAUTOCLAIM: pending entries go from a consumer that may have died to one that lives. */
import { StreamId } from '../../store/stream/id.ts';
import { bigIntegerAt, integerAt, isWord, optionWord, shownText, syntaxError, WIDE } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { hasRoom, outOfMemory } from '../keys.ts';
import {
  ensureConsumer,
  groupArgument,
  idArgument,
  isId,
  noSuchGroup,
  nowOf,
  openToRead,
  refuse,
  replyEntry,
  replyId,
  startArgument,
} from './value.ts';

const WORD_FORCE = optionWord('FORCE');
const WORD_JUSTID = optionWord('JUSTID');
const WORD_IDLE = optionWord('IDLE');
const WORD_TIME = optionWord('TIME');
const WORD_RETRYCOUNT = optionWord('RETRYCOUNT');
const WORD_LASTID = optionWord('LASTID');
const WORD_COUNT = optionWord('COUNT');

const PENDING_ROOM = 256;
const DEFAULT_COUNT = 100;
/** XAUTOCLAIM looks at so many pending entries for each that it may claim. */
const ATTEMPTS = 10;
/** As redis-server: LONG_MAX / 16. */
const MAX_COUNT = 2n ** 63n / 16n;
/** It asks for memory for so many IDs at once, of 16 bytes each, and more than 47 bits of addresses there are not. */
const MAX_TRANSIENT_COUNT = 2 ** 47 / 16;

/** What the options said. */
const options = { minIdleMs: 0, deliveredMs: -1, retryCount: -1, force: false, justId: false, count: DEFAULT_COUNT };
const id = new StreamId();
const lastId = new StreamId();
const ownLast = new StreamId();
const cursor = new StreamId();

/** IDs that were claimed, and IDs that were deleted, until the reply can say how many there are. */
class IdList {
  length = 0;
  private words = new Int32Array(4 * 16);

  push(from: StreamId): void {
    if (this.length * 4 === this.words.length) {
      const larger = new Int32Array(this.words.length * 2);
      larger.set(this.words);
      this.words = larger;
    }
    from.write(this.words, this.length++ * 4);
  }

  read(index: number, into: StreamId): StreamId {
    return into.read(this.words, index * 4);
  }

  /** A list that was long does not keep its memory. */
  clear(): void {
    this.length = 0;
    if (this.words.length > 1 << 16) this.words = new Int32Array(4 * 16);
  }
}

const claimed = new IdList();
const deleted = new IdList();

/** XCLAIM key group consumer min-idle-time ID [ID …] [option …] */
export function xclaim(engine: Engine, arg: number, argc: number): void {
  const ref = openToRead(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  const group = ref === 0 ? 0 : groupArgument(engine, arg + 2);
  if (group === 0) {
    noSuchGroup(engine, arg + 1, arg + 2);
    return;
  }
  const end = arg + argc;
  if (!readMinIdle(engine, arg + 4, 'XCLAIM')) return;
  let ids = arg + 5;
  while (ids < end && isId(engine, ids, id)) ids++;
  if (!readClaimOptions(engine, ids, end)) return;
  const n = ids - (arg + 5);
  if (!hasRoom(engine, (n + 8) * PENDING_ROOM + engine.argLength[arg + 3])) return;
  const { groups } = engine.values.streams;
  const nowMs = nowOf(engine);
  const advances = lastId.compare(groups.lastId(group, ownLast)) > 0;
  if (advances) groups.setLastId(group, lastId);
  if (options.deliveredMs < 0 || options.deliveredMs > nowMs) options.deliveredMs = nowMs;
  const consumer = ensureConsumer(engine, ref, group, arg + 3);
  if (consumer === 0) {
    outOfMemory(engine);
    return;
  }
  claimed.clear();
  const before = engine.stats.dirty;
  for (let i = arg + 5; i < ids; i++) {
    isId(engine, i, id);
    if (claim(engine, group, consumer, nowMs)) claimed.push(id);
  }
  // The last ID is a change of its own only if there is no other.
  if (advances && engine.stats.dirty === before) engine.stats.dirty++;
  if (claimed.length > 0) groups.setActive(consumer, nowMs);
  replyClaimed(engine);
}

function readMinIdle(engine: Engine, i: number, command: string): boolean {
  options.minIdleMs = integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  if (Number.isNaN(options.minIdleMs)) return refuse(engine, `ERR Invalid min-idle-time argument for ${command}`);
  if (options.minIdleMs < 0) options.minIdleMs = 0;
  return true;
}

function readClaimOptions(engine: Engine, first: number, end: number): boolean {
  options.deliveredMs = -1;
  options.retryCount = -1;
  options.force = false;
  options.justId = false;
  lastId.setMin();
  for (let i = first; i < end; i++) {
    const more = i + 1 < end;
    if (isWord(engine, i, WORD_FORCE)) options.force = true;
    else if (isWord(engine, i, WORD_JUSTID)) options.justId = true;
    else if (more && isWord(engine, i, WORD_IDLE)) {
      const idleMs = readNumber(engine, ++i, 'IDLE');
      if (Number.isNaN(idleMs)) return false;
      // Below 0 is what lies in the future; -1, by chance, is what is not given.
      options.deliveredMs = nowOf(engine) - idleMs;
    } else if (more && isWord(engine, i, WORD_TIME)) {
      options.deliveredMs = readNumber(engine, ++i, 'TIME');
      if (Number.isNaN(options.deliveredMs)) return false;
    } else if (more && isWord(engine, i, WORD_RETRYCOUNT)) {
      options.retryCount = readNumber(engine, ++i, 'RETRYCOUNT');
      if (Number.isNaN(options.retryCount)) return false;
    } else if (more && isWord(engine, i, WORD_LASTID)) {
      if (!idArgument(engine, ++i, lastId)) return false;
    } else return refuse(engine, `ERR Unrecognized XCLAIM option '${shownText(engine, i)}'`);
  }
  return true;
}

function readNumber(engine: Engine, i: number, option: string): number {
  const value = integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  if (Number.isNaN(value)) refuse(engine, `ERR Invalid ${option} option argument for XCLAIM`);
  return value;
}

/** Claims the entry `id` for the consumer; false when it stays where it is, or is no more. */
function claim(engine: Engine, group: number, consumer: number, nowMs: number): boolean {
  const { log, groups } = engine.values.streams;
  let nack = groups.pending(group).find(id);
  if (!log.find(id)) {
    if (nack !== 0) {
      groups.acknowledge(group, id);
      engine.stats.dirty++;
    }
    return false;
  }
  if (nack === 0) {
    if (!options.force) return false;
    nack = groups.createNack(group, id, nowMs, 1);
    if (nack === 0) return false;
  } else if (options.minIdleMs > 0 && nowMs - groups.deliveredAt(nack) < options.minIdleMs) return false;
  const deliveries = groups.deliveries(nack);
  if (!groups.assign(nack, id, consumer)) {
    if (groups.consumerOf(nack) === 0) groups.acknowledge(group, id);
    return false;
  }
  const count = options.retryCount >= 0 ? options.retryCount : options.justId ? deliveries : deliveries + 1;
  groups.setDelivery(nack, options.deliveredMs, count);
  engine.stats.dirty++;
  return true;
}

/** The claimed entries, or their IDs. */
function replyClaimed(engine: Engine): void {
  const { reply } = engine;
  const { log } = engine.values.streams;
  reply.array(claimed.length);
  for (let i = 0; i < claimed.length; i++) {
    claimed.read(i, id);
    if (options.justId) replyId(reply, id);
    else if (log.find(id)) replyEntry(reply, log);
  }
}

/** XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID] */
export function xautoclaim(engine: Engine, arg: number, argc: number): void {
  if (!readMinIdle(engine, arg + 4, 'XAUTOCLAIM')) return;
  if (!startArgument(engine, arg + 5, cursor)) return;
  if (!readAutoclaimOptions(engine, arg + 6, arg + argc)) return;
  const ref = openToRead(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  const group = ref === 0 ? 0 : groupArgument(engine, arg + 2);
  if (group === 0) {
    noSuchGroup(engine, arg + 1, arg + 2);
    return;
  }
  if (options.count > MAX_TRANSIENT_COUNT) {
    engine.reply.error('ERR Insufficient memory, failed allocating transient memory, COUNT too high.');
    return;
  }
  const { groups } = engine.values.streams;
  const most = Math.min(options.count, groups.pending(group).size);
  if (!hasRoom(engine, (most + 8) * PENDING_ROOM + engine.argLength[arg + 3])) return;
  const consumer = ensureConsumer(engine, ref, group, arg + 3);
  if (consumer === 0) {
    outOfMemory(engine);
    return;
  }
  options.deliveredMs = nowOf(engine);
  options.retryCount = -1;
  options.force = false;
  autoclaim(engine, group, consumer);
  engine.reply.array(3);
  replyId(engine.reply, cursor);
  replyClaimed(engine);
  engine.reply.array(deleted.length);
  for (let i = 0; i < deleted.length; i++) replyId(engine.reply, deleted.read(i, id));
}

/** The 64-bit integer in argument `i` is no count that XAUTOCLAIM takes. */
function beyondCount(engine: Engine, i: number): boolean {
  return (bigIntegerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]) ?? MAX_COUNT) >= MAX_COUNT;
}

function readAutoclaimOptions(engine: Engine, first: number, end: number): boolean {
  options.count = DEFAULT_COUNT;
  options.justId = false;
  for (let i = first; i < end; i++) {
    if (isWord(engine, i, WORD_JUSTID)) options.justId = true;
    else if (i + 1 < end && isWord(engine, i, WORD_COUNT)) {
      options.count = integerAt(engine.memory.u8, engine.argOffset[++i], engine.argLength[i]);
      // Not an integer (NaN), too small or too large: the same error.
      if (!(options.count >= 1) || (options.count === WIDE && beyondCount(engine, i)))
        return refuse(engine, 'ERR COUNT must be > 0');
    } else {
      syntaxError(engine);
      return false;
    }
  }
  return true;
}

/** Claims from `cursor` on, and moves it to where the next call should begin; 0-0 at the end. */
function autoclaim(engine: Engine, group: number, consumer: number): void {
  const { log, groups } = engine.values.streams;
  const nowMs = options.deliveredMs;
  claimed.clear();
  deleted.clear();
  let attempts = options.count * ATTEMPTS;
  let { count } = options;
  let nack = groups.pending(group).seek(cursor);
  for (; nack !== 0 && attempts > 0 && count > 0; attempts--) {
    const pending = groups.pending(group);
    pending.readId(id);
    cursor.copy(id);
    if (!log.find(id)) {
      groups.acknowledge(group, id);
      engine.stats.dirty++;
      deleted.push(id);
      count--;
      nack = pending.seek(cursor);
      continue;
    }
    if (claim(engine, group, consumer, nowMs)) {
      claimed.push(id);
      count--;
    }
    // The tree was looked into meanwhile.
    pending.seek(cursor);
    nack = pending.next();
  }
  if (nack === 0) cursor.setMin();
  else groups.pending(group).readId(cursor);
  if (claimed.length > 0) groups.setActive(consumer, nowMs);
}
