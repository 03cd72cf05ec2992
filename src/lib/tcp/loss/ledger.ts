/**
 * What is in flight, range by range: when each was last sent, and what has been heard of it since. The scoreboard of RFC 6675
 * and the segment list of RFC 8985 in one.
 *
 *   sndUna = start                                                            end = sndNxt
 *     ├── entry 0 ──┼───── entry 1 ─────┼─ entry 2 ─┼──────── entry 3 ────────────┤
 *     │ lost resent │      sacked       │   lost    │  (no mark: on its way)      │
 *
 * An entry is a transmission, 64 KB of it where the link cuts super-segments; SACK blocks and retransmissions split it. A row
 * of one Int32Array each: end, time, marks, segments. A connection has no ledger while a single transmission is in flight (its
 * fields `timedSeq` and `timedAtUs` are the entry), so that requests and replies do without.
 */

import type { RetransmitReason } from '../events.ts';
import type { Delivered } from './delivered.ts';

/** The peer has it, and says so out of order (RFC 2018). Never together with LOST or RESENT. */
export const SACKED = 1;
/** It is taken for lost, and stays so when it is resent. */
export const LOST = 2;
/** A copy is on its way, and is not taken for lost. */
export const RESENT = 4;
/** It was sent more than once, whatever came of it: Karn's rule (RFC 6298 §3). */
export const REPEATED = 8;

const MARKS_IN_DOUBT = SACKED | LOST | RESENT;

/** Words of a row. */
const ROW = 4;
const END = 0;
const SENT_US = 1;
const MARKS = 2;
const SEGMENTS = 3;

const FIRST_ROWS = 16;
/** A window of 2 MB in segments of 1 KB, all SACKed in turns; beyond that the ledger becomes coarser, not larger. */
export const MAX_ENTRIES = 2048;
/** Of these, SACK blocks may cut so many: what is resent must be told from what is not, whatever the blocks are. */
const MAX_SELECTED = MAX_ENTRIES - 256;

export class Ledger {
  /** Sequence number where entry 0 begins. */
  start = 0;
  count = 0;
  /** Bytes with each mark. */
  sackedBytes = 0;
  lostBytes = 0;
  resentBytes = 0;
  /** Why what is marked as lost will be resent. */
  reason: RetransmitReason = 'fast';
  /** Retransmission reads the send queue here: sequence number, buffer, offset (retransmit.ts). */
  cursorSeq = 0;
  cursorBuffer = 0;
  cursorOffset = 0;
  private rows = new Int32Array(FIRST_ROWS * ROW);
  /** Row of entry 0. */
  private first = 0;
  /** It is full, and no neighbours have been the same since it was last looked at. */
  private hopeless = false;

  /** Empty, from `start` on. */
  reset(start: number): void {
    this.start = start;
    this.count = 0;
    this.first = 0;
    this.sackedBytes = 0;
    this.lostBytes = 0;
    this.resentBytes = 0;
    this.cursorSeq = start;
    this.cursorBuffer = 0;
    this.hopeless = false;
    if (this.rows.length > FIRST_ROWS * ROW) this.rows = new Int32Array(FIRST_ROWS * ROW);
  }

  // ---- entries

  get end(): number {
    return this.count === 0 ? this.start : this.endOf(this.count - 1);
  }

  /** Nothing in it is in doubt: an acknowledgment only has to shorten it. */
  get plain(): boolean {
    return (this.sackedBytes | this.lostBytes | this.resentBytes) === 0;
  }

  startOf(i: number): number {
    return i === 0 ? this.start : this.rows[this.at(i - 1) + END];
  }

  endOf(i: number): number {
    return this.rows[this.at(i) + END];
  }

  lengthOf(i: number): number {
    return (this.endOf(i) - this.startOf(i)) | 0;
  }

  /** When it was last sent, in µs of the stack's clock. */
  sentUsOf(i: number): number {
    return this.rows[this.at(i) + SENT_US];
  }

  marksOf(i: number): number {
    return this.rows[this.at(i) + MARKS];
  }

  /** How many segments it was cut into. */
  segmentsOf(i: number): number {
    return this.rows[this.at(i) + SEGMENTS];
  }

