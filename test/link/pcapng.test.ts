import { describe, expect, it } from 'vitest';
import { BufferSource, type CapturedPacket, CaptureReader, FileSource } from '../../src/lib/link/pcap-reader.ts';
import { EPB_INBOUND, EPB_OUTBOUND, MAX_SNAP_LENGTH, PcapngWriter } from '../../src/lib/link/pcapng.ts';
import { Random } from '../../src/lib/random.ts';
import { ethernet, icmp, ipv4 } from '../net/frames.ts';
import { MemorySink, tsharkFields, withFile } from './pcap-capture.ts';

const FRAME = ethernet(
  '02:00:00:00:00:01',
  '02:00:00:00:00:02',
  0x0800,
  ipv4({ source: '192.0.2.2', destination: '192.0.2.1', protocol: 1, payload: icmp(8, 0, 7, Buffer.alloc(20)) }),
);
const T0_US = 1_767_225_600_123_456; // 2026-01-01 00:00:00.123456

function readAll(bytes: Uint8Array): { packets: CapturedPacket[]; error: string | null } {
  const reader = new CaptureReader(new BufferSource(bytes));
  const packets: CapturedPacket[] = [];
  for (let packet = reader.next(); packet !== null; packet = reader.next()) packets.push(packet);
  return { packets, error: reader.error };
}

function capture(write: (writer: PcapngWriter) => void): Buffer {
  const sink = new MemorySink();
  const writer = new PcapngWriter(sink, 'rtcp');
  write(writer);
  writer.close();
  expect(sink.closed).toBe(true);
  return sink.bytes;
}

describe('writing', () => {
  it('tshark reads interfaces, times to the nanosecond, directions, lengths and comments', () => {
    const bytes = capture((writer) => {
      const one = writer.addInterface({ name: 'eth0', description: 'first', mac: Uint8Array.of(2, 0, 0, 0, 0, 1) });
      const two = writer.addInterface({ name: 'tap "7"', snapLength: 20 });
      writer.packet(one, T0_US, FRAME, EPB_INBOUND);
      writer.packet(two, T0_US + 0.25, FRAME, EPB_OUTBOUND, 'cut short – ja');
      writer.packet(one, T0_US + 1_000_000, FRAME.subarray(0, 61), 0);
      writer.statistics(one, T0_US + 2_000_000, 12, 3);
    });
    const fields = tsharkFields(bytes, [
      'frame.interface_name',
      'frame.time_epoch',
      'frame.packet_flags_direction',
      'frame.len',
      'frame.cap_len',
      'frame.comment',
    ]);
    expect(
      fields.map(([name, time, direction, ...rest]) => [name, seconds(time), Number(direction || '0'), ...rest]),
    ).toEqual([
      ['eth0', '1767225600.123456000', 1, '62', '62', ''],
      ['tap "7"', '1767225600.123456250', 2, '62', '20', 'cut short – ja'],
      ['eth0', '1767225601.123456000', 0, '61', '61', ''],
    ]);
  });

  it('times are exact for any microsecond between 1970 and 2100', () => {
    const random = new Random(4);
    const times = [0, 1, 4_294_967_295, 4_294_967_296, 4_294_967_297, T0_US];
    for (let i = 0; i < 500; i++) times.push(Math.floor(random.float() * 4.1e15));
    const { packets } = readAll(
      capture((writer) => {
        writer.addInterface({ name: 'x' });
        for (const us of times) writer.packet(0, us, FRAME, 0);
      }),
    );
    expect(packets.map(({ timestampNs }) => timestampNs)).toEqual(times.map((us) => BigInt(us) * 1000n));
  });

  it('memory is one buffer: the sink gets chunks as it fills, and every packet survives', () => {
    const sink = new MemorySink();
    const writer = new PcapngWriter(sink, 'rtcp');
    writer.addInterface({ name: 'x' });
    const sizes = Array.from({ length: 400 }, (_, i) => (i * 977) % 66_000);
    for (const size of sizes) writer.packet(0, T0_US, Buffer.alloc(size, size & 255), EPB_INBOUND, 'c'.repeat(100));
    writer.packet(0, T0_US, Buffer.alloc(MAX_SNAP_LENGTH + 5), EPB_INBOUND, 'd'.repeat(100_000));
    expect(sink.chunks.length).toBeGreaterThan(40);
    writer.close();
    const { packets, error } = readAll(sink.bytes);
    expect(error).toBeNull();
    expect(packets.slice(0, 400).map(({ bytes }) => bytes.length)).toEqual(sizes);
    expect(packets.slice(0, 400).every(({ bytes }, i) => bytes.every((byte) => byte === (sizes[i] & 255)))).toBe(true);
    expect([packets[400].bytes.length, packets[400].originalLength]).toEqual([MAX_SNAP_LENGTH, MAX_SNAP_LENGTH + 5]);
  });
});

/** tshark writes seconds, or an ISO date in later versions. */
function seconds(time: string): string {
  if (!time.includes('T')) return time;
  const [date, fraction] = time.replace('Z', '').split('.');
  return `${Date.parse(`${date}Z`) / 1000}.${fraction}`;
}

