/**
 * A ref names an object in the arena: an int32 (maybe negative) in units of 8 bytes. 0 is "none".
 *
 *   │ chunk 9 │ unit in the chunk 23 │
 */

const UNIT_BITS = 23;
const UNIT_MASK = (1 << UNIT_BITS) - 1;

/** The number of the object's chunk. */
export function chunkOf(ref: number): number {
  return ref >>> UNIT_BITS;
}

/** The index of the object's first 32-bit word in its chunk. */
export function wordOf(ref: number): number {
  return (ref & UNIT_MASK) << 1;
}

/** The index of the object's first byte in its chunk. */
export function byteOf(ref: number): number {
  return (ref & UNIT_MASK) << 3;
}

/** The ref of a chunk's first object. */
export function firstRef(chunk: number): number {
  return chunk << UNIT_BITS;
}
