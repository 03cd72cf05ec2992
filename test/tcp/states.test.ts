/**
 * Every synchronised state against every kind of segment (RFC 9293 §3.10.7.4), and the ways between the states.
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_ABORTED, CLOSE_NORMAL, CLOSE_RESET } from '../../src/lib/link/stream.ts';
import { write } from './pair.ts';
import { Script } from './script.ts';

/** Brings a passive connection into a state; nothing is left to look at. Returns what is next on both sides. */
const REACH: Record<string, (x: Script) => { rcv: number; snd: number }> = {
  ESTABLISHED: (x) => {
    x.establish();
    return { rcv: 1, snd: 1 };
  },
  'FIN-WAIT-1': (x) => {
    x.establish().end();
    x.turn();
    x.out('F. 1:1 ack 1');
    return { rcv: 1, snd: 2 };
  },
  'FIN-WAIT-2': (x) => {
    REACH['FIN-WAIT-1'](x);
    x.in('. 1:1 ack 2');
    x.expectSilence();
    return { rcv: 1, snd: 2 };
  },
  CLOSING: (x) => {
    REACH['FIN-WAIT-1'](x);
    x.in('F. 1:1 ack 1');
    x.out('. 2:2 ack 2');
    return { rcv: 2, snd: 2 };
  },
  'TIME-WAIT': (x) => {
    REACH['FIN-WAIT-2'](x);
    x.in('F. 1:1 ack 2');
    x.out('. 2:2 ack 2');
    return { rcv: 2, snd: 2 };
  },
  'CLOSE-WAIT': (x) => {
    x.establish();
    x.in('F. 1:1 ack 1');
    x.out('. 1:1 ack 2');
    return { rcv: 2, snd: 1 };
  },
  'LAST-ACK': (x) => {
    REACH['CLOSE-WAIT'](x);
    x.connection.end();
    x.turn();
    x.out('F. 1:1 ack 2');
    return { rcv: 2, snd: 2 };
  },
};
const STATES = Object.keys(REACH);
const reach = (state: string): { x: Script; rcv: number; snd: number; una: number; ackText: string } => {
  const x = new Script();
  const { rcv, snd } = REACH[state](x);
  expect(x.state).toBe(state);
  // What the peer has acknowledged of ours.
  const una = ['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'].includes(state) ? 1 : snd;
  return { x, rcv, snd, una, ackText: `. ${snd}:${snd} ack ${rcv}` };
};
const RECEIVING = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'];
const LIVE = STATES.filter((state) => state !== 'TIME-WAIT');

describe.each(STATES)('%s', (state) => {
  it('answers a segment before the window by an ACK, and drops it', () => {
    const { x, una, ackText } = reach(state);
    x.in(`P. -10:0 ack ${una}`);
    x.out(ackText);
    expect(x.state).toBe(state);
    expect(x.handler.received).toHaveLength(0);
  });

  it('answers a segment past the window by an ACK, and drops it', () => {
    const { x, rcv, una, ackText } = reach(state);
    x.in(`P. ${rcv + 70_000}:${rcv + 70_010} ack ${una}`);
    x.out(ackText);
    expect(x.state).toBe(state);
  });

  it('answers an old FIN by an ACK', () => {
    const { x, una, ackText } = reach(state);
    x.in(`F. -5:-5 ack ${una}`);
    x.out(ackText);
    expect(x.state).toBe(state);
  });

  it('answers a SYN wherever it points by a challenge ACK (RFC 5961 §4.2)', () => {
    for (const offset of [-1000, -1, 0, 100, 200_000]) {
      if (state === 'TIME-WAIT' && offset > 0) continue; // that reopens: time-wait.test.ts
      const { x, rcv, ackText } = reach(state);
      x.in(`S ${rcv + offset}:${rcv + offset}`);
      x.out(ackText);
      expect(x.state).toBe(state);
      x.in(`S. ${rcv + offset}:${rcv + offset} ack 1`);
      x.out(ackText);
      expect(x.state).toBe(state);
    }
  });

  it('drops a reset outside the window without a word', () => {
    for (const offset of [-1, 70_000, -100_000]) {
      const { x, rcv } = reach(state);
      x.in(`R ${rcv + offset}:${rcv + offset}`);
      x.expectSilence();
      expect(x.state).toBe(state);
    }
  });
});

