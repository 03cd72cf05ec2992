/**
 * Writes captures in pcapng (draft-ietf-opsawg-pcapng), the format of Wireshark: little-endian, nanoseconds, one section.
 *
 *   ┌─────────────┬───────────────────┬──────────────┬──────────────┬─────┬──────────────────────┐
 *   │ SHB section │ IDB for each link │ EPB a packet │ EPB a packet │  …  │ ISB link's statistics│
 *   └─────────────┴───────────────────┴──────────────┴──────────────┴─────┴──────────────────────┘
 *   each block:  type 4 │ length 4 │ body, padded to 4 │ options │ length 4
 *
 * Bytes gather in one buffer of fixed size and go to the sink when it is full, or when `flush` is called.
 */
export const BLOCK_SECTION_HEADER = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
export const BLOCK_OBSOLETE_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_INTERFACE_STATISTICS = 5;
export const BLOCK_ENHANCED_PACKET = 6;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const LINKTYPE_ETHERNET = 1;

export const OPTION_END = 0;
export const OPTION_COMMENT = 1;
export const OPTION_IF_NAME = 2;
export const OPTION_IF_TSRESOL = 9;
export const OPTION_IF_TSOFFSET = 14;
export const OPTION_EPB_FLAGS = 2;
const OPTION_SHB_USERAPPL = 4;
const OPTION_IF_DESCRIPTION = 3;
const OPTION_IF_MACADDR = 6;
const OPTION_ISB_IFRECV = 4;
const OPTION_ISB_IFDROP = 5;

/** Bits of epb_flags. */
export const EPB_DIRECTION_MASK = 3;
export const EPB_INBOUND = 1;
export const EPB_OUTBOUND = 2;
/** The checksum was verified below the capture. */
export const EPB_CHECKSUM_VALID = 1 << 10;
/** The frame stands for several: a super-segment. */
export const EPB_SEGMENTATION_OFFLOADED = 1 << 11;

const BUFFER_BYTES = 1 << 18;
/** The largest packet that is written whole; longer ones are cut. */
export const MAX_SNAP_LENGTH = 131_072;
/** Comments beyond this are cut, so that one block always fits the buffer. */
const MAX_COMMENT_BYTES = 16_384;

/** Where the bytes go: a file, or an array in tests. Throws when it can't take them. */
export interface CaptureSink {
  write(bytes: Uint8Array): void;
  close(): void;
}

export interface CaptureInterface {
  readonly name: string;
  readonly description?: string;
  /** Six bytes. */
  readonly mac?: Uint8Array;
  /** Bytes of each packet that are kept. */
  readonly snapLength?: number;
  /** Ethernet by default. */
  readonly linkType?: number;
}

export class PcapngWriter {
  private readonly sink: CaptureSink;
  private readonly buffer = Buffer.alloc(BUFFER_BYTES);
  private used = 0;
  private blockStart = 0;
  private readonly snapLengths: number[] = [];

  constructor(sink: CaptureSink, application: string) {
    this.sink = sink;
    this.beginBlock(BLOCK_SECTION_HEADER);
    this.word(BYTE_ORDER_MAGIC);
    this.half(1);
    this.half(0); // version 1.0
    this.word(-1);
    this.word(-1); // length of the section: not known while it is written
    this.textOption(OPTION_SHB_USERAPPL, application);
    this.endOptions();
    this.endBlock();
  }

  /** Declares a link; returns the number that its packets carry. */
  addInterface(description: CaptureInterface): number {
    const snapLength = Math.min(description.snapLength ?? MAX_SNAP_LENGTH, MAX_SNAP_LENGTH);
    this.beginBlock(BLOCK_INTERFACE);
    this.half(description.linkType ?? LINKTYPE_ETHERNET);
    this.half(0);
    this.word(snapLength);
    this.textOption(OPTION_IF_NAME, description.name);
    if (description.description !== undefined) this.textOption(OPTION_IF_DESCRIPTION, description.description);
    if (description.mac !== undefined) this.option(OPTION_IF_MACADDR, description.mac.subarray(0, 6));
    this.option(OPTION_IF_TSRESOL, Uint8Array.of(9)); // units of 10⁻⁹ s
    this.endOptions();
    this.endBlock();
    return this.snapLengths.push(snapLength) - 1;
  }

