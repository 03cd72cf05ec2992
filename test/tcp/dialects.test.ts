/**
 * Settings by which the stack does as one or the other kernel does, where the RFCs leave the choice.
 */
import { describe, expect, it } from 'vitest';
import { RoundTrip } from '../../src/lib/tcp/rtt.ts';
import { Script } from './script.ts';

describe('quickAcks', () => {
  const quick = (): Script => new Script({ tcp: { quickAcks: 3 } });

  it('sends so many acknowledgments of a new connection at once, then delays them', () => {
    const x = quick();
    x.establish();
    for (let i = 0; i < 3; i++) {
      x.in(`. ${1 + 10 * i}:${11 + 10 * i} ack 1`);
      x.out(`. 1:1 ack ${11 + 10 * i}`);
    }
    x.in('. 31:41 ack 1');
    x.expectSilence();
    x.outAfter(40, '. 1:1 ack 41');
  });

  it('lets them ride on answers, once the owner has answered', () => {
    const x = quick();
    x.establish();
    x.in('. 1:11 ack 1');
    x.out('. 1:1 ack 11');
    x.write(5);
    x.out('P. 1:6 ack 11');
    x.in('. 11:21 ack 6');
    x.expectSilence();
    x.outAfter(40, '. 6:6 ack 21');
    x.in('. 21:31 ack 6'); // the answer did not come: no more waiting for one
    x.out('. 6:6 ack 31');
  });

  it('begins anew after a pause', () => {
    const x = quick();
    x.establish();
    for (let i = 0; i < 4; i++) {
      x.in(`. ${1 + 10 * i}:${11 + 10 * i} ack 1`);
      x.advance(41);
    }
    x.sent = [];
    x.advance(2_000);
    x.in('. 41:51 ack 1');
    x.out('. 1:1 ack 51');
  });

  it('is off by default', () => {
    const x = new Script();
    x.establish();
    x.in('. 1:11 ack 1');
    x.expectSilence();
  });
});

describe('minshall', () => {
  const small = (minshall: boolean): Script => {
    const x = new Script({ tcp: { minshall, nagle: true } });
    x.establish();
    x.write(1_500);
    return x;
  };

  it('lets a short segment wait for a short one only', () => {
    const x = small(true);
    x.out('. 1:1001 ack 1', 'P. 1001:1501 ack 1');
    x.write(100);
    x.expectSilence();
    x.in('. 1:1 ack 1501');
    x.out('P. 1501:1601 ack 1');
  });

  it('is off by default: for any', () => {
    const x = small(false);
    x.out('. 1:1001 ack 1');
    x.in('. 1:1 ack 1001');
    x.out('P. 1001:1501 ack 1');
  });
});

describe('emptyProbes', () => {
  it('does not give up a peer that answers (RFC 9293 §3.8.6.1)', () => {
    const x = new Script({ tcp: { emptyProbes: true, maxRetransmissions: 3, maxRtoMs: 1000 } });
    x.establish('mss 1000', 1000);
    x.write(2000);
    x.in('. 1:1 ack 1001 win 0');
    for (let i = 0; i < 12; i++) {
      x.advance(1000);
      x.in('. 1:1 ack 1001 win 0');
    }
    expect(x.state).toBe('ESTABLISHED');
  });

  const closed = (emptyProbes: boolean): Script => {
    const x = new Script({ tcp: { emptyProbes } });
    x.establish('mss 1000', 0);
    x.write(100);
    x.advance(250);
    return x;
  };

  it('asks a peer whose window is closed as a keep-alive does, until it opens', () => {
    const x = closed(true);
    x.out('. 0:0 ack 1');
    x.in('. 1:1 ack 1 win 0');
    x.expectSilence();
    x.in('. 1:1 ack 1 win 100');
    x.out('P. 1:101 ack 1');
  });

  it('is off by default: the probe has a byte', () => {
    closed(false).out('. 1:2 ack 1');
  });
});

describe('repeatFin', () => {
  it('acknowledges the FIN of a peer that has not seen ours with a copy of it', () => {
    const x = new Script({ tcp: { repeatFin: true } });
    x.establish().end();
    x.turn();
    x.out('F. 1:1 ack 1');
    x.in('F. 1:1 ack 1');
    x.out('F. 1:1 ack 2');
    expect(x.state).toBe('CLOSING');
    x.in('. 2:2 ack 2');
    expect(x.state).toBe('TIME-WAIT');
  });
});

describe('acceptBeyondOffer', () => {
  // 16 bits can't say 70,000: the window field has 65,535.
  const edge = (acceptBeyondOffer: boolean): Script => {
    const x = new Script({ tcp: { acceptBeyondOffer, receiveWindowBytes: 70_000, maxReceiveWindowBytes: 70_000 } });
    x.establish();
    return x;
  };

  it('takes the room in the buffer for the window: a reset at its end is challenged', () => {
    const x = edge(true);
    x.in('R 70000:70000');
    x.out('. 1:1 ack 1');
    x.in('R 70001:70001');
    x.expectSilence();
  });

  it('is off by default: what was not offered is outside', () => {
    const x = edge(false);
    x.in('R 65535:65535');
    x.out('. 1:1 ack 1');
    x.in('R 65536:65536');
    x.expectSilence();
  });
});

