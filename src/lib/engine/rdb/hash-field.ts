/** A field of a hash that is loaded: put into its table with its value, if it is not there yet. */
import { copyAcross } from '../../memory/copy.ts';
import type { RecordTable } from '../../store/record-table.ts';
import { byteOf, chunkOf } from '../../store/ref.ts';
import type { Engine } from '../engine.ts';
import { LOADED, NO_MEMORY, REFUSED } from './codec.ts';
import type { Slice } from './reader.ts';

/** Adds a field that must not be there yet. */
export function addField(engine: Engine, table: RecordTable, key: Slice, content: Slice): number {
  const { arena } = engine;
  const hash = table.hashOfBytes(key.view, key.start, key.length);
  if (table.findBytes(key.view, key.start, key.length, hash) !== 0) return REFUSED;
  const ref = table.insertBytes(key.view, key.start, key.length, hash, 0, content.length);
  if (ref === 0) return NO_MEMORY;
  const at = byteOf(ref) + table.valueByte(ref);
  copyAcross(arena.views[chunkOf(ref)], at, content.view, content.start, content.length);
  return LOADED;
}
