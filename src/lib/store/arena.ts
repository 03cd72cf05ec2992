/**
 * The memory that everything stored lives in: shared 64 MiB chunks, and refs into them (ref.ts).
 *
 *   ≤ 16 KiB      an object of a size class, cut from a slab          (slabs.ts, size-classes.ts)
 *   ≤ 32 MiB      a run of 4 KiB pages                                (page-heap.ts)
 *   larger        a chunk of its own, as large as it must be
 *
 * Memory is not zeroed. Refs name objects in every worker that has the chunks. Every chunk ends in a guard that is never
 * handed out, so that reads may run 64 bytes past the end of an object.
 */
import { copyAcross, moveWithin } from '../memory/copy.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { PAGES_PER_CHUNK, PageHeap } from './page-heap.ts';
import { byteOf, chunkOf, firstRef } from './ref.ts';
import { CLASS_BYTES, classOf, PAGE_BYTES, SLAB_PAGES, SMALL_MAX_BYTES } from './size-classes.ts';
import { PAGE_SHIFT, Slabs } from './slabs.ts';

export { byteOf, chunkOf, wordOf } from './ref.ts';

export const CHUNK_BYTES = 64 * 1024 * 1024;
const MAX_CHUNKS = 512;
/** Larger objects get a chunk of their own. */
const RUN_MAX_BYTES = CHUNK_BYTES >> 1;
const GUARD_BYTES = PAGE_BYTES;
/** Free runs of at least this many pages are given back to the operating system if there is a way to do it. */
const DISCARD_PAGES = 256;
/** And by purge() runs of this many. */
const PURGE_PAGES = 4;

const NO_WORDS = new Int32Array(0);
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

/** What the arena tells the operating system about its pages; both are hints. */
export interface PageAdvice {
  prepare(bytes: Uint8Array): void;
  discard(bytes: Uint8Array): void;
}

export class Arena {
  /** The chunks, by number, as 32-bit words, as bytes, and as views. */
  readonly words: Int32Array[] = [];
  readonly bytes8: Uint8Array[] = [];
  readonly views: DataView[] = [];
  /** Most bytes that may be in use; alloc() returns 0 beyond. At most 32 GiB. */
  limitBytes: number;
  /** Bytes of all chunks: address space, of which the operating system backs what was touched. */
  reservedBytes = 0;
  /** Tells the operating system that the contents of a range are not needed any more (madvise). */
  discard: ((bytes: Uint8Array) => void) | null;
  /** Told about every new chunk: huge pages under the records make a cold GET cheaper (docs/performance.md). */
  private readonly prepare: ((bytes: Uint8Array) => void) | null;
  private usedUnits = 0;
  private readonly maxChunks: number;
  private readonly heap: PageHeap;
  private readonly slabs: Slabs;
  /** Chunk numbers that were given back. */
  private readonly freeChunks: number[] = [];
  /** A chunk of pages that is wholly free and kept for the next need; 0 when there is none. */
  private spareChunk = 0;

  constructor(limitBytes = MAX_CHUNKS * CHUNK_BYTES, advice: PageAdvice | null = null) {
    this.limitBytes = limitBytes;
    this.discard = advice === null ? null : advice.discard;
    this.prepare = advice === null ? null : advice.prepare;
    this.maxChunks = Math.min(MAX_CHUNKS, 2 * Math.ceil(limitBytes / CHUNK_BYTES) + 2);
    this.heap = new PageHeap(this.maxChunks);
    this.slabs = new Slabs(this.words, this.maxChunks);
    this.addChunk();
  }

  /** Bytes in use, with the rounding to classes and pages. */
  get usedBytes(): number {
    return (this.usedUnits >>> 0) * 8;
  }

