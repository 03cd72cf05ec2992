/**
 * Reads captures: pcapng in either byte order, and classic pcap (microseconds or nanoseconds, either byte order). One packet at
 * a time, so that a capture of any size needs little memory. A file is foreign data: what is wrong with it ends the reading
 * and is said in `error`; nothing is thrown.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_OBSOLETE_PACKET,
  BLOCK_SECTION_HEADER,
  BLOCK_SIMPLE_PACKET,
  BYTE_ORDER_MAGIC,
  EPB_DIRECTION_MASK,
  EPB_INBOUND,
  EPB_OUTBOUND,
  OPTION_COMMENT,
  OPTION_END,
  OPTION_EPB_FLAGS,
  OPTION_IF_NAME,
  OPTION_IF_TSOFFSET,
  OPTION_IF_TSRESOL,
} from './pcapng.ts';

/** A block or record larger than this is taken for damage. */
const MAX_BLOCK_BYTES = 16 << 20;
const MAX_INTERFACES = 65_536;

const PCAP_MICROSECONDS = 0xa1b2c3d4;
const PCAP_NANOSECONDS = 0xa1b23c4d;

export interface CapturedPacket {
  /** Nanoseconds since 1970; 0 when the capture has no time for it. */
  readonly timestampNs: bigint;
  readonly direction: 'in' | 'out' | 'unknown';
  /** 1 is Ethernet. */
  readonly linkType: number;
  /** The interface's name, empty when unknown. */
  readonly interfaceName: string;
  /** Bytes that the packet had on the wire; `bytes` may be fewer. */
  readonly originalLength: number;
  readonly bytes: Uint8Array;
  readonly comments: readonly string[];
}

/** Gives the next bytes of a capture; fewer than asked for at its end only. */
export interface CaptureSource {
  take(length: number): Buffer;
  close(): void;
}

/** A capture in memory. */
export class BufferSource implements CaptureSource {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes);
  }

  take(length: number): Buffer {
    const taken = this.bytes.subarray(this.at, this.at + length);
    this.at += taken.length;
    return taken;
  }

  close(): void {
    this.at = this.bytes.length;
  }
}

/** A capture file, read through a buffer. Opening throws what node:fs throws. */
export class FileSource implements CaptureSource {
  private readonly fd: number;
  private buffer: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  private open = true;

  constructor(path: string) {
    this.fd = openSync(path, 'r');
  }

  take(length: number): Buffer {
    while (this.buffer.length < length && this.open) {
      const chunk = Buffer.alloc(Math.max(1 << 16, length - this.buffer.length));
      const read = readSync(this.fd, chunk);
      if (read === 0) break;
      this.buffer = Buffer.concat([this.buffer, chunk.subarray(0, read)]);
    }
    const taken = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(taken.length);
    return taken;
  }

  close(): void {
    if (this.open) closeSync(this.fd);
    this.open = false;
  }
}

/** Knows how far it was read, and where the block or record that is being read began. */
class CountedSource implements CaptureSource {
  offset = 0;
  blockStart = 0;
  private readonly source: CaptureSource;

  constructor(source: CaptureSource) {
    this.source = source;
  }

  take(length: number): Buffer {
    const taken = this.source.take(length);
    this.offset += taken.length;
    return taken;
  }

  beginBlock(): void {
    this.blockStart = this.offset;
  }

  close(): void {
    this.source.close();
  }
}

interface Format {
  /** The next packet, null at the end. Throws CaptureDamage. */
  next(): CapturedPacket | null;
}

/** Damage in a capture; never leaves this file. */
class CaptureDamage extends Error {}

export class CaptureReader {
  /** What is wrong with the capture and where, once next() has returned null because of it. */
  error: string | null = null;
  /** `pcapng`, `pcap`, or empty before the first packet was asked for. */
  formatName = '';
  packets = 0;
  private format: Format | null = null;
  private readonly source: CountedSource;

  constructor(source: CaptureSource) {
    this.source = new CountedSource(source);
  }

  /** Bytes of the capture that were read. */
  get offsetBytes(): number {
    return this.source.offset;
  }

  /** The next packet in the order of the file; null at its end, or at the first damage (see `error`). */
  next(): CapturedPacket | null {
    if (this.error !== null) return null;
    try {
      this.format ??= this.detect();
      const packet = this.format.next();
      if (packet !== null) this.packets++;
      return packet;
    } catch (error) {
      if (!(error instanceof CaptureDamage)) throw error;
      this.error = `${error.message} (at byte ${this.source.blockStart}, after ${this.packets} packets)`;
      return null;
    }
  }

  close(): void {
    this.source.close();
  }

  private detect(): Format {
    const magic = this.source.take(4);
    if (magic.length < 4) throw new CaptureDamage('not a capture: shorter than 4 bytes');
    if (magic.readUInt32LE() === BLOCK_SECTION_HEADER) {
      this.formatName = 'pcapng';
      return new PcapngFormat(this.source);
    }
    for (const littleEndian of [true, false]) {
      const value = littleEndian ? magic.readUInt32LE() : magic.readUInt32BE();
      if (value !== PCAP_MICROSECONDS && value !== PCAP_NANOSECONDS) continue;
      this.formatName = 'pcap';
      return new PcapFormat(this.source, littleEndian, value === PCAP_NANOSECONDS ? 1n : 1000n);
    }
    throw new CaptureDamage(`not a capture: it begins with ${magic.toString('hex')}`);
  }
}

