/**
 * The handlers of the bitmap commands, by name; the code is in bitmap/, a file for each kind of access. What the names mean
 * to clients (arity, flags, keys, documentation) is in table/bitmap.ts.
 */
import { getbit, setbit } from './bitmap/bit.ts';
import { bitcount, bitpos } from './bitmap/bit-range.ts';
import { bitfield, bitfieldRo } from './bitmap/bitfield.ts';
import { bitop } from './bitmap/bitop.ts';
import type { HandlerFamily } from './dispatch-table.ts';

export const bitmapHandlers: HandlerFamily = {
  bitcount,
  bitfield,
  bitfield_ro: bitfieldRo,
  bitop,
  bitpos,
  getbit,
  setbit,
};
