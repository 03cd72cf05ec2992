/**
 * Owners and peers that do anything in any order: what the stack counts is what there is, and when all is over nothing is left.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { TcpCounters } from '../../src/lib/tcp/counters.ts';
import { SYN_RECEIVED } from '../../src/lib/tcp/state.ts';
import { write } from './pair.ts';
import { Script } from './script.ts';

const ACCEPT_BACKLOG = 2;
const BACKLOG = 2;

/** What the steps must have come to, or they were the wrong ones. */
const REACHED = [
  'established',
  'cookiesAccepted',
  'badCookie',
  'acceptQueueFull',
  'orphansReset',
  'unreadResets',
  'dataAfterClose',
  'timeWaitEntered',
  'userTimeouts',
  'resetsIn',
  'outOfOrder',
] as const;

/** A peer's port, and what its own and our sequence numbers are as far as it knows. */
interface Peer {
  readonly port: number;
  iss: number;
  next: number;
  acknowledged: number;
}

const STEPS = 'open open syn ack ack data data fin fin rst hole wait tick accept accept owner'.split(' ');
const step = fc.tuple(fc.constantFrom(...STEPS), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 9 }));
const settings: fc.Arbitrary<Partial<TcpOptions>> = fc.record({
  synCookies: fc.constantFrom('off', 'pressure', 'always'),
  maxOrphans: fc.constantFrom(0, 1, 100),
  userTimeoutMs: fc.constantFrom(0, 3_000),
  openTimeoutMs: fc.constantFrom(0, 2_000),
  keepAliveMs: fc.constantFrom(0, 5_000),
  maxConnections: fc.constantFrom(3, 50),
  maxTimeWait: fc.constantFrom(1, 20),
});

function owner(c: Connection, what: number): void {
  if (what === 0) c.abort();
  else if (what === 1) c.end();
  else if (what === 2) c.close();
  else if (what === 3) c.close(true);
  else if (what === 4) c.pauseRead();
  else if (what === 5) c.resumeRead();
  else if (what === 6) c.lingerMs = [-1, 0, 500][c.slot % 3];
  else if (what === 7) c.keepAlive(1_000, 500, 2);
  else if (what === 8) c.corked = !c.corked;
  else if (!c.isClosed && !c.finQueued) write(c, new Uint8Array(700));
}

function peerSays(x: Script, peer: Peer, what: string): void {
  x.peerIss = peer.iss;
  x.hostIss = peer.acknowledged;
  const ends = `win 2000 sport ${peer.port}`;
  const at = peer.next;
  if (what === 'syn') x.in(`S 0:0 mss 500 ${ends}`);
  else if (what === 'ack') x.in(`. ${at}:${at} ack 0 ${ends}`);
  else if (what === 'data') x.in(`P. ${at}:${at + 50} ack 0 ${ends}`);
  else if (what === 'hole') x.in(`P. ${at + 60}:${at + 90} ack 0 ${ends}`);
  else if (what === 'fin') x.in(`F. ${at}:${at} ack 0 ${ends}`);
  else x.in(`R ${at}:${at} ${ends}`);
}

/** Lets the peers know what was sent to them. */
function hear(x: Script, peers: Peer[]): void {
  for (const { frame, flags, length } of x.sent.splice(0)) {
    const view = new DataView(frame.buffer, frame.byteOffset);
    const peer = peers.find(({ port }) => port === view.getUint16(36));
    if (peer === undefined || flags.startsWith('R')) continue;
    const controls = (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0);
    peer.acknowledged = (view.getInt32(38) + length + controls) | 0;
    if (flags.includes('.')) peer.next = Math.max(0, (view.getInt32(42) - peer.iss) | 0);
  }
}

function checkCounts(x: Script): void {
  const open = x.tcp.connections.filter((c) => c !== null);
  const listener = x.tcp.listeners.get(6379);
  expect(x.tcp.orphans).toBe(open.filter((c) => c.orphaned).length);
  if (listener === undefined) return;
  expect(listener.halfOpen).toBe(open.filter((c) => c.state === SYN_RECEIVED).length);
  expect(listener.halfOpen).toBeLessThanOrEqual(BACKLOG + x.tcp.timeWait.size + x.tcp.counters.timeWaitReused);
  expect(listener.waiting?.length).toBeLessThanOrEqual(ACCEPT_BACKLOG);
}

describe('owners and peers that do anything', () => {
  it('leave nothing behind', () => {
    const seen = new TcpCounters();
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 150 }), settings, (steps, tcp) => {
        const x = new Script({ tcp: { ...tcp, maxRtoMs: 2_000, maxRetransmissions: 3, finWait2Ms: 5_000 } });
        const listener = x.tcp.listen(6379, x.handler, { backlog: BACKLOG, acceptBacklog: ACCEPT_BACKLOG });
        const peers = Array.from({ length: 6 }, (_, i): Peer => {
          return { port: 1001 + i, iss: Math.imul(i, 0x2a00_0000), next: 1, acknowledged: 0 };
        });
        for (const [what, who, how] of steps) {
          if (what === 'tick') x.advance(how * 200);
          else if (what === 'wait') x.advance(how);
          else if (what === 'accept') listener.accept()?.resumeRead();
          else if (what === 'open') {
            peerSays(x, peers[who], 'syn');
            hear(x, peers);
            peerSays(x, peers[who], 'ack');
          } else if (what !== 'owner') peerSays(x, peers[who], what);
          else if (x.handler.opened.length > 0) owner(x.handler.opened[who % x.handler.opened.length], how);
          x.turn();
          hear(x, peers);
          checkCounts(x);
        }
        x.tcp.unlisten(6379);
        for (const c of x.handler.opened) {
          c.resumeRead();
          c.end();
        }
        x.advance(200_000);
        checkCounts(x);
        x.tcp.close();
        x.turn();
        expect(x.handler.closes).toHaveLength(x.handler.opened.length);
        expect([x.tcp.connectionCount, x.tcp.orphans, x.tcp.flows.size, x.tcp.lingering.size]).toEqual([0, 0, 0, 0]);
        expect(x.host.link.memory.extents.usedBytes).toBe(0);
        expect(x.tcp.deadlines.size).toBe(0);
        for (const reason of REACHED) seen[reason] += x.tcp.counters[reason];
      }),
      { numRuns: 600 },
    );
    for (const reason of REACHED) expect(seen[reason], reason).toBeGreaterThan(0);
  });
});
