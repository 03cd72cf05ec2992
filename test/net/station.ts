/** One Interface and, across a simulated wire, a raw station that sends frames and sees what comes back. */
import { VirtualClock } from '../../src/lib/clock.ts';
import { type MemoryLink, type MemoryLinkOptions, MemoryWire } from '../../src/lib/link/memory.ts';
import { Interface, type InterfaceOptions } from '../../src/lib/net/interface.ts';
import { Random } from '../../src/lib/random.ts';
import { ipInt, mac } from './frames.ts';

export const OUR_MAC = '02:00:00:00:00:01';
export const PEER_MAC = '02:00:00:00:00:02';
export const OUR_IP = '192.0.2.1';
export const PEER_IP = '192.0.2.2';

export class Station {
  readonly clock = new VirtualClock();
  readonly wire = new MemoryWire(this.clock, new Random(1));
  readonly link: MemoryLink;
  readonly peer: MemoryLink;
  readonly net: Interface;

  constructor(options: Partial<InterfaceOptions> = {}, link: Partial<MemoryLinkOptions> = {}) {
    this.link = this.wire.attach({ mac: mac(OUR_MAC), memoryBytes: 16 << 20, ...link });
    this.peer = this.wire.attach({ mac: mac(PEER_MAC), memoryBytes: 8 << 20, mtu: this.link.mtu, promiscuous: true });
    const random = new Random(2);
    this.net = new Interface(this.link, { address: ipInt(OUR_IP), prefixLength: 24, random, ...options });
  }

  /** Feeds frames to the interface and returns what it sends in the same turn. */
  send(...frames: Uint8Array[]): Buffer[] {
    for (const frame of frames) this.link.inject(frame);
    return this.turn();
  }

  /** One turn of the loop at the clock's time. */
  turn(): Buffer[] {
    const { net, link } = this;
    net.nowUs = this.clock.us;
    for (let count = link.receive(); count > 0; count = link.receive()) {
      for (let i = 0; i < count; i++) net.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
      link.release();
    }
    net.output(this.clock.us);
    link.flush();
    this.wire.deliver();
    return this.peer.takeReceived().map((bytes) => Buffer.from(bytes));
  }

  /** Turns until `us` from now, waking when the interface wants to; all that was sent, with when. */
  run(us: number): { us: number; frame: Buffer }[] {
    const sent: { us: number; frame: Buffer }[] = [];
    const end = this.clock.us + us;
    for (;;) {
      for (const frame of this.turn()) sent.push({ us: this.clock.us, frame });
      const next = this.net.nextDeadlineUs();
      if (next > end) break;
      this.clock.us = Math.max(next, this.clock.us + 1);
    }
    this.clock.us = end;
    this.net.nowUs = end;
    return sent;
  }

  /** No buffer and no extent is held any more. */
  get leaked(): { buffers: number; extentBytes: number } {
    const { control, memory } = this.link;
    return { buffers: control.count - control.available, extentBytes: memory.extents.usedBytes };
  }
}
