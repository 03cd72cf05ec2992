import { describe, expect, test } from 'vitest';
import { flagText, SegmentView } from '../../src/lib/trace/segment-view.ts';
import { ACK, FIN, PSH, SYN } from '../../src/lib/wire/tcp.ts';

const IPV4 = '4500003c0000400040060000c0000201c0000202';
const TCP = '9c4018eb00000064000000c8a002fff000000000';
const OPTIONS = '020405b40402080a000000070000000901030307';
const PACKET = `${IPV4}${TCP}${OPTIONS}`;
const MACS = '020000000001020000000002';

function take(hex: string, linkType: number, view = new SegmentView()): string | null {
  const bytes = Buffer.from(hex, 'hex');
  return view.takeFrame(bytes, linkType, bytes.length);
}

describe('a segment is found behind every link header', () => {
  const HEADERS: [name: string, linkType: number, header: string][] = [
    ['Ethernet', 1, `${MACS}0800`],
    ['Ethernet, one VLAN tag', 1, `${MACS}810000050800`],
    ['Ethernet, two VLAN tags', 1, `${MACS}88a80005810000060800`],
    ['Linux cooked', 113, '00000001000602000000000100000800'],
    ['Linux cooked v2', 276, '0800000000000001000100060200000000010000'],
    ['none', 101, ''],
    ['IPv4', 228, ''],
    ['BSD loopback', 0, '02000000'],
  ];
  test.for(HEADERS)('%s', ([, linkType, header]) => {
    const view = new SegmentView();
    expect(take(`${header}${PACKET}`, linkType, view)).toBeNull();
    expect(view).toMatchObject({
      sourceIp: 0xc0000201 | 0,
      destinationIp: 0xc0000202 | 0,
      sourcePort: 40_000,
      destinationPort: 6379,
      seq: 100,
      ack: 200,
      flags: SYN,
      window: 0xfff0,
      lengthBytes: 0,
      mss: 1460,
      scale: 7,
      sackPermitted: true,
      hasTimestamps: true,
      tsVal: 7,
      tsEcr: 9,
    });
  });
});

test('what is not followed says why', () => {
  const eth = `${MACS}0800`;
  expect(take(`${MACS}0806${PACKET}`, 1)).toBe('not IPv4');
  expect(take(`${eth}${PACKET.replace('40004006', '40004011')}`, 1)).toBe('not TCP');
  expect(take(`${eth}${PACKET.replace('40004006', '20004006')}`, 1)).toBe('fragment');
  expect(take(`${eth}6${PACKET.slice(1)}`, 1)).toBe('not IPv4');
  expect(take(`${eth}${IPV4}${TCP.slice(0, 30)}`, 1)).toBe('cut within the TCP header');
  expect(take(`${eth}${IPV4.slice(0, 30)}`, 1)).toBe('cut within the IPv4 header');
  expect(take(`${eth}${IPV4}${TCP.replace('a002', '1002')}${OPTIONS}`, 1)).toBe('TCP header length is wrong');
  expect(take(PACKET, 147)).toBe('unknown link type');
  for (let length = 0; length < 53; length++) expect(take(`${eth}${PACKET}`.slice(0, length * 2), 1)).not.toBeNull();
});

test('payload is what the datagram has, not padding; what was cut is missing', () => {
  const view = new SegmentView();
  const packet = `${IPV4.replace('4500003c', '4500002d')}${TCP.replace('a002', '5018')}68656c6c6f`;
  expect(take(`${packet}${'00'.repeat(20)}`, 101, view)).toBeNull();
  expect([view.lengthBytes, view.payloadEnd - view.payloadStart]).toEqual([5, 5]);
  const cut = Buffer.from(packet, 'hex').subarray(0, 42);
  expect(view.takeFrame(cut, 101, 45)).toBeNull();
  expect([view.lengthBytes, view.payloadEnd - view.payloadStart]).toEqual([5, 2]);
  // Total length 0: a super-segment that a device was to cut.
  const long = Buffer.from(packet.replace('4500002d', '45000000'), 'hex');
  expect([view.takeFrame(long, 101, 70_000), view.lengthBytes]).toEqual([null, 69_960]);
});

test('options that make no sense end the list', () => {
  const view = new SegmentView();
  const withOptions = (hex: string): string => `${IPV4}${TCP}${hex.padEnd(40, '0')}`;
  for (const hex of ['0200', '02ff05b4', '08', '0501', '05ff']) expect(take(withOptions(hex), 101, view)).toBeNull();
  expect([view.mss, view.hasTimestamps, view.sackEdges]).toEqual([0, false, []]);
  expect(take(withOptions('01010512000000640000006e0000007800000082'), 101, view)).toBeNull();
  expect(view.sackEdges).toEqual([100, 110, 120, 130]);
});

test('flags in words', () => {
  expect([SYN | ACK, PSH | ACK, FIN | ACK, 0].map(flagText)).toEqual(['SYN ACK', 'PSH ACK', 'FIN ACK', '<none>']);
});
