import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/lib/clock.ts';
import { RX_CHECKSUM_PARTIAL } from '../../src/lib/link/link.ts';
import { MemoryWire } from '../../src/lib/link/memory.ts';
import { PcapLink, PcapTap } from '../../src/lib/link/pcap.ts';
import { BufferSource, CaptureReader } from '../../src/lib/link/pcap-reader.ts';
import { type CaptureSink, EPB_INBOUND, EPB_OUTBOUND, PcapngWriter } from '../../src/lib/link/pcapng.ts';
import { Interface } from '../../src/lib/net/interface.ts';
import { Random } from '../../src/lib/random.ts';
import { ethernet, icmp, ipInt, ipv4, mac, naiveChecksum } from '../net/frames.ts';
import { MemorySink, tsharkFields } from './pcap-capture.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const IP_A = '192.0.2.1';
const IP_B = '192.0.2.2';

/** A TCP frame from b to a whose checksum field holds the pseudo-header sum only. */
function partialTcp(payload: Uint8Array): Buffer {
  const segment = Buffer.concat([Buffer.from('18eb9c40000000010000000250180fff00000000', 'hex'), payload]);
  const pseudo = Buffer.from([192, 0, 2, 2, 192, 0, 2, 1, 0, 6, segment.length >> 8, segment.length & 255]);
  segment.writeUInt16BE(~naiveChecksum(pseudo) & 0xffff, 16);
  return ethernet(A, B, 0x0800, ipv4({ source: IP_B, destination: IP_A, protocol: 6, payload: segment }));
}

function echo(type: number, sequence: number): Buffer {
  const payload = icmp(type, 0, sequence, Buffer.alloc(40));
  return ethernet(A, B, 0x0800, ipv4({ source: IP_B, destination: IP_A, protocol: 1, payload }));
}

function tapped(sink: CaptureSink) {
  const clock = new VirtualClock(1_767_225_600_000);
  const wire = new MemoryWire(clock, new Random(1));
  const options = { checksumOffload: true, segmentationBytes: 16_000, dataBuffers: 64, memoryBytes: 16 << 20 };
  const inner = wire.attach({ name: 'mem "a"', mac: mac(A), mtu: 3000, ...options });
  const peer = wire.attach({ mac: mac(B), mtu: 3000, memoryBytes: 8 << 20 });
  return { clock, wire, inner, peer, tap: new PcapTap(inner, sink, clock) };
}

describe('PcapTap', () => {
  it('records both directions of a ping as tshark wants to see it, and passes everything on', () => {
    const sink = new MemorySink();
    const { clock, wire, inner, peer, tap } = tapped(sink);
    const net = new Interface(tap, { address: ipInt(IP_A), prefixLength: 24, random: new Random(2) });
    for (let i = 0; i < 3; i++) {
      clock.advance(1000);
      inner.inject(echo(8, i));
      expect(tap.receive()).toBe(1);
      net.input(tap.rxOffset[0], tap.rxLength[0], tap.rxFlags[0]);
      tap.release();
      clock.advance(7);
      net.ipv4Output.allocate(); // a buffer that is never sent is never recorded
      net.output(clock.nowUs());
      tap.flush();
    }
    wire.deliver();
    expect(peer.takeReceived().length).toBe(3);
    tap.close();
    const fields = [
      'frame.packet_flags_direction',
      'icmp.type',
      'icmp.seq',
      'icmp.checksum.status',
      'ip.checksum.status',
    ];
    expect(tsharkFields(sink.bytes, fields).map((row) => row.map((field) => Number(field)))).toEqual(
      [0, 1, 2].flatMap((sequence) => [
        [1, 8, sequence, 1, 1],
        [2, 0, sequence, 1, 1],
      ]),
    );
    const reader = new CaptureReader(new BufferSource(sink.bytes));
    const packet = reader.next();
    expect([packet?.interfaceName, packet?.timestampNs]).toEqual(['mem "a"', 1_767_225_600_001_000_000n]);
  });

  it('completes partial checksums in its copy, flagged or not, in and out, and leaves the frames alone', () => {
    const sink = new MemorySink();
    const { inner, tap } = tapped(sink);
    const frame = partialTcp(Buffer.from('hello'));
    inner.inject(frame, RX_CHECKSUM_PARTIAL);
    inner.inject(Buffer.concat([frame, Buffer.alloc(10)]), 0);
    expect(tap.receive()).toBe(2);
    const at = tap.rxOffset[0];
    expect(Buffer.from(tap.memory.u8.slice(at, at + frame.length))).toEqual(frame);
    // Out: a super-segment whose payload lies apart from its headers.
    const big = partialTcp(Buffer.alloc(4000, 0x61));
    const { data, memory } = tap;
    const [headers, payload] = [data.alloc(), data.alloc()];
    memory.u8.set(big.subarray(0, 54), data.payload(headers));
    memory.u8.set(big.subarray(54), data.payload(payload));
    tap.transmit(data, headers, data.payload(headers), 54, data.payload(payload), 4000, 34, 1460);
    expect(Buffer.from(memory.u8.slice(data.payload(headers), data.payload(headers) + 54))).toEqual(
      big.subarray(0, 54),
    );
    tap.close();
    const fields = ['frame.packet_flags_direction', 'frame.len', 'tcp.len', 'tcp.checksum.status'];
    expect(tsharkFields(sink.bytes, fields).map((row) => row.map((field) => Number(field)))).toEqual([
      [1, 59, 5, 1],
      [1, 69, 5, 1],
      [2, 4054, 4000, 1],
    ]);
    const reader = new CaptureReader(new BufferSource(sink.bytes));
    expect([reader.next()?.direction, reader.next()?.direction, reader.next()?.direction]).toEqual(['in', 'in', 'out']);
  });

  it('a frame flagged as partial is completed whatever its field holds', () => {
    const sink = new MemorySink();
    const { inner, tap } = tapped(sink);
    const frame = partialTcp(Buffer.from('hello'));
    frame.writeUInt16BE(0x1234, 50);
    inner.inject(frame, RX_CHECKSUM_PARTIAL);
    tap.receive();
    tap.close();
    expect(tsharkFields(sink.bytes, ['tcp.checksum.status'])).toEqual([['1']]);
  });

  it('a damaged checksum is recorded as it came', () => {
    const sink = new MemorySink();
    const { inner, tap } = tapped(sink);
    const frame = partialTcp(Buffer.from('hello'));
    frame[50] ^= 0x10;
    inner.inject(frame);
    tap.receive();
    tap.close();
    const recorded = new CaptureReader(new BufferSource(sink.bytes)).next();
    expect(recorded?.bytes).toEqual(frame);
  });

  it('comments belong to the next frame', () => {
    const sink = new MemorySink();
    const { inner, tap } = tapped(sink);
    inner.inject(echo(8, 0));
    inner.inject(echo(8, 1));
    tap.comment('look here');
    tap.receive();
    tap.close();
    expect(tsharkFields(sink.bytes, ['icmp.seq', 'frame.comment'])).toEqual([
      ['0', 'look here'],
      ['1', ''],
    ]);
  });

  it('when the disk is full, recording ends and the link goes on', () => {
    const full: CaptureSink = {
      write: () => {
        throw new Error('ENOSPC: no space left on device');
      },
      close: () => undefined,
    };
    const { inner, tap } = tapped(full);
    const told: string[] = [];
    tap.onError = (error) => void told.push(error.message);
    for (let i = 0; i < 3000; i++) {
      inner.inject(echo(8, i));
      expect(tap.receive()).toBe(1);
      tap.release();
    }
    expect(tap.error?.message).toMatch(/ENOSPC/);
    expect(told).toEqual([tap.error?.message]);
    tap.close();
  });
});

