/**
 * APPEND and SETRANGE: changing part of a string where it is kept. The record is given its new length, which may move it,
 * and the new bytes are copied behind or over the old ones.
 */
import { integerArgument } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, lookupWrite, makeString, STRING_RAW, setString } from '../keys.ts';
import { chunkBytes, holdsString, mayBeLong, valueStart } from './value.ts';

export function append(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  const added = engine.argLength[arg + 2];
  if (ref === 0) {
    const made = setString(engine, arg + 1, engine.keyHash, 0, arg + 2, false);
    if (made === 0) return;
    changed(engine, engine.db, 'append', made);
    engine.reply.integer(added);
    return;
  }
  if (!holdsString(engine, ref)) return;
  const length = engine.db.valueLength(ref);
  if (!mayBeLong(engine, length + added)) return;
  const made = overwrite(engine, arg, ref, length, length + added, arg + 2);
  if (made === 0) return;
  changed(engine, engine.db, 'append', made);
  engine.reply.integer(length + added);
}

export function setrange(engine: Engine, arg: number, _argc: number): void {
  const offset = integerArgument(engine, arg + 2);
  if (Number.isNaN(offset)) return;
  if (offset < 0) {
    engine.reply.error('ERR offset is out of range');
    return;
  }
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsString(engine, ref)) return;
  const length = ref === 0 ? 0 : engine.db.valueLength(ref);
  const added = engine.argLength[arg + 3];
  if (added === 0) {
    engine.reply.integer(length);
    return;
  }
  if (!mayBeLong(engine, offset + added)) return;
  const total = Math.max(length, offset + added);
  const made = overwrite(engine, arg, ref, offset, total, arg + 3);
  if (made === 0) return;
  changed(engine, engine.db, 'setrange', made);
  engine.reply.integer(total);
}

/** Makes the value `total` bytes long and writes argument `value` at `offset`; a gap before it is filled with zeros. */
function overwrite(engine: Engine, arg: number, ref: number, offset: number, total: number, value: number): number {
  const length = ref === 0 ? 0 : engine.db.valueLength(ref);
  const made = makeString(engine, arg + 1, engine.keyHash, ref, total, true);
  if (made === 0) return 0;
  engine.db.setFlags(made, STRING_RAW);
  if (offset > length) {
    const start = valueStart(engine, made);
    chunkBytes(engine, made).fill(0, start + length, start + offset);
  }
  const valueByte = engine.db.valueByte(made);
  engine.arena.copyIn(made, valueByte + offset, engine.memory, engine.argOffset[value], engine.argLength[value]);
  return made;
}
