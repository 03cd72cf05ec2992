/**
 * Text in both directions: segments and windows, Nagle and silly windows, out of order and overlapping, pausing readers.
 */
import { describe, expect, it } from 'vitest';
import { Script } from './script.ts';

describe('sending', () => {
  it('cuts what is queued into full segments, PSH on the last', () => {
    const x = new Script();
    x.establish();
    x.write(3500);
    x.out('. 1:1001 ack 1', '. 1001:2001 ack 1', '. 2001:3001 ack 1', 'P. 3001:3501 ack 1');
    x.expectPayload(x.last);
  });

  it('begins with ten segments, or with 14,600 bytes if that is less (RFC 6928)', () => {
    const x = new Script();
    x.establish('mss 1000');
    x.write(50_000);
    expect(x.sent).toHaveLength(10);
    const y = new Script();
    y.establish('mss 1460');
    y.write(50_000);
    expect(y.sent).toHaveLength(10);
    const z = new Script({ link: { mtu: 9000, dataStride: 16_384 } });
    z.establish('mss 8960');
    z.write(50_000);
    expect(z.sent).toHaveLength(2); // max(2 · MSS, 14600)
  });

  it('opens the window by one segment for each acknowledgment in slow start, no more than was acknowledged', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 60_000);
    x.write(50_000);
    expect(c.cwnd).toBe(10_000);
    x.in('. 1:1 ack 2001');
    expect(c.cwnd).toBe(11_000);
    expect(x.sent).toHaveLength(13);
    x.in('. 1:1 ack 2501');
    expect(c.cwnd).toBe(11_500);
  });

  it('opens it by one segment for each window in congestion avoidance', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 60_000);
    c.ssthresh = 10_000;
    x.write(50_000);
    for (let ack = 2001; ack <= 10_001; ack += 2000) x.in(`. 1:1 ack ${ack}`);
    expect(c.cwnd).toBe(11_000);
  });

  it('does not open a congestion window that is not used', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 60_000);
    for (let i = 0; i < 20; i++) {
      x.write(100);
      x.in(`. 1:1 ack ${1 + 100 * (i + 1)}`);
    }
    expect(c.cwnd).toBe(10_000);
  });

  it('falls back to the initial window after a pause (RFC 5681 §4.1)', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 60_000);
    x.write(40_000);
    for (let ack = 1001; ack <= 40_001; ack += 1000) x.in(`. 1:1 ack ${ack}`);
    expect(c.cwnd).toBeGreaterThan(20_000);
    x.advance(5_000);
    x.write(30_000);
    expect(c.cwnd).toBe(10_000);
  });

  it('never sends past the peer’s window', () => {
    const x = new Script();
    x.establish('mss 1000', 2500);
    x.write(10_000);
    x.out('. 1:1001 ack 1', '. 1001:2001 ack 1');
    x.in('. 1:1 ack 1001 win 2000');
    x.out('. 2001:3001 ack 1');
    x.in('. 1:1 ack 3001 win 0');
    x.expectSilence();
  });

  it('ignores the window of an older segment (SND.WL1, SND.WL2)', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 5000);
    x.in('. 1:11 ack 1 win 4000');
    expect(c.sndWnd).toBe(4000);
    x.in('. 1:1 ack 1 win 9000'); // unacceptable: before the window
    expect(c.sndWnd).toBe(4000);
    x.write(100);
    x.in('. 11:11 ack 101 win 3000');
    x.in('. 11:11 ack 1 win 9000'); // an older acknowledgment
    expect(c.sndWnd).toBe(3000);
  });

  it('holds a small segment back while one is in flight (Nagle), but not a full one', () => {
    const x = new Script({ tcp: { nagle: true } });
    x.establish();
    x.write(10);
    x.out('P. 1:11 ack 1');
    x.write(10);
    x.write(500);
    x.expectSilence();
    x.write(490);
    x.out('P. 11:1011 ack 1');
    x.write(5);
    x.expectSilence();
    x.in('. 1:1 ack 1011');
    x.out('P. 1011:1016 ack 1');
  });

  it('does not hold it back when Nagle is off', () => {
    const x = new Script({ tcp: { nagle: true } });
    x.establish().nagle = false;
    x.write(10);
    x.write(10);
    x.out('P. 1:11 ack 1', 'P. 11:21 ack 1');
  });

  it('does not fill a silly window (RFC 9293 §3.8.6.2.1)', () => {
    const x = new Script();
    x.establish('mss 1000', 10_000);
    x.write(20_000);
    x.sent = [];
    x.in('. 1:1 ack 10001 win 300');
    x.expectSilence();
    x.in('. 1:1 ack 10001 win 999');
    x.expectSilence();
    x.in('. 1:1 ack 10001 win 1000');
    x.out('. 10001:11001 ack 1');
  });

  it('fills half of the largest window that there ever was, though it is less than a segment', () => {
    const x = new Script();
    x.establish('mss 1000', 800);
    x.write(2000);
    x.out('. 1:801 ack 1');
    x.in('. 1:1 ack 801 win 399');
    x.expectSilence();
    x.in('. 1:1 ack 801 win 400');
    x.out('. 801:1001 ack 1'); // to the buffer's end; what is left of the window is less than half
  });

  it('sends what fits a silly window when nothing better came for a timeout', () => {
    const x = new Script();
    x.establish('mss 1000', 10_000);
    x.write(20_000);
    x.sent = [];
    x.in('. 1:1 ack 10001 win 300');
    x.outAfter(200, '. 10001:10301 ack 1');
  });

  it('resends from the middle of a buffer what was appended to it', () => {
    const x = new Script();
    x.establish('mss 1000');
    for (let i = 0; i < 30; i++) x.write(50); // more than the queue keeps in buffers of their own
    x.sent = [];
    x.advance(200);
    expect(x.sent[0].text).toBe('. 1:51 ack 1');
    for (const segment of x.sent) x.expectPayload(segment);
  });
});

