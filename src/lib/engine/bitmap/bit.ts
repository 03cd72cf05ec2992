/** SETBIT and GETBIT: one bit of a string. */
import { integerAt } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, lookupRead } from '../keys.ts';
import { chunkBytes, holdsString, valueStart } from '../string/value.ts';
import { bitOffsetArgument, grew, writableBits } from './bit-string.ts';

export function setbit(engine: Engine, arg: number, _argc: number): void {
  const offset = bitOffsetArgument(engine, arg + 2, 0);
  if (offset < 0) return;
  const on = integerAt(engine.memory.u8, engine.argOffset[arg + 3], engine.argLength[arg + 3]);
  if (on !== 0 && on !== 1) {
    engine.reply.error('ERR bit is not an integer or out of range');
    return;
  }
  const ref = writableBits(engine, arg, offset + 1);
  if (ref === 0) return;
  const bytes = chunkBytes(engine, ref);
  const at = valueStart(engine, ref) + Math.floor(offset / 8);
  const shift = 7 - (offset & 7);
  const before = (bytes[at] >>> shift) & 1;
  if (before !== on) bytes[at] ^= 1 << shift;
  if (grew || before !== on) changed(engine, engine.db, 'setbit', ref);
  engine.reply.integer(before);
}

export function getbit(engine: Engine, arg: number, _argc: number): void {
  const offset = bitOffsetArgument(engine, arg + 2, 0);
  if (offset < 0) return;
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsString(engine, ref)) return;
  const byte = Math.floor(offset / 8);
  if (ref === 0 || byte >= engine.db.valueLength(ref)) engine.reply.integer(0);
  else engine.reply.integer((chunkBytes(engine, ref)[valueStart(engine, ref) + byte] >>> (7 - (offset & 7))) & 1);
}