/** Integers of one byte order. */
class Order {
  readonly littleEndian: boolean;

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian;
  }

  u16(bytes: Buffer, at: number): number {
    return this.littleEndian ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  u32(bytes: Buffer, at: number): number {
    return this.littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }

  i64(bytes: Buffer, at: number): bigint {
    return this.littleEndian ? bytes.readBigInt64LE(at) : bytes.readBigInt64BE(at);
  }
}

/** Exactly `length` bytes, or null at a clean end. */
function takeWhole(source: CaptureSource, length: number, what: string): Buffer | null {
  const bytes = source.take(length);
  if (bytes.length === 0 && length > 0) return null;
  if (bytes.length < length) throw new CaptureDamage(`the capture ends within ${what}`);
  return bytes;
}

function takeRest(source: CaptureSource, length: number, what: string): Buffer {
  const bytes = takeWhole(source, length, what);
  if (bytes === null) throw new CaptureDamage(`the capture ends within ${what}`);
  return bytes;
}

/** Classic pcap: a header of 24 bytes, then records of 16 bytes and the packet. */
class PcapFormat implements Format {
  private readonly source: CountedSource;
  private readonly order: Order;
  private readonly nsPerUnit: bigint;
  private readonly linkType: number;

  constructor(source: CountedSource, littleEndian: boolean, nsPerUnit: bigint) {
    this.source = source;
    this.order = new Order(littleEndian);
    this.nsPerUnit = nsPerUnit;
    const header = takeRest(source, 20, 'its header');
    this.linkType = this.order.u32(header, 16) & 0xffff; // the upper half says how long a frame check sequence is
  }

  next(): CapturedPacket | null {
    this.source.beginBlock();
    const header = takeWhole(this.source, 16, 'a record header');
    if (header === null) return null;
    const captured = this.order.u32(header, 8);
    if (captured > MAX_BLOCK_BYTES) throw new CaptureDamage(`a record claims ${captured} bytes`);
    const fraction = BigInt(this.order.u32(header, 4)) * this.nsPerUnit;
    return {
      timestampNs: BigInt(this.order.u32(header, 0)) * 1_000_000_000n + fraction,
      direction: 'unknown',
      linkType: this.linkType,
      interfaceName: '',
      originalLength: this.order.u32(header, 12),
      bytes: captured === 0 ? Buffer.alloc(0) : takeRest(this.source, captured, 'a packet'),
      comments: [],
    };
  }
}

interface DescribedInterface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly name: string;
  /** Timestamp units in a second. */
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

interface Option {
  readonly code: number;
  readonly value: Buffer;
}

/** pcapng, behind its first four bytes. Blocks of unknown types are skipped, as the format wants it. */
class PcapngFormat implements Format {
  private readonly source: CountedSource;
  private order = new Order(true);
  private interfaces: DescribedInterface[] = [];

  constructor(source: CountedSource) {
    this.source = source;
    this.section();
  }

  next(): CapturedPacket | null {
    for (;;) {
      this.source.beginBlock();
      const head = takeWhole(this.source, 4, 'a block');
      if (head === null) return null;
      const type = this.order.u32(head, 0);
      if (type === BLOCK_SECTION_HEADER) {
        this.section();
        continue;
      }
      const body = this.body(this.order.u32(takeRest(this.source, 4, 'a block'), 0), 8);
      if (type === BLOCK_INTERFACE) this.describe(body);
      else if (type === BLOCK_ENHANCED_PACKET) return this.enhanced(body);
      else if (type === BLOCK_SIMPLE_PACKET) return this.simple(body);
      else if (type === BLOCK_OBSOLETE_PACKET) return this.obsolete(body);
    }
  }

  /** A section header, behind its type: it sets the byte order of all that follows. */
  private section(): void {
    const head = takeRest(this.source, 8, 'a section header');
    const littleEndian = head.readUInt32LE(4) === BYTE_ORDER_MAGIC;
    if (!littleEndian && head.readUInt32BE(4) !== BYTE_ORDER_MAGIC) {
      throw new CaptureDamage(`a section has the byte-order magic ${head.toString('hex', 4)}`);
    }
    this.order = new Order(littleEndian);
    const body = this.body(this.order.u32(head, 0), 12);
    if (body.length < 12) throw new CaptureDamage('a section header is too short');
    if (this.order.u16(body, 0) !== 1)
      throw new CaptureDamage(`pcapng version ${this.order.u16(body, 0)} is not known`);
    this.interfaces = [];
  }