describe('receiving', () => {
  it('hands in-order text up at once, and acknowledges every second full segment at once', () => {
    const x = new Script();
    x.establish('mss 1000');
    x.in('. 1:1001 ack 1');
    x.expectSilence();
    x.in('. 1001:2001 ack 1');
    x.out('. 1:1 ack 2001');
    x.expectReceived(2001);
  });

  it('acknowledges a full segment and the short one behind it at once', () => {
    const x = new Script();
    x.establish();
    x.in('. 1:1461 ack 1');
    x.expectSilence();
    x.in('P. 1461:1501 ack 1');
    x.out('. 1:1 ack 1501');
  });

  it('learns from the segments themselves how large those of a peer are whose MSS is smaller than ours', () => {
    const x = new Script();
    x.establish('mss 1000');
    x.in('. 1:1461 ack 1');
    x.expectSilence();
    x.in('. 1461:2921 ack 1');
    x.out('. 1:1 ack 2921');
    x.in('. 2921:4381 ack 1');
    x.expectSilence();
  });

  it('acknowledges once for a burst', () => {
    const x = new Script();
    x.establish('mss 1000');
    x.burst('. 1:1001 ack 1', '. 1001:2001 ack 1', '. 2001:3001 ack 1', '. 3001:4001 ack 1');
    x.out('. 1:1 ack 4001');
  });

  it('lets the acknowledgment ride on a reply', () => {
    const x = new Script();
    x.handler.data = (stream) => {
      const at = stream.queue.open(3);
      expect(at).toBeGreaterThan(0);
      stream.queue.commit(3);
      stream.requestFlush();
    };
    x.establish();
    x.in('P. 1:21 ack 1');
    x.out('P. 1:4 ack 21');
    x.advance(1000);
    expect(x.sent.every((segment) => segment.length === 3)).toBe(true); // retransmissions only, no ACK of its own
  });

  it('says at once what is missing when text is out of order, and what is there when the gap is filled', () => {
    const x = new Script();
    x.establish('mss 1000');
    x.in('. 1001:2001 ack 1');
    x.out('. 1:1 ack 1');
    x.in('. 3001:4001 ack 1');
    x.out('. 1:1 ack 1');
    x.expectReceived(1);
    x.in('. 1:1001 ack 1');
    x.out('. 1:1 ack 2001');
    x.expectReceived(2001);
    x.in('. 2001:3001 ack 1');
    x.out('. 1:1 ack 4001');
    x.expectReceived(4001);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });

  it('sends one duplicate ACK for each of a burst of out-of-order segments (RFC 5681 §4.2)', () => {
    const x = new Script();
    x.establish('mss 1000');
    x.burst('. 1001:2001 ack 1', '. 2001:3001 ack 1', '. 3001:4001 ack 1');
    x.out('. 1:1 ack 1', '. 1:1 ack 1', '. 1:1 ack 1');
  });

  it('takes the new part of a segment that overlaps what is there', () => {
    const x = new Script();
    x.establish();
    x.in('. 1:101 ack 1');
    x.in('. 51:201 ack 1');
    x.expectReceived(201);
    expect(x.tcp.counters.duplicateBytes).toBe(50);
  });

  it('keeps the first copy of a byte that comes twice out of order', () => {
    const x = new Script();
    x.establish();
    x.in('. 101:201 ack 1');
    const other = x.frame('. 51:251 ack 1');
    other.fill(0xee, other.length - 200);
    const view = new DataView(other.buffer);
    view.setUint16(50, 0); // checksum field; recomputed by asking for the link's verdict
    x.host.link.inject(other, 1);
    x.turn();
    x.in('. 1:51 ack 1');
    const got = x.handler.received;
    expect(got).toHaveLength(250);
    expect([...got.subarray(50, 100)].every((byte) => byte === 0xee)).toBe(true);
    expect(
      got.subarray(100, 200).equals(Buffer.from(Uint8Array.from({ length: 100 }, (_, i) => (101 + i) % 251))),
    ).toBe(true);
    expect([...got.subarray(200)].every((byte) => byte === 0xee)).toBe(true);
  });

  it('cuts text at the right edge of the window', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 1000 } });
    x.establish();
    x.connection.pauseRead();
    x.in('. 1:801 ack 1');
    x.in('. 801:1201 ack 1');
    x.advance(100);
    x.connection.resumeRead();
    x.expectReceived(1001);
  });

  it('holds a bounded number of ranges', () => {
    const x = new Script({ tcp: { maxRanges: 4 } });
    x.establish();
    for (let i = 1; i <= 10; i++) x.in(`. ${i * 100 + 1}:${i * 100 + 51} ack 1`);
    expect(x.tcp.counters.reassemblyTooManyRanges).toBe(6);
    x.in('. 1:101 ack 1');
    expect(x.connection.rcvNxt).toBe((x.peerIss + 151) | 0);
  });

  it('accepts data up to the window edge only when the window is closed, but every acknowledgment and reset', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 1000 } });
    const c = x.establish();
    c.pauseRead();
    x.in('. 1:1001 ack 1');
    x.sent = [];
    x.write(100);
    x.out('P. 1:101 ack 1001');
    expect(x.last.window).toBe(0);
    x.in('P. 1001:1002 ack 101'); // a probe that acknowledges, too
    x.out('. 101:101 ack 1001');
    expect(c.sndUna).toBe(c.sndNxt);
    x.in('R 1001:1001');
    expect(x.state).toBe('CLOSED');
  });
});