/** A capture of echo requests in and replies out, a millisecond apart. */
function recorded(): Buffer {
  const sink = new MemorySink();
  const writer = new PcapngWriter(sink, 'test');
  writer.addInterface({ name: 'old0' });
  for (let i = 0; i < 100; i++) {
    writer.packet(0, 5_000_000 + i * 1000, echo(8, i), EPB_INBOUND);
    writer.packet(0, 5_000_000 + i * 1000 + 50, echo(0, i), EPB_OUTBOUND);
  }
  writer.close();
  return sink.bytes;
}

describe('PcapLink', () => {
  const play = (bytes: Uint8Array, options: ConstructorParameters<typeof PcapLink>[1]): PcapLink =>
    new PcapLink(new CaptureReader(new BufferSource(bytes)), { memoryBytes: 32 << 20, ...options });

  it('plays what was inbound into a stack, which answers into another capture', () => {
    const sink = new MemorySink();
    const link = play(recorded(), { mac: mac(A), sink });
    const net = new Interface(link, { address: ipInt(IP_A), prefixLength: 24, random: new Random(1) });
    while (link.pending()) {
      const count = link.receive();
      for (let i = 0; i < count; i++) net.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
      link.release();
      link.flush();
    }
    expect(link.ended).toBe(true);
    expect(net.counters.icmpEchoRepliesOut).toBe(100);
    expect(link.data.available).toBe(link.data.count);
    link.close();
    const answers = tsharkFields(sink.bytes, ['icmp.type', 'icmp.seq', 'icmp.checksum.status']);
    expect(answers).toEqual(Array.from({ length: 100 }, (_, i) => ['0', String(i), '1']));
  });

  it('plays everything when told so', () => {
    const link = play(recorded(), { play: 'all' });
    let frames = 0;
    for (let count = link.receive(); count > 0; count = link.receive()) frames += count;
    expect(frames).toBe(200);
  });

  it('keeps the recorded pace by a clock', () => {
    const clock = new VirtualClock();
    clock.us = 77;
    const link = play(recorded(), { clock });
    const arrivals: number[] = [];
    while (!link.ended) {
      const count = link.receive();
      for (let i = 0; i < count; i++) arrivals.push(clock.us - 77);
      clock.advance(100);
    }
    expect(arrivals).toEqual(Array.from({ length: 100 }, (_, i) => i * 1000));
  });

  it('frames of another link type are not ours', () => {
    const header = Buffer.from('d4c3b2a1020004000000000000000000ffff000071000000', 'hex'); // classic pcap, LINKTYPE_LINUX_SLL
    const record = Buffer.from('00000000000000000400000004000000deadbeef', 'hex');
    const link = play(Buffer.concat([header, record, record]), {});
    expect(link.receive()).toBe(0);
    expect([link.ended, link.error, link.stats.rxDropped]).toEqual([true, null, 2]);
  });

  it('a damaged capture plays up to the damage, and says what it is', () => {
    const link = play(recorded().subarray(0, 1000), {});
    let frames = 0;
    for (let count = link.receive(); count > 0; count = link.receive()) frames += count;
    expect(frames).toBeGreaterThan(2);
    expect(link.error).toMatch(/ends within/);
    expect(link.pending()).toBe(false);
  });
});
