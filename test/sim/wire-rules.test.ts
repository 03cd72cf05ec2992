/**
 * The rules themselves: frames that nobody may send, built by hand, are noticed; those that are allowed pass.
 */
import { describe, expect, it } from 'vitest';
import { ethernet, ipv4, naiveChecksum } from '../net/frames.ts';
import { WireRules } from './wire-rules.ts';

const A = '192.0.2.1';
const B = '192.0.2.2';
const [FIN, SYN, ACK] = [1, 2, 16];

interface Fields {
  readonly from?: string;
  readonly flags: number;
  readonly sequence: number;
  readonly ack?: number;
  readonly window?: number;
  readonly bytes?: number;
  readonly options?: readonly number[];
  readonly wrong?: number;
}

/** A frame of the connection A:1000 ↔ B:80. */
function frame({
  from = A,
  flags,
  sequence,
  ack = 0,
  window = 1000,
  bytes = 0,
  options = [],
  wrong = 0,
}: Fields): Buffer {
  const [to, ports] = from === A ? [B, [1000, 80]] : [A, [80, 1000]];
  const segment = Buffer.alloc(20 + options.length + bytes);
  segment.writeUInt16BE(ports[0], 0);
  segment.writeUInt16BE(ports[1], 2);
  segment.writeUInt32BE(sequence, 4);
  segment.writeUInt32BE(ack, 8);
  segment[12] = (20 + options.length) << 2;
  segment[13] = flags;
  segment.writeUInt16BE(window, 14);
  segment.set(options, 20);
  const pseudo = Buffer.from([
    ...`${from}.${to}`.split('.').map(Number),
    0,
    6,
    segment.length >> 8,
    segment.length & 255,
  ]);
  segment.writeUInt16BE(naiveChecksum(Buffer.concat([pseudo, segment])) ^ wrong, 16);
  return ethernet(
    '02:00:00:00:00:02',
    '02:00:00:00:00:01',
    0x0800,
    ipv4({ source: from, destination: to, protocol: 6, payload: segment }),
  );
}

/** Both SYNs: A begins at 100, B at 500; B offers `window` bytes from 101 on, A 1000 from 501 on. */
function opened(window = 1000): WireRules {
  const rules = new WireRules();
  send(rules, { flags: SYN, sequence: 100, options: [2, 4, 5, 180] }); // MSS 1460
  send(rules, { from: B, flags: SYN | ACK, sequence: 500, ack: 101, window, options: [2, 4, 5, 180] });
  send(rules, { flags: ACK, sequence: 101, ack: 501 });
  return rules;
}

function send(rules: WireRules, fields: Fields, arrives = true): void {
  const bytes = frame(fields);
  rules.sent(bytes, false, 0);
  if (arrives) rules.arrived(bytes);
}

describe('rules on the wire', () => {
  it('a wrong checksum is noticed', () => {
    expect(() => send(new WireRules(), { flags: SYN, sequence: 1, wrong: 4 })).toThrow('checksum');
  });

  it('a header that contradicts itself is noticed', () => {
    expect(() => send(new WireRules(), { flags: SYN | FIN, sequence: 1 })).toThrow('malformed header');
    expect(() => send(new WireRules(), { flags: SYN, sequence: 1, options: [2, 9, 0, 0] })).toThrow(
      'malformed options',
    );
  });

  it('the window may be filled, and probed by one byte, but not overrun', () => {
    const rules = opened();
    send(rules, { flags: ACK, sequence: 101, ack: 501, bytes: 1000 });
    send(rules, { flags: ACK, sequence: 1101, ack: 501, bytes: 1 });
    expect(() => send(rules, { flags: ACK, sequence: 1101, ack: 501, bytes: 2 })).toThrow('sent beyond the window: ');
  });

  it('a window counts from when it arrives', () => {
    const rules = opened(10);
    send(rules, { from: B, flags: ACK, sequence: 501, ack: 101, window: 500 }, false);
    expect(() => send(rules, { flags: ACK, sequence: 101, ack: 501, bytes: 400 })).toThrow('sent beyond the window: ');
  });

  it('a window is not taken back', () => {
    const rules = opened();
    expect(() => send(rules, { from: B, flags: ACK, sequence: 501, ack: 101, window: 999 })).toThrow(
      'window taken back',
    );
  });

  it('segments fit the MSS', () => {
    const rules = opened(5000);
    send(rules, { flags: ACK, sequence: 101, ack: 501, bytes: 1460 });
    expect(() => send(rules, { flags: ACK, sequence: 1561, ack: 501, bytes: 1461 })).toThrow('sent more than the MSS');
  });

  it('a stream has no holes and ends with its FIN', () => {
    const rules = opened();
    expect(() => send(rules, { flags: ACK, sequence: 102, ack: 501, bytes: 5 })).toThrow('sent with a hole');
    send(rules, { flags: ACK | FIN, sequence: 101, ack: 501, bytes: 5 });
    expect(() => send(rules, { flags: ACK, sequence: 107, ack: 501, bytes: 1 })).toThrow('sent behind the FIN');
  });

  it('acknowledgments do not go back, and SACK blocks lie in what was sent beyond them', () => {
    const rules = opened();
    send(rules, { flags: ACK, sequence: 101, ack: 501, bytes: 100 });
    const sack = (left: number, right: number): number[] => [1, 1, 5, 10, 0, 0, 0, left, 0, 0, 0, right];
    send(rules, { from: B, flags: ACK, sequence: 501, ack: 111, window: 990, options: sack(120, 130) });
    expect(() =>
      send(rules, { from: B, flags: ACK, sequence: 501, ack: 111, window: 990, options: sack(190, 220) }),
    ).toThrow('SACK block that cannot be');
    expect(() => send(rules, { from: B, flags: ACK, sequence: 501, ack: 110, window: 991 })).toThrow('went back');
  });
});