describe('rtoSlopMs', () => {
  it('is added to every timeout, but the first before there is a sample', () => {
    const rtt = new RoundTrip(1_000_000, 30_000, 64_000_000, false, 200_000);
    expect(rtt.rtoUs).toBe(1_000_000);
    rtt.backoff = 1;
    expect(rtt.rtoUs).toBe(2_200_000);
    rtt.backoff = 2;
    expect(rtt.rtoUs).toBe(4_200_000);
    rtt.sample(1);
    expect(rtt.rtoUs).toBe(230_000); // the least, and the slop
    rtt.backoff = 3;
    expect(rtt.rtoUs).toBe(8 * 30_000 + 200_000);
  });
});

describe('a SYN that is not answered', () => {
  it('loses its options after plainSynAfter copies, but MSS', () => {
    const x = new Script({ tcp: { plainSynAfter: 2, timestamps: true, windowScale: true } });
    x.connect();
    x.sent = [];
    x.advance(1_001);
    x.out('S 0:0');
    expect(x.last).toMatchObject({ hasTimestamps: true, sackOk: true, mss: 1460 });
    x.advance(2_001);
    x.out('S 0:0');
    expect(x.last).toMatchObject({ hasTimestamps: false, sackOk: false, wscale: -1, mss: 1460 });
  });

  it('asks for ECN in ecnSynRetries copies', () => {
    const flags = (ecnSynRetries: number): number[] => {
      const x = new Script({ tcp: { ecn: 'active', ecnSynRetries } });
      x.connect();
      x.advance(3_100);
      return x.sent.map(({ frame }) => frame[14 + 20 + 13] & 0xc0);
    };
    expect(flags(0)).toEqual([0xc0, 0, 0]);
    expect(flags(1)).toEqual([0xc0, 0xc0, 0]);
  });
});

describe('idleRestart', () => {
  const windowAfterPause = (idleRestart: boolean): number => {
    const x = new Script({ tcp: { idleRestart } });
    const c = x.establish();
    x.write(10_000);
    x.in('. 1:1 ack 10001');
    const before = c.cwnd;
    x.advance(30_000);
    x.write(1_000);
    return c.cwnd - before;
  };

  it('lets a window lapse in a pause, by default', () => expect(windowAfterPause(true)).toBeLessThan(0));

  it('or not', () => expect(windowAfterPause(false)).toBe(0));
});

describe('cwrOnLoss', () => {
  const flagsOfCopy = (cwrOnLoss: boolean): number => {
    const x = new Script({ tcp: { cwrOnLoss, rack: false } });
    x.listen();
    x.in('SEW 0:0 win 60000 mss 1000 sackok');
    x.sent = [];
    x.in('. 1:1 ack 1');
    x.write(5_000);
    x.sent = [];
    const edge = (sequence: number): string => ((x.hostIss + sequence) >>> 0).toString(16).padStart(8, '0');
    for (const end of [2001, 3001, 4001]) x.in(`. 1:1 ack 1 raw=0101050a${edge(1001)}${edge(end)}`);
    expect(x.sent.map(({ start, length }) => [start, length])).toEqual([[1, 1000]]);
    return x.sent[0].frame[14 + 20 + 13] & 0x80;
  };

  it('says on the retransmission that the window was reduced', () => expect(flagsOfCopy(true)).toBe(0x80));

  it('is off by default: new data says so, and of an echo only', () => expect(flagsOfCopy(false)).toBe(0));
});

describe('timeWaitNeedsAck', () => {
  const timeWait = (timeWaitNeedsAck: boolean): Script => {
    const x = new Script({ tcp: { timeWaitNeedsAck } });
    x.establish().end();
    x.turn();
    x.in('F. 1:1 ack 2');
    x.sent = [];
    expect(x.state).toBe('TIME-WAIT');
    return x;
  };

  it('gives no answer to a SYN that is too old to open the connection anew', () => {
    const x = timeWait(true);
    x.in('S 1:1');
    x.expectSilence();
    expect(x.state).toBe('TIME-WAIT');
    timeWait(true).in('S 2000:2000');
  });

  it.each(['F 2:2', 'F 3:3', ' 2:102'])('nor to %j, which has no ACK flag', (segment) => {
    const x = timeWait(true);
    x.in(segment);
    x.expectSilence();
    x.in('F. 1:1 ack 2');
    x.out('. 2:2 ack 2');
  });

  it.each(['S 1:1', 'F 3:3'])('is off by default: %j is acknowledged', (segment) => {
    const x = timeWait(false);
    x.in(segment);
    x.out('. 2:2 ack 2');
  });
});

describe('a reader that takes little', () => {
  it('does not make the window known each time, while the peer has most of it left', () => {
    const window = { receiveWindowBytes: 16_000, maxReceiveWindowBytes: 16_000 };
    const x = new Script({ tcp: window, link: { takesSuperSegments: true } });
    const c = x.establish();
    c.pauseRead();
    x.in('. 1:2001 ack 1');
    x.sent = [];
    c.resumeRead();
    x.turn();
    x.expectSilence();
    c.pauseRead();
    x.in('. 2001:14001 ack 1');
    x.sent = [];
    c.resumeRead();
    x.turn();
    x.out('. 1:1 ack 14001'); // more than it had left
  });
});
