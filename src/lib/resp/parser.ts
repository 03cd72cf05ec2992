/**
 * Requests, parsed where they lie. One call takes one command from [start, end) and appends its arguments to the batch as
 * offsets; nothing is copied and no string is made.
 *
 *   *3␍␊ $3␍␊SET␍␊ $1␍␊k␍␊ $5␍␊hello␍␊        (redis.io/docs/reference/protocol-spec; limits and texts as redis-server has them)
 *
 * `decode` is the fast path. When the command's end hasn't arrived it says INCOMPLETE and what it learned is kept in a
 * `PartialCommand` (relative to the command's first byte, because the bytes move to a query buffer), from which
 * `continueDecode` goes on: however the bytes are cut, each is looked at once.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { CommandBatch } from './batch.ts';
import { splitInline } from './inline.ts';

export const INCOMPLETE = 0;
export const COMMAND = 1;
/** An empty line or an array of no elements: consumed, nothing to execute. */
export const EMPTY = 2;
/** The protocol is violated: `errorText` says how; the connection is to be closed. */
export const PROTOCOL_ERROR = 3;

/** Longest inline request and longest length line (PROTO_INLINE_MAX_SIZE). */
export const INLINE_MAX_BYTES = 65_536;
const MAX_ARGS = 0x7fff_ffff;
const UNAUTHENTICATED_MAX_ARGS = 10;
const UNAUTHENTICATED_MAX_BULK_BYTES = 16_384;

const CR = 13;
const LF = 10;
/** `$0\r\n\r\n` */
const LEAST_ARGUMENT_BYTES = 6;
const STAR = 42;
const DOLLAR = 36;
const MINUS = 45;
const ZERO = 48;

/** What is known of a command whose end is missing. Offsets are relative to its first byte. */
export class PartialCommand {
  /** Arguments announced; -1 while the `*` line itself is incomplete. */
  argc = -1;
  /** Arguments complete so far. */
  done = 0;
  /** Where parsing goes on. */
  position = 0;
  /** Where the search for the current line's end goes on. */
  scanned = 0;
  /** Fewer bytes than this can't complete anything. */
  needBytes = 0;
  /** The command is no shorter than this: all of it may be taken in before parsing goes on. */
  leastBytes = 0;
  offsets = new Int32Array(16);
  lengths = new Int32Array(16);
}

export class RequestParser {
  /** First byte not consumed by the last call. */
  next = 0;
  errorText = '';
  /** Largest argument (proto-max-bulk-len). */
  maxBulkBytes = 536_870_912;
  private readonly memory: PacketMemory;
  private readonly batch: CommandBatch;
  // What decodeLine found.
  private value = 0;
  // Where the parse stopped, for PartialCommand.
  private argc = -1;
  private done = 0;
  private position = 0;
  private scanned = 0;
  private needBytes = 0;

  constructor(memory: PacketMemory, batch: CommandBatch) {
    this.memory = memory;
    this.batch = batch;
  }

  /** Parses one command at `start`; `trusted` is false while the client still has to authenticate. */
  decode(start: number, end: number, trusted: boolean): number {
    const u8 = this.memory.u8;
    if (u8[start] !== STAR) return this.decodeInline(start, end, start);
    this.argc = -1;
    this.done = 0;
    this.scanned = 0;
    let p = start + 1;
    // One digit and CR LF: nearly every request.
    const digit = u8[p] - ZERO;
    let argc = digit;
    if (p + 3 <= end && u8[p + 1] === CR && digit > 0 && digit < 10) p += 3;
    else {
      this.position = start;
      const status = this.decodeArgc(start, end, start, trusted);
      if (status !== COMMAND) return status;
      argc = this.value;
      p = this.next;
    }
    this.argc = argc;
    return this.decodeArguments(start, p, end, argc, 0, trusted);
  }

