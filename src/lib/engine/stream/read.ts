/**
 * XREAD and XREADGROUP: what came after an ID, of several streams at once; for a consumer of a group what nobody of the group
 * has got yet (`>`), or again what is pending for it. Without anything to tell, a client may wait (BLOCK).
 *
 *   options ─▶ find streams, groups, IDs (errors come first) ─▶ how many have something ─┬─▶ answer: stream, entries; …
 *                                                                                       └─▶ 0: block, or null
 */
import { StreamId } from '../../store/stream/id.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import { type Replacement, timeoutMsArgument } from '../blocking.ts';
import type { Engine } from '../engine.ts';
import { hashOf, hasRoom, rootOf, TYPE_STREAM } from '../keys.ts';
import {
  consumerArgument,
  ensureConsumer,
  groupArgument,
  idArgument,
  isByte,
  noSuchGroup,
  nowOf,
  openToRead,
  refuse,
  replyEntry,
  replyId,
} from './value.ts';

const WORD_BLOCK = optionWord('BLOCK');
const WORD_COUNT = optionWord('COUNT');
const WORD_STREAMS = optionWord('STREAMS');
const WORD_GROUP = optionWord('GROUP');
const WORD_NOACK = optionWord('NOACK');
const DOLLAR = 36;
const GREATER = 62;

/** What a pending entry may take: NACK, its places in two trees, and what those waste. */
const PENDING_ROOM = 128;
const CONSUMER_ROOM = 2048;

/** Streams for which there is room at first. */
const FIRST_STREAMS = 8;

/** What the options said. */
const options = {
  /** Whether BLOCK was given, and until when: ms since 1970, 0 for ever. */
  blocks: false,
  deadlineMs: 0,
  count: 0,
  noAck: false,
  /** Arguments: the group, the consumer, the first key; 0 if not given. */
  group: 0,
  consumer: 0,
  keys: 0,
  streams: 0,
};
/** By stream: its record and root (0: there is none), the group, and the ID to begin after; all bits set is `>`. */
let refs = new Int32Array(FIRST_STREAMS);
let roots = new Int32Array(FIRST_STREAMS);
let groupRefs = new Int32Array(FIRST_STREAMS);
let ids = new Int32Array(FIRST_STREAMS * 4);
/** For streams that have something to tell 1, or 2 if it is new to the group. */
let served = new Uint8Array(FIRST_STREAMS);

const after = new StreamId();
const other = new StreamId();
const LAST_ID = new StreamId().setMax();

/** XREAD [COUNT count] [BLOCK ms] STREAMS key [key …] id [id …] */
export function xread(engine: Engine, arg: number, argc: number): void {
  read(engine, arg, argc, false);
}

/** XREADGROUP GROUP group consumer [COUNT count] [BLOCK ms] [NOACK] STREAMS key [key …] id [id …] */
export function xreadgroup(engine: Engine, arg: number, argc: number): void {
  read(engine, arg, argc, true);
}

function read(engine: Engine, arg: number, argc: number, grouped: boolean): void {
  if (!readOptions(engine, arg, argc, grouped)) return;
  reserve(options.streams);
  for (let i = 0; i < options.streams; i++) if (!resolve(engine, i, grouped)) return;
  if (grouped && !hasRoomToDeliver(engine)) return;
  const n = grouped ? chooseForGroup(engine) : chooseForReader(engine);
  if (n > 0) {
    if (engine.reply.protocol === 2) engine.reply.array(n);
    else engine.reply.map(n);
  }
  for (let i = 0; i < options.streams; i++) {
    if (roots[i] === 0) continue;
    engine.values.streams.open(roots[i]);
    const consumer = grouped ? ensureConsumer(engine, refs[i], groupRefs[i], options.consumer) : 0;
    if (served[i] !== 0) replyStream(engine, i, consumer);
  }
  if (n === 0 && !(options.blocks && block(engine, grouped))) engine.reply.nilArray();
}

