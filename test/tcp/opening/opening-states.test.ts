/**
 * SYN-SENT and SYN-RECEIVED against every kind of segment (RFC 9293 §3.10.7.3, §3.10.7.4).
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_REFUSED } from '../../../src/lib/link/stream.ts';
import { checksum, incoming, Script } from '../script.ts';

/** A plain frame whose text was changed. */
function withChecksum(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer);
  view.setUint16(50, 0);
  let pseudo = 6 + frame.length - 34;
  for (let i = 26; i < 34; i += 2) pseudo += view.getUint16(i);
  view.setUint16(50, checksum(frame, 34, frame.length, pseudo));
  return frame;
}

/** In SYN-RECEIVED, by a passive open or by two active ones; nothing is left to look at. */
const OPENS: [string, () => Script][] = [
  [
    'SYN-RECEIVED, passive',
    () => {
      const x = new Script();
      x.listen();
      x.in('S 0:0 win 60000 mss 1000');
      x.out('S. 0:0 ack 1');
      return x;
    },
  ],
  [
    'SYN-RECEIVED, simultaneous',
    () => {
      const x = new Script();
      x.connect();
      x.sent = [];
      x.in('S 0:0 win 60000 mss 1000');
      x.out('S. 0:0 ack 1');
      return x;
    },
  ],
];

describe.each(OPENS)('%s', (name, open) => {
  const passive = name.endsWith('passive');

  it.each(['P. -10:0 ack 1', 'P. 70000:70010 ack 1', 'F. -5:-5 ack 1', '. 65536:65536 ack 1'])(
    'answers %s, which is outside the window, by an ACK',
    (segment) => {
      const x = open();
      x.in(segment);
      x.out('. 1:1 ack 1');
      expect(x.state).toBe('SYN-RECEIVED');
      expect(x.handler.received).toHaveLength(0);
    },
  );

  it('drops a reset outside the window, and answers one inside by a challenge ACK', () => {
    const x = open();
    for (const at of [-1, 0, 70_000]) x.in(`R ${at}:${at}`);
    x.expectSilence();
    x.in('R 2:2');
    x.out('. 1:1 ack 1');
    expect(x.state).toBe('SYN-RECEIVED');
  });

  it('ends by a reset that hits RCV.NXT: without a word when passive, refused when active', () => {
    const x = open();
    x.in('R 1:1');
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual(passive ? [] : [CLOSE_REFUSED]);
  });

  it('drops a segment without ACK', () => {
    const x = open();
    x.in('P 1:11');
    x.in('F 1:1');
    x.expectSilence();
    expect(x.state).toBe('SYN-RECEIVED');
  });

  it.each([-1, 0, 2, 100_000, -100_000])('answers an acknowledgment of %i by a reset with that number', (ack) => {
    const x = open();
    x.in(`P. 1:11 ack ${ack}`);
    x.out(`R ${ack}:${ack}`);
    expect(x.state).toBe('SYN-RECEIVED');
    expect(x.handler.received).toHaveLength(0);
  });

  it('says its SYN,ACK again when the SYN comes again', () => {
    const x = open();
    x.in('S 0:0 win 60000 mss 1000');
    x.out('S. 0:0 ack 1');
    expect(x.state).toBe('SYN-RECEIVED');
  });

  it('another SYN in the window: back to LISTEN when passive, a challenge ACK when active', () => {
    const x = open();
    x.in('S 9:9');
    x.out(...(passive ? [] : ['. 1:1 ack 1']));
    expect(x.state).toBe(passive ? 'CLOSED' : 'SYN-RECEIVED');
  });

  it('is established by an ACK with text and FIN, out of order too', () => {
    const x = open();
    x.in('P. 11:21 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.state).toBe('ESTABLISHED');
    x.in('F. 21:21 ack 1');
    x.in('. 1:11 ack 1');
    x.expectReceived(21);
    expect(x.state).toBe('CLOSE-WAIT');
  });

  it('takes a window of zero in the ACK', () => {
    const x = open();
    x.in('. 1:1 ack 1 win 0');
    x.write(10);
    x.expectSilence();
    x.outAfter(200, '. 1:2 ack 1');
  });

  it('told to end, sends its FIN once it is established', () => {
    const x = open();
    x.connection.end();
    x.turn();
    x.expectSilence();
    x.in('. 1:1 ack 1');
    x.out('F. 1:1 ack 1');
    expect(x.state).toBe('FIN-WAIT-1');
  });

  it('aborted, resets its peer', () => {
    const x = open();
    x.connection.abort();
    x.turn();
    x.out('R. 1:1 ack 1');
    expect(x.state).toBe('CLOSED');
  });
});

describe('SYN-SENT', () => {
  const open = (): Script => {
    const x = new Script();
    x.connect();
    x.sent = [];
    return x;
  };

  it.each(['. 1:1 ack 1', 'P. 1:11 ack 1', 'F. 1:1 ack 1', 'F 1:1', 'P 1:11', 'U 1:1'])('drops %s', (segment) => {
    const x = open();
    x.in(segment);
    x.expectSilence();
    expect(x.state).toBe('SYN-SENT');
  });

  it.each(['. 1:1 ack 0', 'P. 1:11 ack 2', 'S. 0:0 ack 2', 'SF. 0:0 ack -1', 'F. 1:1 ack 100000'])(
    'answers %s, which acknowledges what was not sent, by a reset',
    (segment) => {
      const x = open();
      x.in(segment);
      expect(x.sent.map(({ flags, length }) => [flags, length])).toEqual([['R', 0]]);
      expect(x.state).toBe('SYN-SENT');
    },
  );

  it.each(['R 0:0', 'R 1:1', 'R. 0:0 ack 0', 'R. 0:0 ack 2'])('ignores %s', (segment) => {
    const x = open();
    x.in(segment);
    x.expectSilence();
    expect(x.state).toBe('SYN-SENT');
  });

  it.each(['R. 0:0 ack 1', 'R. 77:77 ack 1', 'SR. 0:0 ack 1', 'R. 1:4 ack 1'])('is refused by %s', (segment) => {
    const x = open();
    x.in(segment);
    expect(x.handler.closes).toEqual([CLOSE_REFUSED]);
  });

  it('takes the FIN of a SYN,ACK at its place, and the text', () => {
    const x = open();
    x.in('SF. 0:3 ack 1');
    expect(x.state).toBe('CLOSE-WAIT');
    expect(x.handler.received).toHaveLength(3);
    x.out('. 1:1 ack 5');
  });

  it('keeps the text of a simultaneous open’s SYN until it is established; a FIN comes again', () => {
    const x = open();
    const frame = x.frame('SF 0:3 mss 1000');
    frame.set(incoming(1, 3), frame.length - 3); // a SYN's text is numbered from 1
    x.inject(withChecksum(frame));
    x.out('S. 0:0 ack 1');
    x.connection.pauseRead();
    x.connection.resumeRead();
    expect(x.handler.received).toHaveLength(0);
    x.in('. 4:4 ack 1');
    expect(x.state).toBe('ESTABLISHED');
    x.expectReceived(4);
    expect(x.handler.ended).toBe(0);
    x.outAfter(40, '. 1:1 ack 4');
    x.in('F. 4:4 ack 1');
    expect(x.handler.ended).toBe(1);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });

  it('takes that text once when it comes again', () => {
    const x = open();
    const frame = x.frame('S 0:3');
    frame.set(incoming(1, 3), frame.length - 3);
    x.inject(withChecksum(frame));
    x.sent = [];
    x.in('P. 1:11 ack 1');
    x.expectReceived(11);
  });
});
