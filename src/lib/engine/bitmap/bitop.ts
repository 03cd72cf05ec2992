/**
 * BITOP AND | OR | XOR | NOT destination source…: strings combined bit by bit, shorter ones as if zeros followed.
 *
 * The result is made where it will stay, source after source, unless the destination is a source itself: then beside it,
 * in memory of its own, and copied. Values are word-aligned, so words are combined, and the last bytes one by one.
 */
import { byteOf, chunkOf } from '../../store/arena.ts';
import { isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, hashOf, lookupRead, lookupWrite, makeString, outOfMemory, remove, STRING_RAW } from '../keys.ts';
import { holdsString } from '../string/value.ts';

const AND = 0;
const OR = 1;
const XOR = 2;
const NOT = 3;

const WORD_AND = optionWord('AND');
const WORD_OR = optionWord('OR');
const WORD_XOR = optionWord('XOR');
const WORD_NOT = optionWord('NOT');

export function bitop(engine: Engine, arg: number, argc: number): void {
  const operation = operationArgument(engine, arg + 1);
  if (operation < 0) {
    syntaxError(engine);
    return;
  }
  if (operation === NOT && argc !== 4) {
    engine.reply.error('ERR BITOP NOT must be called with a single source key.');
    return;
  }
  const longest = findSources(engine, arg, argc);
  if (longest < 0) return;
  const key = arg + 2;
  const hash = hashOf(engine, key);
  const target = lookupWrite(engine, key, hash);
  if (longest === 0) {
    if (target !== 0) remove(engine, engine.db, target);
  } else {
    const made = isSource(engine, target)
      ? combineBeside(engine, operation, key, hash, target, longest)
      : combineInPlace(engine, operation, key, hash, target, longest);
    if (made === 0) return;
    engine.db.setFlags(made, STRING_RAW);
    changed(engine, engine.db, 'set', made);
  }
  engine.reply.integer(longest);
}

function operationArgument(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_AND)) return AND;
  if (isWord(engine, i, WORD_OR)) return OR;
  if (isWord(engine, i, WORD_XOR)) return XOR;
  return isWord(engine, i, WORD_NOT) ? NOT : -1;
}

/** Puts the sources into engine.refs, 0 for those that aren't there. The longest one's length; -1 after an error. */
function findSources(engine: Engine, arg: number, argc: number): number {
  const sources = engine.refs;
  let longest = 0;
  sources.length = 0;
  for (let i = arg + 3; i < arg + argc; i++) {
    const ref = lookupRead(engine, i, hashOf(engine, i));
    if (ref !== 0 && !holdsString(engine, ref)) return -1;
    if (ref !== 0) longest = Math.max(longest, engine.db.valueLength(ref));
    sources.push(ref);
  }
  return longest;
}

function isSource(engine: Engine, target: number): boolean {
  if (target === 0) return false;
  const { refs, length } = engine.refs;
  for (let i = 0; i < length; i++) if (refs[i] === target) return true;
  return false;
}

function combineInPlace(
  engine: Engine,
  operation: number,
  key: number,
  hash: number,
  target: number,
  length: number,
): number {
  const made = makeString(engine, key, hash, target, length, false);
  if (made !== 0) combine(engine, operation, made, engine.db.valueByte(made), length);
  return made;
}

function combineBeside(
  engine: Engine,
  operation: number,
  key: number,
  hash: number,
  target: number,
  length: number,
): number {
  const { arena } = engine;
  const result = arena.alloc(length);
  if (result === 0) return outOfMemory(engine);
  combine(engine, operation, result, 0, length);
  const made = makeString(engine, key, hash, target, length, false);
  if (made !== 0) arena.move(made, engine.db.valueByte(made), result, 0, length);
  arena.free(result, length);
  return made;
}

/** Writes the combination of the sources, `length` bytes, into an object from `offset` (a multiple of 4) on. */
function combine(engine: Engine, operation: number, into: number, offset: number, length: number): void {
  const { arena, db } = engine;
  const sources = engine.refs;
  const bytes = arena.bytes8[chunkOf(into)];
  const start = byteOf(into) + offset;
  for (let i = 0; i < sources.length; i++) {
    const source = sources.refs[i];
    const n = source === 0 ? 0 : db.valueLength(source);
    if (i === 0) {
      if (n > 0) arena.move(into, offset, source, db.valueByte(source), n);
      bytes.fill(0, start + n, start + length);
    } else {
      if (n > 0) combineOne(engine, operation, into, start, source, n);
      if (operation === AND) bytes.fill(0, start + n, start + length);
    }
  }
  if (operation === NOT) invert(arena.words[chunkOf(into)], bytes, start, length);
}

/** Combines n bytes at `start` in the chunk of `into` with those of a source. */
function combineOne(engine: Engine, operation: number, into: number, start: number, source: number, n: number): void {
  const { arena, db } = engine;
  const words = arena.words[chunkOf(into)];
  const bytes = arena.bytes8[chunkOf(into)];
  const from = byteOf(source) + db.valueByte(source);
  const others = arena.words[chunkOf(source)];
  const otherBytes = arena.bytes8[chunkOf(source)];
  const end = (start >>> 2) + (n >>> 2);
  let other = from >>> 2;
  if (operation === AND) for (let at = start >>> 2; at < end; at++, other++) words[at] &= others[other];
  else if (operation === OR) for (let at = start >>> 2; at < end; at++, other++) words[at] |= others[other];
  else for (let at = start >>> 2; at < end; at++, other++) words[at] ^= others[other];
  for (let k = n & ~3; k < n; k++) {
    const byte = otherBytes[from + k];
    if (operation === AND) bytes[start + k] &= byte;
    else if (operation === OR) bytes[start + k] |= byte;
    else bytes[start + k] ^= byte;
  }
}

function invert(words: Int32Array, bytes: Uint8Array, start: number, length: number): void {
  const end = (start >>> 2) + (length >>> 2);
  for (let at = start >>> 2; at < end; at++) words[at] = ~words[at];
  for (let k = length & ~3; k < length; k++) bytes[start + k] ^= 0xff;
}