  /**
   * One packet, cut to the interface's snap length.
   *
   * @param wallUs microseconds since 1970, may have a fraction
   * @param flags EPB_ bits
   * @param comment shown by Wireshark beside the packet, a comment for each line; none when absent
   * @param originalLength bytes on the wire, when `frame` is only the beginning
   */
  packet(
    interfaceId: number,
    wallUs: number,
    frame: Uint8Array,
    flags: number,
    comment?: string,
    originalLength = frame.length,
  ): void {
    const captured = Math.min(frame.length, this.snapLengths[interfaceId]);
    this.beginBlock(BLOCK_ENHANCED_PACKET, captured);
    this.word(interfaceId);
    this.timestamp(wallUs);
    this.word(captured);
    this.word(originalLength);
    this.buffer.set(captured === frame.length ? frame : frame.subarray(0, captured), this.used);
    this.used += captured;
    this.pad();
    if (comment !== undefined) this.commentOptions(comment);
    this.half(OPTION_EPB_FLAGS);
    this.half(4);
    this.word(flags);
    this.endOptions();
    this.endBlock();
  }

  /** What the link counted, at the end. */
  statistics(interfaceId: number, wallUs: number, received: number, dropped: number): void {
    this.beginBlock(BLOCK_INTERFACE_STATISTICS);
    this.word(interfaceId);
    this.timestamp(wallUs);
    this.longOption(OPTION_ISB_IFRECV, received);
    this.longOption(OPTION_ISB_IFDROP, dropped);
    this.endOptions();
    this.endBlock();
  }

  /** Hands everything written so far to the sink. */
  flush(): void {
    if (this.used === 0) return;
    const length = this.used;
    this.used = 0;
    this.sink.write(this.buffer.subarray(0, length));
  }

  close(): void {
    this.flush();
    this.sink.close();
  }

  private beginBlock(type: number, bodyBytes = 0): void {
    if (this.used + bodyBytes + 2 * MAX_COMMENT_BYTES > BUFFER_BYTES) this.flush();
    this.blockStart = this.used;
    this.word(type);
    this.word(0); // its length, by endBlock
  }

  private endBlock(): void {
    const length = this.used + 4 - this.blockStart;
    this.buffer.writeInt32LE(length, this.blockStart + 4);
    this.word(length);
  }

  /** Nanoseconds since 1970 as two 32-bit halves, high first; exact without BigInt. */
  private timestamp(wallUs: number): void {
    const highUs = Math.floor(wallUs / 4_294_967_296);
    const low = (wallUs - highUs * 4_294_967_296) * 1000; // below 2⁴²
    this.word((highUs * 1000 + Math.floor(low / 4_294_967_296)) | 0);
    this.word(Math.floor(low) | 0);
  }

  private textOption(code: number, text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.option(code, bytes.length > MAX_COMMENT_BYTES ? bytes.subarray(0, MAX_COMMENT_BYTES) : bytes);
  }

  /** An option for each line, as far as a block has room. */
  private commentOptions(comment: string): void {
    let left = MAX_COMMENT_BYTES;
    for (const line of comment.split('\n')) {
      const bytes = Buffer.from(line, 'utf8').subarray(0, left);
      this.option(OPTION_COMMENT, bytes);
      left -= bytes.length + 8; // with its header and padding
      if (left <= 0) return;
    }
  }

  private longOption(code: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.option(code, bytes);
  }

  private option(code: number, value: Uint8Array): void {
    this.half(code);
    this.half(value.length);
    this.buffer.set(value, this.used);
    this.used += value.length;
    this.pad();
  }

  private endOptions(): void {
    this.word(OPTION_END);
  }

  private pad(): void {
    while ((this.used & 3) !== 0) this.buffer[this.used++] = 0;
  }

  private word(value: number): void {
    this.buffer.writeInt32LE(value | 0, this.used);
    this.used += 4;
  }

  private half(value: number): void {
    this.buffer.writeUInt16LE(value, this.used);
    this.used += 2;
  }
}
