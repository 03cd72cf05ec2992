/**
 * A set of refs (or other int32s that are not 0) for the time of one command: open addressing in an Int32Array that is kept
 * and used again, at most half full.
 *
 *   ref ──▶ · 0x9e3779b9, top bits ──▶ slot, slot + 1 … until the ref or 0
 */
const MIN_BITS = 8;
/** The array is not kept for ever when one command needed more. */
const MAX_KEPT_BITS = 16;
const FACTOR = 0x9e37_79b1 | 0;

export class RefSet {
  private slots = new Int32Array(1 << MIN_BITS);
  private shift = 32 - MIN_BITS;

  /** Makes the set empty, with room for `most` refs. */
  clear(most: number): void {
    let bits = MIN_BITS;
    while (1 << bits < most * 2) bits++;
    const slots = 1 << bits;
    if (this.slots.length < slots || (this.slots.length > 1 << MAX_KEPT_BITS && bits <= MAX_KEPT_BITS)) {
      this.slots = new Int32Array(slots);
    } else this.slots.fill(0, 0, slots);
    this.shift = 32 - bits;
  }

  /** Adds a ref. False when it was there already. */
  add(ref: number): boolean {
    const slots = this.slots;
    const mask = (1 << (32 - this.shift)) - 1;
    let slot = Math.imul(ref, FACTOR) >>> this.shift;
    while (slots[slot] !== 0) {
      if (slots[slot] === ref) return false;
      slot = (slot + 1) & mask;
    }
    slots[slot] = ref;
    return true;
  }
}
