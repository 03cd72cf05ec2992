/**
 * Bytes that a library puts together before they become a Lua string: a buffer that doubles, and ends at a limit, because
 * tables that refer to each other can ask for any amount.
 */
const INITIAL_BYTES = 1024;
const LIMIT_BYTES = 256 << 20;
const REPORT_BYTES = 1 << 20;
/** A larger buffer is not kept for the next use. */
const KEEP_BYTES = 1 << 20;

/** The limit is passed: to be raised as a Lua error. */
export class TooLong extends Error {}

export class ByteWriter {
  bytes = new Uint8Array(INITIAL_BYTES);
  length = 0;
  /** Called with each so many bytes more: what takes long can be ended there. */
  onProgress: (() => void) | null = null;
  private nextReport = REPORT_BYTES;
  private view = new DataView(this.bytes.buffer);

  /** Empty again. */
  reset(): void {
    this.length = 0;
    this.nextReport = REPORT_BYTES;
    if (this.bytes.length > KEEP_BYTES) this.replace(new Uint8Array(INITIAL_BYTES));
  }

  private replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  private reserve(n: number): void {
    const need = this.length + n;
    if (need <= this.bytes.length && need < this.nextReport) return;
    if (need >= this.nextReport) {
      this.nextReport = need + REPORT_BYTES;
      this.onProgress?.();
    }
    if (need <= this.bytes.length) return;
    if (need > LIMIT_BYTES) throw new TooLong();
    const larger = new Uint8Array(Math.min(LIMIT_BYTES, Math.max(need, 2 * this.bytes.length)));
    larger.set(this.bytes.subarray(0, this.length));
    this.replace(larger);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** ASCII or latin1 text. */
  text(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  /** Bytes [at, at + n) of `from`. */
  copy(from: Uint8Array, at: number, n: number): void {
    this.reserve(n);
    if (n <= 48) for (let i = 0; i < n; i++) this.bytes[this.length + i] = from[at + i];
    else this.bytes.set(from.subarray(at, at + n), this.length);
    this.length += n;
  }

  u16(value: number): void {
    this.reserve(2);
    this.view.setUint16(this.length, value);
    this.length += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value);
    this.length += 4;
  }

  i64(value: bigint): void {
    this.reserve(8);
    this.view.setBigInt64(this.length, value);
    this.length += 8;
  }

  f32(value: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, value);
    this.length += 4;
  }

  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value);
    this.length += 8;
  }
}
