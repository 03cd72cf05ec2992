/**
 * A first-fit allocator of large blocks over an address range, by 16 KiB granules: query buffers of incomplete commands,
 * reassembly rings, reply backlogs. Cold by design (a connection whose commands fit their segments never comes here), so the
 * free list is a plain sorted array of extents that coalesce when freed.
 */
export const GRANULE_BYTES = 16_384;

export class ExtentHeap {
  /** Bytes handed out now. */
  usedBytes = 0;
  /** Bytes given back since the last purge. */
  freedBytes = 0;
  /** Free extents, ascending by offset, never adjacent. */
  private readonly offsets: number[];
  private readonly lengths: number[];

  readonly start: number;
  readonly bytes: number;

  constructor(start: number, bytes: number) {
    this.start = start;
    this.bytes = bytes;
    this.offsets = [start];
    this.lengths = [bytes - (bytes % GRANULE_BYTES)];
  }

  /** Offset of a block of at least `bytes`, or 0 when no free extent is large enough. Contents are undefined. */
  alloc(bytes: number): number {
    const need = ExtentHeap.roundUp(bytes);
    for (let i = 0; i < this.offsets.length; i++) {
      if (this.lengths[i] < need) continue;
      const offset = this.offsets[i];
      if (this.lengths[i] === need) {
        this.offsets.splice(i, 1);
        this.lengths.splice(i, 1);
      } else {
        this.offsets[i] += need;
        this.lengths[i] -= need;
      }
      this.usedBytes += need;
      return offset;
    }
    return 0;
  }

  /** Gives a block back; `bytes` as it was asked for. */
  free(offset: number, bytes: number): void {
    const length = ExtentHeap.roundUp(bytes);
    this.usedBytes -= length;
    this.freedBytes += length;
    let low = 0;
    let high = this.offsets.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.offsets[mid] < offset) low = mid + 1;
      else high = mid;
    }
    const joinsLeft = low > 0 && this.offsets[low - 1] + this.lengths[low - 1] === offset;
    const joinsRight = low < this.offsets.length && offset + length === this.offsets[low];
    if (joinsLeft && joinsRight) {
      this.lengths[low - 1] += length + this.lengths[low];
      this.offsets.splice(low, 1);
      this.lengths.splice(low, 1);
    } else if (joinsLeft) {
      this.lengths[low - 1] += length;
    } else if (joinsRight) {
      this.offsets[low] = offset;
      this.lengths[low] += length;
    } else {
      this.offsets.splice(low, 0, offset);
      this.lengths.splice(low, 0, length);
    }
  }

  /** Calls `visit` with the offset and length of each free extent. */
  forEachFree(visit: (offset: number, bytes: number) => void): void {
    for (let i = 0; i < this.offsets.length; i++) visit(this.offsets[i], this.lengths[i]);
  }

  /** What a request of `bytes` occupies. */
  static roundUp(bytes: number): number {
    return Math.max(GRANULE_BYTES, Math.ceil(bytes / GRANULE_BYTES) * GRANULE_BYTES);
  }
}
