/**
 * Objects by name, in the order of the names' bytes: a stream's groups, a group's consumers. A sorted array of refs that its
 * owner keeps by three words; the name is the object's last part, its length the first word.
 *
 *   owner │ ref of the array │ count │ capacity │ ──▶ │ ref │ ref │ … ──▶ │ length │ … │ name │
 */
import type { Arena } from '../arena.ts';
import { byteOf, chunkOf, wordOf } from '../ref.ts';

const ARRAY = 0;
const COUNT = 1;
const CAPACITY = 2;
/** Words that an owner keeps; all 0 is an empty list. */
export const NAMES_WORDS = 3;
const FIRST_CAPACITY = 2;

export class NameList {
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];
  /** Where the name begins in an object, in words. */
  private readonly nameWord: number;
  private header: Int32Array;
  private headerAt = 0;

  constructor(arena: Arena, nameWord: number) {
    this.arena = arena;
    this.chunks = arena.words;
    this.nameWord = nameWord;
    this.header = arena.words[0];
  }

  /** Points the view at the three words at `word` of an object. */
  open(owner: number, word: number): this {
    this.header = this.chunks[chunkOf(owner)];
    this.headerAt = wordOf(owner) + word;
    return this;
  }

  get count(): number {
    return this.header[this.headerAt + COUNT];
  }

  /** Bytes of the array. */
  get bytes(): number {
    return this.header[this.headerAt + CAPACITY] * 4;
  }

  at(index: number): number {
    const array = this.header[this.headerAt + ARRAY];
    return this.chunks[chunkOf(array)][wordOf(array) + index];
  }

  /** The object with a name, or 0. */
  find(view: DataView, start: number, length: number): number {
    const index = this.lowerBound(view, start, length);
    if (index === this.count) return 0;
    const found = this.at(index);
    return this.compare(found, view, start, length) === 0 ? found : 0;
  }

  /** Adds an object whose name is not there. False, and nothing changed, when there is no memory. */
  insert(object: number): boolean {
    const { header, headerAt } = this;
    if (header[headerAt + COUNT] === header[headerAt + CAPACITY] && !this.grow()) return false;
    const view = this.arena.views[chunkOf(object)];
    const words = this.chunks[chunkOf(object)];
    const index = this.lowerBound(view, byteOf(object) + this.nameWord * 4, words[wordOf(object)]);
    const array = header[headerAt + ARRAY];
    const entries = this.chunks[chunkOf(array)];
    const at = wordOf(array);
    for (let i = header[headerAt + COUNT]++; i > index; i--) entries[at + i] = entries[at + i - 1];
    entries[at + index] = object;
    return true;
  }

  /** Takes an object out of the list; the array goes with the last one. */
  remove(object: number): void {
    const { header, headerAt } = this;
    const array = header[headerAt + ARRAY];
    const entries = this.chunks[chunkOf(array)];
    const at = wordOf(array);
    let i = 0;
    while (entries[at + i] !== object) i++;
    const count = --header[headerAt + COUNT];
    for (; i < count; i++) entries[at + i] = entries[at + i + 1];
    if (count > 0) return;
    this.arena.free(array, header[headerAt + CAPACITY] * 4);
    header[headerAt + ARRAY] = 0;
    header[headerAt + CAPACITY] = 0;
  }

  private grow(): boolean {
    const { header, headerAt } = this;
    const old = header[headerAt + ARRAY];
    const oldBytes = header[headerAt + CAPACITY] * 4;
    const bytes = oldBytes === 0 ? FIRST_CAPACITY * 4 : oldBytes * 2;
    const array = this.arena.alloc(bytes);
    if (array === 0) return false;
    if (old !== 0) {
      this.arena.move(array, 0, old, 0, oldBytes);
      this.arena.free(old, oldBytes);
    }
    header[headerAt + ARRAY] = array;
    header[headerAt + CAPACITY] = bytes >> 2;
    return true;
  }

  /** Index of the first object whose name is not before this one. */
  private lowerBound(view: DataView, start: number, length: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.compare(this.at(middle), view, start, length) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private compare(object: number, view: DataView, start: number, length: number): number {
    const own = this.arena.views[chunkOf(object)];
    const ownLength = own.getInt32(byteOf(object), true);
    const at = byteOf(object) + this.nameWord * 4;
    const n = ownLength < length ? ownLength : length;
    for (let i = 0; i < n; i++) {
      const difference = own.getUint8(at + i) - view.getUint8(start + i);
      if (difference !== 0) return difference;
    }
    return ownLength - length;
  }
}