describe('a reader that pauses', () => {
  it('narrows the window, closes it, and opens it by worthwhile steps', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 4000 } });
    const c = x.establish('mss 1000');
    c.pauseRead();
    x.in('. 1:1001 ack 1');
    x.in('. 1001:2001 ack 1');
    x.out('. 1:1 ack 2001');
    expect(x.last.window).toBe(2000);
    x.in('. 2001:3001 ack 1');
    x.in('. 3001:4001 ack 1');
    x.out('. 1:1 ack 4001');
    expect(x.last.window).toBe(0);
    x.expectReceived(1);
    c.resumeRead();
    x.turn();
    x.expectReceived(4001);
    x.out('. 1:1 ack 4001');
    expect(x.last.window).toBe(4000);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });

  it('does not move the right edge of the window to the left', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 4000 } });
    const c = x.establish('mss 1000');
    c.pauseRead();
    let edge = 4001;
    for (let at = 1; at < 3500; at += 100) {
      x.in(`P. ${at}:${at + 100} ack 1`);
      x.advance(50);
      for (const segment of x.sent.splice(0)) {
        expect(segment.ack + segment.window).toBeGreaterThanOrEqual(edge);
        edge = segment.ack + segment.window;
      }
    }
  });

  it('may pause within onData, and gets the rest when it resumes', () => {
    const x = new Script();
    x.handler.data = (stream) => stream.pauseRead();
    const c = x.establish();
    x.burst('. 1:101 ack 1', '. 101:201 ack 1', '. 201:301 ack 1');
    x.expectReceived(101);
    c.resumeRead(); // the rest in one piece
    x.expectReceived(301);
    expect(c.readPaused).toBe(true);
  });

  it('gets the ring’s end and beginning in two pieces', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 16_384 } });
    const c = x.establish();
    c.pauseRead();
    for (let at = 1; at < 12_001; at += 1000) x.in(`. ${at}:${at + 1000} ack 1`);
    x.handler.data = (stream) => stream.pauseRead();
    c.resumeRead();
    x.expectReceived(12_001);
    x.advance(50);
    for (let at = 12_001; at < 24_001; at += 1000) x.in(`. ${at}:${at + 1000} ack 1`);
    x.handler.data = null;
    c.resumeRead();
    x.expectReceived(24_001);
  });

  it('hears of the end only after the last byte', () => {
    const x = new Script();
    const c = x.establish();
    c.pauseRead();
    x.in('FP. 1:101 ack 1');
    x.out('. 1:1 ack 102');
    expect(x.handler.ended).toBe(0);
    c.resumeRead();
    x.expectReceived(101);
    expect(x.handler.ended).toBe(1);
  });

  it('still gets everything when the connection is over before it resumes', () => {
    const x = new Script();
    const c = x.establish();
    c.pauseRead();
    x.in('FP. 1:101 ack 1');
    c.end();
    x.turn();
    x.in('. 102:102 ack 2');
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([]);
    c.resumeRead();
    x.expectReceived(101);
    expect(x.handler.ended).toBe(1);
    expect(x.handler.closes).toHaveLength(1);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });

  it('loses what it did not read when the peer resets', () => {
    const x = new Script();
    const c = x.establish();
    c.pauseRead();
    x.in('P. 1:101 ack 1');
    x.in('R 101:101');
    c.resumeRead();
    x.expectReceived(1);
    expect(x.handler.closes).toHaveLength(1);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });

  it('drops text when there is no memory for it, and takes it when it comes again', () => {
    const x = new Script({ link: { memoryBytes: 4 << 20, dataBuffers: 64 } });
    const c = x.establish();
    const { extents } = x.host.link.memory;
    const hog: number[] = [];
    for (let at = extents.alloc(16_384); at !== 0; at = extents.alloc(16_384)) hog.push(at);
    c.pauseRead();
    x.in('P. 1:101 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.tcp.counters.reassemblyNoMemory).toBe(1);
    for (const at of hog) extents.free(at, 16_384);
    x.in('P. 1:101 ack 1');
    c.resumeRead();
    x.expectReceived(101);
  });
});

describe('handlers that close within a callback', () => {
  it.each(['abort', 'end'] as const)('%s in onOpen, onData, onEnd, onDrain', (close) => {
    for (const where of ['open', 'data', 'end', 'drain'] as const) {
      const x = new Script();
      x.handler[where] = (stream) => stream[close]();
      x.listen();
      x.in('S 0:0 mss 1000');
      x.in('. 1:1 ack 1');
      if (where !== 'open') {
        x.connection.wantsDrain = true;
        x.write(10);
        x.in('P. 1:11 ack 11');
        if (x.tcp.connectionCount > 0) x.in('F. 11:11 ack 11');
      }
      x.advance(600_000);
      expect(x.tcp.connectionCount).toBe(0);
      expect(x.tcp.deadlines.size).toBe(0);
      expect(x.handler.closes).toHaveLength(1);
      expect(x.host.link.data.available).toBe(x.host.link.data.count);
    }
  });
});
