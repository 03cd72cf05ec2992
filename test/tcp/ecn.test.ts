/**
 * Explicit congestion notification (RFC 3168), both roles: who agrees to what, which datagrams are ECT, how marks are echoed and
 * echoes obeyed.
 */
import { describe, expect, it } from 'vitest';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import { cubic } from '../../src/lib/tcp/congestion/cubic.ts';
import { reno } from '../../src/lib/tcp/congestion/reno.ts';
import { Pair, Recorder, write } from './pair.ts';
import { Script, type Sent } from './script.ts';

const IP_TOS = 14 + 1;

/** The ECN field of the datagram that carried a segment: 0 not-ECT, 2 ECT(0), 1 ECT(1), 3 CE. */
function ecnField(sent: Sent): number {
  return sent.frame[IP_TOS] & 3;
}

/** The three-way handshake of a passive open by a peer that asks for ECN. */
function established(tcp: Partial<TcpOptions> = {}): Script {
  const x = new Script({ tcp });
  x.listen();
  x.in('SEW 0:0 win 60000 mss 1000');
  x.out('S.E 0:0 ack 1');
  expect(ecnField(x.last)).toBe(0);
  x.in('. 1:1 ack 1 win 60000');
  expect(x.connection.ecn).toBe(true);
  return x;
}

/** An active open whose SYN,ACK is `answer`. */
function connected(answer: string, tcp: Partial<TcpOptions> = {}): Script {
  const x = new Script({ tcp: { ecn: 'active', ...tcp } });
  x.connect();
  x.out('SEW 0:0');
  expect(ecnField(x.last)).toBe(0);
  x.in(answer);
  expect(x.state).toBe('ESTABLISHED');
  x.out('. 1:1 ack 1');
  return x;
}

/** What the next data looks like: [flags, ECN field]. */
function nextData(x: Script): [string, number] {
  x.write(100);
  const [data] = x.sent;
  x.sent = [];
  return [data.flags, ecnField(data)];
}

describe('opening', () => {
  it('agrees when the peer asks, unless it is off', () => {
    expect(nextData(established())).toEqual(['P.', 2]);
    const x = new Script({ tcp: { ecn: 'off' } });
    x.listen();
    x.in('SEW 0:0 win 60000 mss 1000');
    x.out('S. 0:0 ack 1');
    x.in('. 1:1 ack 1');
    expect(nextData(x)).toEqual(['P.', 0]);
  });

  it.each(['SE', 'SW', 'S'])('takes a SYN with %s for one that does not ask', (flags) => {
    const x = new Script();
    x.listen();
    x.in(`${flags} 0:0 win 60000 mss 1000`);
    x.out('S. 0:0 ack 1');
    x.in('. 1:1 ack 1');
    expect(nextData(x)).toEqual(['P.', 0]);
  });

  it('takes the flags of a SYN that comes again for the last word', () => {
    const x = new Script();
    x.listen();
    x.in('SEW 0:0 win 60000 mss 1000');
    x.out('S.E 0:0 ack 1');
    x.in('S 0:0 win 60000 mss 1000');
    x.out('S. 0:0 ack 1');
    x.in('. 1:1 ack 1');
    expect(nextData(x)).toEqual(['P.', 0]);
  });

  it('repeats a SYN,ACK with its flag', () => {
    const x = new Script();
    x.listen();
    x.in('SEW 0:0 win 60000 mss 1000');
    x.out('S.E 0:0 ack 1');
    x.outAfter(1000, 'S.E 0:0 ack 1');
  });

  it('asks only when it is told to', () => {
    const x = new Script();
    x.connect();
    x.out('S 0:0');
  });

  it('is agreed on by a SYN,ACK with ECE', () => {
    expect(nextData(connected('S.E 0:0 ack 1 mss 1000'))).toEqual(['P.', 2]);
  });

  it.each(['S.', 'S.EW', 'S.W'])('is refused by %s: nothing, a reflection of our own flags, nonsense', (flags) => {
    const x = connected(`${flags} 0:0 ack 1 mss 1000`);
    expect(x.connection.ecn).toBe(false);
    expect(nextData(x)).toEqual(['P.', 0]);
  });

  it('is not asked for again when the SYN got lost (§6.1.1.1), but marks are echoed if the first had arrived', () => {
    const x = new Script({ tcp: { ecn: 'active' } });
    x.connect();
    x.out('SEW 0:0');
    x.outAfter(1000, 'S 0:0');
    x.in('S.E 0:0 ack 1 mss 1000');
    x.out('. 1:1 ack 1');
    expect(nextData(x)).toEqual(['P.', 0]);
    x.in('. 1:101 ack 101 tos 3');
    x.out('.E 101:101 ack 101');
  });

  it('is agreed on in a simultaneous open, if both ask for it (RFC 3168 §6.1.1)', () => {
    const x = new Script({ tcp: { ecn: 'active' } });
    x.connect();
    x.out('SEW 0:0');
    x.in('SEW 0:0 win 60000 mss 1000');
    x.out('S.E 0:0 ack 1');
    x.in('S.E 0:0 ack 1 mss 1000');
    expect(x.state).toBe('ESTABLISHED');
    x.sent = [];
    expect(nextData(x)).toEqual(['P.', 2]);
  });

  it('is not agreed on in a simultaneous open whose other SYN does not ask', () => {
    const x = new Script({ tcp: { ecn: 'active' } });
    x.connect();
    x.out('SEW 0:0');
    x.in('S 0:0 win 60000 mss 1000');
    x.out('S. 0:0 ack 1');
    x.in('S. 0:0 ack 1 mss 1000');
    x.sent = [];
    expect(nextData(x)).toEqual(['P.', 0]);
  });

  it('keeps the type of service beside the ECN field, whose bits are not for the operator', () => {
    const x = established({ tos: 0x2b });
    x.write(100);
    expect(x.sent[0].frame[IP_TOS]).toBe(0x28 | 2);
  });
});