// ── options ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function readOptions(engine: Engine, arg: number, argc: number, grouped: boolean): boolean {
  options.blocks = false;
  options.count = 0;
  options.noAck = false;
  options.group = 0;
  options.keys = 0;
  const end = arg + argc;
  for (let i = arg + 1; i < end && options.keys === 0; i++) {
    const more = end - i - 1;
    if (more > 0 && isWord(engine, i, WORD_BLOCK)) {
      options.deadlineMs = timeoutMsArgument(engine, ++i);
      if (options.deadlineMs === -1) return false;
      options.blocks = true;
    } else if (more > 0 && isWord(engine, i, WORD_COUNT)) {
      const count = integerArgument(engine, ++i);
      if (Number.isNaN(count)) return false;
      options.count = count < 0 ? 0 : count;
    } else if (more > 0 && isWord(engine, i, WORD_STREAMS)) {
      if (!splitStreams(engine, i + 1, more, grouped)) return false;
    } else if (more > 1 && isWord(engine, i, WORD_GROUP)) {
      if (!grouped) return onlyForGroups(engine, 'GROUP');
      options.group = i + 1;
      options.consumer = i + 2;
      i += 2;
    } else if (isWord(engine, i, WORD_NOACK)) {
      if (!grouped) return onlyForGroups(engine, 'NOACK');
      options.noAck = true;
    } else {
      syntaxError(engine);
      return false;
    }
  }
  if (options.keys === 0) {
    syntaxError(engine);
    return false;
  }
  return !grouped || options.group !== 0 || refuse(engine, 'ERR Missing GROUP option for XREADGROUP');
}

function splitStreams(engine: Engine, first: number, n: number, grouped: boolean): boolean {
  options.keys = first;
  options.streams = n >> 1;
  if ((n & 1) === 0) return true;
  const [name, symbol] = grouped ? ['xreadgroup', '>'] : ['xread', '$'];
  return refuse(
    engine,
    `ERR Unbalanced '${name}' list of streams: for each stream key an ID or '${symbol}' must be specified.`,
  );
}

function onlyForGroups(engine: Engine, option: string): false {
  return refuse(engine, `ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`);
}

/** Makes room for so many streams. */
function reserve(n: number): void {
  if (refs.length < n) {
    refs = new Int32Array(n);
    roots = new Int32Array(n);
    groupRefs = new Int32Array(n);
    ids = new Int32Array(n * 4);
    served = new Uint8Array(n);
  }
}

// ── streams, groups and IDs ────────────────────────────────────────────────────────────────────────────────────────────

/** Finds stream `i`, its group, and the ID; false after an error. */
function resolve(engine: Engine, i: number, grouped: boolean): boolean {
  const key = options.keys + i;
  const idArg = key + options.streams;
  const ref = openToRead(engine, key, hashOf(engine, key));
  if (ref === -1) return false;
  refs[i] = ref;
  roots[i] = ref === 0 ? 0 : rootOf(engine, engine.db, ref);
  if (grouped) {
    groupRefs[i] = ref === 0 ? 0 : groupArgument(engine, options.group);
    if (groupRefs[i] === 0) {
      noSuchGroup(engine, key, options.group, ' in XREADGROUP with GROUP option');
      return false;
    }
  }
  if (isByte(engine, idArg, DOLLAR)) {
    if (grouped) return refuse(engine, MEANINGLESS_DOLLAR);
    if (ref === 0) after.setMin();
    else engine.values.streams.log.lastId(after);
  } else if (isByte(engine, idArg, GREATER)) {
    if (!grouped) return refuse(engine, GREATER_NEEDS_GROUP);
    after.setMax();
  } else if (!idArgument(engine, idArg, after)) return false;
  after.write(ids, i * 4);
  return true;
}

const MEANINGLESS_DOLLAR =
  'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a ' +
  'proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.';
const GREATER_NEEDS_GROUP =
  'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.';

/** Marks the streams that have entries after the ID. Returns how many there are. */
function chooseForReader(engine: Engine): number {
  let n = 0;
  for (let i = 0; i < options.streams; i++) {
    served[i] = 0;
    if (roots[i] === 0) continue;
    const log = engine.values.streams.open(roots[i]);
    after.read(ids, i * 4);
    if (log.lastId(other).compare(after) <= 0 || !log.lastEntryId(other) || other.compare(after) <= 0) continue;
    served[i] = 1;
    n++;
  }
  return n;
}

/** As chooseForReader, for a group: history is always told, be it empty. The IDs of `>` become the group's last ones. */
function chooseForGroup(engine: Engine): number {
  const { groups } = engine.values.streams;
  /** By group, how often it was served before: the same stream may be named again. */
  const before = options.streams > 1 ? new Map<number, number>() : null;
  let n = 0;
  for (let i = 0; i < options.streams; i++) {
    after.read(ids, i * 4);
    served[i] = 1;
    if (after.isMax) {
      engine.values.streams.open(roots[i]);
      groups.lastId(groupRefs[i], after);
      const times = before?.get(groupRefs[i]) ?? 0;
      served[i] = hasNew(engine, times) ? 2 : 0;
      if (served[i] !== 0) before?.set(groupRefs[i], times + 1);
    }
    if (served[i] !== 0) n++;
  }
  return n;
}

