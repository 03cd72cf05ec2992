/**
 * What a forged SYN costs under pressure: nanoseconds from frame to SYN cookie, and for an ACK that brings a wrong one; the heap
 * that a million of each leave behind. Options as Linux sends them.
 *
 *   node --expose-gc bench/syn-flood.ts
 */
import type { StreamHandler } from '../src/lib/link/stream.ts';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { Interface } from '../src/lib/net/interface.ts';
import { Random, secretWords } from '../src/lib/random.ts';
import { widenInlining } from '../src/lib/server/jit.ts';
import { SECRET_WORDS } from '../src/lib/tcp/config.ts';
import { TcpStack } from '../src/lib/tcp/stack.ts';
import { ClientSide, SERVER_ADDRESS } from './client-side.ts';
import { HotLink } from './hot-link.ts';

const BURST = 64;
const FRAMES = 2_000_000;
const SYN = 2;
const ACK = 16;

class Nobody implements StreamHandler {
  onOpen(): void {}
  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onClose(): void {}
}

widenInlining();
const memory = new PacketMemory(128 << 20, 32 << 20);
const { dv } = memory;
const link = new HotLink(memory);
const net = new Interface(link, { address: SERVER_ADDRESS, prefixLength: 24, random: new Random(1), insist: true });
const tcp = new TcpStack(net, { random: new Random(2), secret: secretWords(SECRET_WORDS), nagle: false });
tcp.listen(6379, new Nobody());
const client = new ClientSide(link, BURST);
let nowUs = 10_000_000;

/** Sends `FRAMES` frames with forged sources; prints what each cost. */
function flood(name: string, bits: number, optionWord: number): void {
  for (let i = 0; i < BURST; i++) {
    client.writeFrame(i, i, bits, 0);
    dv.setInt32(link.slot(i) + 54, optionWord);
  }
  let forged = 0;
  const round = (frames: number): void => {
    for (let n = 0; n < frames; n += BURST) {
      nowUs += 640; // 100,000 a second
      net.nowUs = nowUs;
      for (let i = 0; i < BURST; i++) {
        const f = link.slot(i);
        forged = (Math.imul(forged, 1664525) + 1013904223) | 0;
        dv.setInt32(f + 26, 0xc633_6400 | (forged >>> 24 || 1));
        dv.setUint16(f + 34, 1024 + (forged & 0x7fff));
        dv.setInt32(f + 38, forged);
        net.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
      }
      tcp.output(nowUs);
      net.output(nowUs);
      link.flush();
    }
  };
  round(FRAMES >> 2);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const began = process.hrtime.bigint();
  round(FRAMES);
  const ns = Number(process.hrtime.bigint() - began) / FRAMES;
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed - heapBefore;
  console.log(`${ns.toFixed(0).padStart(6)} ns  ${name}; ${heap} bytes of heap more after ${FRAMES}`);
}

flood('a forged SYN, answered by a cookie', SYN, 0x0101_080a);
flood('a forged ACK, answered by a reset (within its budget)', ACK, 0x0101_080a);
console.log(`${tcp.connectionCount} connections, ${tcp.counters.cookiesSent} cookies, ${tcp.counters.badCookie} bad`);
console.log(`${net.arp.neighbours.size} neighbours, ${net.counters.arpRequestsOut} ARP requests`);