describe('the receiver', () => {
  it('echoes a mark with every acknowledgment until the peer says CWR', () => {
    const x = established();
    x.in('. 1:101 ack 1 tos 3');
    x.out('.E 1:1 ack 101'); // at once
    x.in('. 101:201 ack 1 tos 2');
    x.outAfter(40, '.E 1:1 ack 201');
    expect(nextData(x)).toEqual(['P.E', 2]);
    x.in('.W 201:301 ack 101 tos 2');
    x.out('. 101:101 ack 301'); // at once: the peer may have a window of one segment
    x.in('. 301:401 ack 101 tos 2');
    x.outAfter(40, '. 101:101 ack 401');
    expect(x.tcp.counters.congestionMarksIn).toBe(1);
  });

  it('begins anew when the segment with CWR is marked itself', () => {
    const x = established();
    x.in('. 1:101 ack 1 tos 3');
    x.out('.E 1:1 ack 101');
    x.in('.W 101:201 ack 1 tos 3');
    x.out('.E 1:1 ack 201');
  });

  it('echoes with selective acknowledgments, too', () => {
    const x = new Script();
    x.listen();
    x.in('SEW 0:0 win 60000 mss 1000 sackok');
    x.in('. 1:1 ack 1');
    x.sent = [];
    x.in('. 101:201 ack 1 tos 3');
    x.out('.E 1:1 ack 1');
    expect(x.last.sack).toEqual([[101, 201]]);
  });

  it.each([
    ['outside the window', '. 90001:90101 ack 1 tos 3'],
    ['without text', '. 1:1 ack 1 tos 3'],
  ])('ignores a mark on a segment %s', (_what, segment) => {
    const x = established();
    x.in(segment);
    x.sent = [];
    x.in('. 1:101 ack 1 tos 2');
    x.outAfter(40, '. 1:1 ack 101');
    expect(x.tcp.counters.congestionMarksIn).toBe(0);
  });

  it('ignores marks, CWR and ECE when ECN was not agreed on', () => {
    const x = new Script();
    const c = x.establish();
    x.write(4000);
    x.sent = [];
    const { cwnd } = c;
    x.in('.EW 1:101 ack 1 tos 3');
    x.outAfter(40, '. 4001:4001 ack 101');
    expect(c.cwnd).toBe(cwnd);
    expect(nextData(x)).toEqual(['P.', 0]);
  });
});