/** Blocks of a pcapng file in either byte order. */
class Builder {
  readonly parts: Buffer[] = [];
  readonly little: boolean;

  constructor(little: boolean) {
    this.little = little;
  }

  u16(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    if (this.little) bytes.writeUInt16LE(value);
    else bytes.writeUInt16BE(value);
    return bytes;
  }

  u32(...values: number[]): Buffer {
    return Buffer.concat(
      values.map((value) => {
        const bytes = Buffer.alloc(4);
        if (this.little) bytes.writeUInt32LE(value >>> 0);
        else bytes.writeUInt32BE(value >>> 0);
        return bytes;
      }),
    );
  }

  option(code: number, value: Uint8Array): Buffer {
    const padding = Buffer.alloc((4 - (value.length & 3)) & 3);
    return Buffer.concat([this.u16(code), this.u16(value.length), value, padding]);
  }

  block(type: number, ...body: Uint8Array[]): this {
    const content = Buffer.concat(body);
    const padding = Buffer.alloc((4 - (content.length & 3)) & 3);
    const total = 12 + content.length + padding.length;
    this.parts.push(this.u32(type, total), content, padding, this.u32(total));
    return this;
  }

  section(): this {
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(1), this.u16(0), this.u32(-1, -1));
  }

  link(snapLength: number, ...options: Buffer[]): this {
    return this.block(1, this.u16(1), this.u16(0), this.u32(snapLength), ...options);
  }

  enhanced(id: number, high: number, low: number, frame: Uint8Array, ...options: Buffer[]): this {
    const padding = Buffer.alloc((4 - (frame.length & 3)) & 3);
    return this.block(6, this.u32(id, high, low, frame.length, frame.length), frame, padding, ...options);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
}

describe.each([
  ['little-endian', true],
  ['big-endian', false],
])('reading pcapng, %s', (_name, little) => {
  const seven = Buffer.from('7 bytes');

  it('packets of every block type; unknown blocks and options are passed over', () => {
    const b = new Builder(little);
    b.section()
      .link(0, b.option(2, Buffer.from('wire0')), b.option(9, Uint8Array.of(6)), b.option(2988, seven), b.u32(0))
      .block(0x0bad, seven)
      .enhanced(
        0,
        0,
        1_500_000,
        seven,
        b.option(1, Buffer.from('one')),
        b.option(1, Buffer.from('two')),
        b.option(2, b.u32(2)),
      )
      .block(3, b.u32(seven.length), seven)
      .block(2, b.u16(0), b.u16(9), b.u32(0, 2_000_000, seven.length, 99), seven);
    const { packets, error } = readAll(b.bytes);
    expect(error).toBeNull();
    const common = { linkType: 1, interfaceName: 'wire0' };
    expect(packets.map(({ bytes, ...rest }) => ({ ...rest, text: Buffer.from(bytes).toString() }))).toEqual([
      {
        ...common,
        timestampNs: 1_500_000_000n,
        direction: 'out',
        originalLength: 7,
        comments: ['one', 'two'],
        text: '7 bytes',
      },
      { ...common, timestampNs: 0n, direction: 'unknown', originalLength: 7, comments: [], text: '7 bytes' },
      {
        ...common,
        timestampNs: 2_000_000_000n,
        direction: 'unknown',
        originalLength: 99,
        comments: [],
        text: '7 bytes',
      },
    ]);
  });

  it('time in powers of ten or two, with an offset', () => {
    const b = new Builder(little);
    const offset = Buffer.alloc(8);
    if (little) offset.writeBigInt64LE(-10n);
    else offset.writeBigInt64BE(-10n);
    b.section()
      .link(0)
      .link(0, b.option(9, Uint8Array.of(9)))
      .link(0, b.option(9, Uint8Array.of(0x80 | 10)))
      .link(0, b.option(9, Uint8Array.of(0)), b.option(14, offset))
      .enhanced(0, 1, 0, seven)
      .enhanced(1, 1, 5, seven)
      .enhanced(2, 0, 1536, seven)
      .enhanced(3, 0, 100, seven);
    const times = readAll(b.bytes).packets.map(({ timestampNs }) => timestampNs);
    expect(times).toEqual([4_294_967_296_000n, 4_294_967_301n, 1_500_000_000n, 90_000_000_000n]);
  });

  it('a second section may have another byte order, and its own interfaces', () => {
    const [b, other] = [new Builder(little), new Builder(!little)];
    b.section()
      .link(0, b.option(2, Buffer.from('a')))
      .enhanced(0, 0, 1, seven);
    other
      .section()
      .link(0, other.option(2, Buffer.from('b')))
      .enhanced(0, 0, 2, seven);
    const { packets, error } = readAll(Buffer.concat([b.bytes, other.bytes]));
    expect(error).toBeNull();
    expect(packets.map(({ interfaceName, timestampNs }) => [interfaceName, timestampNs])).toEqual([
      ['a', 1000n],
      ['b', 2000n],
    ]);
  });

  it.each([
    ['a packet of an interface that is not described', (b: Builder) => b.enhanced(1, 0, 1, seven), /interface 1/],
    ['a packet longer than its block', (b: Builder) => b.block(6, b.u32(0, 0, 1, 99, 99), seven), /claims 99/],
    ['a packet block without a header', (b: Builder) => b.block(6, b.u32(0)), /too short/],
    [
      'an option longer than its block',
      (b: Builder) => b.enhanced(0, 0, 1, seven, b.u16(1), b.u16(400)),
      /option claims 400/,
    ],
    ['a block of 13 bytes', (b: Builder) => b.parts.push(b.u32(6, 13, 0, 13)), /claims 13 bytes/],
    ['a block of 2 GB', (b: Builder) => b.parts.push(b.u32(6, 2 ** 31, 0)), /claims 2147483648/],
    ['lengths that differ', (b: Builder) => b.parts.push(b.u32(0x0bad, 16, 0, 12)), /differ/],
    ['an end within a block', (b: Builder) => b.parts.push(b.u32(6, 64, 0)), /ends within/],
    [
      'another version',
      (b: Builder) => b.block(0x0a0d0d0a, b.u32(0x1a2b3c4d), b.u16(2), b.u16(0), b.u32(-1, -1)),
      /version 2/,
    ],
  ] as const)('%s ends the reading with a reason, not an exception', (_what, damage, reason) => {
    const b = new Builder(little);
    b.section().link(0).enhanced(0, 0, 1, seven);
    damage(b);
    const { packets, error } = readAll(b.bytes);
    expect(packets.length).toBe(1);
    expect(error).toMatch(reason);
  });
});

