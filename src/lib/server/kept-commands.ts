/**
 * Commands that are kept to be run later: those of a transaction, and the one that a blocked client waits with. Their
 * arguments are copied out of the segment that brought them into one block of packet memory, which grows by doubling.
 *
 *   ┌──────────┬─────┬───────┬──────────┬─────┬┄┄┄┄┄┐
 *   │ arg 0    │ arg │ arg … │ arg 0    │ arg │     │     offsets are relative: the block may move when it grows
 *   └──────────┴─────┴───────┴──────────┴─────┴┄┄┄┄┄┘
 *    command 0                command 1
 */
import type { Engine } from '../engine/engine.ts';
import { GRANULE_BYTES } from '../memory/extents.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';

/** Behind each argument: word-wise reads may run over its end. */
const GAP_BYTES = 4;
/** Behind the block: word-wise copies may run over its end. */
const TAIL_BYTES = 64;
/** A block up to this size is kept for what comes next. */
const KEEP_BYTES = 65_536;

export class KeptCommands {
  readonly ids: number[] = [];
  /** Hash of the first key of each. */
  readonly hashes: number[] = [];
  /** Bytes of their arguments. */
  bytes = 0;
  private readonly memory: PacketMemory;
  private offset = 0;
  private capacity = 0;
  private used = 0;
  private readonly firsts: number[] = [];
  private readonly counts: number[] = [];
  private readonly argAt: number[] = [];
  private readonly argLengths: number[] = [];

  constructor(memory: PacketMemory) {
    this.memory = memory;
  }

  get count(): number {
    return this.ids.length;
  }

  /** Number of arguments of command `i`. */
  argc(i: number): number {
    return this.counts[i];
  }

  /** What they take in packet memory. */
  get memoryBytes(): number {
    return this.capacity;
  }

  /** Adds the command at `arg`. False, and nothing added, when there is no memory. */
  add(engine: Engine, id: number, hash: number, arg: number, argc: number): boolean {
    const { argOffset, argLength } = engine;
    let bytes = 0;
    for (let i = arg; i < arg + argc; i++) bytes += argLength[i] + GAP_BYTES;
    if (!this.reserve(bytes)) return false;
    this.ids.push(id);
    this.hashes.push(hash);
    this.firsts.push(this.argAt.length);
    this.counts.push(argc);
    for (let i = arg; i < arg + argc; i++) {
      this.memory.copy(this.offset + this.used, argOffset[i], argLength[i]);
      this.keepArgument(argLength[i]);
    }
    return true;
  }

  /** Another text (ASCII) for argument `i` of the last command. False when there is no memory. */
  replace(i: number, text: string): boolean {
    if (!this.reserve(text.length + GAP_BYTES)) return false;
    this.memory.text.write(text, this.offset + this.used, 'latin1');
    const at = this.firsts[this.count - 1] + i;
    this.bytes += text.length - this.argLengths[at];
    this.argAt[at] = this.used;
    this.argLengths[at] = text.length;
    this.used += text.length + GAP_BYTES;
    return true;
  }

  /** Puts the arguments of command `i` behind those of the batch; returns the first one's index. `unplace` takes them away. */
  place(engine: Engine, i: number): number {
    const { batch } = engine;
    const base = batch.args;
    const argc = this.counts[i];
    if (base + argc > batch.argOffset.length) batch.grow(base + argc);
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    const first = this.firsts[i];
    for (let a = 0; a < argc; a++) {
      batch.argOffset[base + a] = this.offset + this.argAt[first + a];
      batch.argLength[base + a] = this.argLengths[first + a];
    }
    batch.args = base + argc;
    return base;
  }

  unplace(engine: Engine, base: number): void {
    engine.batch.args = base;
  }

  /** Forgets all of them and gives the block back. */
  release(): void {
    if (this.offset !== 0) this.memory.extents.free(this.offset, this.capacity);
    this.offset = 0;
    this.capacity = 0;
    this.forget();
  }

  /** Forgets all of them; the block is kept, unless it is large. */
  clear(): void {
    if (this.capacity > KEEP_BYTES) this.release();
    else this.forget();
  }

  private forget(): void {
    this.used = 0;
    this.bytes = 0;
    this.ids.length = 0;
    this.hashes.length = 0;
    this.firsts.length = 0;
    this.counts.length = 0;
    this.argAt.length = 0;
    this.argLengths.length = 0;
  }

  private keepArgument(length: number): void {
    this.argAt.push(this.used);
    this.argLengths.push(length);
    this.used += length + GAP_BYTES;
    this.bytes += length;
  }

  private reserve(bytes: number): boolean {
    const need = this.used + bytes + TAIL_BYTES;
    if (need <= this.capacity) return true;
    const { extents } = this.memory;
    const doubled = Math.max(need, Math.min(2 * this.capacity, need + extents.bytes / 8), GRANULE_BYTES);
    let capacity = doubled;
    let moved = extents.alloc(capacity);
    if (moved === 0) {
      capacity = need;
      moved = extents.alloc(need);
    }
    if (moved === 0) return false;
    if (this.offset !== 0) {
      this.memory.copy(moved, this.offset, this.used);
      extents.free(this.offset, this.capacity);
    }
    this.offset = moved;
    this.capacity = capacity;
    return true;
  }
}