describe.each(LIVE)('%s', (state) => {
  it('is closed by a reset that hits RCV.NXT (RFC 5961 §3.2)', () => {
    const { x, rcv } = reach(state);
    x.in(`R ${rcv}:${rcv}`);
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
    const silent = state === 'CLOSING' || state === 'LAST-ACK';
    expect(x.handler.closes).toEqual([silent ? CLOSE_NORMAL : CLOSE_RESET]);
  });

  it('answers a reset elsewhere in the window by a challenge ACK', () => {
    for (const offset of [1, 1000, 65_534]) {
      const { x, rcv, ackText } = reach(state);
      x.in(`R ${rcv + offset}:${rcv + offset}`);
      x.out(ackText);
      expect(x.state).toBe(state);
    }
  });

  it('drops a segment without ACK', () => {
    const { x, rcv } = reach(state);
    x.in(`P ${rcv}:${rcv + 10}`);
    x.in(`F ${rcv}:${rcv}`);
    x.expectSilence();
    expect(x.state).toBe(state);
    expect(x.handler.received).toHaveLength(0);
  });

  it('answers an acknowledgment of what was not sent by an ACK, and drops the segment', () => {
    const { x, rcv, snd, ackText } = reach(state);
    x.in(`P. ${rcv}:${rcv + 10} ack ${snd + 1}`);
    x.out(ackText);
    expect(x.state).toBe(state);
    expect(x.handler.received).toHaveLength(0);
  });

  it('answers an acknowledgment older than the largest window by an ACK (RFC 5961 §5.2)', () => {
    const { x, rcv, ackText, una } = reach(state);
    x.in(`P. ${rcv}:${rcv + 10} ack ${una - 60_001}`);
    x.out(ackText);
    expect(x.handler.received).toHaveLength(0);
  });

  it('takes text with an old acknowledgment where it takes text', () => {
    const { x, rcv, una } = reach(state);
    x.in(`P. ${rcv}:${rcv + 10} ack ${una - 1000}`);
    expect(x.handler.received).toHaveLength(RECEIVING.includes(state) ? 10 : 0);
    expect(x.state).toBe(state);
  });

  it('sends a reset from SND.NXT when it is aborted, if the peer expects anything', () => {
    const { x, snd, rcv } = reach(state);
    x.connection.abort();
    x.turn();
    x.out(...(state === 'CLOSING' || state === 'LAST-ACK' ? [] : [`R. ${snd}:${snd} ack ${rcv}`]));
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([CLOSE_ABORTED]);
  });

  it('does nothing when it is ended again', () => {
    const { x } = reach(state);
    if (state === 'ESTABLISHED' || state === 'CLOSE-WAIT') return;
    x.connection.end();
    x.turn();
    x.expectSilence();
    expect(x.state).toBe(state);
  });
});

describe.each(RECEIVING)('%s', (state) => {
  it('takes text, and acknowledges it later', () => {
    const { x, rcv, una, snd } = reach(state);
    x.in(`P. ${rcv}:${rcv + 100} ack ${una}`);
    x.expectReceived(rcv + 100);
    x.expectSilence();
    x.outAfter(40, `. ${snd}:${snd} ack ${rcv + 100}`);
  });

  it('takes a FIN, and everything before it', () => {
    const { x, rcv, una, snd } = reach(state);
    x.in(`FP. ${rcv}:${rcv + 100} ack ${una}`);
    x.out(`. ${snd}:${snd} ack ${rcv + 101}`);
    x.expectReceived(rcv + 100);
    expect(x.handler.ended).toBe(1);
    const next = { ESTABLISHED: 'CLOSE-WAIT', 'FIN-WAIT-1': 'CLOSING', 'FIN-WAIT-2': 'TIME-WAIT' }[state];
    expect(x.state).toBe(next);
  });

  it('takes a FIN that came before the text that it follows', () => {
    const { x, rcv, una, snd } = reach(state);
    x.in(`F. ${rcv + 100}:${rcv + 100} ack ${una}`);
    x.out(`. ${snd}:${snd} ack ${rcv}`);
    expect(x.handler.ended).toBe(0);
    x.in(`P. ${rcv}:${rcv + 100} ack ${una}`);
    x.out(`. ${snd}:${snd} ack ${rcv + 101}`);
    x.expectReceived(rcv + 100);
    expect(x.handler.ended).toBe(1);
  });
});

