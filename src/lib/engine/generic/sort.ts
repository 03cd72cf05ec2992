/**
 * SORT, SORT_RO: the elements of a list, set or sorted set in the order of their numbers or letters, or of what BY names.
 *
 *   source ──▶ copies ──BY──▶ scores or weights ──▶ order ──LIMIT──▶ each element, or what GET names ──▶ reply or STORE
 *
 * A constant pattern (BY nosort) leaves the order as it is; lists and sorted sets then give only the range that is asked for.
 */

import { LIST_QUICKLIST } from '../../store/list-kind.ts';
import * as listpack from '../../store/listpack.ts';
import { Quicklist } from '../../store/quicklist.ts';
import { RefList } from '../../store/table.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import {
  changed,
  createRooted,
  find,
  hashOf,
  lookupRead,
  outOfMemory,
  remove,
  TYPE_LIST,
  TYPE_SET,
  TYPE_ZSET,
  wrongType,
} from '../keys.ts';
import { open, settleMade } from '../list/value.ts';
import { Bytes, numberOf, SortElements } from './sort-elements.ts';
import { SortPattern } from './sort-pattern.ts';

const WORD_ASC = optionWord('ASC');
const WORD_DESC = optionWord('DESC');
const WORD_ALPHA = optionWord('ALPHA');
const WORD_LIMIT = optionWord('LIMIT');
const WORD_STORE = optionWord('STORE');
const WORD_BY = optionWord('BY');
const WORD_GET = optionWord('GET');

const NO_NUMBER = "ERR One or more scores can't be converted into double";
/** Members that are taken from a set at a time. */
const BATCH = 1024;

interface Options {
  descending: boolean;
  alpha: boolean;
  offset: number;
  /** Below 0: all. */
  count: number;
  by: SortPattern | null;
  /** There was a BY without a place for the element, whatever came after it. */
  asItIs: boolean;
  get: SortPattern[];
  /** Argument that is the key to store in; 0: none. */
  store: number;
}

export function sort(engine: Engine, arg: number, argc: number): void {
  run(engine, arg, argc, true);
}

export function sortRo(engine: Engine, arg: number, argc: number): void {
  run(engine, arg, argc, false);
}