  /** Goes on with a command of which more arrived: its bytes are now [start, end). */
  continueDecode(partial: PartialCommand, start: number, end: number, trusted: boolean): number {
    if (this.memory.u8[start] !== STAR) return this.decodeInline(start, end, start + partial.scanned);
    let argc = partial.argc;
    let p = start + partial.position;
    this.argc = argc;
    this.done = partial.done;
    this.scanned = start + partial.scanned;
    if (argc < 0) {
      this.position = start;
      const status = this.decodeArgc(start, end, start + partial.scanned, trusted);
      if (status !== COMMAND) return status;
      argc = this.value;
      p = this.next;
      this.argc = argc;
    }
    const batch = this.batch;
    const first = batch.args;
    if (first + argc > batch.argOffset.length) this.reserveArgs(first, argc, start, end);
    const status = this.decodeArguments(start, p, end, argc, partial.done, trusted);
    if (status === INCOMPLETE) return status; // only a complete command takes up its first arguments again: each is copied once
    for (let i = 0; i < partial.done; i++) {
      batch.argOffset[first + i] = start + partial.offsets[i];
      batch.argLength[first + i] = partial.lengths[i];
    }
    return status;
  }

  /** Keeps what the last decode learned of an INCOMPLETE command that began at `start`. */
  save(partial: PartialCommand, start: number): void {
    const batch = this.batch;
    const done = this.argc < 0 ? 0 : this.done;
    if (partial.offsets.length < done) {
      const size = 2 ** Math.ceil(Math.log2(done + 1));
      const offsets = new Int32Array(size);
      const lengths = new Int32Array(size);
      offsets.set(partial.offsets.subarray(0, partial.done));
      lengths.set(partial.lengths.subarray(0, partial.done));
      partial.offsets = offsets;
      partial.lengths = lengths;
    }
    for (let i = partial.done; i < done; i++) {
      partial.offsets[i] = batch.argOffset[batch.args + i] - start;
      partial.lengths[i] = batch.argLength[batch.args + i];
    }
    partial.argc = this.argc;
    partial.done = done;
    partial.position = this.position - start;
    partial.scanned = this.scanned - start;
    partial.needBytes = this.needBytes - start;
    partial.leastBytes = partial.needBytes + Math.max(0, this.argc - done - 1) * LEAST_ARGUMENT_BYTES;
  }

  private decodeArguments(
    start: number,
    from: number,
    end: number,
    argc: number,
    alreadyDone: number,
    trusted: boolean,
  ): number {
    const u8 = this.memory.u8;
    const batch = this.batch;
    const first = batch.args;
    if (first + argc > batch.argOffset.length) this.reserveArgs(first, argc, start, end);
    let argOffset = batch.argOffset;
    let argLength = batch.argLength;
    let p = from;
    for (let i = alreadyDone; i < argc; i++) {
      let length = u8[p + 1] - ZERO;
      let c = u8[p + 2];
      let at = p;
      // `$` and up to three digits without a leading zero; everything else is looked at by decodeLine.
      if (p + 4 <= end && u8[p] === DOLLAR && length >= 0 && length < 10) {
        if (c === CR) at = p + 4;
        else if (length > 0 && c >= ZERO && c < ZERO + 10) {
          length = length * 10 + c - ZERO;
          c = u8[p + 3];
          if (c === CR) at = p + 5;
          else if (c >= ZERO && c < ZERO + 10 && u8[p + 4] === CR) {
            length = length * 10 + c - ZERO;
            at = p + 6;
          }
        }
      }
      if (at === p || at > end) {
        this.done = i;
        this.position = p;
        const status = this.decodeBulkLength(p, end, trusted);
        if (status !== COMMAND) return status;
        length = this.value;
        at = this.next;
      }
      const after = at + length + 2;
      if (after > end) {
        this.done = i;
        this.position = p;
        this.scanned = p;
        this.needBytes = after;
        return INCOMPLETE;
      }
      if (first + i >= argOffset.length) {
        batch.grow(first + i + 1);
        argOffset = batch.argOffset;
        argLength = batch.argLength;
      }
      argOffset[first + i] = at;
      argLength[first + i] = length;
      p = after;
    }
    this.next = p;
    const n = batch.count;
    batch.first[n] = first;
    batch.argc[n] = argc;
    return COMMAND;
  }

