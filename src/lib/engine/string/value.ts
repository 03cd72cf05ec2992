/**
 * The value of a string key, where it lies in the arena: answering with it, reading it as bytes, and the limits and types
 * that commands check first.
 */
import { byteOf, chunkOf, wordOf } from '../../store/arena.ts';
import { TYPE_MASK, valueLengthAt, valueWordAt } from '../../store/record.ts';
import { integerAt } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { STRING_PLAIN, STRING_RAW, TYPE_STRING, wrongType } from '../keys.ts';

/** Longest string that redis-server keeps in one allocation with its object. */
const EMBEDDED_MAX_BYTES = 44;
/** Longest text of a 64-bit integer. */
const INTEGER_MAX_BYTES = 20;

/** True when the key holds a string; otherwise the error has been written. */
export function holdsString(engine: Engine, ref: number): boolean {
  if (engine.db.type(ref) === TYPE_STRING) return true;
  wrongType(engine);
  return false;
}

/** True when a string may have so many bytes; otherwise the error has been written. */
export function mayBeLong(engine: Engine, bytes: number): boolean {
  if (bytes <= engine.maxStringBytes) return true;
  engine.reply.error('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
  return false;
}

/** Answers with the value of a string key; with the error for any other. */
export function replyString(engine: Engine, ref: number): void {
  const arena = engine.arena;
  const chunk = chunkOf(ref);
  const words = arena.words[chunk];
  const at = wordOf(ref);
  if ((words[at] & TYPE_MASK) !== TYPE_STRING) wrongType(engine);
  else engine.reply.bulkWords(arena.views[chunk], words, valueWordAt(words, at), valueLengthAt(words, at));
}

/** Answers with the whole value, straight from the arena. */
export function replyValue(engine: Engine, ref: number): void {
  const arena = engine.arena;
  const chunk = ref >>> 23;
  const words = arena.words[chunk];
  const at = wordOf(ref);
  engine.reply.bulkWords(arena.views[chunk], words, valueWordAt(words, at), valueLengthAt(words, at));
}

/** The chunk's bytes, and `valueStart` in them. */
export function chunkBytes(engine: Engine, ref: number): Uint8Array {
  return engine.arena.bytes8[ref >>> 23];
}

/** Index of the value's first byte in its chunk. */
export function valueStart(engine: Engine, ref: number): number {
  return byteOf(ref) + engine.db.valueByte(ref);
}

/** A view of the value's bytes; good until the next change. */
export function valueBytes(engine: Engine, ref: number): Uint8Array {
  const start = valueStart(engine, ref);
  return chunkBytes(engine, ref).subarray(start, start + engine.db.valueLength(ref));
}

/** The value as a 64-bit integer: a safe one, ±WIDE, or NaN when it is none. */
export function valueInteger(engine: Engine, ref: number): number {
  return integerAt(chunkBytes(engine, ref), valueStart(engine, ref), engine.db.valueLength(ref));
}

/** The encoding that redis-server would have chosen: what OBJECT ENCODING and DEBUG OBJECT say. */
export function stringEncoding(engine: Engine, ref: number): 'int' | 'embstr' | 'raw' {
  const flags = engine.db.flags(ref);
  const length = engine.db.valueLength(ref);
  if (flags === STRING_RAW) return 'raw';
  if (flags === STRING_PLAIN && length <= INTEGER_MAX_BYTES && !Number.isNaN(valueInteger(engine, ref))) return 'int';
  return length <= EMBEDDED_MAX_BYTES ? 'embstr' : 'raw';
}
