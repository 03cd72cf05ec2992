/**
 * Listpacks on their way from RDB into a record: those that were written as such are looked through, entry by entry, and others
 * are put together here, in memory that is not the arena's.
 */
import * as listpack from '../../store/listpack.ts';
import type { Slice } from './reader.ts';

const INITIAL_BYTES = 1024;
/** Memory larger than this is given back by clear(). */
const KEPT_BYTES = 1 << 20;
/** A listpack's size must fit 32 bits, and no more is asked of a builder than this. */
const MAX_BYTES = 1 << 30;

/** A listpack that is appended to. */
export class ListpackBuilder {
  bytes: Uint8Array = new Uint8Array(new SharedArrayBuffer(INITIAL_BYTES));
  view: DataView = new DataView(this.bytes.buffer);

  constructor() {
    listpack.empty(this.view, 0);
  }

  clear(): void {
    if (this.bytes.length > KEPT_BYTES) this.become(INITIAL_BYTES);
    listpack.empty(this.view, 0);
  }

  get length(): number {
    return listpack.totalBytes(this.view, 0);
  }

  get count(): number {
    return listpack.count(this.view, 0);
  }

  /** False when it would be too large. */
  append(slice: Slice): boolean {
    if (!this.reserve(listpack.encodedBytes(slice.view, slice.start, slice.length))) return false;
    listpack.append(this.view, 0, slice.view, slice.start, slice.length);
    return true;
  }

  /** Room for so many bytes more. False when it would be too large. */
  reserve(more: number): boolean {
    const wanted = this.length + more;
    if (wanted > MAX_BYTES) return false;
    if (wanted <= this.bytes.length) return true;
    const { bytes } = this;
    this.become(wanted * 2);
    this.bytes.set(bytes);
    return true;
  }

  private become(size: number): void {
    this.bytes = new Uint8Array(new SharedArrayBuffer(size));
    this.view = new DataView(this.bytes.buffer);
  }
}

/**
 * True when the slice is a listpack as Redis makes it: every entry can be walked, and has the only form that its bytes should
 * have. (What finds entries by their bytes relies on that.)
 */
export function isListpack(slice: Slice): boolean {
  const { view, start, length } = slice;
  if (!listpack.validate(view, start, length)) return false;
  const { item } = listpack;
  for (let p = listpack.first(view, start); p !== 0; p = listpack.next(view, p)) {
    listpack.decode(view, p);
    const bytes = listpack.encodedBytes(item.view, item.start, item.length);
    if (bytes !== listpack.entryBytes(view, p)) return false;
  }
  return true;
}

/** Points a slice at an entry of a listpack. */
export function sliceEntry(bytes: Uint8Array, view: DataView, p: number, into: Slice): void {
  const { item } = listpack;
  listpack.decode(view, p);
  if (item.isInteger) into.setInteger(item.low, item.high);
  else into.set(bytes, view, item.start, item.length);
}

/** Strings that were there before. */
export class Seen {
  private readonly texts = new Set<string>();

  /** False when it was there. */
  add(slice: Slice): boolean {
    const { bytes, start, length } = slice;
    const before = this.texts.size;
    this.texts.add(Buffer.from(bytes.buffer, start, length).toString('latin1'));
    return this.texts.size > before;
  }
}
