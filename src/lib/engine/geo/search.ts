/**
 * GEOSEARCH, GEOSEARCHSTORE, GEORADIUS, GEORADIUSBYMEMBER: members within a circle or a box.
 *
 *   area ─▶ nine boxes at most ─▶ a range of scores for each ─▶ members whose place is in the area ─▶ sorted, cut ─▶ reply
 *                                                                (places and distances)                         └─▶ set
 */
import { type Area, Boxes, MAX_STEP, Place } from '../../store/geohash.ts';
import { RefList } from '../../store/table.ts';
import type { Engine } from '../engine.ts';
import { find, hashOf, readTyped, remove, TYPE_ZSET } from '../keys.ts';
import { abandonResult, addToResult, beginResult, storeResult } from '../zset/result.ts';
import { replyMember } from '../zset/value.ts';
import { parseSearch, type Search, type Syntax } from './options.ts';
import { replyDistance, replyPlace } from './value.ts';

const boxes = new Boxes();
const at = new Place();
/** What was found: places in the set, and metres from the middle. */
const found = new RefList();
let distances = new Float64Array(64);
/** Longer ones are not kept. */
const MAX_KEPT_DISTANCES = 1 << 16;

const GEOSEARCH: Syntax = { source: 1, from: 'options', mayStore: false, isSearch: true };
const GEOSEARCHSTORE: Syntax = { source: 2, from: 'options', mayStore: false, isSearch: true };
const GEORADIUS: Syntax = { source: 1, from: 'place', mayStore: true, isSearch: false };
const GEORADIUS_RO: Syntax = { ...GEORADIUS, mayStore: false };
const GEORADIUSBYMEMBER: Syntax = { source: 1, from: 'member', mayStore: true, isSearch: false };
const GEORADIUSBYMEMBER_RO: Syntax = { ...GEORADIUSBYMEMBER, mayStore: false };

export function geosearch(engine: Engine, arg: number, argc: number): void {
  search(engine, arg, argc, GEOSEARCH);
}

export function geosearchstore(engine: Engine, arg: number, argc: number): void {
  search(engine, arg, argc, GEOSEARCHSTORE);
}

export function georadius(engine: Engine, arg: number, argc: number): void {
  search(engine, arg, argc, GEORADIUS);
}

export function georadiusRo(engine: Engine, arg: number, argc: number): void {
  search(engine, arg, argc, GEORADIUS_RO);
}

export function georadiusbymember(engine: Engine, arg: number, argc: number): void {
  search(engine, arg, argc, GEORADIUSBYMEMBER);
}

export function georadiusbymemberRo(engine: Engine, arg: number, argc: number): void {
  search(engine, arg, argc, GEORADIUSBYMEMBER_RO);
}

function search(engine: Engine, arg: number, argc: number, syntax: Syntax): void {
  const key = arg + syntax.source;
  const ref = readTyped(engine, key, syntax.source === 1 ? engine.keyHash : hashOf(engine, key), TYPE_ZSET);
  if (ref === -1) return;
  if (ref !== 0) engine.values.sortedSets.open(engine.db, ref);
  const wanted = parseSearch(engine, arg, argc, syntax, ref !== 0);
  if (wanted === null) return;
  if (ref === 0) {
    answerNothing(engine, wanted);
    return;
  }
  collect(engine, wanted.area, wanted.any ? wanted.count : 0);
  const order = sorted(wanted);
  if (wanted.store === 0) reply(engine, wanted, order);
  else store(engine, wanted, order, syntax);
  if (distances.length > MAX_KEPT_DISTANCES) distances = new Float64Array(64);
}

function answerNothing(engine: Engine, wanted: Search): void {
  if (wanted.store === 0) {
    engine.reply.array(0);
    return;
  }
  const old = find(engine, engine.db, wanted.store, hashOf(engine, wanted.store));
  if (old !== 0) remove(engine, engine.db, old);
  engine.reply.integer(0);
}

/** Fills `found` with the members in the area; stops at `limit` of them unless that is 0. */
function collect(engine: Engine, area: Area, limit: number): void {
  boxes.cover(area);
  found.length = 0;
  let last = 0;
  for (let i = 0; i < 9; i++) {
    if (boxes.useless[i] !== 0) continue;
    // Around the world, a box's two neighbours may be the same one.
    if (last !== 0 && boxes.bits(i) === boxes.bits(last)) continue;
    if (limit > 0 && found.length >= limit) return;
    collectBox(engine, area, boxes.bits(i) * 4 ** (MAX_STEP - boxes.step), 4 ** (MAX_STEP - boxes.step), limit);
    last = i;
  }
}

/** Members with scores of [min, min + width). */
function collectBox(engine: Engine, area: Area, min: number, width: number, limit: number): void {
  const { sortedSets } = engine.values;
  const max = min + width;
  for (let more = sortedSets.seek(sortedSets.belowScore(min, false)); more; more = sortedSets.next()) {
    const score = sortedSets.cursorScore;
    if (score >= max) return;
    at.decode(score);
    const metres = area.distanceWithin(at.longitude, at.latitude);
    if (metres < 0) continue;
    if (found.length === distances.length) {
      const longer = new Float64Array(distances.length * 2);
      longer.set(distances);
      distances = longer;
    }
    distances[found.length] = metres;
    found.push(sortedSets.place);
    if (limit > 0 && found.length >= limit) return;
  }
}

/** Indexes of what is wanted of `found`, in the order that is wanted: a COUNT that may not be ANY asks for the nearest. */
function sorted({ descending, ascending, count, any }: Search): Int32Array {
  const order = Int32Array.from({ length: found.length }, (_, i) => i);
  if (ascending || (count > 0 && !any && !descending)) order.sort((a, b) => distances[a] - distances[b] || a - b);
  else if (descending) order.sort((a, b) => distances[b] - distances[a] || a - b);
  return count > 0 && count < order.length ? order.subarray(0, count) : order;
}

function reply(engine: Engine, wanted: Search, order: Int32Array): void {
  const { sortedSets } = engine.values;
  const extras = Number(wanted.withDistance) + Number(wanted.withHash) + Number(wanted.withPlace);
  engine.reply.array(order.length);
  for (let k = 0; k < order.length; k++) {
    sortedSets.loadAt(found.refs[order[k]]);
    if (extras > 0) engine.reply.array(extras + 1);
    replyMember(engine, sortedSets);
    if (wanted.withDistance) replyDistance(engine, distances[order[k]] / wanted.metres);
    if (wanted.withHash) engine.reply.integer(Math.trunc(sortedSets.score));
    if (!wanted.withPlace) continue;
    at.decode(sortedSets.score);
    replyPlace(engine, at);
  }
}

function store(engine: Engine, wanted: Search, order: Int32Array, syntax: Syntax): void {
  const { sortedSets } = engine.values;
  if (!beginResult(engine)) return;
  for (let k = 0; k < order.length; k++) {
    sortedSets.loadAt(found.refs[order[k]]);
    const score = wanted.storeDistance ? distances[order[k]] / wanted.metres : sortedSets.score;
    if (addToResult(engine, sortedSets.view, sortedSets.start, sortedSets.length, score)) continue;
    abandonResult(engine);
    return;
  }
  storeResult(engine, wanted.store, syntax.isSearch ? 'geosearchstore' : 'georadiusstore');
}
