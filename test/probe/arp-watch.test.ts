import { describe, expect, it } from 'vitest';
import { sendArpRequest } from '../../src/lib/probe/arp-frame.ts';
import { ArpWatch } from '../../src/lib/probe/arp-watch.ts';
import { Random } from '../../src/lib/random.ts';
import { macBytes } from '../../src/lib/wire/address.ts';
import { address, Simulation } from './simulation.ts';

const OWN = address('192.0.2.1');

function watching(own: number[] = [], targets: number[] = []) {
  const lab = new Simulation();
  const link = lab.attach('02:00:00:00:00:01');
  const watch = new ArpWatch(link, { own: new Set(own), targets: new Set(targets), durationUs: null });
  const events: string[] = [];
  watch.onEvent = (event) => events.push(`${event.kind} ${event.mac.slice(-2)}`);
  lab.join(link, watch);
  const speakers = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'].map((mac) => lab.attach(mac));
  const speak = (who: number, as: string): void => {
    sendArpRequest(speakers[who], address(as), address('192.0.2.200'));
    speakers[who].flush();
    lab.run(null, 1000);
  };
  return { lab, watch, link, events, speak };
}

describe('arp-probe --watch', () => {
  it('tells a new host, a move, and a conflict apart', () => {
    const { watch, events, speak } = watching();
    for (const who of [0, 0, 1, 1, 0]) speak(who, '192.0.2.9');
    expect(events).toEqual(['new 0a', 'moved 0b', 'conflict 0a']);
    expect(watch.counters).toMatchObject({ packets: 5, requests: 5, new: 1, moved: 1, conflict: 1 });
  });

  it('whoever else uses our own address is in conflict at once', () => {
    const { events, speak } = watching([OWN]);
    speak(1, '192.0.2.1');
    expect(events).toEqual(['conflict 0b']);
  });

  it('hears only what it was asked about, and no address in a probe', () => {
    const { events, speak } = watching([], [address('192.0.2.9')]);
    speak(0, '192.0.2.8');
    speak(0, '0.0.0.0');
    speak(0, '192.0.2.9');
    expect(events).toEqual(['new 0a']);
  });

  it('remembers a bounded number of addresses', () => {
    const { watch, link } = watching();
    const memory = link.memory;
    const at = memory.reserve(4096) + 2;
    const view = memory.dv;
    for (let i = 0; i < 6; i++) view.setUint8(at + i, 0xff);
    memory.u8.set(macBytes(0x0200, 0x0a), at + 6);
    view.setUint16(at + 12, 0x0806);
    memory.u8.set([0, 1, 8, 0, 6, 4, 0, 1], at + 14);
    memory.u8.set(macBytes(0x0200, 0x0a), at + 22);
    for (let host = 1; host <= 70_000; host++) {
      view.setInt32(at + 28, (10 << 24) | host);
      watch.input(at, 42);
    }
    expect(watch.counters.new).toBe(70_000);
    expect(watch.addresses).toBe(65_536);
  });

  it('any bytes are survived, and the next packet is heard', () => {
    const { watch, link, events, speak } = watching();
    const random = new Random(20_261_120);
    const at = link.memory.reserve(4096) + 2;
    for (let i = 0; i < 50_000; i++) {
      const length = random.below(64);
      for (let j = 0; j < length; j++) link.memory.u8[at + j] = random.below(256);
      watch.input(at, length);
    }
    events.length = 0;
    speak(0, '192.0.2.9');
    expect(events).toEqual(['new 0a']);
  });
});