function run(engine: Engine, arg: number, argc: number, mayStore: boolean): void {
  const options = parse(engine, arg + 2, arg + argc, mayStore);
  if (options === null) return;
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  const type = ref === 0 ? TYPE_LIST : engine.db.type(ref);
  if (type !== TYPE_LIST && type !== TYPE_SET && type !== TYPE_ZSET) {
    wrongType(engine);
    return;
  }
  try {
    sortKey(engine, ref, type, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    outOfMemory(engine); // for the copies
  }
}

/** Null when there is a mistake: the error has been written. */
function parse(engine: Engine, from: number, end: number, mayStore: boolean): Options | null {
  const options: Options = {
    descending: false,
    alpha: false,
    offset: 0,
    count: -1,
    by: null,
    asItIs: false,
    get: [],
    store: 0,
  };
  for (let i = from; i < end; i++) {
    const left = end - i - 1;
    if (isWord(engine, i, WORD_ASC)) options.descending = false;
    else if (isWord(engine, i, WORD_DESC)) options.descending = true;
    else if (isWord(engine, i, WORD_ALPHA)) options.alpha = true;
    else if (left >= 2 && isWord(engine, i, WORD_LIMIT)) {
      options.offset = integerArgument(engine, ++i);
      if (Number.isNaN(options.offset)) return null;
      options.count = integerArgument(engine, ++i);
      if (Number.isNaN(options.count)) return null;
    } else if (left >= 1 && mayStore && isWord(engine, i, WORD_STORE)) options.store = ++i;
    else if (left >= 1 && isWord(engine, i, WORD_BY)) {
      options.by = new SortPattern(bytesOf(engine, ++i));
      if (!options.by.hasPlace) options.asItIs = true;
    } else if (left >= 1 && isWord(engine, i, WORD_GET)) options.get.push(new SortPattern(bytesOf(engine, ++i)));
    else {
      syntaxError(engine);
      return null;
    }
  }
  return options;
}

function bytesOf(engine: Engine, i: number): Buffer {
  const start = engine.argOffset[i];
  return Buffer.from(engine.memory.u8.slice(start, start + engine.argLength[i]));
}

function sortKey(engine: Engine, ref: number, type: number, options: Options): void {
  let { by, alpha } = options;
  let sorts = !options.asItIs;
  if (!sorts && type === TYPE_SET && options.store !== 0) {
    // A set has no order of its own, and what is stored must not depend on it.
    sorts = true;
    alpha = true;
    by = null;
  }
  const length = ref === 0 ? 0 : (engine.values.kinds[type]?.count(engine.db, ref) ?? 0);
  let start = Math.min(Math.max(options.offset, 0), length);
  let end = options.count < 0 ? length : Math.min(start + options.count, length);
  const elements = new SortElements();
  if (!sorts && type !== TYPE_SET) {
    if (end > start) gatherRange(engine, ref, type, options.descending, start, end, elements);
    end -= start;
    start = 0;
  } else if (ref !== 0) gatherAll(engine, ref, type, elements);
  let order: Uint32Array = Uint32Array.from({ length: elements.count }, (_, i) => i);
  if (sorts) {
    const sorted = sortElements(engine, elements, order, by, alpha, options);
    if (sorted === null) {
      engine.reply.error(NO_NUMBER);
      return;
    }
    order = sorted;
  }
  const chosen = order.subarray(start, end);
  if (options.store === 0) reply(engine, elements, chosen, options.get);
  else store(engine, elements, chosen, options.get, options.store);
}

// ── gathering ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Copies the elements [start, end) of a list or sorted set in their own order, or backwards. */
function gatherRange(
  engine: Engine,
  ref: number,
  type: number,
  backwards: boolean,
  start: number,
  end: number,
  into: SortElements,
): void {
  const { item } = listpack;
  if (type === TYPE_LIST) {
    const list = open(engine, ref);
    list.seek(backwards ? -1 - start : start);
    for (let left = end - start; left > 0; left--) {
      list.decode();
      into.add(item.view, item.start, item.length);
      if (backwards) list.prev();
      else list.next();
    }
    return;
  }
  const { sortedSets } = engine.values;
  sortedSets.open(engine.db, ref);
  sortedSets.seek(backwards ? sortedSets.size - 1 - start : start);
  for (let left = end - start; left > 0; left--) {
    sortedSets.load();
    into.add(sortedSets.view, sortedSets.start, sortedSets.length);
    if (backwards) sortedSets.prev();
    else sortedSets.next();
  }
}

function gatherAll(engine: Engine, ref: number, type: number, into: SortElements): void {
  if (type !== TYPE_SET) {
    const count = engine.values.kinds[type]?.count(engine.db, ref) ?? 0;
    gatherRange(engine, ref, type, false, 0, count, into);
    return;
  }
  const set = engine.values.sets.one;
  set.open(engine.db, ref);
  const places = new RefList();
  let cursor = 0;
  do {
    places.length = 0;
    cursor = set.collect(cursor, BATCH, places);
    for (let i = 0; i < places.length; i++) {
      set.load(places.refs[i]);
      into.add(set.view, set.start, set.length);
    }
  } while (cursor !== 0);
}

// ── sorting ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The order of the elements; null when one has no number to be sorted by. */
function sortElements(
  engine: Engine,
  elements: SortElements,
  order: Uint32Array,
  by: SortPattern | null,
  alpha: boolean,
  options: Options,
): Uint32Array | null {
  const sign = options.descending ? -1 : 1;
  // Without STORE letters are compared as the locale has it, which in the C locale ends at a NUL.
  const toNul = options.store === 0;
  if (!alpha) {
    const scores = scoresOf(engine, elements, by);
    if (scores === null) return null;
    return order.sort((a, b) => sign * (scores[a] - scores[b] || elements.compare(a, b, false)));
  }
  if (by === null) return order.sort((a, b) => sign * elements.compare(a, b, toNul));
  const weights = new SortElements();
  const weightOf = weightsOf(engine, elements, by, weights);
  return order.sort((a, b) => {
    const [x, y] = [weightOf[a], weightOf[b]];
    if (x < 0 || y < 0) return sign * (Math.sign(x + 1) - Math.sign(y + 1));
    return sign * weights.compare(x, y, toNul);
  });
}

/** The elements' numbers, or those of what BY names, 0 where it names nothing; null when something is no number. */
function scoresOf(engine: Engine, elements: SortElements, by: SortPattern | null): Float64Array | null {
  const scores = new Float64Array(elements.count);
  const element = new Bytes();
  const found = new Bytes();
  for (let i = 0; i < scores.length; i++) {
    if (by === null) scores[i] = elements.number(i);
    else {
      elements.load(i, element);
      if (by.find(engine, element, found)) scores[i] = numberOf(found.view, found.start, found.length);
    }
    if (Number.isNaN(scores[i])) return null;
  }
  return scores;
}

/** Copies what BY names to `weights`; for each element which of them it has, or -1. */
function weightsOf(engine: Engine, elements: SortElements, by: SortPattern, weights: SortElements): Int32Array {
  const weightOf = new Int32Array(elements.count).fill(-1);
  const element = new Bytes();
  const found = new Bytes();
  for (let i = 0; i < weightOf.length; i++) {
    elements.load(i, element);
    if (!by.find(engine, element, found)) continue;
    weightOf[i] = weights.count;
    weights.add(found.view, found.start, found.length);
  }
  return weightOf;
}

// ── answering ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function reply(engine: Engine, elements: SortElements, chosen: Uint32Array, get: readonly SortPattern[]): void {
  const out = engine.reply;
  const element = new Bytes();
  const found = new Bytes();
  out.array(chosen.length * Math.max(1, get.length));
  for (const i of chosen) {
    elements.load(i, element);
    if (get.length === 0) out.bulkView(element.view, element.start, element.length);
    for (const pattern of get) {
      if (pattern.find(engine, element, found)) out.bulkView(found.view, found.start, found.length);
      else out.nil();
    }
  }
}

