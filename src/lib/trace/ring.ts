/**
 * A ring of records between two threads: one writes, one reads, neither waits. What does not fit is lost and counted.
 *
 *   control │ written │ read │ lost │         written and read count bytes and wrap at 2³²; the writer moves one, the
 *   data    │ record │ record │ free … │      reader the other, and each sees the other's after its bytes
 *
 * A record lies in one piece and begins with its length, a multiple of 8; a length with the top bit set is what is left
 * before the ring's end, to be skipped.
 */
const WRITTEN = 0;
const READ = 1;
const LOST = 2;
const CONTROL_BYTES = 64;
const SKIP = 0x8000_0000 | 0;

export const DEFAULT_RING_BYTES = 1 << 22;

/** The memory of a ring, to be given to both threads. `bytes` is a power of two. */
export function ringMemory(bytes: number = DEFAULT_RING_BYTES): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + bytes);
}

export class RingWriter {
  /** Over the ring's data: a record is written from what `begin` returned. */
  readonly dv: DataView;
  readonly u8: Uint8Array;
  private readonly control: Int32Array;
  private readonly i32: Int32Array;
  private readonly capacity: number;
  private written: number;

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES >> 2);
    this.dv = new DataView(memory, CONTROL_BYTES);
    this.u8 = new Uint8Array(memory, CONTROL_BYTES);
    this.i32 = new Int32Array(memory, CONTROL_BYTES);
    this.capacity = memory.byteLength - CONTROL_BYTES;
    this.written = Atomics.load(this.control, WRITTEN);
  }

  /** Room for a record of `length` bytes (a multiple of 8); its offset, or -1 when it is lost. `commit` makes it readable. */
  begin(length: number): number {
    const { capacity } = this;
    const free = capacity - ((this.written - Atomics.load(this.control, READ)) | 0);
    const at = this.written & (capacity - 1);
    const untilEnd = capacity - at;
    if (length <= untilEnd) {
      if (length > free) return this.lose();
      this.i32[at >> 2] = length;
      return at;
    }
    if (untilEnd + length > free) return this.lose();
    this.i32[at >> 2] = SKIP | untilEnd;
    this.written = (this.written + untilEnd) | 0;
    this.i32[0] = length;
    return 0;
  }

  commit(length: number): void {
    this.written = (this.written + length) | 0;
    Atomics.store(this.control, WRITTEN, this.written);
  }

  private lose(): number {
    Atomics.add(this.control, LOST, 1);
    return -1;
  }
}

export class RingReader {
  private readonly control: Int32Array;
  private readonly data: Buffer;
  private readonly i32: Int32Array;
  private readonly capacity: number;

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES >> 2);
    this.data = Buffer.from(memory, CONTROL_BYTES);
    this.i32 = new Int32Array(memory, CONTROL_BYTES);
    this.capacity = memory.byteLength - CONTROL_BYTES;
  }

  /** All whole records that are there, copied, one behind the other; empty: none. */
  drain(): Buffer {
    const written = Atomics.load(this.control, WRITTEN);
    const pieces: Buffer[] = [];
    let read = this.control[READ];
    while (read !== written) {
      const at = read & (this.capacity - 1);
      const word = this.i32[at >> 2];
      if (word < 0) {
        read = (read + (word & ~SKIP)) | 0;
        continue;
      }
      const length = this.contiguous(read, at, written);
      pieces.push(Buffer.from(this.data.subarray(at, at + length)));
      read = (read + length) | 0;
    }
    Atomics.store(this.control, READ, read);
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  /** Records lost since the last call. */
  takeLost(): number {
    return Atomics.exchange(this.control, LOST, 0);
  }

  /** Bytes of records that lie one behind the other from `at` on. */
  private contiguous(read: number, at: number, written: number): number {
    const limit = Math.min((written - read) | 0, this.capacity - at);
    let length = 0;
    while (length < limit && this.i32[(at + length) >> 2] > 0) length += this.i32[(at + length) >> 2];
    return length;
  }
}
