/**
 * Stations on a simulated wire and a virtual clock: everybody takes a turn, the wire delivers, time jumps to whatever is due
 * next.
 */
import { VirtualClock } from '../../src/lib/clock.ts';
import type { Link } from '../../src/lib/link/link.ts';
import type { MemoryLink } from '../../src/lib/link/memory.ts';
import { MemoryWire } from '../../src/lib/link/memory.ts';
import { Interface } from '../../src/lib/net/interface.ts';
import type { Station } from '../../src/lib/probe/station.ts';
import { Random } from '../../src/lib/random.ts';
import { parseIpv4, parseMac } from '../../src/lib/wire/address.ts';

export const WIRE_DELAY_US = 250;

export function address(text: string): number {
  const parsed = parseIpv4(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

export class Simulation {
  readonly clock = new VirtualClock();
  readonly wire: MemoryWire;
  /** Longest jump of the clock: for links that hold frames back without saying until when. */
  maxStepUs = Infinity;
  private readonly parties: { link: Link; station: Station }[] = [];

  constructor(seed = 1) {
    this.wire = new MemoryWire(this.clock, new Random(seed), { delayUs: WIRE_DELAY_US });
    this.clock.us = 1_000_000;
  }

  attach(mac: string): MemoryLink {
    const bytes = parseMac(mac);
    if (bytes === null) throw new Error(`${mac} is no hardware address`);
    return this.wire.attach({ mac: bytes, memoryBytes: 16 << 20, dataBuffers: 256 });
  }

  join(link: Link, station: Station): void {
    this.parties.push({ link, station });
  }

  /** A host of ours: it answers ARP and ping for the address. */
  host(ip: string, mac: string): Interface {
    const link = this.attach(mac);
    const host = new Interface(link, { address: address(ip), prefixLength: 24, random: new Random(7), insist: true });
    const station: Station = {
      nowUs: 0,
      finished: false,
      input: (frame, length, flags) => {
        host.nowUs = station.nowUs;
        host.input(frame, length, flags);
      },
      output: (nowUs) => host.output(nowUs),
      nextDeadlineUs: () => host.nextDeadlineUs(),
    };
    this.join(link, station);
    return host;
  }

  /** Runs until the station has finished, or for so long. Returns the virtual microseconds that it took. */
  run(until: Station | null, limitUs = 60_000_000): number {
    const startUs = this.clock.us;
    while (!(until?.finished ?? false) && this.clock.us - startUs < limitUs) {
      for (const { link, station } of this.parties) takeTurn(link, station, this.clock.us);
      this.wire.deliver();
      const quiet = this.parties.every(({ link }) => !link.pending());
      if (!quiet) continue;
      const deadlines = this.parties.map(({ station }) => station.nextDeadlineUs());
      const next = Math.min(this.wire.nextDeadlineUs(), ...deadlines, startUs + limitUs);
      this.clock.us = Math.max(this.clock.us + 1, Math.min(Math.ceil(next), this.clock.us + this.maxStepUs));
    }
    return this.clock.us - startUs;
  }
}

function takeTurn(link: Link, station: Station, nowUs: number): void {
  station.nowUs = nowUs;
  const frames = link.receive();
  for (let i = 0; i < frames; i++) station.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
  link.release();
  station.output(nowUs);
  link.flush();
}
