/**
 * A string as an array of bits, which commands count from the first byte's highest bit on:
 *
 *   byte      0                 1
 *   bit       0 1 2 3 4 5 6 7   8 9 10 …
 *   weight  128 …           1 128 …
 *
 * Offsets as arguments, and the string that a command is about to write in, as long as it must be.
 */
import { byteOf, chunkOf } from '../../store/arena.ts';
import { integerAt } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { lookupWrite, makeString, STRING_RAW } from '../keys.ts';
import { holdsString } from '../string/value.ts';

const HASH = 35;

/** True when the last `writableBits` made or lengthened its string: that alone is a change. */
export let grew = false;

/**
 * Argument `i` as an offset in bits, at least 0; -1 when it isn't one: the error has been written. With `bits` above 0,
 * `#n` stands for n times as many.
 */
export function bitOffsetArgument(engine: Engine, i: number, bits: number): number {
  const u8 = engine.memory.u8;
  const at = engine.argOffset[i];
  const length = engine.argLength[i];
  const counted = bits > 0 && length > 0 && u8[at] === HASH;
  const value = counted ? integerAt(u8, at + 1, length - 1) : integerAt(u8, at, length);
  // Of NaN and ±WIDE nothing is within the limits.
  const offset = counted ? value * bits : value;
  if (offset >= 0 && Math.floor(offset / 8) < engine.maxStringBytes) return offset;
  engine.reply.error('ERR bit offset is not an integer or out of range');
  return -1;
}

/**
 * The string of the command's key with at least `bits` bits, zeros where it had none; 0 when it can't be: the error has been
 * written. redis-server keeps it as `raw` from now on, whether the command changes anything or not.
 */
export function writableBits(engine: Engine, arg: number, bits: number): number {
  const { db } = engine;
  grew = false;
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsString(engine, ref)) return 0;
  const length = ref === 0 ? 0 : db.valueLength(ref);
  const wanted = Math.ceil(bits / 8);
  let made = ref;
  if (ref === 0 || wanted > length) {
    made = makeString(engine, arg + 1, engine.keyHash, ref, wanted, true);
    if (made === 0) return 0;
    const start = byteOf(made) + db.valueByte(made);
    engine.arena.bytes8[chunkOf(made)].fill(0, start + length, start + wanted);
    grew = true;
  }
  db.setFlags(made, STRING_RAW);
  return made;
}