/** The open stream has entries after `after`, when the first `times` · COUNT of them are gone. */
function hasNew(engine: Engine, times: number): boolean {
  const { log } = engine.values.streams;
  if (log.lastId(other).compare(after) <= 0 || !log.lastEntryId(other) || other.compare(after) <= 0) return false;
  if (times === 0) return true;
  if (options.count === 0) return false;
  after.increment();
  log.seek(after);
  return log.countForward(LAST_ID, options.count * (times + 1)) > options.count * times;
}

/** There is memory for consumers that are to be made and for what will be pending. */
function hasRoomToDeliver(engine: Engine): boolean {
  const { streams } = engine.values;
  const name = engine.argLength[options.consumer];
  let bytes = 0;
  for (let i = 0; i < options.streams; i++) {
    if (consumerArgument(engine, groupRefs[i], options.consumer) === 0) bytes += CONSUMER_ROOM + name;
    if (options.noAck || !after.read(ids, i * 4).isMax) continue;
    const { length } = streams.open(roots[i]);
    bytes += (options.count > 0 && options.count < length ? options.count : length) * PENDING_ROOM + CONSUMER_ROOM;
  }
  return hasRoom(engine, bytes);
}

// ── replies ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The stream's name and its entries. */
function replyStream(engine: Engine, i: number, consumer: number): void {
  const { reply } = engine;
  const key = options.keys + i;
  if (reply.protocol === 2) reply.array(2);
  reply.bulk(engine.argOffset[key], engine.argLength[key]);
  if (consumer !== 0) engine.stats.dirty++;
  if (consumer === 0) {
    after.read(ids, i * 4).increment();
    const { log } = engine.values.streams;
    log.seek(after);
    const n = log.countForward(LAST_ID, options.count);
    reply.array(n);
    for (let k = 0; k < n && log.next(); k++) replyEntry(reply, log);
  } else if (served[i] === 2) deliver(engine, groupRefs[i], consumer);
  else replyHistory(engine, i, consumer);
}

/** Delivers what is new to the group. */
function deliver(engine: Engine, group: number, consumer: number): void {
  const { reply } = engine;
  const { log, groups, progress } = engine.values.streams;
  const nowMs = nowOf(engine);
  groups.lastId(group, after).increment();
  log.seek(after);
  const n = log.countForward(LAST_ID, options.count);
  reply.array(n);
  for (let k = 0; k < n && log.next(); k++) {
    progress.advance(group, log.id);
    replyEntry(reply, log);
    if (!options.noAck) groups.deliver(group, consumer, log.id, nowMs);
  }
  if (n > 0 && !options.noAck) groups.setActive(consumer, nowMs);
}

/** Tells the consumer again what is pending for it after an ID; entries that are deleted as null. */
function replyHistory(engine: Engine, i: number, consumer: number): void {
  const { reply } = engine;
  const { log, groups } = engine.values.streams;
  const nowMs = nowOf(engine);
  const pending = groups.pendingOf(consumer);
  after.read(ids, i * 4).increment();
  let n = 0;
  const most = options.count > 0 ? options.count : pending.size;
  for (let nack = pending.seek(after); nack !== 0 && n < most; nack = pending.next()) n++;
  reply.array(n);
  for (let nack = pending.seek(after); n > 0; nack = pending.next(), n--) {
    pending.readId(other);
    if (log.find(other)) {
      replyEntry(reply, log);
      groups.setDelivery(nack, nowMs, groups.deliveries(nack) + 1);
      continue;
    }
    reply.array(2);
    replyId(reply, other);
    reply.nilArray();
  }
}

/** Asks to wait for any of the streams; false when that can't be. */
function block(engine: Engine, grouped: boolean): boolean {
  const keys = Array.from({ length: options.streams }, (_, i) => options.keys + i);
  const replacements: Replacement[] = [];
  for (let i = 0; i < options.streams; i++) {
    const argument = options.keys + options.streams + i;
    if (isByte(engine, argument, DOLLAR)) replacements.push({ argument, text: after.read(ids, i * 4).toString() });
  }
  return engine.blocker.block({
    keys,
    type: TYPE_STREAM,
    anyChange: grouped,
    deadlineMs: options.deadlineMs,
    onTimeout: 'nilArray',
    replacements,
  });
}
