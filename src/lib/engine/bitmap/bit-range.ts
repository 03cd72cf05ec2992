/**
 * BITCOUNT and BITPOS: the bits of a range, which is given in bytes or in bits. Both become a range of bits:
 *
 *   BITCOUNT key [start end [BYTE | BIT]]        BITPOS key bit [start [end [BYTE | BIT]]]
 *
 * Arguments are checked before the key is looked at, as Redis does it from 7.2 on.
 */
import { chunkOf } from '../../store/arena.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { lookupRead } from '../keys.ts';
import { holdsString, valueStart } from '../string/value.ts';
import { popcount, popcountWord } from './popcount.ts';

const WORD_BIT = optionWord('BIT');
const WORD_BYTE = optionWord('BYTE');

/** The range that rangeOf found: bits from … to, both within it. */
let firstBit = 0;
let lastBit = 0;

export function bitcount(engine: Engine, arg: number, argc: number): void {
  let start = 0;
  let end = -1;
  if (argc === 4 || argc === 5) {
    start = integerArgument(engine, arg + 2);
    if (Number.isNaN(start)) return;
    end = integerArgument(engine, arg + 3);
    if (Number.isNaN(end)) return;
  } else if (argc !== 2) {
    syntaxError(engine);
    return;
  }
  const unit = argc === 5 ? unitArgument(engine, arg + 4) : 8;
  if (unit === 0) return;
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsString(engine, ref)) return;
  // Both counted from the end and crossed: empty, before clamping could uncross them.
  const crossed = start < 0 && end < 0 && start > end;
  if (ref === 0 || crossed || !rangeOf(engine.db.valueLength(ref), start, end, unit)) engine.reply.integer(0);
  else engine.reply.integer(countBits(engine, ref));
}

/** 1 for BIT, 8 for BYTE; 0 for anything else: the error has been written. */
function unitArgument(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_BIT)) return 1;
  if (isWord(engine, i, WORD_BYTE)) return 8;
  syntaxError(engine);
  return 0;
}

/** Makes firstBit … lastBit of a range whose ends count `unit` bits, from the end if negative. False when it is empty. */
function rangeOf(lengthBytes: number, start: number, end: number, unit: number): boolean {
  const total = unit === 1 ? lengthBytes * 8 : lengthBytes;
  const from = Math.max(0, start < 0 ? total + start : start);
  const to = Math.min(total - 1, Math.max(0, end < 0 ? total + end : end));
  if (from > to) return false;
  firstBit = from * unit;
  lastBit = to * unit + unit - 1;
  return true;
}

function countBits(engine: Engine, ref: number): number {
  const chunk = chunkOf(ref);
  const bytes = engine.arena.bytes8[chunk];
  const start = valueStart(engine, ref);
  const from = start + Math.floor(firstBit / 8);
  const to = start + Math.floor(lastBit / 8);
  const outside =
    popcountWord(bytes[from] & ~(0xff >>> (firstBit & 7))) +
    popcountWord(bytes[to] & ~(0xff00 >>> ((lastBit & 7) + 1)));
  return popcount(engine.arena.words[chunk], bytes, from, to + 1) - outside;
}

export function bitpos(engine: Engine, arg: number, argc: number): void {
  const bit = integerArgument(engine, arg + 2);
  if (Number.isNaN(bit)) return;
  if (bit !== 0 && bit !== 1) {
    engine.reply.error('ERR The bit argument must be 1 or 0.');
    return;
  }
  if (argc > 6) {
    syntaxError(engine);
    return;
  }
  const start = argc > 3 ? integerArgument(engine, arg + 3) : 0;
  if (Number.isNaN(start)) return;
  const unit = argc > 5 ? unitArgument(engine, arg + 5) : 8;
  if (unit === 0) return;
  const end = argc > 4 ? integerArgument(engine, arg + 4) : -1;
  if (Number.isNaN(end)) return;
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref === 0) engine.reply.integer(bit === 1 ? -1 : 0);
  else if (holdsString(engine, ref)) {
    const length = engine.db.valueLength(ref);
    if (!rangeOf(length, start, end, unit)) engine.reply.integer(-1);
    else {
      const found = findBit(engine, ref, bit);
      // Where no end was given, the string goes on with zeros.
      engine.reply.integer(found < 0 && bit === 0 && argc < 5 ? length * 8 : found);
    }
  }
}

/** The first bit of the range that is `bit`, or -1. */
function findBit(engine: Engine, ref: number, bit: number): number {
  const chunk = chunkOf(ref);
  const bytes = engine.arena.bytes8[chunk];
  const start = valueStart(engine, ref);
  const from = start + Math.floor(firstBit / 8);
  const to = start + Math.floor(lastBit / 8);
  const flip = bit === 1 ? 0 : 0xff; // what is sought becomes 1
  let candidates = (bytes[from] ^ flip) & (0xff >>> (firstBit & 7));
  let at = from;
  if (candidates === 0 && from < to) {
    at = skipBytes(engine.arena.words[chunk], bytes, from + 1, to, flip);
    candidates = bytes[at] ^ flip;
  }
  if (at === to) candidates &= 0xff00 >>> ((lastBit & 7) + 1);
  return candidates === 0 ? -1 : (at - start) * 8 + Math.clz32(candidates) - 24;
}

/** The first byte of [from, to) that is not `none`, else `to`. */
function skipBytes(words: Int32Array, bytes: Uint8Array, from: number, to: number, none: number): number {
  const word = none === 0 ? 0 : -1;
  let at = from;
  for (; at < to && (at & 3) !== 0; at++) if (bytes[at] !== none) return at;
  for (const last = to - 3; at < last; at += 4) if (words[at >>> 2] !== word) break;
  for (; at < to; at++) if (bytes[at] !== none) return at;
  return to;
}
