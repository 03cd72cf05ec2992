/**
 * Replies, encoded straight into the send queue of the connection that asked: the bytes are written where TCP will send them
 * from. One writer serves all connections in turn; it holds a cursor into the open buffer of the current one.
 *
 *   begin(queue, protocol) → ok(), bulk(…), array(n) … → finish()
 *
 * Small replies are never split across buffers; payloads are. RESP2 and RESP3 forms of a value are chosen here, so that a
 * command says what it means (a map, a set, a double, null) and the client's protocol decides how it looks.
 */
import { copyAcross } from '../memory/copy.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { SendQueue } from '../memory/send-queue.ts';
import { DOUBLE_MAX_BYTES, writeDouble } from './number.ts';

/** Room that one short reply needs at most: a type byte, 20 digits, sign, CR LF. */
const SHORT_BYTES = 32;
/** Bulk strings of fewer bytes have a way of their own. */
const SHORT_BULK_BYTES = 64;
/** The digits of 0 … 99 as they lie in memory. */
const PAIRS = Int16Array.from({ length: 100 }, (_, n) => (48 + Math.floor(n / 10)) | ((48 + (n % 10)) << 8));

/** Decimal digits of a 31-bit number. */
function digitCount(n: number): number {
  if (n < 10_000) return n < 100 ? (n < 10 ? 1 : 2) : n < 1000 ? 3 : 4;
  if (n < 100_000_000) return n < 1_000_000 ? (n < 100_000 ? 5 : 6) : n < 10_000_000 ? 7 : 8;
  return n < 1_000_000_000 ? 9 : 10;
}

/** Where muted replies go; one block of the packet memory, never sent. */
const SCRATCH_BYTES = 4096;

const word = (text: string): number =>
  text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24);
const OK = word('+OK\r');
const NULL_BULK = word('$-1\r');
const NULL_ARRAY = word('*-1\r');
const NULL3 = word('_\r\n\0') & 0xff_ffff;
const PONG_A = word('+PON');
const PONG_B = word('G\r\n\0');
const ZERO = 48;
const MINUS = 45;
const CR = 13;
const LF = 10;
const CRLF = 0x0a0d;

export class Reply {
  /** 2 or 3: the protocol of the client that is answered. */
  protocol = 2;
  /** Bytes written by `finish`ed replies, for the statistics. */
  bytesWritten = 0;
  /** Error replies written, counted for INFO; the last one's first word is what errorstats counts. */
  errors = 0;
  lastError = '';
  private readonly memory: PacketMemory;
  private readonly scratch: number;
  private queue: SendQueue | null = null;
  private muted = false;
  private divertedQueue: SendQueue | null = null;
  private divertedProtocol = 2;
  private divertedMuted = false;
  private divertedBytes = 0;
  private readonly doubleBytes = new Uint8Array(DOUBLE_MAX_BYTES);
  private start = 0;
  private position = 0;
  private limit = 0;

  constructor(memory: PacketMemory) {
    this.memory = memory;
    this.scratch = memory.reserve(SCRATCH_BYTES);
  }

  /** Answers go to `queue` from now on; what went elsewhere before is finished or abandoned. */
  begin(queue: SendQueue, protocol: number, muted: boolean): void {
    this.queue = queue;
    this.protocol = protocol;
    this.muted = muted;
  }

  /** Leaves out what follows, or (on false) writes again: CLIENT REPLY. */
  mute(muted: boolean): void {
    this.finish();
    this.muted = muted;
  }

  /** Nobody will read what is written: a reply without end may stop. */
  get unread(): boolean {
    return this.muted;
  }

  /** At least `bytes` will follow. When they could never be kept, nothing more is written, and the connection is closed. */
  announce(bytes: number): void {
    if (this.muted || bytes <= this.memory.u8.length) return;
    this.finish();
    (this.queue as SendQueue).overflowed = true;
    this.muted = true;
  }

  /** What follows goes to `queue`, in `protocol`, until `restore`: the replies that a script takes. */
  divert(queue: SendQueue, protocol: number): void {
    this.finish();
    this.divertedQueue = this.queue;
    this.divertedProtocol = this.protocol;
    this.divertedMuted = this.muted;
    this.divertedBytes = this.bytesWritten;
    this.begin(queue, protocol, false);
  }