describe.each(['CLOSE-WAIT', 'CLOSING', 'LAST-ACK'])('%s', (state) => {
  it('takes no text after the FIN', () => {
    const { x, rcv, una } = reach(state);
    x.in(`P. ${rcv}:${rcv + 100} ack ${una}`);
    expect(x.handler.received).toHaveLength(0);
    expect(x.state).toBe(state);
  });

  it('acknowledges the FIN again when it comes again', () => {
    const { x, rcv, una, ackText } = reach(state);
    x.in(`F. ${rcv - 1}:${rcv - 1} ack ${una}`);
    x.out(ackText);
    expect(x.state).toBe(state);
    expect(x.handler.ended).toBe(1);
  });
});

describe('the ways to CLOSED', () => {
  it('peer first: CLOSE-WAIT, LAST-ACK, CLOSED', () => {
    const { x } = reach('LAST-ACK');
    x.in('. 2:2 ack 2');
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
    expect(x.tcp.timeWait.size).toBe(0);
  });

  it('we first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, CLOSED after two MSL', () => {
    const { x } = reach('TIME-WAIT');
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
    x.advance(59_999);
    expect(x.state).toBe('TIME-WAIT');
    x.advance(1);
    expect(x.state).toBe('CLOSED');
    x.in('. 2:2 ack 2');
    x.out('R 2:2');
  });

  it('FIN-WAIT-1 to TIME-WAIT when one segment acknowledges our FIN and has the peer’s', () => {
    const { x } = reach('FIN-WAIT-1');
    x.in('F. 1:1 ack 2');
    x.out('. 2:2 ack 2');
    expect(x.state).toBe('TIME-WAIT');
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
  });

  it('both at once: CLOSING, TIME-WAIT', () => {
    const { x } = reach('CLOSING');
    x.in('. 2:2 ack 2');
    x.expectSilence();
    expect(x.state).toBe('TIME-WAIT');
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
  });

  it('sends what is queued before its FIN, on the last segment', () => {
    const x = new Script();
    const c = x.establish();
    x.write(1500);
    x.out('. 1:1001 ack 1', 'P. 1001:1501 ack 1');
    const y = new Script();
    const d = y.establish();
    d.nagle = true;
    y.write(10);
    y.out('P. 1:11 ack 1');
    y.write(1500); // waits for the first ten
    d.end();
    y.turn();
    y.out('. 11:1011 ack 1', 'FP. 1011:1511 ack 1');
    expect(c.state).toBe(d.state - 1);
  });

  it('keeps its FIN within the peer’s window', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 1000);
    c.end();
    x.turn();
    x.out('F. 1:1 ack 1');
    const y = new Script();
    const d = y.establish('mss 1000', 500);
    write(d, new Uint8Array(500));
    d.end();
    y.turn();
    y.out('P. 1:501 ack 1');
    y.in('. 1:1 ack 501 win 500');
    y.out('F. 501:501 ack 1');
  });

  it('half-closes: the peer may talk on when we have ended, for as long as it does', () => {
    const { x } = reach('FIN-WAIT-2');
    for (let i = 0; i < 10; i++) {
      x.advance(50_000);
      x.sent = [];
      x.in(`P. ${1 + i * 10}:${11 + i * 10} ack 2`);
    }
    x.expectReceived(101);
    expect(x.state).toBe('FIN-WAIT-2');
  });

  it('half-closes: we may talk on when the peer has ended', () => {
    const { x } = reach('CLOSE-WAIT');
    x.write(2500);
    x.out('. 1:1001 ack 2', '. 1001:2001 ack 2', 'P. 2001:2501 ack 2');
    x.in('. 2:2 ack 2501');
    x.connection.end();
    x.turn();
    x.out('F. 2501:2501 ack 2');
    x.in('. 2:2 ack 2502');
    expect(x.state).toBe('CLOSED');
  });

  it('drops a connection whose peer is silent in FIN-WAIT-2', () => {
    const { x } = reach('FIN-WAIT-2');
    x.advance(60_001);
    expect(x.state).toBe('CLOSED');
  });

  it('resends its FIN with backoff', () => {
    const { x } = reach('FIN-WAIT-1');
    x.outAfter(200, 'F. 1:1 ack 1');
    x.outAfter(400, 'F. 1:1 ack 1');
    x.in('. 1:1 ack 2');
    expect(x.state).toBe('FIN-WAIT-2');
  });

  it('resets everybody when the stack is closed', () => {
    const { x } = reach('ESTABLISHED');
    x.tcp.close();
    x.turn();
    x.out('R. 1:1 ack 1');
    expect(x.handler.closes).toEqual([CLOSE_ABORTED]);
    expect(x.tcp.flows.size).toBe(0);
  });
});