  /** A ref to `bytes` of memory with undefined contents, 8-byte aligned; 0 when it would exceed the limit. */
  alloc(bytes: number): number {
    if (bytes > SMALL_MAX_BYTES) return this.allocLarge(bytes);
    const sizeClass = classOf(bytes);
    const units = CLASS_BYTES[sizeClass] >> 3;
    if (((this.usedUnits + units) >>> 0) * 8 > this.limitBytes) return 0;
    let ref = this.slabs.alloc(sizeClass);
    if (ref === 0) {
      const page = this.allocPages(SLAB_PAGES[sizeClass]);
      if (page === 0) return 0;
      this.slabs.add(page, sizeClass);
      ref = this.slabs.alloc(sizeClass);
    }
    this.usedUnits = (this.usedUnits + units) | 0;
    return ref;
  }

  /** Gives an object back; `bytes` as it was asked for, or any size of the same capacity. */
  free(ref: number, bytes: number): void {
    if (bytes > SMALL_MAX_BYTES) {
      this.freeLarge(ref);
      return;
    }
    const sizeClass = classOf(bytes);
    this.usedUnits = (this.usedUnits - (CLASS_BYTES[sizeClass] >> 3)) | 0;
    const slab = this.slabs.free(ref, sizeClass);
    if (slab !== 0) this.freePages(slab);
  }

  /** Bytes of slabs in which no object is. */
  get idleBytes(): number {
    return this.slabs.idleBytes;
  }

  /** True when moving an object of `bytes` elsewhere helps to empty its slab (see sortSlabs). */
  isSparse(ref: number, bytes: number): boolean {
    return bytes <= SMALL_MAX_BYTES && this.slabs.isSparse(ref, classOf(bytes));
  }

  /** From now on the fullest slabs are filled first. */
  sortSlabs(): void {
    this.slabs.sortByLoad();
  }

  /** Gives the pages of free runs back to the operating system, if there is a way to do it. */
  purge(): void {
    this.heap.forEachFree(PURGE_PAGES, (page, pages) => this.discardPages(page, pages));
  }

  /** Bytes that the object of this ref, allocated for `bytes`, really has. */
  capacity(ref: number, bytes: number): number {
    if (bytes <= SMALL_MAX_BYTES) return CLASS_BYTES[classOf(bytes)];
    const chunk = chunkOf(ref);
    const chunkBytes = this.bytes8[chunk].byteLength;
    if (chunkBytes !== CHUNK_BYTES) return chunkBytes - GUARD_BYTES;
    return this.heap.usedPages(ref >>> PAGE_SHIFT) * PAGE_BYTES;
  }

  /** Copies n bytes of packet memory into an object. */
  copyIn(ref: number, byteOffset: number, memory: PacketMemory, from: number, n: number): void {
    copyAcross(this.views[chunkOf(ref)], byteOf(ref) + byteOffset, memory.dv, from, n);
  }

  /** Copies n bytes of an object into packet memory; up to 7 bytes after them are overwritten. */
  copyOut(ref: number, byteOffset: number, memory: PacketMemory, to: number, n: number): void {
    const view = this.views[chunkOf(ref)];
    const target = memory.dv;
    let s = byteOf(ref) + byteOffset;
    for (let d = to, end = to + n; d < end; s += 8, d += 8) target.setBigUint64(d, view.getBigUint64(s, true), true);
  }

  /** Copies n bytes from one object into another (or within one: the ranges may overlap). */
  move(toRef: number, toByte: number, fromRef: number, fromByte: number, n: number): void {
    const s = byteOf(fromRef) + fromByte;
    const d = byteOf(toRef) + toByte;
    const chunk = chunkOf(toRef);
    if (chunk === chunkOf(fromRef) && d < s + n && s < d + n) moveWithin(this.views[chunk], d, s, n);
    else copyAcross(this.views[chunk], d, this.views[chunkOf(fromRef)], s, n);
  }

  private allocLarge(bytes: number): number {
    if (bytes > RUN_MAX_BYTES) return this.allocDedicated(bytes);
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const units = pages << PAGE_SHIFT;
    if (((this.usedUnits + units) >>> 0) * 8 > this.limitBytes) return 0;
    const page = this.allocPages(pages);
    if (page === 0) return 0;
    this.usedUnits = (this.usedUnits + units) | 0;
    return page << PAGE_SHIFT;
  }

