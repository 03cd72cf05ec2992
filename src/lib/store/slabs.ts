/**
 * Slabs: runs of pages that are cut into objects of one size class. Each slab has its own list of freed objects, so a slab
 * whose objects are all free goes back to the page heap and can serve another class.
 *
 *   slab  │ used │ free ●┼─▶ free ●┼─▶ 0 │ used │ never used yet … │
 *                  ↑ freeList                     ↑ cut
 *
 * The slabs of a class that have room form a list; full ones are in none. Objects are named by refs (8-byte units, see
 * arena.ts); a page's number is its ref >>> 9.
 */

import { PAGES_PER_CHUNK } from './page-heap.ts';
import { chunkOf, wordOf } from './ref.ts';
import { CLASS_BYTES, CLASS_COUNT, PAGE_BYTES, SLAB_OBJECTS, SLAB_PAGES } from './size-classes.ts';

/** Ref bits below the page number: 512 units of 8 bytes. */
export const PAGE_SHIFT = 9;

export class Slabs {
  /** Distance in pages from a page to its slab's first page. */
  private readonly distance: Uint8Array;
  /** By first page: neighbours in the class's list, freed objects, objects in use, objects ever cut. */
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  private readonly freeList: Int32Array;
  private readonly live: Uint16Array;
  private readonly cut: Uint16Array;
  /** First slab with room, by class, or 0. */
  private readonly withRoom = new Int32Array(CLASS_COUNT);
  /** Slabs, and objects in use in them, by class. */
  private readonly slabCount = new Int32Array(CLASS_COUNT);
  private readonly liveCount = new Int32Array(CLASS_COUNT);
  private readonly words: Int32Array[];

  constructor(words: Int32Array[], maxChunks: number) {
    const pages = maxChunks * PAGES_PER_CHUNK;
    this.words = words;
    this.distance = new Uint8Array(new SharedArrayBuffer(pages));
    this.next = new Int32Array(new SharedArrayBuffer(pages * 4));
    this.prev = new Int32Array(new SharedArrayBuffer(pages * 4));
    this.freeList = new Int32Array(new SharedArrayBuffer(pages * 4));
    this.live = new Uint16Array(new SharedArrayBuffer(pages * 2));
    this.cut = new Uint16Array(new SharedArrayBuffer(pages * 2));
  }

  /** Ref of an object of the class, or 0 when the class has no slab with room: `add` one then. */
  alloc(sizeClass: number): number {
    const slab = this.withRoom[sizeClass];
    if (slab === 0) return 0;
    let ref = this.freeList[slab];
    if (ref !== 0) {
      this.freeList[slab] = this.words[chunkOf(ref)][wordOf(ref)];
    } else {
      ref = (slab << PAGE_SHIFT) + this.cut[slab] * (CLASS_BYTES[sizeClass] >> 3);
      this.cut[slab]++;
    }
    this.liveCount[sizeClass]++;
    if (++this.live[slab] === SLAB_OBJECTS[sizeClass]) this.unlink(slab, sizeClass);
    return ref;
  }

  /** Frees an object. Returns the first page of its slab when that is empty now and was taken out of the class, else 0. */
  free(ref: number, sizeClass: number): number {
    const page = ref >>> PAGE_SHIFT;
    const slab = page - this.distance[page];
    this.words[chunkOf(ref)][wordOf(ref)] = this.freeList[slab];
    this.freeList[slab] = ref;
    const live = --this.live[slab];
    this.liveCount[sizeClass]--;
    if (live === SLAB_OBJECTS[sizeClass] - 1) this.link(slab, sizeClass);
    if (live > 0) return 0;
    // One empty slab stays, so that a lone object that comes and goes does not cost a slab each time.
    if (this.withRoom[sizeClass] === slab && this.next[slab] === 0) return 0;
    this.unlink(slab, sizeClass);
    this.slabCount[sizeClass]--;
    return slab;
  }

  /** Bytes of all slabs that hold no object: what evacuating sparse slabs could give back at most. */
  get idleBytes(): number {
    let bytes = 0;
    for (let sizeClass = 0; sizeClass < CLASS_COUNT; sizeClass++) {
      const held = this.slabCount[sizeClass] * SLAB_PAGES[sizeClass] * PAGE_BYTES;
      bytes += held - this.liveCount[sizeClass] * CLASS_BYTES[sizeClass];
    }
    return bytes;
  }

  /**
   * True when an object's slab is emptier than the average of its class: moved, the object will be in a fuller one, if
   * sortByLoad() put those first.
   */
  isSparse(ref: number, sizeClass: number): boolean {
    const page = ref >>> PAGE_SHIFT;
    const slab = page - this.distance[page];
    if (slab === this.withRoom[sizeClass]) return false;
    return this.live[slab] * this.slabCount[sizeClass] < this.liveCount[sizeClass];
  }

  /** Orders the slabs that have room: the fullest is the next to be filled. */
  sortByLoad(): void {
    const slabs: number[] = [];
    for (let sizeClass = 0; sizeClass < CLASS_COUNT; sizeClass++) {
      slabs.length = 0;
      for (let slab = this.withRoom[sizeClass]; slab !== 0; slab = this.next[slab]) slabs.push(slab);
      if (slabs.length < 2) continue;
      slabs.sort((a, b) => this.live[a] - this.live[b]);
      this.withRoom[sizeClass] = 0;
      for (const slab of slabs) this.link(slab, sizeClass);
    }
  }

  /** Gives the class the run of SLAB_PAGES pages that begins at `page`. */
  add(page: number, sizeClass: number): void {
    for (let i = 0; i < SLAB_PAGES[sizeClass]; i++) this.distance[page + i] = i;
    this.freeList[page] = 0;
    this.live[page] = 0;
    this.cut[page] = 0;
    this.slabCount[sizeClass]++;
    this.link(page, sizeClass);
  }

  private link(slab: number, sizeClass: number): void {
    const head = this.withRoom[sizeClass];
    this.next[slab] = head;
    this.prev[slab] = 0;
    if (head !== 0) this.prev[head] = slab;
    this.withRoom[sizeClass] = slab;
  }

  private unlink(slab: number, sizeClass: number): void {
    const next = this.next[slab];
    const prev = this.prev[slab];
    if (next !== 0) this.prev[next] = prev;
    if (prev !== 0) this.next[prev] = next;
    else this.withRoom[sizeClass] = next;
  }
}
