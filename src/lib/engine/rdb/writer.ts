/**
 * Writes RDB: a byte buffer that grows, and the forms that lengths, strings and doubles have there.
 *
 *   length   00xxxxxx            < 64            10000000 + 4 bytes BE    < 2^32
 *            01xxxxxx xxxxxxxx   < 16,384        10000001 + 8 bytes BE
 *   string   length, bytes
 *            11000000 + 1,  11000001 + 2,  11000010 + 4 bytes LE          text of an integer
 *            11000011 compressed length, length, LZF                      more than 20 bytes that become fewer
 */
import { compress } from '../../store/lzf.ts';
import { integerAt } from '../arguments.ts';
import { VERSION_7_2 } from './types.ts';

const INITIAL_BYTES = 4096;
/** A buffer larger than this is given back by begin(). */
const KEPT_BYTES = 1 << 20;
const TWO_32 = 4_294_967_296;
/** Longest text of a 32-bit integer: it is tried as one. */
const INTEGER_MAX_BYTES = 11;
/** Strings must be longer than this to be compressed. */
const COMPRESS_MIN_BYTES = 20;
const COMPRESS_MIN_GAIN = 4;
/** Most bytes of a compressed string's head: the mark and two lengths. */
const HEAD_BYTES = 19;

const LENGTH_14 = 0x40;
const LENGTH_32 = 0x80;
const LENGTH_64 = 0x81;
const INTEGER_8 = 0xc0;
const INTEGER_16 = 0xc1;
const INTEGER_32 = 0xc2;
const LZF = 0xc3;

export class RdbWriter {
  /** What was written: bytes [0, length). */
  bytes: Uint8Array;
  view: DataView;
  length = 0;
  /** The RDB version to write. */
  version = VERSION_7_2;
  /** Compress strings (rdbcompression). */
  compression = true;
  /** What compression must save to be used, in bytes. */
  minGain = COMPRESS_MIN_GAIN;

  constructor() {
    const buffer = new SharedArrayBuffer(INITIAL_BYTES); // shared, as everything that is copied from: one kind of view
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Empties it. */
  begin(version: number, compression: boolean): void {
    this.length = 0;
    this.version = version;
    this.compression = compression;
    if (this.bytes.length <= KEPT_BYTES) return;
    const buffer = new SharedArrayBuffer(INITIAL_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Makes sure of room for n bytes more. */
  private reserve(n: number): void {
    const wanted = this.length + n;
    if (wanted <= this.bytes.length) return;
    const buffer = new SharedArrayBuffer(Math.max(wanted, this.bytes.length * 2));
    const bytes = new Uint8Array(buffer);
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(buffer);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A 16-bit integer, little-endian. */
  uint16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.length, value, true);
    this.length += 2;
  }

  /** A 64-bit integer, little-endian. */
  int64(low: number, high: number): void {
    this.reserve(8);
    this.view.setInt32(this.length, low, true);
    this.view.setInt32(this.length + 4, high, true);
    this.length += 8;
  }

  /** As int64, of 0 ≤ value < 2^53. */
  safeInt64(value: number): void {
    this.int64(value | 0, Math.floor(value / TWO_32));
  }

  /** A 64-bit integer, big-endian. */
  int64BigEndian(low: number, high: number): void {
    this.reserve(8);
    this.view.setInt32(this.length, high);
    this.view.setInt32(this.length + 4, low);
    this.length += 8;
  }

  /** A double, little-endian. */
  double(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** A length, 0 ≤ n < 2^53. */
  writeLength(n: number): void {
    this.reserve(9);
    if (n < 1 << 6) this.bytes[this.length++] = n;
    else if (n < 1 << 14) {
      this.bytes[this.length++] = LENGTH_14 | (n >> 8);
      this.bytes[this.length++] = n & 0xff;
    } else if (n < TWO_32) {
      this.bytes[this.length++] = LENGTH_32;
      this.view.setUint32(this.length, n);
      this.length += 4;
    } else this.writeLength64(n | 0, Math.floor(n / TWO_32));
  }

  /** A length of any 64 bits, in the shortest form. */
  writeWideLength(low: number, high: number): void {
    if (high === 0) this.writeLength(low >>> 0);
    else this.writeLength64(low, high);
  }

  private writeLength64(low: number, high: number): void {
    this.byte(LENGTH_64);
    this.int64BigEndian(low, high);
  }

  /** Bytes as they are. */
  raw(from: Uint8Array, start: number, length: number): void {
    this.reserve(length);
    this.bytes.set(from.subarray(start, start + length), this.length);
    this.length += length;
  }

  /** A string: as an integer if its text is one, compressed if that makes it shorter. */
  string(from: Uint8Array, start: number, length: number): void {
    if (length <= INTEGER_MAX_BYTES && length > 0) {
      const value = integerAt(from, start, length);
      if (value >= -0x8000_0000 && value <= 0x7fff_ffff) {
        this.integer(value);
        return;
      }
    }
    if (this.compression && length > COMPRESS_MIN_BYTES && this.compressed(from, start, length)) return;
    this.writeLength(length);
    this.raw(from, start, length);
  }

  private integer(value: number): void {
    this.reserve(5);
    if (value >= -0x80 && value <= 0x7f) {
      this.bytes[this.length] = INTEGER_8;
      this.bytes[this.length + 1] = value;
      this.length += 2;
    } else if (value >= -0x8000 && value <= 0x7fff) {
      this.bytes[this.length] = INTEGER_16;
      this.view.setInt16(this.length + 1, value, true);
      this.length += 3;
    } else {
      this.bytes[this.length] = INTEGER_32;
      this.view.setInt32(this.length + 1, value, true);
      this.length += 5;
    }
  }

  /** Compresses behind the place where the head will be, whose length is not known before. False, and nothing written, if in vain. */
  private compressed(from: Uint8Array, start: number, length: number): boolean {
    this.reserve(HEAD_BYTES + length);
    const at = this.length + HEAD_BYTES;
    const n = compress(from, start, start + length, this.bytes, at, at + length - this.minGain);
    if (n === 0) return false;
    this.compressedHead(n, length);
    this.bytes.copyWithin(this.length, at, at + n);
    this.length += n;
    return true;
  }

  /** The head of a compressed string; its `compressed` bytes follow. */
  compressedHead(compressed: number, length: number): void {
    this.byte(LZF);
    this.writeLength(compressed);
    this.writeLength(length);
  }
}