  private allocDedicated(bytes: number): number {
    const rounded = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    if (this.usedBytes + rounded > this.limitBytes) return 0;
    // A chunk of exactly 64 MiB is one of pages: capacity() and freeLarge() tell the two apart by it.
    const chunk = this.mapChunk(rounded + GUARD_BYTES === CHUNK_BYTES ? rounded + PAGE_BYTES : rounded);
    if (chunk < 0) return 0;
    this.usedUnits = (this.usedUnits + ((this.bytes8[chunk].byteLength - GUARD_BYTES) >>> 3)) | 0;
    return firstRef(chunk);
  }

  private freeLarge(ref: number): void {
    const chunk = chunkOf(ref);
    const chunkBytes = this.bytes8[chunk].byteLength;
    if (chunkBytes !== CHUNK_BYTES) {
      this.usedUnits = (this.usedUnits - ((chunkBytes - GUARD_BYTES) >>> 3)) | 0;
      this.unmapChunk(chunk);
      return;
    }
    const page = ref >>> PAGE_SHIFT;
    this.usedUnits = (this.usedUnits - (this.heap.usedPages(page) << PAGE_SHIFT)) | 0;
    this.freePages(page);
  }

  private allocPages(pages: number): number {
    const page = this.heap.alloc(pages);
    if (page !== 0) {
      if (((page / PAGES_PER_CHUNK) | 0) === this.spareChunk) this.spareChunk = 0;
      return page;
    }
    return this.addChunk() ? this.heap.alloc(pages) : 0;
  }

  private freePages(page: number): void {
    const start = this.heap.free(page);
    const pages = this.heap.freePages(start);
    const chunk = (start / PAGES_PER_CHUNK) | 0;
    if (pages >= DISCARD_PAGES) this.discardPages(start, pages);
    if (chunk === 0 || !this.heap.isWholeChunk(start)) return;
    if (this.spareChunk === 0) {
      this.spareChunk = chunk;
      return;
    }
    this.heap.removeChunk(chunk);
    this.unmapChunk(chunk);
  }

  private discardPages(page: number, pages: number): void {
    if (this.discard === null) return;
    const from = (page % PAGES_PER_CHUNK) * PAGE_BYTES;
    this.discard(this.bytes8[(page / PAGES_PER_CHUNK) | 0].subarray(from, from + pages * PAGE_BYTES));
  }

  private addChunk(): boolean {
    const chunk = this.mapChunk(CHUNK_BYTES - GUARD_BYTES);
    if (chunk < 0) return false;
    this.heap.addChunk(chunk);
    return true;
  }

  /** Maps `bytes` and a guard under a free chunk number; -1 when there is none or no memory. */
  private mapChunk(bytes: number): number {
    if (this.freeChunks.length === 0 && this.words.length === this.maxChunks) return -1;
    let buffer: SharedArrayBuffer;
    try {
      buffer = new SharedArrayBuffer(bytes + GUARD_BYTES);
    } catch {
      return -1; // RangeError: the operating system has no more address space for us
    }
    const chunk = this.freeChunks.pop() ?? this.words.length;
    this.words[chunk] = new Int32Array(buffer);
    this.bytes8[chunk] = new Uint8Array(buffer);
    this.views[chunk] = new DataView(buffer);
    this.reservedBytes += buffer.byteLength;
    if (this.prepare !== null) this.prepare(this.bytes8[chunk]);
    return chunk;
  }

  /** Drops a chunk's buffer; the pages go back at once if there is `discard`, else when the collector finds the buffer. */
  private unmapChunk(chunk: number): void {
    if (this.discard !== null) this.discard(this.bytes8[chunk]);
    this.reservedBytes -= this.bytes8[chunk].byteLength;
    this.words[chunk] = NO_WORDS;
    this.bytes8[chunk] = NO_BYTES;
    this.views[chunk] = NO_VIEW;
    this.freeChunks.push(chunk);
  }
}