/** Makes the key in argument `i` a list of what there is to answer with, an empty string where GET names nothing. */
function store(
  engine: Engine,
  elements: SortElements,
  chosen: Uint32Array,
  get: readonly SortPattern[],
  i: number,
): void {
  const { arena, db, values } = engine;
  const length = chosen.length * Math.max(1, get.length);
  const root = length === 0 ? 0 : build(engine, elements, chosen, get);
  if (root < 0) {
    outOfMemory(engine);
    return;
  }
  const hash = hashOf(engine, i);
  const existing = find(engine, db, i, hash);
  if (length === 0) {
    if (existing !== 0) remove(engine, db, existing);
    engine.reply.integer(0);
    return;
  }
  if (arena.usedBytes + engine.argLength[i] > arena.limitBytes) {
    discard(engine, root);
    outOfMemory(engine);
    return;
  }
  if (existing !== 0) db.remove(existing);
  const made = createRooted(engine, i, hash, TYPE_LIST, LIST_QUICKLIST, root);
  if (made === 0) {
    discard(engine, root);
    return;
  }
  values.list.open(root);
  changed(engine, db, 'sortstore', settleMade(engine, db, made));
  engine.stats.dirty += length - 1;
  engine.reply.integer(length);
}

/** A list of its own; its root, or -1 when there is no memory. */
function build(engine: Engine, elements: SortElements, chosen: Uint32Array, get: readonly SortPattern[]): number {
  const { list } = engine.values;
  const made = new Quicklist(engine.arena);
  made.fill = list.fill;
  made.depth = list.depth;
  made.plainBytes = list.plainBytes;
  const root = made.create();
  if (root === 0) return -1;
  const element = new Bytes();
  const found = new Bytes();
  for (const i of chosen) {
    elements.load(i, element);
    let done = true;
    if (get.length === 0) done = made.pushBack(element.view, element.start, element.length, true);
    for (const pattern of get) {
      if (!pattern.find(engine, element, found)) found.length = 0;
      done = done && made.pushBack(found.view, found.start, found.length, true);
    }
    if (done) continue;
    discard(engine, root);
    return -1;
  }
  return root;
}

function discard(engine: Engine, root: number): void {
  const kind = engine.values.kinds[TYPE_LIST];
  if (kind !== null) engine.values.reaper.bury(kind, root, LIST_QUICKLIST);
}
