/**
 * Copying shared memory. What the language offers is slow here: TypedArray.set and copyWithin on a SharedArrayBuffer go byte
 * by byte unless source and target are aligned alike, 4 GB/s (measured), and payload is never aligned. So:
 *
 *   within packet memory      WebAssembly's memory.copy, 100 GB/s, 9 ns for 256 bytes
 *   between two memories      8-byte DataView loads and stores, 4 to 8 GB/s; from 512 bytes on a call of memmove, 50 ns and
 *                             then 30 (1 MB, not in a cache) to 100 GB/s: it doubles the rate of 1 MB SETs
 */
import { NativeLibraryError } from '../native/library.ts';
import { addressOf, moveBytes } from '../native/memory.ts';

/** A function that copies n bytes from `from` to `to` within the memory; the ranges may overlap. */
export type CopyWithin = (to: number, from: number, n: number) => void;

// @types/node leaves WebAssembly to the DOM library, which has no place here.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: { copy: CopyWithin } };
};

/** The unsigned LEB128 form of a number. */
function leb128(n: number): number[] {
  const low = n & 0x7f;
  return n > 0x7f ? [low | 0x80, ...leb128(n >>> 7)] : [low];
}

/**
 * memory.copy for a shared memory of exactly `pages` pages, as a module of one function:
 *
 *   (module (import "m" "m" (memory pages pages shared))
 *     (func (export "copy") (param i32 i32 i32) local.get 0 local.get 1 local.get 2 memory.copy))
 */
export function copyWithinMemory(memory: object, pages: number): CopyWithin {
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const section = (id: number, body: number[]): number[] => [id, ...leb128(body.length), ...body];
  const code = [0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, 0x0a, 0, 0, 0x0b];
  const bytes = [
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, 3, ...leb128(pages), ...leb128(pages)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('copy'), 0, 0]),
    ...section(10, [1, code.length, ...code]),
  ];
  return new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), { m: { m: memory } }).exports.copy;
}

/** So many bytes are worth a call. */
const CALL_BYTES = 512;
/** The addresses of the memories that were copied from or to. */
const addresses = new WeakMap<ArrayBufferLike, number>();
/** False on a machine without the native library, where only simulated links run. */
let callable = true;

/** Copies n bytes between two memories (or within one, if the ranges don't overlap). */
export function copyAcross(to: DataView, toByte: number, from: DataView, fromByte: number, n: number): void {
  if (n >= CALL_BYTES && callable && copyByCall(to, toByte, from, fromByte, n)) return;
  let d = toByte;
  let s = fromByte;
  const end = fromByte + n;
  for (const last = end - 7; s < last; s += 8, d += 8) to.setBigUint64(d, from.getBigUint64(s, true), true);
  for (; s < end; s++, d++) to.setUint8(d, from.getUint8(s));
}

/** Copies a few bytes between two memories, the last eight once more instead of byte by byte: half the time for 19 (measured). */
export function copyShort(to: DataView, toByte: number, from: DataView, fromByte: number, n: number): void {
  let d = toByte;
  let s = fromByte;
  if (n < 8) {
    for (const end = fromByte + n; s < end; s++, d++) to.setUint8(d, from.getUint8(s));
    return;
  }
  const last = fromByte + n - 8;
  for (; s < last; s += 8, d += 8) to.setBigUint64(d, from.getBigUint64(s, true), true);
  to.setBigUint64(toByte + n - 8, from.getBigUint64(last, true), true);
}

/** Moves n bytes within one memory; the ranges may overlap. */
export function moveWithin(view: DataView, to: number, from: number, n: number): void {
  if (n >= CALL_BYTES && callable && copyByCall(view, to, view, from, n)) return;
  if (to <= from) {
    let d = to;
    let s = from;
    const end = from + n;
    for (const last = end - 7; s < last; s += 8, d += 8) view.setBigUint64(d, view.getBigUint64(s, true), true);
    for (; s < end; s++, d++) view.setUint8(d, view.getUint8(s));
    return;
  }
  let d = to + n;
  let s = from + n;
  for (const last = from + 7; s > last; ) {
    s -= 8;
    d -= 8;
    view.setBigUint64(d, view.getBigUint64(s, true), true);
  }
  while (s > from) view.setUint8(--d, view.getUint8(--s));
}

/** A view's accesses are checked, an address is not: what does not fit throws the same RangeError. */
function copyByCall(to: DataView, toByte: number, from: DataView, fromByte: number, n: number): boolean {
  if (toByte < 0 || fromByte < 0 || toByte + n > to.byteLength || fromByte + n > from.byteLength) {
    throw new RangeError(`${n} bytes from ${fromByte} to ${toByte} are outside the memory`);
  }
  const target = addressOfView(to);
  const source = addressOfView(from);
  if (!callable) return false;
  moveBytes(target + toByte, source + fromByte, n);
  return true;
}

function addressOfView(view: DataView): number {
  const known = addresses.get(view.buffer);
  if (known !== undefined) return known + view.byteOffset;
  try {
    const address = addressOf(view.buffer);
    addresses.set(view.buffer, address);
    return address + view.byteOffset;
  } catch (error) {
    if (!(error instanceof NativeLibraryError)) throw error;
    callable = false;
    return 0;
  }
}