describe('reading classic pcap', () => {
  const build = (magic: number, little: boolean): Buffer => {
    const b = new Builder(little);
    const header = [b.u32(magic), b.u16(2), b.u16(4), b.u32(0, 0, 65_535, 1)];
    return Buffer.concat([...header, b.u32(1000, 5, FRAME.length, 1500), FRAME, b.u32(1001, 6, 0, 0)]);
  };

  it.each([
    ['microseconds', 0xa1b2c3d4, true, 5000n],
    ['microseconds, big-endian', 0xa1b2c3d4, false, 5000n],
    ['nanoseconds', 0xa1b23c4d, true, 5n],
    ['nanoseconds, big-endian', 0xa1b23c4d, false, 5n],
  ] as const)('%s', (_name, magic, little, fraction) => {
    const { packets, error } = readAll(build(magic, little));
    expect(error).toBeNull();
    expect(packets[0].timestampNs).toBe(1_000_000_000_000n + fraction);
    expect(Buffer.from(packets[0].bytes)).toEqual(FRAME);
    expect([packets[0].linkType, packets[0].originalLength, packets[1].bytes.length]).toEqual([1, 1500, 0]);
  });

  it.each([
    ['cut within a packet', build(0xa1b2c3d4, true).subarray(0, 60), /ends within a packet/],
    ['cut within its header', build(0xa1b2c3d4, true).subarray(0, 20), /ends within its header/],
    ['nothing', Buffer.alloc(0), /shorter than 4/],
    ['text', Buffer.from('GET / HTTP/1.0'), /begins with 47455420/],
  ])('%s', (_name, bytes, reason) => {
    expect(readAll(bytes).error).toMatch(reason);
  });
});

describe('reading files', () => {
  it('in chunks, whatever their size, with the same result', () => {
    const bytes = capture((writer) => {
      writer.addInterface({ name: 'x' });
      for (let i = 0; i < 300; i++) writer.packet(0, T0_US + i, Buffer.alloc((i * 401) % 3000, i & 255), EPB_INBOUND);
    });
    const lengths = withFile(bytes, (path) => {
      const reader = new CaptureReader(new FileSource(path));
      const got: number[] = [];
      for (let packet = reader.next(); packet !== null; packet = reader.next()) got.push(packet.bytes.length);
      reader.close();
      expect([reader.error, reader.packets, reader.formatName]).toEqual([null, 300, 'pcapng']);
      return got;
    });
    expect(lengths).toEqual(Array.from({ length: 300 }, (_, i) => (i * 401) % 3000));
  });

  it('20,000 damaged captures never throw', () => {
    const good = capture((writer) => {
      writer.addInterface({ name: 'x', mac: Uint8Array.of(1, 2, 3, 4, 5, 6) });
      for (let i = 0; i < 5; i++) writer.packet(0, T0_US, FRAME, EPB_INBOUND, 'comment');
      writer.statistics(0, T0_US, 5, 0);
    });
    const random = new Random(11);
    let damaged = 0;
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(good.subarray(0, random.below(4) === 0 ? random.below(good.length) : good.length));
      for (let k = random.below(4); k >= 0 && bytes.length > 0; k--)
        bytes[random.below(bytes.length)] = random.below(256);
      const { packets, error } = readAll(bytes);
      expect(packets.length).toBeLessThanOrEqual(6);
      if (error !== null) damaged++;
    }
    expect(damaged).toBeGreaterThan(5000);
  });
});
