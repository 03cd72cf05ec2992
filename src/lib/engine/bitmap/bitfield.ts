/**
 * BITFIELD and BITFIELD_RO: a string as integers of any width (field.ts).
 *
 *   BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset increment]…
 *
 * The operations are read twice: to check them all and to find the farthest bit that is written, then to do them.
 */
import { bigIntegerAt, integerArgument, integerAt, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, lookupRead } from '../keys.ts';
import { chunkBytes, holdsString, valueStart } from '../string/value.ts';
import { bitOffsetArgument, grew, writableBits } from './bit-string.ts';
import {
  FAIL,
  fitted,
  fittedWide,
  NUMBER_BITS,
  NUMBER_MAX,
  overflowed,
  readField,
  readWideField,
  SAT,
  WRAP,
  writeField,
  writeWideField,
} from './field.ts';

const NONE = 0;
const GET = 1;
const SET = 2;
const INCRBY = 3;
const OVERFLOW = 4;

const WORD_GET = optionWord('GET');
const WORD_SET = optionWord('SET');
const WORD_INCRBY = optionWord('INCRBY');
const WORD_OVERFLOW = optionWord('OVERFLOW');
const WORD_WRAP = optionWord('WRAP');
const WORD_SAT = optionWord('SAT');
const WORD_FAIL = optionWord('FAIL');

const INT64_MAX = 2n ** 63n - 1n;
const TWO_64 = 2n ** 64n;

const LETTER_I = 105;
const LETTER_U = 117;

/** Offset and type of the field that parseField found. */
let offset = 0;
let width = 0;
let signed = false;
/** What checkOperations found: operations that answer, and the bits that the string must have to be written; 0: only read. */
let answers = 0;
let neededBits = 0;

export function bitfield(engine: Engine, arg: number, argc: number): void {
  run(engine, arg, argc, false);
}

export function bitfieldRo(engine: Engine, arg: number, argc: number): void {
  run(engine, arg, argc, true);
}

function run(engine: Engine, arg: number, argc: number, readonly: boolean): void {
  if (!checkOperations(engine, arg, argc)) return;
  let ref = 0;
  if (neededBits === 0) {
    ref = lookupRead(engine, arg + 1, engine.keyHash);
    if (ref !== 0 && !holdsString(engine, ref)) return;
  } else if (readonly) {
    engine.reply.error('ERR BITFIELD_RO only supports the GET subcommand');
    return;
  } else {
    ref = writableBits(engine, arg, neededBits);
    if (ref === 0) return;
  }
  engine.reply.array(answers);
  const changes = runOperations(engine, arg, argc, ref);
  if (changes === 0) return;
  engine.stats.dirty += changes - 1; // and one more by changed()
  changed(engine, engine.db, 'setbit', ref);
}

function operationAt(engine: Engine, i: number, end: number): number {
  const left = end - i - 1;
  if (isWord(engine, i, WORD_GET) && left >= 2) return GET;
  if (isWord(engine, i, WORD_SET) && left >= 3) return SET;
  if (isWord(engine, i, WORD_INCRBY) && left >= 3) return INCRBY;
  return isWord(engine, i, WORD_OVERFLOW) && left >= 1 ? OVERFLOW : NONE;
}

/** False after an error. */
function checkOperations(engine: Engine, arg: number, argc: number): boolean {
  const end = arg + argc;
  answers = 0;
  neededBits = 0;
  for (let i = arg + 2; i < end; ) {
    const operation = operationAt(engine, i, end);
    if (operation === NONE) {
      syntaxError(engine);
      return false;
    }
    if (operation === OVERFLOW) {
      if (overflowMode(engine, i + 1) < 0) {
        engine.reply.error('ERR Invalid OVERFLOW type specified');
        return false;
      }
      i += 2;
      continue;
    }
    if (!parseField(engine, i + 1)) return false;
    if (operation !== GET) {
      neededBits = Math.max(neededBits, offset + width);
      if (Number.isNaN(integerArgument(engine, i + 3))) return false;
    }
    answers++;
    i += operation === GET ? 3 : 4;
  }
  return true;
}

function overflowMode(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_WRAP)) return WRAP;
  if (isWord(engine, i, WORD_SAT)) return SAT;
  return isWord(engine, i, WORD_FAIL) ? FAIL : -1;
}

