/**
 * One shared memory for everything that moves: the kernel's rings, frames, send queues, query buffers.
 *
 *   ┌──────┬─────────────┬───────────────┬──────────────────────────────────────────────┐
 *   │ null │ rings, umem │ buffer pools  │ extents: query buffers, reassembly, backlogs │
 *   └──────┴─────────────┴───────────────┴──────────────────────────────────────────────┘
 *    64 KiB   reserve()d by the link, never given back      alloc()ed and free()d
 *
 * Offset 0 is never handed out, so 0 means "none" everywhere. A WebAssembly.Memory because its pages are page-aligned,
 * zero, touched only when used, can be replaced by MAP_FIXED mappings, and are visible from every worker. Below 2 GiB, so
 * that every offset is a positive 32-bit integer.
 */
import { type CopyWithin, copyWithinMemory } from './copy.ts';
import { ExtentHeap } from './extents.ts';

// @types/node leaves WebAssembly to the DOM library, which has no place here.
declare const WebAssembly: {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => { readonly buffer: SharedArrayBuffer };
};

const PAGE_BYTES = 65_536;
/** So many freed bytes are worth a system call, and the page faults when they are used again. */
const PURGE_BYTES = 16 << 20;

export class PacketMemory {
  readonly buffer: SharedArrayBuffer;
  readonly bytes: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly dv: DataView;
  /** Node's Buffer over the same bytes, for cold paths that want strings. */
  readonly text: Buffer;
  readonly extents: ExtentHeap;
  /** Gives pages back to the operating system, their contents being lost; null where there is no way to do it. */
  discard: ((bytes: Uint8Array) => void) | null = null;
  private freedBefore = 0;
  private readonly copyWithin: CopyWithin;
  private reserved = PAGE_BYTES;

  /** `bytes` is rounded up to 64 KiB pages; of it, `extentBytes` (the rest after `reserve`s by default) feeds `extents`. */
  constructor(bytes: number, extentBytes: number = bytes >> 1) {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    if (pages * PAGE_BYTES > 0x7fff_0000) throw new RangeError(`packet memory is limited to 2 GiB, not ${bytes} bytes`);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.buffer = memory.buffer;
    this.copyWithin = copyWithinMemory(memory, pages);
    this.bytes = pages * PAGE_BYTES;
    this.u8 = new Uint8Array(this.buffer);
    this.u16 = new Uint16Array(this.buffer);
    this.i32 = new Int32Array(this.buffer);
    this.u32 = new Uint32Array(this.buffer);
    this.dv = new DataView(this.buffer);
    this.text = Buffer.from(this.buffer);
    const extentStart = this.bytes - Math.floor(extentBytes / PAGE_BYTES) * PAGE_BYTES;
    // The last granule stays free: word-wise reads may run up to 64 bytes past an object's end.
    this.extents = new ExtentHeap(extentStart, this.bytes - PAGE_BYTES - extentStart);
  }

  /** Gives the pages of free extents back when much was freed, and nothing since the last call. */
  purge(): void {
    const { extents, discard } = this;
    const { freedBytes } = extents;
    if (discard !== null && freedBytes >= PURGE_BYTES && freedBytes === this.freedBefore) {
      extents.forEachFree((offset, bytes) => discard(this.u8.subarray(offset, offset + bytes)));
      extents.freedBytes = 0;
    }
    this.freedBefore = extents.freedBytes;
  }

  /** Takes `bytes` for good (rings, umem, pools), page-aligned; returns the offset. Throws when the memory is too small. */
  reserve(bytes: number): number {
    const offset = this.reserved;
    const end = offset + Math.ceil(bytes / 4096) * 4096;
    if (end > this.extents.start) throw new RangeError(`packet memory is full: ${bytes} bytes more were asked for`);
    this.reserved = end;
    return offset;
  }

  /** Copies n bytes within the memory; the ranges may overlap. */
  copy(to: number, from: number, n: number): void {
    this.copyWithin(to, from, n);
  }

  /** The bytes as a latin1 string. Cold paths only. */
  latin1(offset: number, length: number): string {
    return this.text.toString('latin1', offset, offset + length);
  }
}