describe('TIME-WAIT', () => {
  it('acknowledges the FIN again and waits anew', () => {
    const { x } = reach('TIME-WAIT');
    x.advance(50_000);
    x.in('F. 1:1 ack 2');
    x.out('. 2:2 ack 2');
    x.advance(59_999);
    expect(x.state).toBe('TIME-WAIT');
    x.advance(1);
    expect(x.state).toBe('CLOSED');
  });

  it('is not ended by a reset (RFC 1337), unless told so', () => {
    const { x } = reach('TIME-WAIT');
    x.in('R 2:2');
    expect(x.state).toBe('TIME-WAIT');
    const y = new Script({ tcp: { timeWaitIgnoresReset: false } });
    REACH['TIME-WAIT'](y);
    y.in('R 2:2');
    expect(y.state).toBe('CLOSED');
  });

  it('opens anew for a SYN with a higher sequence number, with a higher one of its own', () => {
    const { x } = reach('TIME-WAIT');
    const before = x.hostIss;
    x.in('S 5000:5000 mss 1000');
    expect(x.sent).toHaveLength(1);
    expect(x.sent[0].flags).toBe('S.');
    expect((x.hostIss - before) | 0).toBeGreaterThan(2);
    x.sent = [];
    x.in('. 5001:5001 ack 1');
    expect(x.state).toBe('ESTABLISHED');
    expect(x.tcp.timeWait.size).toBe(0);
  });

  it('with timestamps, opens anew for a later one whatever the sequence number (RFC 6191)', () => {
    const x = new Script({ tcp: { timestamps: true } });
    x.tsVal = 1000;
    REACH['TIME-WAIT'](x);
    x.in('S -90000:-90000 ts 1000 0'); // not later, and lower
    expect(x.sent.pop()?.flags).toBe('.');
    x.in('S -90000:-90000 ts 999 0');
    expect(x.sent.pop()?.flags).toBe('.');
    x.in('S -90000:-90000 ts 1001 0');
    expect(x.sent.pop()?.flags).toBe('S.');
  });

  it('is silent to an acknowledgment of its last one, and answers everything else', () => {
    const { x } = reach('TIME-WAIT');
    x.in('. 2:2 ack 2');
    x.expectSilence();
    for (const segment of [
      '. 2:2 ack 3',
      '. 2:2 ack 1',
      '. 3:3 ack 2',
      '. 1:1 ack 2',
      '. 90000:90000 ack 2',
      'P. 2:12 ack 2',
      'FP. 2:12 ack 2',
    ]) {
      x.in(segment);
      x.out('. 2:2 ack 2');
    }
  });

  it('has its own duration, and says when and why it ends', () => {
    const x = new Script({ tcp: { timeWaitMs: 1_000 } });
    const ends: string[] = [];
    x.tcp.observer = {
      stateChanged: () => undefined,
      segmentIn: () => undefined,
      segmentOut: () => undefined,
      dropped: () => undefined,
      retransmitted: () => undefined,
      congestionChanged: () => undefined,
      timeWaitEnded: (_local, localPort, _remote, remotePort, cause) =>
        ends.push(`${localPort} ${remotePort} ${cause}`),
      notSent: () => undefined,
    };
    REACH['TIME-WAIT'](x);
    x.advance(999);
    expect(ends).toEqual([]);
    x.advance(1);
    expect(ends).toEqual(['6379 40000 2 MSL over']);
    x.tcp.unlisten(6379);
    REACH['TIME-WAIT'](x);
    x.in('S 5000:5000');
    expect(ends).toEqual(['6379 40000 2 MSL over', '6379 40000 opened anew']);
  });

  it('without a listener is not opened anew', () => {
    const { x } = reach('TIME-WAIT');
    x.tcp.unlisten(6379);
    x.in('S 5000:5000');
    x.out('. 2:2 ack 2');
    expect(x.state).toBe('TIME-WAIT');
  });

  it('opened anew, begins after its old sequence numbers, even if the clock has not come so far', () => {
    const x = new Script({ tcp: { mslMs: 30_000 } });
    const c = x.establish('mss 1000', 65_000);
    for (let i = 0; i < 20; i++) {
      x.write(50_000, c);
      while (x.sent.length > 0)
        x.in(`. 1:1 ack ${x.sent.splice(0).reduce((end, s) => Math.max(end, s.start + s.length), 1)}`);
    }
    c.end();
    x.turn();
    const end = x.sent[0].start + x.sent[0].length + 1;
    expect(end).toBeGreaterThan(1_000_000);
    x.in(`F. 1:1 ack ${end}`);
    const before = x.hostIss;
    x.in('S 5000:5000');
    expect((x.hostIss - before) | 0).toBeGreaterThan(end);
  });

  it('makes room for new ones by dropping the oldest', () => {
    const x = new Script({ tcp: { maxTimeWait: 2 } });
    x.listen();
    for (let port = 1001; port <= 1004; port++) {
      x.in(`S 0:0 sport ${port}`);
      x.in(`. 1:1 ack 1 sport ${port}`);
      x.connection.end();
      x.turn();
      x.in(`F. 1:1 ack 2 sport ${port}`);
    }
    expect(x.tcp.timeWait.size).toBe(2);
    expect(x.tcp.counters.timeWaitEvicted).toBe(2);
    expect(x.tcp.flows.size).toBe(2);
  });
});

