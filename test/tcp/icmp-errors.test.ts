/**
 * ICMP errors about our segments (RFC 1191, RFC 5461, RFC 5927).
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_REFUSED, CLOSE_TIMEOUT } from '../../src/lib/link/stream.ts';
import { ADDRESS_A, ADDRESS_B } from './pair.ts';
import { checksum, Script, type Sent, writeIp } from './script.ts';

const ROUTER = 0xc000_02fe | 0;

/** A router's ICMP error that quotes the first bytes of a segment of ours. */
function icmp(x: Script, type: number, code: number, nextHopMtu: number, quoted: Sent): void {
  const datagram = quoted.frame.subarray(14, 14 + 28);
  const frame = new Uint8Array(14 + 20 + 8 + datagram.length);
  const view = new DataView(frame.buffer);
  frame.set(x.host.link.mac, 0);
  frame.set([2, 0, 0, 0, 0, 0xaa], 6);
  view.setUint16(12, 0x0800);
  writeIp(view, 14, frame.length - 14, ROUTER, ADDRESS_A, 1);
  frame[34] = type;
  frame[35] = code;
  view.setUint16(40, nextHopMtu);
  frame.set(datagram, 42);
  view.setUint16(36, checksum(frame, 34, frame.length, 0));
  x.inject(frame);
}

describe('fragmentation needed (RFC 1191)', () => {
  it('lowers the path MTU and resends in smaller segments, without slowing down', () => {
    const x = new Script();
    const c = x.establish('mss 1460');
    x.write(2920);
    const [first] = x.sent.splice(0);
    const { cwnd } = c;
    icmp(x, 3, 4, 576, first);
    expect(c.mss).toBe(536);
    expect(x.sent[0].text).toBe('. 1:537 ack 1');
    expect(x.sent.every((segment) => segment.length <= 536)).toBe(true);
    for (const segment of x.sent) x.expectPayload(segment);
    expect(x.sent[x.sent.length - 1].start + x.sent[x.sent.length - 1].length).toBe(2921);
    expect(c.cwnd).toBe(cwnd);
    x.in('. 1:1 ack 2921');
    x.sent = [];
    x.write(1000);
    x.out('. 2921:3457 ack 1', 'P. 3457:3921 ack 1');
  });

  it('uses the usual sizes when the router does not say', () => {
    const x = new Script();
    const c = x.establish('mss 1460');
    x.write(1460);
    icmp(x, 3, 4, 0, x.sent[0]);
    expect(c.pathMtu).toBe(1492);
  });

  it('ignores sequence numbers that are not in flight (RFC 5927 §4.1), and larger sizes', () => {
    const x = new Script();
    const c = x.establish('mss 1460');
    x.write(1460);
    const [old] = x.sent.splice(0);
    icmp(x, 3, 4, 9000, old);
    expect(c.mss).toBe(1460);
    x.in('. 1:1 ack 1461');
    icmp(x, 3, 4, 576, old);
    expect(c.mss).toBe(1460);
    expect(x.tcp.counters.icmpIgnored).toBe(2);
  });
});

describe('unreachable (RFC 5461, RFC 5927 §5.2)', () => {
  it.each([
    ['protocol', 2],
    ['port', 3],
    ['network prohibited', 9],
    ['host prohibited', 10],
    ['communication prohibited', 13],
  ])('%s: refuses a connection that is opening', (_what, code) => {
    const x = new Script();
    x.connect();
    icmp(x, 3, code, 0, x.sent[0]);
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([CLOSE_REFUSED]);
  });

  it.each([
    ['network', 3, 0],
    ['host', 3, 1],
    ['source route failed', 3, 5],
    ['filtered for its precedence', 3, 14],
    ['time exceeded', 11, 0],
    ['parameter problem', 12, 0],
    ['source quench (RFC 6633)', 4, 0],
  ])('%s: goes on trying', (_what, type, code) => {
    const x = new Script();
    x.connect();
    icmp(x, type, code, 0, x.sent[0]);
    expect(x.state).toBe('SYN-SENT');
  });

  it('is remembered, in case it is the reason of a timeout (RFC 5461 §2)', () => {
    const x = new Script();
    const c = x.connect();
    icmp(x, 3, 1, 0, x.sent[0]);
    expect(c.softError).toBe(0x0301);
    x.advance(300_000);
    expect([x.handler.closes, c.softError]).toEqual([[CLOSE_TIMEOUT], 0x0301]);
    const y = new Script();
    y.establish();
    y.write(100);
    icmp(y, 11, 0, 0, y.sent[0]);
    expect(y.connection.softError).toBe(0x0b00);
    icmp(y, 4, 0, 0, y.sent[0]); // source quench is not even remembered
    expect(y.connection.softError).toBe(0x0b00);
    expect(y.tcp.counters.softErrors).toBe(1);
  });

  it('soft: ends an opening connection only where that is wanted (RFC 5461 §4.1)', () => {
    const x = new Script({ tcp: { openingErrors: 'soft' } });
    x.connect();
    icmp(x, 3, 1, 0, x.sent[0]);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });

  it('hard: ends nothing where that is not wanted', () => {
    const x = new Script({ tcp: { openingErrors: 'none' } });
    x.connect();
    icmp(x, 3, 3, 0, x.sent[0]);
    expect(x.state).toBe('SYN-SENT');
  });

  it('hard: ends a connection in SYN-RECEIVED, of either kind of open', () => {
    const x = new Script();
    x.connect();
    x.sent = [];
    x.in('S 0:0');
    icmp(x, 3, 2, 0, x.sent[0]);
    expect(x.handler.closes).toEqual([CLOSE_REFUSED]);
    const y = new Script();
    y.listen();
    y.in('S 0:0');
    icmp(y, 3, 3, 0, y.sent[0]);
    expect(y.state).toBe('CLOSED');
    expect(y.tcp.listeners.get(6379)?.halfOpen).toBe(0);
  });

  it('leaves an established connection alone, whatever it says', () => {
    const x = new Script();
    x.establish();
    x.write(100);
    for (const [type, code] of [
      [3, 0],
      [3, 1],
      [3, 2],
      [3, 3],
      [4, 0],
      [11, 0],
      [11, 1],
      [12, 0],
    ]) {
      icmp(x, type, code, 0, x.sent[0]);
    }
    expect(x.state).toBe('ESTABLISHED');
    expect(x.connection.cwnd).toBe(10_000);
  });

  it('ignores errors about connections that there are not', () => {
    const x = new Script();
    x.connect();
    const [syn] = x.sent;
    x.in('R. 0:0 ack 1');
    icmp(x, 3, 3, 0, syn);
    expect(x.tcp.counters.icmpIgnored).toBe(1);
    expect(ADDRESS_B).not.toBe(ADDRESS_A);
  });
});
