/**
 * The sizes that small allocations are rounded up to: every 8 bytes up to 512, then eight steps for each doubling up to
 * 16 KiB, so that rounding wastes at most 12.5 % (4 % on average over all sizes). Equal sizes share a slab, a run of pages
 * cut into objects.
 *
 *   8 16 24 … 504 512 │ 576 640 704 … 1024 │ 1152 1280 … 2048 │ … 16384
 */

export const PAGE_BYTES = 4096;
/** The largest size that is cut from a slab; anything larger gets pages of its own. */
export const SMALL_MAX_BYTES = 16_384;

const FINE_MAX_BYTES = 512;
const STEPS_PER_DOUBLING = 8;

function classSizes(): number[] {
  const sizes: number[] = [];
  for (let bytes = 8; bytes <= FINE_MAX_BYTES; bytes += 8) sizes.push(bytes);
  for (let base = FINE_MAX_BYTES; base < SMALL_MAX_BYTES; base *= 2)
    for (let step = 1; step <= STEPS_PER_DOUBLING; step++) sizes.push(base + (base / STEPS_PER_DOUBLING) * step);
  return sizes;
}

const sizes = classSizes();

export const CLASS_COUNT = sizes.length;
/** Bytes of an object, by class; a multiple of 8. */
export const CLASS_BYTES = Int32Array.from(sizes);
/** Pages of a slab, by class: enough for eight objects or more, so that the remainder is below 9 %. */
export const SLAB_PAGES = Int32Array.from(sizes, (bytes) => (bytes <= 1024 ? 4 : 32));
/** Objects of a slab, by class. */
export const SLAB_OBJECTS = Int32Array.from(sizes, (bytes, index) =>
  Math.floor((SLAB_PAGES[index] * PAGE_BYTES) / bytes),
);

/** The class of a size, by size in 8-byte units rounded up; sizes of 0 share the smallest class. */
const CLASS_BY_UNITS = new Uint8Array((SMALL_MAX_BYTES >> 3) + 1);
for (let units = 1, index = 0; units < CLASS_BY_UNITS.length; units++) {
  if (units * 8 > sizes[index]) index++;
  CLASS_BY_UNITS[units] = index;
}

/** The class whose objects hold `bytes` (0…SMALL_MAX_BYTES). */
export function classOf(bytes: number): number {
  return CLASS_BY_UNITS[(bytes + 7) >>> 3];
}