describe('the sender', () => {
  it.each([
    ['reno', reno, 5000],
    ['cubic', cubic, 7000],
  ])('slows down at an echo, once for each window, and says so: %s', (_name, congestion, ssthresh) => {
    const x = established({ congestion });
    const c = x.connection;
    x.write(30_000);
    expect(x.sent).toHaveLength(10);
    x.sent = [];
    x.in('.E 1:1 ack 1001');
    expect(c.ssthresh).toBe(ssthresh);
    for (let ack = 2001; ack <= 10_001; ack += 1000) x.in(`.E 1:1 ack ${ack}`);
    expect(c.ssthresh).toBe(ssthresh);
    const sent = x.sent;
    x.sent = [];
    expect(sent.map((segment) => segment.flags.includes('W'))).toEqual(sent.map((_, i) => i === 0));
    expect(sent.every((segment) => ecnField(segment) === 2)).toBe(true);
    expect(sent[0].start).toBe(10_001);
    // All of the first window is acknowledged: an echo now is about what was sent later.
    const until = sent[sent.length - 1].start + 1000;
    x.in(`.E 1:1 ack ${until}`);
    expect(c.ssthresh).toBeLessThan(ssthresh);
    expect(x.tcp.counters.congestionEchoesIn).toBe(11);
  });

  it('does not open the window by the acknowledgment that echoes', () => {
    const x = established();
    const c = x.connection;
    x.write(30_000);
    const { cwnd } = c;
    x.in('.E 1:1 ack 2001');
    expect(c.cwnd).toBeLessThanOrEqual(cwnd);
    expect(c.cwnd).toBeGreaterThanOrEqual(c.ssthresh);
  });

  it('says CWR with a window of one segment, too (§6.1.2)', () => {
    const x = established();
    x.write(20_000);
    x.sent = [];
    x.advance(200);
    x.sent = [];
    x.in('. 1:1 ack 10001'); // what had been in flight
    const c = x.connection;
    c.cwnd = 1000;
    x.sent = [];
    x.in('. 1:1 ack 12001');
    x.sent = [];
    x.write(20_000);
    x.sent = [];
    const end = c.sndNxt - c.iss;
    x.in(`.E 1:1 ack ${end}`);
    expect(x.sent[0].flags).toContain('W');
    expect(ecnField(x.sent[0])).toBe(2);
  });

  it('says CWR after a loss, with the first new data and not with what is resent, which is not ECT (§6.1.5)', () => {
    const x = established();
    x.write(12_000);
    x.sent = [];
    x.advance(200);
    const [again] = x.sent;
    expect(again.text).toBe('. 1:1001 ack 1');
    expect(ecnField(again)).toBe(0);
    x.sent = [];
    x.in('. 1:1 ack 10001');
    expect(x.sent[0].text).toBe('.W 10001:11001 ack 1');
    expect(ecnField(x.sent[0])).toBe(2);
    expect(x.sent.slice(1).every((segment) => !segment.flags.includes('W'))).toBe(true);
  });

  it('does not mark acknowledgments, probes, keep-alives and FINs as ECT', () => {
    const x = established({ keepAliveMs: 5000 });
    x.in('. 1:1001 ack 1 tos 2');
    x.in('. 1001:2001 ack 1 tos 2');
    expect(x.sent.map(ecnField)).toEqual([0]);
    x.sent = [];
    x.advance(5000);
    expect(x.sent.map(ecnField)).toEqual([0]);
    x.in('. 2001:2001 ack 1 win 0');
    x.write(100);
    x.sent = [];
    x.advance(1000);
    expect(x.sent.length).toBeGreaterThan(0);
    expect(x.sent[0].length).toBe(1);
    expect(x.sent.every((segment) => ecnField(segment) === 0)).toBe(true);
    x.in('. 2001:2001 ack 2 win 60000');
    x.in('. 2001:2001 ack 101 win 60000');
    x.sent = [];
    x.connection.end();
    x.turn();
    expect(x.sent.map((segment) => [segment.flags, ecnField(segment)])).toEqual([['F.', 0]]);
  });

  it('ignores an echo with an acknowledgment of what was not sent, or with nothing in flight', () => {
    const x = established();
    const c = x.connection;
    const { ssthresh } = c;
    x.in('.E 1:1 ack 1');
    x.write(4000);
    x.in('.E 1:1 ack 9001');
    expect(c.ssthresh).toBe(ssthresh);
    expect(c.sendCwr).toBe(false);
  });
});

describe('two stacks', () => {
  it('keep a marking router’s queue short without a loss', () => {
    const tcp: Partial<TcpOptions> = { nagle: false };
    const pair = new Pair({
      conditions: { delayUs: 5000 },
      tcpA: { ...tcp, ecn: 'active' },
      tcpB: tcp,
    });
    // A router that marks every 40th ECT datagram instead of dropping it.
    let marked = 0;
    let ect = 0;
    pair.wire.filter = (bytes) => {
      const isEct = bytes[12] === 8 && bytes[13] === 0 && (bytes[IP_TOS] & 3) === 2;
      if (!isEct || ++ect % 40 !== 0) return true;
      marked++;
      bytes[IP_TOS] |= 3;
      const sum = ~((bytes[24] << 8) | bytes[25]) & 0xffff;
      const total = sum + 1;
      const field = ~((total & 0xffff) + (total >>> 16)) & 0xffff;
      bytes[24] = field >> 8;
      bytes[25] = field & 255;
      return true;
    };
    const payload = Buffer.alloc(200_000, 'ecn');
    const sink = new Recorder();
    pair.b.tcp.listen(6379, sink);
    const source = new Recorder();
    source.open = (stream) => void write(stream, payload);
    pair.a.tcp.connect(pair.b.net.address, 6379, source);
    expect(pair.run(20_000_000, () => sink.received.length === payload.length)).toBe(true);
    const { counters } = pair.a.tcp;
    expect(marked).toBeGreaterThan(1);
    expect(pair.b.tcp.counters.congestionMarksIn).toBe(marked);
    expect(counters.congestionEchoesIn).toBeGreaterThan(0);
    expect(counters.retransmitted).toBe(0);
    expect(pair.b.net.counters.ipv4BadChecksum).toBe(0);
  });
});
