/**
 * Ziplists, which listpacks took the place of in Redis 7.0: read only, since RDB files and DUMP payloads of older servers have
 * them.
 *
 *   │ total bytes u32 │ offset of the last entry u32 │ count u16 │ entry │ … │ 0xff │
 *                                                       │ size of the entry before: 1 byte, or 0xfe + u32 │ encoding │ data │
 *
 *   00xxxxxx              string < 64           11000000  int 16      1111xxxx  x - 1: 0 … 12
 *   01xxxxxx xxxxxxxx     string < 16,384       11010000  int 32      11110000  int 24
 *   10…… + 4 bytes BE     string                11100000  int 64      11111110  int 8
 */
import type { Slice } from './reader.ts';

const HEADER_BYTES = 10;
const END = 0xff;
const BIG_PREVIOUS = 0xfe;
const UNKNOWN_COUNT = 0xffff;

/** Walks through a ziplist from anywhere, checking all of it on the way. */
export class Ziplist {
  /** Something did not make sense. */
  failed = false;
  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(new SharedArrayBuffer(0));
  private start = 0;
  /** The end mark. */
  private stop = 0;
  private p = 0;
  private last = 0;
  private lastBytes = 0;
  private count = 0;

  open(slice: Slice): void {
    const { view, start, length } = slice;
    this.bytes = slice.bytes;
    this.view = view;
    this.start = start;
    this.stop = start + length - 1;
    this.p = start + HEADER_BYTES;
    this.last = this.p;
    this.lastBytes = 0;
    this.count = 0;
    this.failed = length <= HEADER_BYTES || view.getUint32(start, true) !== length || this.bytes[this.stop] !== END;
  }

  /** Moves to the next entry, which `into` shows. False at the end, or when something did not make sense. */
  next(into: Slice): boolean {
    if (this.failed) return false;
    if (this.p === this.stop) return this.finish();
    const { bytes, view } = this;
    let at = this.p;
    let previous = bytes[at++];
    if (previous === BIG_PREVIOUS && at + 4 <= this.stop) {
      previous = view.getUint32(at, true);
      at += 4;
    } else if (previous >= BIG_PREVIOUS) return this.fail();
    if (previous !== this.lastBytes || at >= this.stop) return this.fail();
    const after = bytes[at] < 0xc0 ? this.string(at, into) : this.integer(at, into);
    if (after < 0) return false;
    this.last = this.p;
    this.lastBytes = after - this.p;
    this.p = after;
    this.count++;
    return true;
  }

  /** Where the string entry with its encoding at `at` ends; -1 when that is outside. */
  private string(at: number, into: Slice): number {
    const { bytes } = this;
    const first = bytes[at];
    const head = first < 0x40 ? 1 : first < 0x80 ? 2 : 5;
    if (at + head > this.stop) return this.failAt();
    let length = first & 0x3f;
    if (head === 2) length = (length << 8) | bytes[at + 1];
    else if (head === 5) length = this.view.getUint32(at + 1);
    if (at + head + length > this.stop) return this.failAt();
    into.set(bytes, this.view, at + head, length);
    return at + head + length;
  }

  private integer(at: number, into: Slice): number {
    const { view } = this;
    const encoding = this.bytes[at];
    const size = integerBytes(encoding);
    const data = at + 1;
    if (size < 0 || data + size > this.stop) return this.failAt();
    let low = (encoding & 0x0f) - 1;
    let high = 0;
    if (size === 8) {
      low = view.getInt32(data, true);
      high = view.getInt32(data + 4, true);
    } else if (size > 0) {
      if (size === 1) low = view.getInt8(data);
      else if (size === 2) low = view.getInt16(data, true);
      else if (size === 3) low = view.getUint16(data, true) | (view.getInt8(data + 2) << 16);
      else low = view.getInt32(data, true);
      high = low >> 31;
    }
    into.setInteger(low, high);
    return data + size;
  }

  /** At the end: the header's figures are right. */
  private finish(): boolean {
    const known = this.view.getUint16(this.start + 8, true);
    const tail = this.view.getUint32(this.start + 4, true);
    if (tail !== this.last - this.start || (known !== UNKNOWN_COUNT && known !== this.count)) this.failed = true;
    return false;
  }

  private fail(): false {
    this.failed = true;
    return false;
  }

  private failAt(): -1 {
    this.failed = true;
    return -1;
  }
}

/** Bytes of data; -1 for what is no encoding. */
function integerBytes(encoding: number): number {
  switch (encoding) {
    case 0xc0:
      return 2;
    case 0xd0:
      return 4;
    case 0xe0:
      return 8;
    case 0xf0:
      return 3;
    case 0xfe:
      return 1;
    default:
      return encoding >= 0xf1 && encoding <= 0xfd ? 0 : -1;
  }
}