  /** The entry that holds a sequence number which is not before `start`; `count` when it is past the end. */
  find(sequence: number): number {
    const offset = (sequence - this.start) | 0;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((this.endOf(middle) - this.start) | 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // ---- changes

  /** Sequence numbers up to `end` were sent at `sentUs`, in so many segments. */
  append(end: number, sentUs: number, segments: number, marks = 0): void {
    if (this.count === MAX_ENTRIES && !this.coarsen()) {
      this.extendLast(end, sentUs, segments);
      return;
    }
    if ((this.first + this.count) * ROW === this.rows.length) this.makeRoom();
    const length = (end - this.end) | 0;
    const at = this.at(this.count++);
    this.hopeless = false;
    this.rows[at + END] = end;
    this.rows[at + SENT_US] = sentUs;
    this.rows[at + MARKS] = 0;
    this.rows[at + SEGMENTS] = segments;
    if (marks !== 0) this.changeTotals(length, 0, marks);
    this.rows[at + MARKS] = marks;
  }

  /** Entry i gets exactly these marks. */
  mark(i: number, marks: number): void {
    const at = this.at(i) + MARKS;
    this.changeTotals(this.lengthOf(i), this.rows[at], marks);
    this.rows[at] = marks;
    this.hopeless = false;
  }

  /** Entry i was sent again at `sentUs`. */
  resent(i: number, sentUs: number): void {
    this.mark(i, this.marksOf(i) | RESENT | REPEATED);
    this.rows[this.at(i) + SENT_US] = sentUs;
  }

  /** Cuts entry i at a sequence number within it. False when there are too many entries. */
  split(i: number, sequence: number): boolean {
    if (this.count === MAX_ENTRIES) return false;
    if ((this.first + this.count) * ROW === this.rows.length) this.makeRoom();
    const { rows } = this;
    const at = this.at(i);
    const front = (sequence - this.startOf(i)) | 0;
    const length = this.lengthOf(i);
    rows.copyWithin(at + ROW, at, this.at(this.count));
    this.count++;
    this.hopeless = false;
    const segments = rows[at + SEGMENTS];
    const inFront = Math.max(1, Math.min(segments - 1, Math.round((segments * front) / length)));
    rows[at + END] = sequence;
    rows[at + SEGMENTS] = inFront;
    rows[at + ROW + SEGMENTS] = Math.max(1, segments - inFront);
    return true;
  }

  /** Cumulative acknowledgment up to `ack` while nothing is in doubt. Returns the round trip in µs that it measured, or 0. */
  drop(ack: number, clockUs: number): number {
    let i = 0;
    while (i < this.count && ((ack - this.endOf(i)) | 0) >= 0) i++;
    let rttUs = 0;
    if (i > 0 && (this.marksOf(i - 1) & REPEATED) === 0) rttUs = Math.max(1, (clockUs - this.sentUsOf(i - 1)) | 0);
    this.forget(i);
    this.start = ack;
    return rttUs;
  }

  /** Cumulative acknowledgment: what it covers and was not SACKed before is noted in `delivered`. */
  acknowledge(ack: number, delivered: Delivered): void {
    let i = 0;
    for (; i < this.count && ((ack - this.endOf(i)) | 0) >= 0; i++) {
      if ((this.marksOf(i) & SACKED) === 0) delivered.note(this, i);
      this.changeTotals(this.lengthOf(i), this.marksOf(i), 0);
    }
    const from = i === 0 ? this.start : this.endOf(i - 1);
    this.forget(i);
    this.start = from;
    const part = (ack - from) | 0;
    if (part <= 0 || this.count === 0) return;
    // A part of an entry: it is younger than its rest only by name, so it is no news of when which copy was sent.
    if ((this.marksOf(0) & SACKED) === 0) delivered.bytes += part;
    this.changeTotals(part, this.marksOf(0), 0);
    this.start = ack;
  }

  /** A SACK block within [start, end): the entries in it are split off, marked, and noted. False when there are too many. */
  select(from: number, to: number, delivered: Delivered): boolean {
    let i = this.find(from);
    if (from !== this.startOf(i) && (this.marksOf(i) & SACKED) === 0) {
      if (!this.splitOrCoarsen(i, from)) return false;
      i = this.find(from);
    }
    while (i < this.count && ((to - this.startOf(i)) | 0) > 0) {
      if ((this.marksOf(i) & SACKED) === 0) {
        if (((this.endOf(i) - to) | 0) > 0) {
          if (!this.splitOrCoarsen(i, to)) return false;
          i = this.find(to) - 1;
        }
        delivered.note(this, i);
        delivered.sackedBytes += this.lengthOf(i);
        this.mark(i, SACKED | (this.marksOf(i) & REPEATED));
        i = this.mergeSacked(i);
      }
      i++;
    }
    return true;
  }

  /** Takes marks away from all entries. */
  clear(marks: number): void {
    for (let i = 0; i < this.count; i++) {
      const before = this.marksOf(i);
      if ((before & marks) !== 0) this.mark(i, before & ~marks);
    }
  }

  /** Segments with all of these marks. */
  segmentsWith(marks: number): number {
    let segments = 0;
    for (let i = 0; i < this.count; i++) if ((this.marksOf(i) & marks) === marks) segments += this.segmentsOf(i);
    return segments;
  }

  // ---- within

  private at(i: number): number {
    return (this.first + i) << 2;
  }

  private changeTotals(length: number, before: number, after: number): void {
    this.sackedBytes += length * ((after & SACKED) - (before & SACKED));
    this.lostBytes += length * (((after & LOST) >> 1) - ((before & LOST) >> 1));
    this.resentBytes += length * (((after & RESENT) >> 2) - ((before & RESENT) >> 2));
  }

  private extendLast(end: number, sentUs: number, segments: number): void {
    const at = this.at(this.count - 1);
    const marks = this.rows[at + MARKS];
    this.changeTotals((end - this.rows[at + END]) | 0, 0, marks);
    this.rows[at + END] = end;
    this.rows[at + SENT_US] = sentUs;
    this.rows[at + SEGMENTS] += segments;
    this.mark(this.count - 1, marks & ~SACKED);
  }

  private forget(n: number): void {
    if (n > 0) this.hopeless = false;
    this.first += n;
    this.count -= n;
    if (this.count === 0) this.first = 0;
  }

  /** Entry i is SACKed: joins its neighbours that are, too. Returns the place of the joint entry. */
  private mergeSacked(i: number): number {
    if (i + 1 < this.count && (this.marksOf(i + 1) & SACKED) !== 0) this.merge(i);
    if (i === 0 || (this.marksOf(i - 1) & SACKED) === 0) return i;
    this.merge(i - 1);
    return i - 1;
  }

  /** Entries i and i + 1, whose marks in doubt are the same, become one, as young as the younger. */
  private merge(i: number): void {
    const at = this.at(i);
    this.join(at, at + ROW);
    this.rows.copyWithin(at + ROW, at + 2 * ROW, this.at(this.count));
    this.count--;
  }

  /** The row `at` takes in what the next entry's, which is `from`, says. */
  private join(at: number, from: number): void {
    const { rows } = this;
    rows[at + END] = rows[from + END];
    if (((rows[from + SENT_US] - rows[at + SENT_US]) | 0) > 0) rows[at + SENT_US] = rows[from + SENT_US];
    rows[at + MARKS] |= rows[from + MARKS];
    rows[at + SEGMENTS] += rows[from + SEGMENTS];
  }

  private splitOrCoarsen(i: number, sequence: number): boolean {
    if (this.count < MAX_SELECTED && this.split(i, sequence)) return true;
    return this.coarsen() && this.count < MAX_SELECTED && this.split(this.find(sequence), sequence);
  }

  /** The ledger is full: neighbours with the same marks become one. False when there are none, which is then remembered. */
  private coarsen(): boolean {
    if (this.hopeless) return false;
    const { rows } = this;
    let kept = 0;
    for (let i = 1; i < this.count; i++) {
      const from = this.at(i);
      if (((rows[this.at(kept) + MARKS] ^ rows[from + MARKS]) & MARKS_IN_DOUBT) === 0) this.join(this.at(kept), from);
      else if (++kept !== i) rows.copyWithin(this.at(kept), from, from + ROW);
    }
    this.hopeless = kept + 1 === this.count;
    this.count = kept + 1;
    return !this.hopeless;
  }

  /** The rows end: moves the entries to the front, into twice as much room if they take more than half of it. */
  private makeRoom(): void {
    const used = this.rows.subarray(this.at(0), this.at(this.count));
    if (this.count * ROW * 2 > this.rows.length) {
      const wider = new Int32Array(this.rows.length * 2);
      wider.set(used);
      this.rows = wider;
    } else this.rows.set(used);
    this.first = 0;
  }
}

/** Ledgers that no connection needs now, for the next that does: a few are enough, since most live for a round trip. */
export class LedgerPool {
  private readonly free: Ledger[] = [];
  private readonly most = 64;

  take(start: number): Ledger {
    const ledger = this.free.pop() ?? new Ledger();
    ledger.reset(start);
    return ledger;
  }

  give(ledger: Ledger): void {
    if (this.free.length < this.most) {
      ledger.reset(0);
      this.free.push(ledger);
    }
  }
}