/** Reads the type in argument `i` and the offset in the next one; false when they are none: the error has been written. */
function parseField(engine: Engine, i: number): boolean {
  const u8 = engine.memory.u8;
  const at = engine.argOffset[i];
  const letter = engine.argLength[i] > 0 ? u8[at] : 0;
  let digits = 0; // redis-server's string ends at the first NUL
  while (digits < engine.argLength[i] - 1 && u8[at + 1 + digits] !== 0) digits++;
  width = letter === LETTER_I || letter === LETTER_U ? integerAt(u8, at + 1, digits) : Number.NaN;
  signed = letter === LETTER_I;
  if (!(width >= 1 && width <= (signed ? 64 : 63))) {
    engine.reply.error(
      'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
    );
    return false;
  }
  offset = bitOffsetArgument(engine, i + 1, width);
  return offset >= 0;
}

/** Does what checkOperations found to be in order, on the string of `ref` (0: none). Returns the number of changes. */
function runOperations(engine: Engine, arg: number, argc: number, ref: number): number {
  const end = arg + argc;
  const bytes = chunkBytes(engine, ref);
  const start = ref === 0 ? 0 : valueStart(engine, ref);
  const limit = ref === 0 ? 0 : start + engine.db.valueLength(ref);
  let mode = WRAP;
  let changes = 0;
  for (let i = arg + 2; i < end; ) {
    const operation = operationAt(engine, i, end);
    if (operation === OVERFLOW) {
      mode = overflowMode(engine, i + 1);
      i += 2;
      continue;
    }
    parseField(engine, i + 1);
    if (operation === GET) {
      answerField(engine, bytes, start, limit);
      i += 3;
    } else {
      if (changeField(engine, bytes, start, limit, operation, mode, i + 3)) changes++;
      i += 4;
    }
  }
  return changes;
}

function answerField(engine: Engine, bytes: Uint8Array, start: number, end: number): void {
  if (width <= NUMBER_BITS) engine.reply.integer(readField(bytes, start, end, offset, width, signed));
  else engine.reply.integer64(readWideField(bytes, start, end, offset, width, signed));
}

/** SET or INCRBY by argument `operand`, with its answer; true when that counts as a change. */
function changeField(
  engine: Engine,
  bytes: Uint8Array,
  start: number,
  end: number,
  operation: number,
  mode: number,
  operand: number,
): boolean {
  const value = integerAt(engine.memory.u8, engine.argOffset[operand], engine.argLength[operand]);
  if (width > NUMBER_BITS || value > NUMBER_MAX || value < -NUMBER_MAX)
    return changeWideField(engine, bytes, start, end, operation, mode, operand);
  const before = readField(bytes, start, end, offset, width, signed);
  // A negative value that is SET is unsigned 64 bits to an unsigned field: too large, not too small.
  const tooLarge = operation === SET && !signed && value < 0 && mode === SAT;
  const after = fitted(operation === SET ? (tooLarge ? NUMBER_MAX : value) : before + value, width, signed, mode);
  if (overflowed && mode === FAIL) {
    engine.reply.nil();
    return false;
  }
  engine.reply.integer(operation === SET ? before : after);
  writeField(bytes, start, offset, width, after);
  return grew || before !== after;
}

/** As changeField, where numbers are not exact. */
function changeWideField(
  engine: Engine,
  bytes: Uint8Array,
  start: number,
  end: number,
  operation: number,
  mode: number,
  operand: number,
): boolean {
  const value = bigIntegerAt(engine.memory.u8, engine.argOffset[operand], engine.argLength[operand]) ?? 0n;
  const wide = width > 32;
  const before = wide
    ? readWideField(bytes, start, end, offset, width, signed)
    : BigInt(readField(bytes, start, end, offset, width, signed));
  const wanted = operation === SET ? valueToSet(value) : before + value;
  const after = fittedWide(wanted, width, signed, mode);
  if (overflowed && mode === FAIL) {
    engine.reply.nil();
    return false;
  }
  engine.reply.integer64(operation === SET ? before : after);
  if (wide) writeWideField(bytes, start, offset, width, after);
  else writeField(bytes, start, offset, width, Number(after));
  return grew || before !== after;
}

/**
 * What SET means by a 64-bit value: to an unsigned field it is unsigned, and to a signed one of less than 64 bits the lowest
 * values are too large, not too small: redis-server asks by how much the value is below the largest, and that overflows.
 */
function valueToSet(value: bigint): bigint {
  if (!signed) return BigInt.asUintN(64, value);
  const max = (1n << BigInt(width - 1)) - 1n;
  return width < 64 && value < max - INT64_MAX ? value + TWO_64 : value;
}