  /** The rest of a block of `total` bytes, of which `read` are read, without its trailing length. */
  private body(total: number, read: number): Buffer {
    if (total < read + 4 || total % 4 !== 0 || total > MAX_BLOCK_BYTES) {
      throw new CaptureDamage(`a block claims ${total} bytes`);
    }
    const rest = takeRest(this.source, total - read, 'a block');
    if (this.order.u32(rest, rest.length - 4) !== total) throw new CaptureDamage('the two lengths of a block differ');
    return rest.subarray(0, rest.length - 4);
  }

  private describe(body: Buffer): void {
    if (body.length < 8) throw new CaptureDamage('an interface description is too short');
    if (this.interfaces.length >= MAX_INTERFACES) throw new CaptureDamage('too many interfaces');
    let name = '';
    let unitsPerSecond = 1_000_000n;
    let offsetSeconds = 0n;
    for (const { code, value } of this.options(body, 8)) {
      if (code === OPTION_IF_NAME) name = value.toString('utf8');
      else if (code === OPTION_IF_TSRESOL && value.length >= 1) unitsPerSecond = resolution(value[0]);
      else if (code === OPTION_IF_TSOFFSET && value.length >= 8) offsetSeconds = this.order.i64(value, 0);
    }
    const snapLength = this.order.u32(body, 4);
    this.interfaces.push({ linkType: this.order.u16(body, 0), snapLength, name, unitsPerSecond, offsetSeconds });
  }

  private enhanced(body: Buffer): CapturedPacket {
    if (body.length < 20) throw new CaptureDamage('a packet block is too short');
    return this.packet(body, this.order.u32(body, 0), 4);
  }

  /** The predecessor of the enhanced block: a 16-bit interface and a drop count stand where its 32-bit interface does. */
  private obsolete(body: Buffer): CapturedPacket {
    if (body.length < 20) throw new CaptureDamage('a packet block is too short');
    return this.packet(body, this.order.u16(body, 0), 4);
  }

  /** Timestamp at `at`, then captured and original length, data, options. */
  private packet(body: Buffer, interfaceId: number, at: number): CapturedPacket {
    const { linkType, name, unitsPerSecond, offsetSeconds } = this.interfaceOf(interfaceId);
    const units = (BigInt(this.order.u32(body, at)) << 32n) | BigInt(this.order.u32(body, at + 4));
    const captured = this.order.u32(body, at + 8);
    if (captured > body.length - at - 16) throw new CaptureDamage(`a packet claims ${captured} bytes`);
    let direction: CapturedPacket['direction'] = 'unknown';
    const comments: string[] = [];
    for (const { code, value } of this.options(body, at + 16 + ((captured + 3) & ~3))) {
      if (code === OPTION_COMMENT) comments.push(value.toString('utf8'));
      else if (code === OPTION_EPB_FLAGS && value.length >= 4) direction = directionOf(this.order.u32(value, 0));
    }
    return {
      timestampNs: (units * 1_000_000_000n) / unitsPerSecond + offsetSeconds * 1_000_000_000n,
      direction,
      linkType,
      interfaceName: name,
      originalLength: this.order.u32(body, at + 12),
      bytes: body.subarray(at + 16, at + 16 + captured),
      comments,
    };
  }

  /** A packet without time or options: its captured length is what the snap length leaves of the original. */
  private simple(body: Buffer): CapturedPacket {
    if (body.length < 4) throw new CaptureDamage('a packet block is too short');
    const { linkType, snapLength, name } = this.interfaceOf(0);
    const originalLength = this.order.u32(body, 0);
    const captured = Math.min(originalLength, snapLength === 0 ? originalLength : snapLength);
    if (captured > body.length - 4) throw new CaptureDamage(`a packet claims ${captured} bytes`);
    const bytes = body.subarray(4, 4 + captured);
    return {
      timestampNs: 0n,
      direction: 'unknown',
      linkType,
      interfaceName: name,
      originalLength,
      bytes,
      comments: [],
    };
  }

  private interfaceOf(id: number): DescribedInterface {
    const found = this.interfaces[id];
    if (found === undefined) throw new CaptureDamage(`a packet names interface ${id}, which is not described`);
    return found;
  }

  private options(body: Buffer, from: number): Option[] {
    const found: Option[] = [];
    let at = from;
    while (at + 4 <= body.length) {
      const code = this.order.u16(body, at);
      const length = this.order.u16(body, at + 2);
      if (code === OPTION_END) break;
      if (at + 4 + length > body.length) throw new CaptureDamage(`an option claims ${length} bytes`);
      found.push({ code, value: body.subarray(at + 4, at + 4 + length) });
      at += 4 + ((length + 3) & ~3);
    }
    return found;
  }
}

/** if_tsresol: a negative power of ten, or of two when the top bit is set. */
function resolution(value: number): bigint {
  const exponent = BigInt(value & 0x7f);
  return (value & 0x80) !== 0 ? 1n << exponent : 10n ** exponent;
}

function directionOf(flags: number): CapturedPacket['direction'] {
  const bits = flags & EPB_DIRECTION_MASK;
  if (bits === EPB_INBOUND) return 'in';
  return bits === EPB_OUTBOUND ? 'out' : 'unknown';
}
