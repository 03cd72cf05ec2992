import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { isArp, writeArp } from '../../src/lib/wire/arp.ts';
import { ethernetHeaderBytes, NO_VLAN, readVlan, writeEtherType, writeMac } from '../../src/lib/wire/ethernet.ts';
import { icmpChecksumOk, icmpIdentifier, icmpSequence, writeIcmp } from '../../src/lib/wire/icmp.ts';
import {
  checkOptions,
  ipv4ChecksumOk,
  OPTIONS_MALFORMED,
  OPTIONS_OK,
  OPTIONS_SOURCE_ROUTE,
  writeIpv4,
} from '../../src/lib/wire/ipv4.ts';
import { arp, ethernet, icmp, ipInt, ipv4 } from '../net/frames.ts';

const memory = new PacketMemory(1 << 18, 0);
const AT = 65_536 + 64;
const NOISE = 0xa5;

function bytes(length: number, at = AT): string {
  return Buffer.from(memory.u8.slice(at, at + length)).toString('hex');
}

beforeEach(() => {
  memory.u8.fill(NOISE, AT - 64, AT + 256);
});

describe('Ethernet', () => {
  const expected = (vlan: number) =>
    ethernet('02:00:00:00:00:01', '02:11:22:33:44:55', 0x0800, Buffer.alloc(0), vlan).toString('hex');

  it.each([NO_VLAN, 0, 5, 0xe005])('writes and reads a header with tag %i', (vlan) => {
    writeMac(memory, AT + 2, 0x0200, 0x00000001);
    writeMac(memory, AT + 8, 0x0211, 0x22334455);
    writeEtherType(memory, AT + 2, 0x0800, vlan);
    expect(bytes(ethernetHeaderBytes(vlan), AT + 2)).toBe(expected(vlan));
    expect(readVlan(memory, AT + 2)).toBe(vlan);
    expect(memory.u8[AT + 2 + ethernetHeaderBytes(vlan)]).toBe(NOISE);
  });
});

describe('ARP', () => {
  const packet = arp(1, '02:00:00:00:00:01', '192.0.2.1', '00:00:00:00:00:00', '192.0.2.2');

  it('writes all 28 bytes', () => {
    writeArp(memory, AT, 1, 0x0200, 1, ipInt('192.0.2.1'), 0, 0, ipInt('192.0.2.2'));
    expect(bytes(29)).toBe(`${packet.toString('hex')}a5`);
  });

  it('takes Ethernet and IPv4 only, and no less than 28 bytes', () => {
    memory.u8.set(packet, AT);
    expect(isArp(memory, AT, 28)).toBe(true);
    expect(isArp(memory, AT, 46)).toBe(true);
    expect(isArp(memory, AT, 27)).toBe(false);
    for (let i = 0; i < 6; i++) {
      memory.u8.set(packet, AT);
      memory.u8[AT + i] ^= 1;
      expect(isArp(memory, AT, 28)).toBe(false);
    }
  });
});

describe('IPv4', () => {
  it('writes a header like one built by hand', () => {
    const u16 = fc.integer({ min: 0, max: 0xffff });
    const u8 = fc.integer({ min: 0, max: 0xff });
    fc.assert(
      fc.property(
        u16,
        u16,
        u8,
        u8,
        u8,
        fc.integer({ min: 0, max: 1400 }),
        (identification, fragment, ttl, tos, protocol, n) => {
          const payload = Buffer.alloc(n);
          const source = '192.0.2.1';
          const destination = '203.0.113.77';
          const whole = ipv4({ source, destination, protocol, payload, identification, fragment, ttl, tos });
          writeIpv4(
            memory,
            AT,
            tos,
            20 + n,
            identification,
            fragment,
            ttl,
            protocol,
            ipInt(source),
            ipInt(destination),
          );
          expect(bytes(20)).toBe(whole.subarray(0, 20).toString('hex'));
          expect(ipv4ChecksumOk(memory, AT, 20)).toBe(true);
        },
      ),
    );
  });

  it('sees any single wrong bit in a header', () => {
    for (let bit = 0; bit < 160; bit++) {
      writeIpv4(memory, AT, 0, 1500, 7, 0x4000, 64, 6, ipInt('192.0.2.1'), ipInt('192.0.2.2'));
      memory.u8[AT + (bit >> 3)] ^= 1 << (bit & 7);
      expect(ipv4ChecksumOk(memory, AT, 20)).toBe(false);
    }
  });

  it.each([
    ['nothing but padding', '00000000', OPTIONS_OK],
    ['no-operations', '01010101', OPTIONS_OK],
    ['router alert', '94040000', OPTIONS_OK],
    ['record route', '070704c0000201 00'.replace(' ', ''), OPTIONS_OK],
    ['an unknown option', '52040000', OPTIONS_OK],
    ['loose source route', '830704c000020100', OPTIONS_SOURCE_ROUTE],
    ['strict source route behind others', '0194040000890703', OPTIONS_MALFORMED],
    ['strict source route', '0189070400000000', OPTIONS_SOURCE_ROUTE],
    ['length 0', '94000000', OPTIONS_MALFORMED],
    ['length 1', '94010000', OPTIONS_MALFORMED],
    ['length past the header', '94050000', OPTIONS_MALFORMED],
    ['a kind without its length', '01010194', OPTIONS_MALFORMED],
    ['anything behind the end of the list', '00890000', OPTIONS_OK],
  ])('options: %s', (_name, hex, verdict) => {
    const options = Buffer.from(hex, 'hex');
    const whole = ipv4({
      source: '192.0.2.2',
      destination: '192.0.2.1',
      protocol: 6,
      payload: Buffer.alloc(0),
      options,
    });
    memory.u8.set(whole, AT);
    expect(checkOptions(memory, AT, whole.length)).toBe(verdict);
  });

  it('walks any options without leaving the header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), (options) => {
        memory.u8.set(options, AT + 20);
        expect([OPTIONS_OK, OPTIONS_MALFORMED, OPTIONS_SOURCE_ROUTE]).toContain(checkOptions(memory, AT, 60));
      }),
    );
  });
});

describe('ICMP', () => {
  it('writes a message like one built by hand, odd lengths too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 99 }), (data) => {
        memory.u8.set(data, AT + 8);
        writeIcmp(memory, AT, 8, 0, 0x1234, 0x0007, 8 + data.length);
        expect(bytes(8 + data.length)).toBe(icmp(8, 0, 0x1234_0007, data).toString('hex'));
        expect(icmpChecksumOk(memory, AT, 8 + data.length)).toBe(true);
        expect([icmpIdentifier(memory, AT), icmpSequence(memory, AT)]).toEqual([0x1234, 7]);
      }),
    );
  });
});