  /** Room for the arguments announced, but for no more than the bytes at hand can hold. */
  private reserveArgs(first: number, argc: number, start: number, end: number): void {
    const possible = Math.min(argc, Math.ceil((end - start) / 5) + 1);
    if (first + possible > this.batch.argOffset.length) this.batch.grow(first + possible);
  }

  /** The `*` line: COMMAND with the count in `value` and `next` behind the line. */
  private decodeArgc(start: number, end: number, scan: number, trusted: boolean): number {
    const status = this.decodeLine(start, end, scan);
    if (status === INCOMPLETE) return this.tooLong(start, end, 'too big mbulk count string');
    if (status === PROTOCOL_ERROR || this.value > MAX_ARGS) return this.fail('invalid multibulk length');
    if (this.value > UNAUTHENTICATED_MAX_ARGS && !trusted) return this.fail('unauthenticated multibulk length');
    return this.value <= 0 ? EMPTY : COMMAND;
  }

  /** A `$` line: COMMAND with the length in `value` and `next` behind the line. */
  private decodeBulkLength(at: number, end: number, trusted: boolean): number {
    const scan = this.scanned > at ? this.scanned : at;
    const status = this.decodeLine(at, end, scan);
    if (status === INCOMPLETE) return this.tooLong(at, end, 'too big bulk count string');
    const mark = this.memory.u8[at];
    if (mark !== DOLLAR) return this.fail(`expected '$', got '${String.fromCharCode(mark)}'`);
    if (status === PROTOCOL_ERROR || this.value < 0 || this.value > this.maxBulkBytes) {
      return this.fail('invalid bulk length');
    }
    if (this.value > UNAUTHENTICATED_MAX_BULK_BYTES && !trusted) return this.fail('unauthenticated bulk length');
    return COMMAND;
  }

  /**
   * One mark and a decimal integer up to CR (a NUL hides what follows, as it does for redis-server's strchr). The byte after
   * CR is skipped unseen. PROTOCOL_ERROR when it is no integer in canonical form.
   */
  private decodeLine(at: number, end: number, scan: number): number {
    const u8 = this.memory.u8;
    let cr = scan;
    while (cr < end && u8[cr] !== CR && u8[cr] !== 0) cr++;
    if (cr >= end || u8[cr] === 0 || cr + 2 > end) {
      this.scanned = cr;
      this.needBytes = cr + 2 > end ? cr + 2 : end + 1;
      return INCOMPLETE;
    }
    this.next = cr + 2;
    let p = at + 1;
    const negative = p < cr && u8[p] === MINUS;
    if (negative) p++;
    const digits = cr - p;
    const leading = u8[p];
    if (digits < 1 || digits > 19 || (leading === ZERO && (digits > 1 || negative))) return PROTOCOL_ERROR;
    let value = 0;
    for (; p < cr; p++) {
      const digit = u8[p] - ZERO;
      if (digit < 0 || digit > 9) return PROTOCOL_ERROR;
      value = value * 10 + digit;
    }
    this.value = negative ? -value : value;
    return COMMAND;
  }

  private decodeInline(start: number, end: number, scan: number): number {
    const u8 = this.memory.u8;
    let lf = scan;
    while (lf < end && u8[lf] !== LF && u8[lf] !== 0) lf++;
    if (lf >= end || u8[lf] === 0) {
      this.argc = -1;
      this.position = start;
      this.scanned = lf;
      this.needBytes = end + 1;
      return this.tooLong(start, end, 'too big inline request');
    }
    this.next = lf + 1;
    const lineEnd = lf > start && u8[lf - 1] === CR ? lf - 1 : lf;
    const argc = splitInline(this.memory, start, lineEnd, this.batch);
    if (argc < 0) return this.fail('unbalanced quotes in request');
    if (argc === 0) return EMPTY;
    const n = this.batch.count;
    this.batch.first[n] = this.batch.args;
    this.batch.argc[n] = argc;
    return COMMAND;
  }

  private tooLong(start: number, end: number, text: string): number {
    return end - start > INLINE_MAX_BYTES ? this.fail(text) : INCOMPLETE;
  }

  private fail(text: string): number {
    this.errorText = `Protocol error: ${text}`;
    return PROTOCOL_ERROR;
  }
}
