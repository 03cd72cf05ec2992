import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatCidr,
  formatIpv4,
  formatMac,
  isMulticast,
  macBytes,
  macHigh16,
  macLow32,
  parseCidr,
  parseIpv4,
  parseMac,
  prefixMask,
} from '../../src/lib/wire/address.ts';

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe('IPv4 addresses', () => {
  it.each([
    ['0.0.0.0', 0],
    ['127.0.0.1', 0x7f000001],
    ['192.0.2.1', 0xc0000201 | 0],
    ['255.255.255.255', -1],
  ])('%s', (text, value) => {
    expect(parseIpv4(text)).toBe(value);
    expect(formatIpv4(value)).toBe(text);
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.-4',
    'a.b.c.d',
    '1..2.3',
    '0x1.2.3.4',
    '1.2.3.4\n',
  ])('refuses %j', (text) => {
    expect(parseIpv4(text)).toBeNull();
  });

  it('formats and parses every address back', () => {
    fc.assert(fc.property(int32, (address) => parseIpv4(formatIpv4(address)) === address));
  });

  it('knows class D', () => {
    expect(
      ['223.255.255.255', '224.0.0.0', '239.255.255.255', '240.0.0.0'].map((a) => isMulticast(parseIpv4(a) ?? 0)),
    ).toEqual([false, true, true, false]);
  });
});

describe('CIDR', () => {
  it('takes an address with and without a prefix', () => {
    expect(parseCidr('192.0.2.1/24')).toEqual({ address: 0xc0000201 | 0, prefixLength: 24 });
    expect(parseCidr('192.0.2.1')).toEqual({ address: 0xc0000201 | 0, prefixLength: 32 });
    expect(parseCidr('192.0.2.1', 24)).toEqual({ address: 0xc0000201 | 0, prefixLength: 24 });
    expect(parseCidr('0.0.0.0/0')).toEqual({ address: 0, prefixLength: 0 });
    expect(formatCidr({ address: 0xc0000201 | 0, prefixLength: 24 })).toBe('192.0.2.1/24');
  });

  it.each([
    '192.0.2.1/',
    '192.0.2.1/33',
    '192.0.2.1/-1',
    '192.0.2.1/24/8',
    '192.0.2/24',
    '/24',
    '192.0.2.1/a',
    '192.0.2.1/024',
  ])('refuses %j', (text) => {
    expect(parseCidr(text)).toBeNull();
  });

  it('makes a mask of as many ones', () => {
    for (let length = 0; length <= 32; length++) {
      const bits = (prefixMask(length) >>> 0).toString(2).padStart(32, '0');
      expect(bits).toBe('1'.repeat(length) + '0'.repeat(32 - length));
    }
  });
});

describe('hardware addresses', () => {
  it('parses both notations and formats one', () => {
    expect(parseMac('02:00:5e:10:00:ff')).toEqual(Uint8Array.of(2, 0, 0x5e, 0x10, 0, 255));
    expect(parseMac('02-00-5E-10-00-FF')).toEqual(Uint8Array.of(2, 0, 0x5e, 0x10, 0, 255));
    expect(formatMac(Uint8Array.of(2, 0, 0x5e, 0x10, 0, 255))).toBe('02:00:5e:10:00:ff');
  });

  it.each(['', '02:00:00:00:00', '02:00:00:00:00:00:00', '02:00:00:00:00:0g', '020000000000', '02:00:00:00:00:'])(
    'refuses %j',
    (text) => {
      expect(parseMac(text)).toBeNull();
    },
  );

  it('splits into two integers and joins them again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
        expect(macBytes(macHigh16(mac), macLow32(mac))).toEqual(mac);
        expect(macHigh16(mac)).toBe(Buffer.from(mac).readUInt16BE(0));
        expect(macLow32(mac)).toBe(Buffer.from(mac).readInt32BE(2));
      }),
    );
  });
});
