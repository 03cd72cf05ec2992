/**
 * The table of a hash, whose fields may have deadlines of their own. Those that have one are in a heap by deadline, and the
 * hash as a whole is in the timing wheel by its earliest: with a timer, an object that begins as a record does.
 *
 *   key's record ─▶ timer │ – – │ deadline, owner │ next prev │ table │ heap, room, count │ database │ key, length │
 *                     │                              └ wheel       │      │
 *                     │                                            ▼      ▼
 *                     │                                        RecordTable  │ ref │ ref │ …     parent i: children 2i + 1, 2i + 2
 *                     └ without deadlines the key's record names the table    └▶ field's record: its word NEXT is its place in
 *                                                                               the heap; NO_PLACE: it has a deadline no more
 *
 * The timer knows the key by a copy of its name, so that the hash is found when its time comes, and not found when the key
 * means something else by then. A FieldTable is a view as every RecordTable is: openTimed() points it at a timer.
 */
import type { Arena } from './arena.ts';
import { deadlineAt, HAS_EXPIRY, NEXT, PREV, setDeadline } from './record.ts';
import { RecordTable } from './record-table.ts';
import { chunkOf, wordOf } from './ref.ts';
import type { ExpiryWheel } from './wheel.ts';

const TABLE = PREV + 1;
const HEAP = TABLE + 1;
const ROOM = TABLE + 2;
const COUNT = TABLE + 3;
const DATABASE = TABLE + 4;
const KEY = TABLE + 5;
const KEY_LENGTH = TABLE + 6;
const TIMER_WORDS = TABLE + 7;
const TIMER_BYTES = TIMER_WORDS * 4;

const NO_PLACE = -1;
const FIRST_ROOM = 8;

export class FieldTable extends RecordTable {
  /** The timer that is open; 0 for a table without deadlines. */
  timer = 0;
  private readonly wheel: ExpiryWheel;
  /** Names the timers to the wheel. */
  private readonly owner: number;

  /**
   * @param hashKey two secret words
   * @param owner what the wheel knows the owner of timers by
   */
  constructor(arena: Arena, hashKey: Int32Array, wheel: ExpiryWheel, owner: number) {
    super(arena, hashKey);
    this.wheel = wheel;
    this.owner = owner;
  }

  override open(root: number): void {
    this.timer = 0;
    super.open(root);
  }

  override create(expected = 0): number {
    this.timer = 0;
    return super.create(expected);
  }

  openTimed(timer: number): void {
    super.open(this.tableOf(timer));
    this.timer = timer;
  }

  /** The table of a timer's hash. */
  tableOf(timer: number): number {
    return this.chunks[chunkOf(timer)][wordOf(timer) + TABLE];
  }

  /** Gives the open table a timer, if it has none. Returns it; 0, and nothing changed, without memory. */
  createTimer(): number {
    if (this.timer !== 0) return this.timer;
    const timer = this.arena.alloc(TIMER_BYTES);
    if (timer === 0) return 0;
    const words = this.chunks[chunkOf(timer)];
    const at = wordOf(timer);
    words.fill(0, at, at + TIMER_WORDS);
    words[at + TABLE] = this.root;
    this.timer = timer;
    return timer;
  }

  /** The open timer's hash is the value of this key now. Without memory for its name it is only looked at when it is used. */
  name(database: number, view: DataView, start: number, length: number): void {
    this.forgetKey();
    const key = this.arena.alloc(Math.max(1, length));
    this.set(DATABASE, database);
    this.set(KEY, key);
    this.set(KEY_LENGTH, length);
    if (key === 0) return;
    const bytes = this.arena.bytes8[chunkOf(key)];
    const at = wordOf(key) << 2;
    for (let i = 0; i < length; i++) bytes[at + i] = view.getUint8(start + i);
    this.schedule();
  }

  get database(): number {
    return this.get(DATABASE);
  }

  /** The object with the key's name; 0 when there was no memory for it. */
  get key(): number {
    return this.get(KEY);
  }

  get keyNameLength(): number {
    return this.get(KEY_LENGTH);
  }

  /** Bytes of timer and heap. */
  get timerBytes(): number {
    return this.timer === 0 ? 0 : TIMER_BYTES + this.get(ROOM) * 4 + this.get(KEY_LENGTH);
  }

  /** As destroyStep(), and the timer with its heap goes at once. */
  destroyTimedStep(budget: number): boolean {
    const { timer } = this;
    if (timer !== 0) {
      this.wheel.unlink(timer);
      this.dropHeap();
      this.forgetKey();
    }
    this.timer = 0; // what is released now is in no heap any more
    const more = this.destroyStep(budget);
    if (!more && timer !== 0) this.arena.free(timer, TIMER_BYTES);
    return more;
  }

  // ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────────────

