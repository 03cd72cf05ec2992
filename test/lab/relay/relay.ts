/**
 * The relay's process: a bump in the wire between two interfaces of its namespace, with loss and delay. Every frame passes, ARP
 * included, so the ends believe that they share a segment.
 *
 *   node test/lab/relay/relay.ts near0 far0
 *
 *   near0 ── PacketLink ──▶ DelayLine ──▶ PacketLink ── far0        and the same the other way
 */
import { systemClock } from '../../../src/lib/clock.ts';
import { PacketLink } from '../../../src/lib/link/packet.ts';
import { PacketMemory } from '../../../src/lib/memory/packet-memory.ts';
import { check } from '../../../src/lib/native/error.ts';
import { EPOLLIN, MEMBER_STREAM, socketCalls } from '../../../src/lib/native/socket.ts';
import { waitCalls } from '../../../src/lib/native/wait.ts';
import { Random } from '../../../src/lib/random.ts';
import { widenInlining } from '../../../src/lib/server/jit.ts';
import { DelayLine } from './delay-line.ts';
import { answer, onCommand, type RelayConditions, yieldToEvents } from './protocol.ts';

/** 50 ms at 1 GB/s. */
const RING_BYTES = 50 << 20;
/** New conditions are heard of within so long. */
const LISTEN_EVERY_US = 20_000;

widenInlining();
const memory = new PacketMemory(512 << 20, 2 * RING_BYTES + (1 << 20));
const links = process.argv
  .slice(2, 4)
  .map((interfaceName) =>
    PacketLink.open({ memory, interfaceName, match: { kind: 'all' }, dataBuffers: 16, rxSlots: 1920 }),
  );
const lines = [1, 0].map((to) => new DelayLine(memory, links[to], RING_BYTES, new Random(1)));
const waits = waitCalls();
const epoll = check(socketCalls().epoll(), 'make an epoll set');
for (const link of links) check(socketCalls().epollAdd(epoll, link.fd, MEMBER_STREAM, EPOLLIN), 'wait for a link');

let droppedBefore = 0;

function dropped(): number {
  return links.reduce((sum, { stats }) => sum + stats.rxDropped + stats.txDropped, 0);
}

function sum(of: (line: DelayLine) => number): number {
  return of(lines[0]) + of(lines[1]);
}

onCommand<RelayConditions>(({ loss, delayUs, bitsPerSecond, queueBytes, seed }) => {
  answer({
    kind: 'relay',
    packets: sum((line) => line.packets),
    lost: sum((line) => line.impairment.lost),
    queueFull: sum((line) => line.impairment.queueFull),
    overrun: sum((line) => line.overrun) + dropped() - droppedBefore,
  });
  droppedBefore = dropped();
  for (const [i, line] of lines.entries()) {
    line.reset({ loss, delayUs, bitsPerSecond, queueBytes }, new Random(2 * seed + i));
  }
});

/** Takes a burst from each link and sends what is due. True when something arrived. */
function turn(nowUs: number): boolean {
  let arrived = 0;
  for (let i = 0; i < 2; i++) {
    const link = links[i];
    const n = link.receive();
    for (let k = 0; k < n; k++) lines[i].take(link.rxOffset[k], link.rxLength[k], nowUs);
    if (n > 0) link.release();
    lines[i].emit(nowUs);
    arrived += n;
  }
  links[0].flush();
  links[1].flush();
  return arrived > 0;
}

for (let heardUs = 0; ; ) {
  const nowUs = systemClock.nowUs();
  if (nowUs - heardUs > LISTEN_EVERY_US) {
    heardUs = nowUs;
    await yieldToEvents();
  }
  if (turn(nowUs)) continue;
  const nextUs = Math.min(lines[0].nextUs, lines[1].nextUs, heardUs + LISTEN_EVERY_US);
  const sleepUs = Math.ceil(nextUs - systemClock.nowUs());
  if (sleepUs > 0) waits.wait(epoll, -1, sleepUs);
}
