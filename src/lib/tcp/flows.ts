/**
 * Which connection a segment belongs to: an open-addressing table over one Int32Array, keyed by the remote address and both
 * ports, at most half full, probed linearly, with backward-shift deletion (no tombstones).
 *
 *   slot:  │ remote address │ remote port << 16 | local port │ value │ unused │      value 0: an empty slot
 *
 * The hash is multiplication by secret odd numbers, of which the top bits are kept (Dietzfelbinger's multiply-shift, a
 * universal family): a peer that does not know the key can't choose ports that collide.
 */
const SLOT_WORDS = 4;

export class FlowTable {
  /** Entries now. */
  size = 0;
  private readonly slots: Int32Array;
  private readonly shift: number;
  private readonly mask: number;
  private readonly addressFactor: number;
  private readonly portsFactor: number;

  /** For up to `capacity` entries; `key` are two secret words. */
  constructor(capacity: number, key: Int32Array) {
    const bits = Math.max(4, Math.ceil(Math.log2(Math.max(1, capacity) * 2)));
    this.slots = new Int32Array((1 << bits) * SLOT_WORDS);
    this.shift = 32 - bits;
    this.mask = (1 << bits) - 1;
    this.addressFactor = key[0] | 1;
    this.portsFactor = key[1] | 1;
  }

  /** The value stored for a flow, or 0. `ports` is `remote << 16 | local`, as the first word of a received header. */
  find(remoteIp: number, ports: number): number {
    const slots = this.slots;
    let i = (Math.imul(remoteIp, this.addressFactor) + Math.imul(ports, this.portsFactor)) >>> this.shift;
    for (;;) {
      const at = i << 2;
      const value = slots[at + 2];
      if (value === 0) return 0;
      if (slots[at + 1] === ports && slots[at] === remoteIp) return value;
      i = (i + 1) & this.mask;
    }
  }

  /** Stores a value (not 0) for a flow, in place of the one before. The caller keeps within the capacity. */
  set(remoteIp: number, ports: number, value: number): void {
    const slots = this.slots;
    let i = this.home(remoteIp, ports);
    for (;;) {
      const at = i << 2;
      if (slots[at + 2] === 0) {
        slots[at] = remoteIp;
        slots[at + 1] = ports;
        slots[at + 2] = value;
        this.size++;
        return;
      }
      if (slots[at + 1] === ports && slots[at] === remoteIp) {
        slots[at + 2] = value;
        return;
      }
      i = (i + 1) & this.mask;
    }
  }

  /** Forgets a flow; those that were displaced past it move back. */
  delete(remoteIp: number, ports: number): void {
    const slots = this.slots;
    let hole = this.home(remoteIp, ports);
    while (slots[(hole << 2) + 1] !== ports || slots[hole << 2] !== remoteIp || slots[(hole << 2) + 2] === 0) {
      if (slots[(hole << 2) + 2] === 0) return;
      hole = (hole + 1) & this.mask;
    }
    this.size--;
    for (let i = (hole + 1) & this.mask; slots[(i << 2) + 2] !== 0; i = (i + 1) & this.mask) {
      const home = this.home(slots[i << 2], slots[(i << 2) + 1]);
      // Entry i may move into the hole if its home is not between the hole (exclusive) and i.
      if (((i - home) & this.mask) < ((i - hole) & this.mask)) continue;
      slots.copyWithin(hole << 2, i << 2, (i << 2) + SLOT_WORDS);
      hole = i;
    }
    slots[(hole << 2) + 2] = 0;
  }

  private home(remoteIp: number, ports: number): number {
    return (Math.imul(remoteIp, this.addressFactor) + Math.imul(ports, this.portsFactor)) >>> this.shift;
  }
}