describe('challenge ACKs (RFC 5961 §7)', () => {
  it('are limited for each connection', () => {
    const { x } = reach('ESTABLISHED');
    for (let i = 0; i < 50; i++) x.in('R 100:100');
    expect(x.sent).toHaveLength(10);
    expect(x.tcp.counters.challengeThrottled).toBe(40);
    x.advance(5_000);
    x.in('S 1:1');
    expect(x.sent).toHaveLength(11);
  });

  it('are limited for all connections together, by a number that nobody can count on', () => {
    const x = new Script({ tcp: { challengeLimitPerSecond: 40 } });
    x.listen();
    for (let port = 1001; port <= 1030; port++) {
      x.in(`S 0:0 sport ${port}`);
      x.in(`. 1:1 ack 1 sport ${port}`);
    }
    const budgets = new Set<number>();
    for (let second = 0; second < 8; second++) {
      x.advance(6_000);
      x.sent = [];
      for (let port = 1001; port <= 1030; port++) for (let i = 0; i < 5; i++) x.in(`R 9:9 sport ${port}`);
      expect(x.sent.length).toBeGreaterThanOrEqual(20);
      expect(x.sent.length).toBeLessThanOrEqual(60);
      budgets.add(x.sent.length);
    }
    expect(budgets.size).toBeGreaterThan(2);
  });

  it('do not let two stacks answer each other for ever', () => {
    const { x } = reach('ESTABLISHED');
    for (let i = 0; i < 1000; i++) x.in('. -5:-5 ack 1');
    expect(x.sent).toHaveLength(10);
  });
});

describe('as RFC 793 had it, where that is wanted', () => {
  it.each([0, 1, 1000, 65_534])('a reset at RCV.NXT + %i ends the connection', (offset) => {
    const x = new Script({ tcp: { insecureReset: true } });
    x.establish();
    x.in(`R ${1 + offset}:${1 + offset}`);
    x.expectSilence();
    expect(x.handler.closes).toEqual([CLOSE_RESET]);
  });

  it('a reset outside the window does not', () => {
    const x = new Script({ tcp: { insecureReset: true } });
    x.establish();
    for (const at of [0, 70_000]) x.in(`R ${at}:${at}`);
    expect(x.state).toBe('ESTABLISHED');
  });

  it('a SYN in the window ends the connection by a reset, one outside is answered', () => {
    const x = new Script({ tcp: { insecureSyn: true } });
    x.establish();
    x.in('S 0:0');
    x.out('. 1:1 ack 1');
    x.in('S 100:100');
    x.out('R. 1:1 ack 1');
    expect(x.handler.closes).toEqual([CLOSE_RESET]);
  });
});

describe('urgent data (RFC 9293 §3.8.5, RFC 6093)', () => {
  it('is data in line, wherever the pointer points', () => {
    const x = new Script();
    x.establish();
    const frame = (text: string, pointer: number): Uint8Array => {
      const bytes = x.frame(text);
      const view = new DataView(bytes.buffer);
      const old = view.getUint16(50);
      view.setUint16(52, pointer);
      let sum = (~old & 0xffff) + pointer;
      sum = (sum & 0xffff) + (sum >>> 16);
      view.setUint16(50, ~sum & 0xffff);
      return bytes;
    };
    [0, 1, 5, 10, 11, 0x7fff, 0xffff].forEach((pointer, i) => {
      x.inject(frame(`PU. ${1 + 10 * i}:${11 + 10 * i} ack 1`, pointer));
    });
    x.expectReceived(71);
    expect(x.tcp.counters.urgentSeen).toBe(7);
    expect(x.tcp.counters.badChecksum).toBe(0);
    expect(x.state).toBe('ESTABLISHED');
  });
});