  /** Goes on where `divert` interrupted. */
  restore(): void {
    this.finish();
    this.bytesWritten = this.divertedBytes;
    this.queue = this.divertedQueue;
    this.protocol = this.divertedProtocol;
    this.muted = this.divertedMuted;
  }

  /** What was written is the queue's now. */
  finish(): void {
    this.commit();
    this.start = 0;
    this.position = 0;
    this.limit = 0;
  }

  /** What was written since `begin` or `finish` is forgotten: its queue is gone. */
  abandon(): void {
    this.start = 0;
    this.position = 0;
    this.limit = 0;
  }

  /** Nobody reads what is written: it is muted, or the queue was too full. A long reply may end here. */
  get unheard(): boolean {
    return this.muted;
  }

  private commit(): void {
    const n = this.position - this.start;
    if (n > 0 && !this.muted) {
      (this.queue as SendQueue).commit(n);
      this.bytesWritten += n;
    }
  }

  /** `n` contiguous bytes at `position`; n ≤ 512. */
  private reserve(n: number): void {
    if (this.position + n <= this.limit) return;
    this.commit();
    const queue = this.queue as SendQueue;
    const at = this.muted || queue.overflowed ? 0 : queue.open(n);
    if (at === 0) {
      if (!this.muted) queue.overflowed = true;
      this.muted = true; // nothing after a lost byte may be sent
      this.start = this.scratch;
      this.limit = this.scratch + SCRATCH_BYTES - 64;
    } else {
      this.start = at;
      this.limit = at + queue.room;
    }
    this.position = this.start;
  }

  ok(): void {
    this.reserve(SHORT_BYTES);
    const p = this.position;
    this.memory.dv.setInt32(p, OK, true);
    this.memory.u8[p + 4] = LF;
    this.position = p + 5;
  }

  pong(): void {
    this.reserve(SHORT_BYTES);
    const p = this.position;
    this.memory.dv.setInt32(p, PONG_A, true);
    this.memory.dv.setInt32(p + 4, PONG_B, true);
    this.position = p + 7;
  }

  /** Null where a value would be: `$-1` or `_`. */
  nil(): void {
    this.reserve(SHORT_BYTES);
    const p = this.position;
    if (this.protocol === 2) {
      this.memory.dv.setInt32(p, NULL_BULK, true);
      this.memory.u8[p + 4] = LF;
      this.position = p + 5;
    } else {
      this.memory.dv.setInt32(p, NULL3, true);
      this.position = p + 3;
    }
  }

  /** Null where an array would be: `*-1` or `_`. */
  nilArray(): void {
    if (this.protocol !== 2) {
      this.nil();
      return;
    }
    this.reserve(SHORT_BYTES);
    const p = this.position;
    this.memory.dv.setInt32(p, NULL_ARRAY, true);
    this.memory.u8[p + 4] = LF;
    this.position = p + 5;
  }

  /** An integer reply; `value` is an integer within ±2^53. */
  integer(value: number): void {
    this.prefixed(58, value); // ':'
  }

  /** A 64-bit integer reply. */
  integer64(value: bigint): void {
    this.line(58, value.toString());
  }

  array(count: number): void {
    this.prefixed(42, count); // '*'
  }

  /** `count` pairs follow: `%count`, or an array of 2·count. */
  map(count: number): void {
    if (this.protocol === 2) this.prefixed(42, count * 2);
    else this.prefixed(37, count);
  }

  set(count: number): void {
    this.prefixed(this.protocol === 2 ? 42 : 126, count);
  }

  push(count: number): void {
    this.prefixed(this.protocol === 2 ? 42 : 62, count);
  }

  /** `count` attribute pairs precede the reply (RESP3 only; the caller leaves them out for RESP2). */
  attribute(count: number): void {
    this.prefixed(124, count);
  }

