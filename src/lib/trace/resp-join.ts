/**
 * From segments to Redis commands: puts the payload of each direction in order and lets a scanner name what it carries.
 *
 *   segment ─▶ in order? ──────────▶ scanner ─▶ names of this segment
 *                 │ ahead of a hole       ▲
 *                 └──▶ held ── filled ────┘  ─▶ names of an earlier segment (late)
 *
 * What is held is bounded; when it is too much, the hole is given up. Bytes sent again are named from memory.
 */
import { add, atMost, distance, lessThan } from '../tcp/sequence.ts';
import { RespScanner } from './resp-scanner.ts';

const MAX_HELD_SEGMENTS = 64;
const MAX_HELD_BYTES = 65_536;
const REMEMBERED = 64;
/** Requests that wait for their reply. */
const MAX_PENDING = 256;

interface Held {
  readonly frame: number;
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly lengthBytes: number;
}

interface Named {
  seq: number;
  end: number;
  names: readonly string[];
}

const NOTHING: readonly string[] = [];

/** Takes names of an earlier frame. */
export type OnLate = (frame: number, names: readonly string[]) => void;

class OrderedPayload {
  readonly scanner: RespScanner;
  private started = false;
  private next = 0;
  private held: Held[] = [];
  private heldBytes = 0;
  private readonly remembered: Named[] = [];
  private rememberAt = 0;

  constructor(scanner: RespScanner) {
    this.scanner = scanner;
  }

  /** The first byte will have this sequence number. */
  startAt(seq: number): void {
    this.started = true;
    this.next = seq;
    this.scanner.inSync = false;
  }

  take(
    frame: number,
    seq: number,
    bytes: Uint8Array,
    from: number,
    until: number,
    lengthBytes: number,
    late: OnLate,
  ): readonly string[] {
    if (!this.started) this.startAt(seq);
    if (atMost(add(seq, lengthBytes), this.next)) return this.recall(seq, add(seq, lengthBytes));
    if (distance(seq, this.next) > 0) {
      this.hold({ frame, seq, bytes: bytes.slice(from, until), lengthBytes });
      if (this.held.length > MAX_HELD_SEGMENTS || this.heldBytes > MAX_HELD_BYTES) this.giveUpHole(late);
      return NOTHING;
    }
    const names = this.scan(seq, bytes, from, until, lengthBytes);
    if (this.held.length > 0) this.drain(late);
    return names;
  }

  /** seq is at or before `next`, its end behind it. */
  private scan(seq: number, bytes: Uint8Array, from: number, until: number, lengthBytes: number): readonly string[] {
    const known = distance(this.next, seq);
    const start = Math.min(from + known, until);
    const missing = lengthBytes - known - (until - start);
    const names = this.scanner.feed(bytes, start, until, missing);
    this.next = add(seq, lengthBytes);
    if (names.length > 0) this.remember(seq, this.next, names);
    return names;
  }

  private hold(held: Held): void {
    const at = this.held.findIndex((other) => lessThan(held.seq, other.seq));
    this.held.splice(at < 0 ? this.held.length : at, 0, held);
    this.heldBytes += held.bytes.length;
  }

  private drain(late: OnLate): void {
    while (this.held.length > 0 && atMost(this.held[0].seq, this.next)) {
      const { frame, seq, bytes, lengthBytes } = this.held.shift() as Held;
      this.heldBytes -= bytes.length;
      if (atMost(add(seq, lengthBytes), this.next)) continue;
      const names = this.scan(seq, bytes, 0, bytes.length, lengthBytes);
      if (names.length > 0) late(frame, names);
    }
  }

  private giveUpHole(late: OnLate): void {
    this.scanner.loseSync();
    this.next = this.held[0].seq;
    this.drain(late);
  }

  private remember(seq: number, end: number, names: readonly string[]): void {
    this.remembered[this.rememberAt] = { seq, end, names };
    this.rememberAt = (this.rememberAt + 1) % REMEMBERED;
  }

  private recall(seq: number, end: number): readonly string[] {
    const found = this.remembered.filter((named) => lessThan(named.seq, end) && lessThan(seq, named.end));
    return found.length === 0 ? NOTHING : found.flatMap((named) => named.names);
  }
}

export class RespJoin {
  private readonly requests: OrderedPayload;
  private readonly replies: OrderedPayload;
  private readonly pending: string[] = [];
  /** Replies no longer answer requests one by one: a subscriber's messages, or more pending than is kept. */
  private unpaired = false;

  constructor() {
    this.requests = new OrderedPayload(new RespScanner(false, (name) => this.asked(name)));
    this.replies = new OrderedPayload(new RespScanner(true, (name) => this.answered(name)));
  }

  get commands(): number {
    return this.requests.scanner.messages;
  }

  get answers(): number {
    return this.replies.scanner.messages;
  }

  /** The SYN of a direction: its first byte is known. */
  startAt(fromClient: boolean, seq: number): void {
    (fromClient ? this.requests : this.replies).startAt(seq);
  }

  /** Names what a segment carries: payload [from, until) of `lengthBytes` on the wire. */
  take(
    fromClient: boolean,
    frame: number,
    seq: number,
    bytes: Uint8Array,
    from: number,
    until: number,
    lengthBytes: number,
    late: OnLate,
  ): readonly string[] {
    return (fromClient ? this.requests : this.replies).take(frame, seq, bytes, from, until, lengthBytes, late);
  }

  private asked(name: string): string {
    if (/^(P|S)?SUBSCRIBE\b|^MONITOR\b/.test(name) || this.pending.length >= MAX_PENDING) {
      this.unpaired = true;
      this.pending.length = 0;
    } else if (!this.unpaired) this.pending.push(name);
    return name;
  }

  private answered(name: string): string {
    if (this.unpaired || name.startsWith('→ >')) return name;
    const asked = this.pending.shift();
    return asked === undefined ? name : `${name} (${asked})`;
  }
}

/** A client's first bytes that only Redis traffic begins with: an array of bulk strings. */
export function looksLikeResp(bytes: Uint8Array, from: number, until: number): boolean {
  if (until - from < 4 || bytes[from] !== 42) return false;
  let at = from + 1;
  while (at < until && bytes[at] >= 48 && bytes[at] <= 57) at++;
  return at > from + 1 && bytes[at] === 13 && bytes[at + 1] === 10;
}
