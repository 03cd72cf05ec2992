/**
 * Two stacks on a simulated wire, of which the first one's link is captured: what it sends before the wire loses it, what it
 * receives after. As Wireshark on one of two hosts would see a bad line.
 */
import { VirtualClock } from '../../src/lib/clock.ts';
import { type Conditions, MemoryWire } from '../../src/lib/link/memory.ts';
import { PcapTap } from '../../src/lib/link/pcap.ts';
import { Interface } from '../../src/lib/net/interface.ts';
import { Random } from '../../src/lib/random.ts';
import { SECRET_WORDS, type TcpOptions } from '../../src/lib/tcp/config.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { TcpStack } from '../../src/lib/tcp/stack.ts';
import { MemorySink } from '../link/pcap-capture.ts';
import { ADDRESS_A, ADDRESS_B, type Recorder, write } from '../tcp/pair.ts';

export interface Scenario {
  readonly seed: number;
  readonly conditions: Conditions;
  readonly clientTcp?: Partial<TcpOptions>;
  readonly serverTcp?: Partial<TcpOptions>;
  readonly snapLength?: number;
}

class TappedHost {
  readonly tap: PcapTap;
  readonly sink = new MemorySink();
  readonly net: Interface;
  readonly tcp: TcpStack;

  constructor(
    wire: MemoryWire,
    clock: VirtualClock,
    address: number,
    seed: number,
    tcp: Partial<TcpOptions>,
    snap?: number,
  ) {
    const random = new Random(seed);
    const mac = Uint8Array.of(2, 0, 0, 0, 0, address & 255);
    const link = wire.attach({ mac, memoryBytes: 40 << 20, dataBuffers: 512 });
    this.tap = new PcapTap(link, this.sink, clock, snap);
    this.net = new Interface(this.tap, { address, prefixLength: 24, random, insist: true });
    this.net.nowUs = clock.nowUs();
    const secret = Int32Array.from({ length: SECRET_WORDS }, () => random.int32());
    this.tcp = new TcpStack(this.net, { random, secret, maxConnections: 64, maxTimeWait: 64, ...tcp });
  }

  turn(nowUs: number): void {
    const { tap, net, tcp } = this;
    net.nowUs = nowUs;
    const count = tap.receive();
    for (let i = 0; i < count; i++) net.input(tap.rxOffset[i], tap.rxLength[i], tap.rxFlags[i]);
    tcp.output(nowUs);
    net.output(nowUs);
    tap.flush();
    tap.release();
  }

  nextDeadlineUs(): number {
    return Math.min(this.tcp.nextDeadlineUs(), this.net.nextDeadlineUs());
  }
}

export class CapturedPair {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly wire: MemoryWire;
  readonly client: TappedHost;
  readonly server: TappedHost;

  constructor(scenario: Scenario) {
    const { seed, conditions, clientTcp = {}, serverTcp = {}, snapLength } = scenario;
    this.clock.us = 1_000_000_000;
    this.random = new Random(seed + 99);
    this.wire = new MemoryWire(this.clock, new Random(seed), conditions);
    this.client = new TappedHost(this.wire, this.clock, ADDRESS_A, seed + 1, clientTcp, snapLength);
    this.server = new TappedHost(this.wire, this.clock, ADDRESS_B, seed + 2, serverTcp, snapLength);
  }

  connect(port: number, handler: Recorder, localPort = 0): Connection {
    this.client.net.nowUs = this.clock.us;
    return this.client.tcp.connect(ADDRESS_B, port, handler, localPort) as Connection;
  }

  /** Lets time pass until `done` says so or `limitUs` are over; false then. */
  run(limitUs: number, done: () => boolean = () => false): boolean {
    const endUs = this.clock.us + limitUs;
    for (;;) {
      this.wire.deliver();
      this.client.turn(this.clock.us);
      this.server.turn(this.clock.us);
      if (done()) return true;
      const busy = this.client.tap.pending() || this.server.tap.pending();
      const nextUs = Math.min(this.wire.nextDeadlineUs(), this.client.nextDeadlineUs(), this.server.nextDeadlineUs());
      if (busy) continue;
      if (nextUs > endUs) {
        this.clock.us = endUs;
        return false;
      }
      this.clock.us = Math.max(this.clock.us + 1, Math.ceil(nextUs));
    }
  }

  /** The capture at the client's (or the server's) link, in pcapng. */
  capture(at: 'client' | 'server'): Buffer {
    const host = this[at];
    host.tap.close();
    return host.sink.bytes;
  }
}

/** Sends `bytes` through a connection as fast as its queue takes them. */
export function pour(connection: Connection, recorder: Recorder, bytes: Buffer, then: () => void = () => {}): void {
  let done = 0;
  const more = (): void => {
    while (done < bytes.length) {
      const chunk = bytes.subarray(done, done + 4096);
      if (connection.queue.unsentBytes + connection.queue.backlogBytes > 100_000) {
        connection.wantsDrain = true;
        return;
      }
      if (!write(connection, chunk)) return;
      done += chunk.length;
    }
    connection.wantsDrain = false;
    then();
  };
  recorder.drain = more;
  more();
}
