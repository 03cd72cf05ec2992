/**
 * Zipmaps, the small hashes of Redis before 2.6: read only.
 *
 *   │ pairs, or 254: more │ length │ field │ length │ free │ value │ free bytes │ … │ 0xff │
 *
 *   length   1 byte below 254, or 254 + u32
 */
import type { Slice } from './reader.ts';

const END = 0xff;
const BIG_LENGTH = 0xfe;

/** Walks through a zipmap from anywhere, checking all of it on the way: field, value, field … */
export class Zipmap {
  /** Something did not make sense. */
  failed = false;
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new SharedArrayBuffer(0));
  private start = 0;
  /** The end mark. */
  private stop = 0;
  private p = 0;
  private isValue = false;
  private count = 0;

  open(slice: Slice): void {
    this.bytes = slice.bytes;
    this.view = slice.view;
    this.start = slice.start;
    this.stop = slice.start + slice.length - 1;
    this.p = slice.start + 1;
    this.isValue = false;
    this.count = 0;
    this.failed = slice.length < 2 || this.bytes[this.stop] !== END;
  }

  /** Moves to the next field or value, which `into` shows. False at the end, or when something did not make sense. */
  next(into: Slice): boolean {
    if (this.failed) return false;
    if (this.p === this.stop) {
      const known = this.bytes[this.start];
      if (this.isValue || (known < BIG_LENGTH && known !== this.count)) this.failed = true;
      return false;
    }
    let at = this.p;
    let length = this.bytes[at++];
    if (length === BIG_LENGTH && at + 4 <= this.stop) {
      length = this.view.getUint32(at, true);
      at += 4;
    } else if (length >= BIG_LENGTH) return this.fail();
    let free = 0;
    if (this.isValue) {
      if (at >= this.stop) return this.fail();
      free = this.bytes[at++];
      this.count++;
    }
    if (at + length + free > this.stop) return this.fail();
    into.set(this.bytes, this.view, at, length);
    this.p = at + length + free;
    this.isValue = !this.isValue;
    return true;
  }

  private fail(): false {
    this.failed = true;
    return false;
  }
}