  override expiry(ref: number): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    return (words[at] & HAS_EXPIRY) === 0 || words[at + NEXT] === NO_PLACE ? -1 : deadlineAt(words, at);
  }

  /** The earliest deadline; Infinity when there is none. */
  get earliestMs(): number {
    return this.timer === 0 || this.get(COUNT) === 0 ? Number.POSITIVE_INFINITY : this.deadlineOf(this.at(0));
  }

  /** The field with the earliest deadline; there must be one. */
  get earliest(): number {
    return this.at(0);
  }

  /** Gives a field a deadline; there must be a timer. Returns its ref, which may be another; 0 without memory. */
  setDeadline(ref: number, atMs: number): number {
    if (!this.heapHasRoom()) return 0;
    const moved = this.hasExpiryWords(ref) ? ref : this.withExpiry(ref, true);
    if (moved === 0) return 0;
    const words = this.chunks[chunkOf(moved)];
    const at = wordOf(moved);
    let place = moved === ref ? words[at + NEXT] : NO_PLACE;
    setDeadline(words, at, atMs, 0);
    if (place === NO_PLACE) {
      place = this.get(COUNT);
      this.set(COUNT, place + 1);
    }
    this.siftDown(this.siftUp(place, moved), moved);
    this.schedule();
    return moved;
  }

  /** Takes a field's deadline away, if it has one. The words for it stay with the record until it goes. */
  clearDeadline(ref: number): void {
    if (!this.hasExpiryWords(ref)) return;
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    const place = words[at + NEXT];
    if (place === NO_PLACE) return;
    words[at + NEXT] = NO_PLACE;
    this.removePlace(place);
  }

  /** How many fields have a deadline before `nowMs`. */
  dueBefore(nowMs: number): number {
    return this.timer === 0 ? 0 : this.dueFrom(0, nowMs);
  }

  private dueFrom(place: number, nowMs: number): number {
    if (place >= this.get(COUNT) || this.deadlineOf(this.at(place)) >= nowMs) return 0;
    return 1 + this.dueFrom(2 * place + 1, nowMs) + this.dueFrom(2 * place + 2, nowMs);
  }

  /** Puts the timer where the wheel finds it in time. Later than needed is never, earlier may be: then it is put in again. */
  schedule(): void {
    const { timer, wheel } = this;
    const earliest = this.earliestMs;
    if (earliest === Number.POSITIVE_INFINITY || this.get(KEY) === 0) return;
    const words = this.chunks[chunkOf(timer)];
    const at = wordOf(timer);
    if (words[at + NEXT] !== 0) {
      if (deadlineAt(words, at) <= earliest) return;
      wheel.unlink(timer);
    }
    setDeadline(words, at, earliest, this.owner);
    wheel.schedule(timer);
  }

  protected override relocated(moved: number): void {
    const place = this.chunks[chunkOf(moved)][wordOf(moved) + NEXT];
    if (this.timer !== 0 && place !== NO_PLACE) this.put(place, moved);
  }

  protected override release(ref: number): void {
    if (this.timer !== 0) this.clearDeadline(ref);
    super.release(ref);
  }

  // ── the heap ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private removePlace(place: number): void {
    const last = this.get(COUNT) - 1;
    const moved = this.at(last);
    this.set(COUNT, last);
    if (last === 0) this.dropHeap();
    if (place < last) this.siftDown(this.siftUp(place, moved), moved);
  }

  /** Moves parents that are later than `ref` down, from `place` on, and returns where it belongs; it is put there. */
  private siftUp(place: number, ref: number): number {
    const atMs = this.deadlineOf(ref);
    let p = place;
    while (p > 0) {
      const parent = (p - 1) >> 1;
      const above = this.at(parent);
      if (this.deadlineOf(above) <= atMs) break;
      this.put(p, above);
      p = parent;
    }
    this.put(p, ref);
    return p;
  }

  private siftDown(place: number, ref: number): void {
    const atMs = this.deadlineOf(ref);
    const count = this.get(COUNT);
    let p = place;
    for (;;) {
      let child = 2 * p + 1;
      if (child >= count) break;
      if (child + 1 < count && this.deadlineOf(this.at(child + 1)) < this.deadlineOf(this.at(child))) child++;
      const below = this.at(child);
      if (this.deadlineOf(below) >= atMs) break;
      this.put(p, below);
      p = child;
    }
    this.put(p, ref);
  }

  private heapHasRoom(): boolean {
    const room = this.get(ROOM);
    const count = this.get(COUNT);
    if (count < room) return true;
    const larger = Math.max(FIRST_ROOM, room * 2);
    const heap = this.arena.alloc(larger * 4);
    if (heap === 0) return false;
    if (room > 0) this.arena.move(heap, 0, this.get(HEAP), 0, count * 4);
    if (room > 0) this.arena.free(this.get(HEAP), room * 4);
    this.set(HEAP, heap);
    this.set(ROOM, larger);
    return true;
  }

  private dropHeap(): void {
    if (this.get(ROOM) > 0) this.arena.free(this.get(HEAP), this.get(ROOM) * 4);
    this.set(HEAP, 0);
    this.set(ROOM, 0);
    this.set(COUNT, 0);
  }

  private forgetKey(): void {
    if (this.get(KEY) !== 0) this.arena.free(this.get(KEY), Math.max(1, this.get(KEY_LENGTH)));
    this.set(KEY, 0);
    this.set(KEY_LENGTH, 0);
  }

  private hasExpiryWords(ref: number): boolean {
    return (this.chunks[chunkOf(ref)][wordOf(ref)] & HAS_EXPIRY) !== 0;
  }

  private deadlineOf(ref: number): number {
    return deadlineAt(this.chunks[chunkOf(ref)], wordOf(ref));
  }

  /** The field at a place of the heap. */
  private at(place: number): number {
    const heap = this.get(HEAP);
    return this.chunks[chunkOf(heap)][wordOf(heap) + place];
  }

  private put(place: number, ref: number): void {
    const heap = this.get(HEAP);
    this.chunks[chunkOf(heap)][wordOf(heap) + place] = ref;
    this.chunks[chunkOf(ref)][wordOf(ref) + NEXT] = place;
  }

  private get(word: number): number {
    return this.chunks[chunkOf(this.timer)][wordOf(this.timer) + word];
  }

  private set(word: number, value: number): void {
    this.chunks[chunkOf(this.timer)][wordOf(this.timer) + word] = value;
  }
}
