/** The state diagram of RFC 9293 §3.3.2, figure 5, as an onlooker sees it: the RFC's own exchanges (figures 6 to 13). */
import { describe, expect, test } from 'vitest';
import { STATE_NAMES } from '../../src/lib/tcp/state.ts';
import { WireStates } from '../../src/lib/trace/wire-states.ts';
import { ACK, FIN, RST, SYN } from '../../src/lib/wire/tcp.ts';

type Step = readonly [from: 'A' | 'B', seq: number, ack: number, flags: number, lengthBytes?: number];
const WINDOW = 1000;

/** States of both ends after each segment. */
function watch(steps: readonly Step[], fromStart = true): string[] {
  const states = new WireStates(fromStart, () => {});
  return steps.map(([from, seq, ack, flags, lengthBytes = 0]) => {
    const [sender, receiver] = from === 'A' ? [states.client, states.server] : [states.server, states.client];
    states.segment(sender, receiver, seq, ack, lengthBytes, flags, WINDOW);
    return `${STATE_NAMES[states.client.state]} ${STATE_NAMES[states.server.state]}${states.over ? ' over' : ''}`;
  });
}

const HANDSHAKE: readonly Step[] = [
  ['A', 100, 0, SYN],
  ['B', 300, 101, SYN | ACK],
  ['A', 101, 301, ACK],
];

test('figure 6: the handshake', () => {
  expect(watch(HANDSHAKE)).toEqual(['SYN-SENT LISTEN', 'SYN-SENT SYN-RECEIVED', 'ESTABLISHED ESTABLISHED']);
});

test('figure 7: a simultaneous open', () => {
  const steps: Step[] = [
    ['A', 100, 0, SYN],
    ['B', 300, 0, SYN],
    ['A', 100, 301, SYN | ACK],
    ['B', 300, 101, SYN | ACK],
    ['A', 101, 301, ACK],
  ];
  expect(watch(steps).at(-1)).toBe('ESTABLISHED ESTABLISHED');
});

describe('closing', () => {
  test('figure 12: one side first', () => {
    const steps: Step[] = [
      ...HANDSHAKE,
      ['A', 101, 301, FIN | ACK],
      ['B', 301, 102, ACK],
      ['B', 301, 102, FIN | ACK],
      ['A', 102, 302, ACK],
    ];
    expect(watch(steps).slice(3)).toEqual([
      'FIN-WAIT-1 ESTABLISHED',
      'FIN-WAIT-2 CLOSE-WAIT',
      'FIN-WAIT-2 LAST-ACK',
      'TIME-WAIT CLOSED over',
    ]);
  });

  test('with the last bytes, and both FINs in one exchange', () => {
    const steps: Step[] = [
      ...HANDSHAKE,
      ['A', 101, 301, FIN | ACK, 50],
      ['B', 301, 152, FIN | ACK],
      ['A', 152, 302, ACK],
    ];
    expect(watch(steps).slice(3)).toEqual(['FIN-WAIT-1 ESTABLISHED', 'FIN-WAIT-2 LAST-ACK', 'TIME-WAIT CLOSED over']);
  });

  test('figure 13: both at once', () => {
    const steps: Step[] = [
      ...HANDSHAKE,
      ['A', 101, 301, FIN | ACK],
      ['B', 301, 101, FIN | ACK],
      ['A', 102, 302, ACK],
      ['B', 302, 102, ACK],
    ];
    expect(watch(steps).slice(3)).toEqual([
      'FIN-WAIT-1 ESTABLISHED',
      'FIN-WAIT-1 FIN-WAIT-1',
      'CLOSING FIN-WAIT-2',
      'TIME-WAIT TIME-WAIT over',
    ]);
  });
});

describe('resets', () => {
  test('end both, from wherever they are', () => {
    expect(watch([...HANDSHAKE, ['A', 101, 301, RST | ACK]]).at(-1)).toBe('CLOSED CLOSED over');
    expect(watch([HANDSHAKE[0], ['B', 0, 101, RST | ACK]]).at(-1)).toBe('CLOSED CLOSED over');
  });

  test('are not believed outside the window (RFC 9293 §3.10.7.4)', () => {
    expect(watch([...HANDSHAKE, ['A', 100, 301, RST | ACK]]).at(-1)).toBe('ESTABLISHED ESTABLISHED');
    expect(watch([...HANDSHAKE, ['A', 101 + WINDOW + 1, 301, RST]]).at(-1)).toBe('ESTABLISHED ESTABLISHED');
  });
});

test('a connection that was open before is open', () => {
  expect(watch([['A', 500, 700, ACK, 20]], false)).toEqual(['ESTABLISHED ESTABLISHED']);
});

test('sequence numbers wrap', () => {
  const steps: Step[] = [
    ['A', -1, 0, SYN],
    ['B', 0x7fffffff, 0, SYN | ACK],
    ['A', 0, -0x80000000, ACK],
  ];
  expect(watch(steps).at(-1)).toBe('ESTABLISHED ESTABLISHED');
});