  boolean(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0);
    else this.line(35, value ? 't' : 'f');
  }

  double(value: number): void {
    const text = this.doubleBytes;
    const length = writeDouble(value, text);
    if (this.protocol === 2) this.prefixed(36, length);
    this.reserve(DOUBLE_MAX_BYTES + 3);
    const { u8 } = this.memory;
    let p = this.position;
    if (this.protocol !== 2) u8[p++] = 44;
    for (let i = 0; i < length; i++) u8[p++] = text[i];
    u8[p] = CR;
    u8[p + 1] = LF;
    this.position = p + 2;
  }

  /** A double whose text is not the usual one. */
  doubleText(text: string): void {
    if (this.protocol === 2) this.bulkText(text);
    else this.line(44, text);
  }

  bigNumber(digits: string): void {
    if (this.protocol === 2) this.bulkText(digits);
    else this.line(40, digits);
  }

  /** Text with a three-letter format (`txt`, `mkd`): RESP3 verbatim string, RESP2 bulk string. */
  verbatim(format: string, text: string): void {
    if (this.protocol === 2) {
      this.bulkText(text);
      return;
    }
    this.verbatimBytes(format, Buffer.from(text));
  }

  verbatimBytes(format: string, bytes: Uint8Array): void {
    if (this.protocol === 2) {
      this.bulkBytes(bytes);
      return;
    }
    this.prefixed(61, bytes.length + 4);
    this.raw(Buffer.from(`${format}:`));
    this.raw(bytes);
    this.crlf();
  }

  /** `+text`: text without CR or LF. */
  simple(text: string): void {
    this.line(43, text);
  }

  /** `-ERR text`, or `-text` when it begins with a code of its own (`WRONGTYPE …` is given as it is with `code` false). */
  error(text: string): void {
    this.errors++;
    this.lastError = text;
    this.line(45, text.replace(/[\r\n]+$/, '').replace(/[\r\n]/g, ' '));
  }

  /** A bulk string of bytes in packet memory. */
  bulk(offset: number, length: number): void {
    this.prefixed(36, length);
    if (this.position + length + 2 <= this.limit) {
      this.memory.copy(this.position, offset, length);
      this.position += length;
    } else this.copyLong(this.memory.dv, offset, length);
    this.crlf();
  }

  /**
   * A bulk string of bytes that lie in another buffer (the store's), word-aligned: `view` and `words` see the same bytes,
   * the string begins at byte 4·`at`.
   */
  bulkWords(view: DataView, words: Int32Array, at: number, length: number): void {
    this.prefixed(36, length);
    if (this.position + length + 2 > this.limit || length > 2048) {
      this.copyLong(view, at << 2, length);
      this.crlf();
      return;
    }
    const dv = this.memory.dv;
    let p = this.position;
    const end = p + length;
    let source = at << 2;
    for (const last = end - 7; p < last; p += 8, source += 8) {
      dv.setBigUint64(p, view.getBigUint64(source, true), true);
    }
    for (let w = source >> 2; p < end; p += 4, w++) dv.setInt32(p, words[w], true);
    dv.setInt16(end, CRLF, true);
    this.position = end + 2;
  }

  /** A bulk string of bytes that lie anywhere in another buffer. */
  bulkView(view: DataView, start: number, length: number): void {
    if (
      length < SHORT_BULK_BYTES &&
      this.position + 2 * SHORT_BULK_BYTES <= this.limit &&
      start + length + 8 <= view.byteLength
    ) {
      this.shortBulk(view, start, length);
      return;
    }
    this.prefixed(36, length);
    if (this.position + length + 2 > this.limit || length > 2048) {
      this.copyLong(view, start, length);
      this.crlf();
      return;
    }
    const dv = this.memory.dv;
    let p = this.position;
    const end = p + length;
    let source = start;
    if (length >= 8) {
      for (const last = end - 8; p < last; p += 8, source += 8) {
        dv.setBigUint64(p, view.getBigUint64(source, true), true);
      }
      dv.setBigUint64(end - 8, view.getBigUint64(start + length - 8, true), true); // overlaps what is there
    } else for (; p < end; p++, source++) dv.setUint8(p, view.getUint8(source));
    dv.setInt16(end, CRLF, true);
    this.position = end + 2;
  }

  /** A few bytes, with room for more than that: whole words are copied, past the end of both. */
  private shortBulk(view: DataView, start: number, length: number): void {
    const dv = this.memory.dv;
    let p = this.position;
    if (length < 10) {
      dv.setInt32(p, 36 | ((ZERO + length) << 8) | (CRLF << 16), true);
      p += 4;
    } else {
      const tens = (length * 205) >> 11;
      dv.setInt32(p, 36 | ((ZERO + tens) << 8) | ((ZERO + length - tens * 10) << 16) | (CR << 24), true);
      dv.setUint8(p + 4, LF);
      p += 5;
    }
    const end = p + length;
    for (let s = start; p < end; p += 8, s += 8) dv.setBigUint64(p, view.getBigUint64(s, true), true);
    dv.setInt16(end, CRLF, true);
    this.position = end + 2;
  }

  /** A bulk string of a JavaScript string, as UTF-8. Cold paths. */
  bulkText(text: string): void {
    this.bulkBytes(Buffer.from(text));
  }

  bulkBytes(bytes: Uint8Array): void {
    this.prefixed(36, bytes.length);
    this.raw(bytes);
    this.crlf();
  }

  /** Bytes as they are: the caller wrote the protocol. */
  raw(bytes: Uint8Array): void {
    this.copyLong(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  }

  crlf(): void {
    this.reserve(2);
    this.memory.dv.setInt16(this.position, CRLF, true);
    this.position += 2;
  }

  /** Latin1: a line may repeat a client's bytes. */
  private line(mark: number, text: string): void {
    this.reserve(1);
    this.memory.u8[this.position++] = mark;
    this.raw(Buffer.from(text, 'latin1'));
    this.crlf();
  }

  private copyLong(from: DataView, offset: number, length: number): void {
    const { memory } = this;
    let source = offset;
    let left = length;
    while (left > 0) {
      this.reserve(1);
      const n = Math.min(left, this.limit - this.position);
      if (from === memory.dv) memory.copy(this.position, source, n);
      else copyAcross(memory.dv, this.position, from, source, n);
      this.position += n;
      source += n;
      left -= n;
    }
  }

  /** A mark, a decimal integer, CR LF. */
  private prefixed(mark: number, value: number): void {
    this.reserve(SHORT_BYTES);
    const dv = this.memory.dv;
    const p = this.position;
    if (value >= 0 && value < 10) {
      dv.setInt32(p, mark | ((ZERO + value) << 8) | (CRLF << 16), true);
      this.position = p + 4;
    } else if (value >= 10 && value < 100) {
      const tens = (value * 205) >> 11;
      dv.setInt32(p, mark | ((ZERO + tens) << 8) | ((ZERO + value - tens * 10) << 16) | (CR << 24), true);
      dv.setInt8(p + 4, LF);
      this.position = p + 5;
    } else this.prefixedLong(mark, value);
  }

  private prefixedLong(mark: number, value: number): void {
    const u8 = this.memory.u8;
    let p = this.position;
    u8[p++] = mark;
    if (value < 0) u8[p++] = MINUS;
    p = this.digits(p, value < 0 ? -value : value);
    this.memory.dv.setInt16(p, CRLF, true);
    this.position = p + 2;
  }

  /** Two digits at a time, from the last on. Returns where they end. */
  private digits(at: number, value: number): number {
    if (value > 0x7fff_ffff) return this.longDigits(at, value);
    const dv = this.memory.dv;
    let n = value | 0;
    const end = at + digitCount(n);
    let p = end;
    while (n > 99) {
      const rest = (n / 100) | 0;
      p -= 2;
      dv.setInt16(p, PAIRS[n - rest * 100], true);
      n = rest;
    }
    if (n > 9) dv.setInt16(p - 2, PAIRS[n], true);
    else dv.setInt8(p - 1, ZERO + n);
    return end;
  }

  private longDigits(at: number, value: number): number {
    const high = Math.floor(value / 1_000_000_000);
    let p = this.digits(at, high) + 9;
    const end = p;
    const { dv } = this.memory;
    let low = (value - high * 1_000_000_000) | 0;
    for (let i = 0; i < 4; i++) {
      const rest = (low / 100) | 0;
      p -= 2;
      dv.setInt16(p, PAIRS[low - rest * 100], true);
      low = rest;
    }
    dv.setInt8(p - 1, ZERO + low);
    return end;
  }
}
