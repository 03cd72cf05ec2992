/**
 * KEYS and SCAN: the names of the keys. Refs of what matches are collected first, because an array's length comes before its
 * elements; a list of integers, never of strings.
 */
import { byteOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import { integerArgument, isWord, optionWord, shownText, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { globMatches } from '../glob.ts';
import { dropIfExpired, isExpired } from '../keys.ts';
import { replyKey, TYPE_NAMES } from './existence.ts';

const WORD_COUNT = optionWord('COUNT');
const WORD_MATCH = optionWord('MATCH');
const WORD_TYPE = optionWord('TYPE');
const STAR = 42;
const DEFAULT_COUNT = 10;
/** One call visits no more keys than this, whatever COUNT says: the rest of the clients wait meanwhile. */
const MAX_COUNT = 0x7fff_ffff;
const UINT64_MAX = 2n ** 64n - 1n;
/** Cursors are hashes. */
const CURSOR_LIMIT = 2n ** 32n;

export function keys(engine: Engine, arg: number, _argc: number): void {
  const db = engine.db;
  const refs = engine.refs;
  const all = matchesAll(engine, arg + 1);
  refs.length = 0;
  db.forEach((ref) => {
    if ((all || keyMatches(engine, db, ref, arg + 1)) && !isExpired(engine, db, ref)) refs.push(ref);
  });
  engine.reply.array(refs.length);
  for (let k = 0; k < refs.length; k++) replyKey(engine, db, refs.refs[k]);
}

interface ScanOptions {
  count: number;
  /** Argument with the pattern, or 0. */
  pattern: number;
  /** Name of the type in lower case, or ''. */
  type: string;
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
export function scan(engine: Engine, arg: number, argc: number): void {
  const cursor = parseCursor(shownText(engine, arg + 1));
  if (cursor === null) {
    engine.reply.error('ERR invalid cursor');
    return;
  }
  const options = parseScanOptions(engine, arg + 2, arg + argc);
  if (options === null) return;
  const db = engine.db;
  const refs = engine.refs;
  refs.length = 0;
  const next = cursor < CURSOR_LIMIT ? db.scan(Number(cursor), options.count, (ref) => refs.push(ref)) : 0;
  let kept = 0;
  for (let k = 0; k < refs.length; k++) {
    const ref = refs.refs[k];
    if (options.pattern !== 0 && !keyMatches(engine, db, ref, options.pattern)) continue;
    if (dropIfExpired(engine, db, ref)) continue;
    if (options.type !== '' && TYPE_NAMES[db.type(ref)] !== options.type) continue;
    refs.refs[kept++] = ref;
  }
  engine.reply.array(2);
  engine.reply.bulkText(String(next));
  engine.reply.array(kept);
  for (let k = 0; k < kept; k++) replyKey(engine, db, refs.refs[k]);
}

function parseScanOptions(engine: Engine, from: number, end: number): ScanOptions | null {
  const options: ScanOptions = { count: DEFAULT_COUNT, pattern: 0, type: '' };
  for (let i = from; i < end; i += 2) {
    const hasValue = i + 1 < end;
    if (hasValue && isWord(engine, i, WORD_COUNT)) {
      const count = integerArgument(engine, i + 1);
      if (Number.isNaN(count)) return null;
      if (count < 1) {
        syntaxError(engine);
        return null;
      }
      options.count = Math.min(count, MAX_COUNT);
    } else if (hasValue && isWord(engine, i, WORD_MATCH)) options.pattern = matchesAll(engine, i + 1) ? 0 : i + 1;
    else if (hasValue && isWord(engine, i, WORD_TYPE)) options.type = engine.text(i + 1).toLowerCase();
    else {
      syntaxError(engine);
      return null;
    }
  }
  return options;
}

/** A cursor as C's strtoul reads it, all of the text; null when it isn't one. */
function parseCursor(text: string): bigint | null {
  if (text === '') return 0n;
  const number = /^([+-]?)(\d+)$/.exec(text);
  if (number === null) return null;
  const value = BigInt(number[2]);
  if (value > UINT64_MAX) return null;
  return number[1] === '-' ? BigInt.asUintN(64, -value) : value;
}

/** True for `*`, which even matches an empty name. */
function matchesAll(engine: Engine, i: number): boolean {
  return engine.argLength[i] === 1 && engine.memory.u8[engine.argOffset[i]] === STAR;
}

function keyMatches(engine: Engine, db: Keyspace, ref: number, pattern: number): boolean {
  const from = engine.argOffset[pattern];
  const key = byteOf(ref) + db.keyByte(ref);
  const bytes = engine.arena.bytes8[ref >>> 23];
  return globMatches(engine.memory.u8, from, from + engine.argLength[pattern], bytes, key, key + db.keyLength(ref));
}
