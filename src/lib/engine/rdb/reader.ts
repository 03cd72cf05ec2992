/**
 * Reads RDB from memory, whatever is in it: nothing is read outside, nothing throws. What does not make sense sets `failed`,
 * and from then on everything read is 0 or empty; so a caller may read several things and ask once.
 *
 *   payload ── string(slice) ──▶ slice: a plain string where it lies, an integer's text or an uncompressed one in
 *                                the slice's own memory, until the slice is read into again
 */
import { formatInteger, TEXT_VIEW } from '../../store/integer64.ts';
import { decompress } from '../../store/lzf.ts';

const TWO_32 = 4_294_967_296;
/** LZF makes at most 264 bytes of 3. */
const LZF_MAX_RATIO = 88;
/** Memory of a slice larger than this is given back. */
const KEPT_BYTES = 1 << 20;
/** Words are read up to the end of the word that a string ends in. */
const SLACK_BYTES = 8;

const INTEGER_8 = 0;
const INTEGER_16 = 1;
const INTEGER_32 = 2;
const LZF = 3;

const NO_BYTES = new Uint8Array(new SharedArrayBuffer(SLACK_BYTES));
const NO_VIEW = new DataView(NO_BYTES.buffer);

/** A string that was read: `length` bytes at `start` of a buffer that `bytes` and `view` both show. */
export class Slice {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  start = 0;
  length = 0;
  private own: Uint8Array = NO_BYTES;
  private ownView: DataView = NO_VIEW;

  /** Points at bytes elsewhere. */
  set(bytes: Uint8Array, view: DataView, start: number, length: number): void {
    this.bytes = bytes;
    this.view = view;
    this.start = start;
    this.length = length;
  }

  /** Points at `length` undefined bytes of its own. False when there is no memory for them. */
  allocate(length: number): boolean {
    if (this.own.length < length + SLACK_BYTES || this.own.length > KEPT_BYTES) {
      let buffer: SharedArrayBuffer;
      try {
        buffer = new SharedArrayBuffer(Math.max(length + SLACK_BYTES, 256));
      } catch {
        return false; // RangeError: more than there is
      }
      this.own = new Uint8Array(buffer);
      this.ownView = new DataView(buffer);
    }
    this.set(this.own, this.ownView, 0, length);
    return true;
  }

  /** Points at an integer's text. */
  setInteger(low: number, high: number): void {
    const length = formatInteger(low, high);
    this.allocate(length);
    const from = TEXT_VIEW.byteLength - length;
    for (let i = 0; i < length; i++) this.bytes[i] = TEXT_VIEW.getUint8(from + i);
  }
}

export class RdbReader {
  /** Something did not make sense. */
  failed = false;
  /** Longest string that an uncompressed one may become. */
  maxStringBytes = 512 * 1024 * 1024;
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  /** The next byte, and the one after the last. */
  at = 0;
  end = 0;
  /** The halves of the last wideLength() or int64(). */
  low = 0;
  high = 0;

  begin(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    this.failed = false;
    this.bytes = bytes;
    this.view = view;
    this.at = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  /** Reads nothing more; returns 0. */
  fail(): 0 {
    this.failed = true;
    this.at = this.end;
    return 0;
  }

  /** Position of n bytes, which are read by that; -1 when they aren't there. */
  take(n: number): number {
    if (!(n <= this.end - this.at) || n < 0) {
      this.fail();
      return -1;
    }
    const at = this.at;
    this.at += n;
    return at;
  }

  byte(): number {
    return this.at < this.end ? this.bytes[this.at++] : this.fail();
  }

  /** A double, little-endian. */
  double(): number {
    const at = this.take(8);
    return at < 0 ? 0 : this.view.getFloat64(at, true);
  }

  /** A double as text, with one byte of length: what RDB had for scores before 2015. */
  textDouble(): number {
    const length = this.byte();
    if (length === 255) return Number.NEGATIVE_INFINITY;
    if (length === 254) return Number.POSITIVE_INFINITY;
    if (length === 253) return Number.NaN;
    const at = this.take(length);
    if (at < 0) return Number.NaN;
    const text = Buffer.from(this.bytes.subarray(at, at + length)).toString('latin1');
    return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  }

  /** A 64-bit integer, little-endian, as `low` and `high`. */
  int64(): void {
    const at = this.take(8);
    this.low = at < 0 ? 0 : this.view.getInt32(at, true);
    this.high = at < 0 ? 0 : this.view.getInt32(at + 4, true);
  }

  /** A 64-bit integer, big-endian, as `low` and `high`. */
  int64BigEndian(): void {
    const at = this.take(8);
    this.high = at < 0 ? 0 : this.view.getInt32(at);
    this.low = at < 0 ? 0 : this.view.getInt32(at + 4);
  }

  /** A length, below 2^53. */
  length(): number {
    this.wideLength();
    if (this.high >>> 21 !== 0) return this.fail();
    return (this.high >>> 0) * TWO_32 + (this.low >>> 0);
  }

  /** A length of any 64 bits, as `low` and `high`. */
  wideLength(): void {
    const first = this.byte();
    this.high = 0;
    if (first < 0x40) this.low = first;
    else if (first < 0x80) this.low = ((first & 0x3f) << 8) | this.byte();
    else if (first === 0x80) {
      const at = this.take(4);
      this.low = at < 0 ? 0 : this.view.getInt32(at);
    } else if (first === 0x81) this.int64BigEndian();
    else {
      this.fail();
      this.low = 0;
    }
  }

  /** A string. False when there is none. */
  string(into: Slice): boolean {
    if (this.at < this.end && this.bytes[this.at] >= 0xc0) this.encodedString(into);
    else {
      const length = this.length();
      const at = this.take(length);
      if (at >= 0) into.set(this.bytes, this.view, at, length);
    }
    if (this.failed) into.length = 0;
    return !this.failed;
  }

  private encodedString(into: Slice): void {
    const encoding = this.byte() & 0x3f;
    if (encoding === LZF) {
      this.compressedString(into);
      return;
    }
    const bytes = encoding === INTEGER_8 ? 1 : encoding === INTEGER_16 ? 2 : encoding === INTEGER_32 ? 4 : -1;
    const at = this.take(bytes);
    if (at < 0) return;
    const { view } = this;
    const value = bytes === 1 ? view.getInt8(at) : bytes === 2 ? view.getInt16(at, true) : view.getInt32(at, true);
    into.setInteger(value, value >> 31);
  }

  private compressedString(into: Slice): void {
    const compressed = this.length();
    const length = this.length();
    const at = this.take(compressed);
    if (at < 0) return;
    const plausible = length > 0 && length <= compressed * LZF_MAX_RATIO && length <= this.maxStringBytes;
    if (!plausible || !into.allocate(length)) this.fail();
    else if (decompress(this.bytes, at, at + compressed, into.bytes, 0, length) !== length) this.fail();
  }
}
