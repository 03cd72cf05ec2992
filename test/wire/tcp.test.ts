import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { parseIpv4 } from '../../src/lib/wire/address.ts';
import { fold, pseudoHeader } from '../../src/lib/wire/checksum.ts';
import * as tcp from '../../src/lib/wire/tcp.ts';

const memory = new PacketMemory(1 << 20);
const at = memory.reserve(65_536);

const SOURCE = parseIpv4('192.0.2.1')!;
const DESTINATION = parseIpv4('198.51.100.2')!;

describe('the TCP header', () => {
  it('is read as it was written', () => {
    const u16 = fc.integer({ min: 0, max: 65_535 });
    const header = fc.constantFrom(20, 24, 32, 60);
    fc.assert(
      fc.property(
        u16,
        u16,
        fc.integer(),
        fc.integer(),
        header,
        fc.nat(255),
        u16,
        (s, d, seq, ack, bytes, flags, win) => {
          tcp.writeTcp(memory, at, s, d, seq, ack, bytes, flags, win);
          expect(tcp.tcpSourcePort(memory, at)).toBe(s);
          expect(tcp.tcpDestinationPort(memory, at)).toBe(d);
          expect(tcp.tcpSequence(memory, at)).toBe(seq);
          expect(tcp.tcpAcknowledgment(memory, at)).toBe(ack);
          expect(tcp.tcpHeaderBytes(memory, at)).toBe(bytes);
          expect(tcp.tcpFlags(memory, at)).toBe(flags);
          expect(tcp.tcpWindow(memory, at)).toBe(win);
          expect(tcp.tcpHeaderLengthOk(memory, at, bytes)).toBe(true);
          expect(tcp.tcpHeaderLengthOk(memory, at, bytes - 1)).toBe(false);
        },
      ),
    );
  });

  it('must have five words, and no more than there are', () => {
    memory.u8[at + 12] = 0x40;
    expect(tcp.tcpHeaderLengthOk(memory, at, 100)).toBe(false);
    memory.u8[at + 12] = 0xf0;
    expect(tcp.tcpHeaderLengthOk(memory, at, 59)).toBe(false);
    expect(tcp.tcpHeaderLengthOk(memory, at, 60)).toBe(true);
    expect(tcp.tcpHeaderLengthOk(memory, at, 19)).toBe(false);
  });

  it('has the checksum that a plain loop finds, for any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 200 }), (bytes) => {
        memory.u8.set(bytes, at);
        tcp.writeTcpChecksum(memory, at, bytes.length, SOURCE, DESTINATION);
        expect(tcp.tcpChecksumOk(memory, at, bytes.length, SOURCE, DESTINATION)).toBe(true);
        let total = 6 + bytes.length;
        for (const address of [SOURCE, DESTINATION]) total += (address >>> 16) + (address & 0xffff);
        for (let i = 0; i < bytes.length; i += 2) {
          total += (memory.u8[at + i] << 8) | (i + 1 < bytes.length ? memory.u8[at + i + 1] : 0);
        }
        while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
        expect(total).toBe(0xffff);
        memory.u8[at + 4] ^= 0x10;
        expect(tcp.tcpChecksumOk(memory, at, bytes.length, SOURCE, DESTINATION)).toBe(false);
      }),
    );
  });

  it('recognises a checksum that was left to a device, and only that', () => {
    memory.u8.fill(0, at, at + 40);
    memory.u16[(at + 16) >> 1] = fold(pseudoHeader(SOURCE, DESTINATION, 6, 33));
    expect(tcp.tcpChecksumPartial(memory, at, 33, SOURCE, DESTINATION)).toBe(true);
    expect(tcp.tcpChecksumPartial(memory, at, 34, SOURCE, DESTINATION)).toBe(false);
    expect(tcp.tcpChecksumPartial(memory, at, 33, SOURCE, DESTINATION + 1)).toBe(false);
  });
});
