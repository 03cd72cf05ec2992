/** The links against the real kernel: what goes in comes out, offloads do what they say, and nothing is left behind. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Link, RX_CHECKSUM_PARTIAL } from '../../src/lib/link/link.ts';
import { PacketLink } from '../../src/lib/link/packet.ts';
import { TapLink } from '../../src/lib/link/tap.ts';
import { XdpLink } from '../../src/lib/link/xdp.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import {
  allBuffersBack,
  checksumsHold,
  enterNamespace,
  KERNEL_ADDRESS,
  makeArp,
  makeFrame,
  makeVeth,
  OUR_ADDRESS,
  OUR_PORT,
  queueFrame,
  removeVeth,
  run,
  send,
  sum16,
  take,
} from './link-lab.ts';

const OWN_ADDRESS = { kind: 'address', address: OUR_ADDRESS } as const;
const OWN_PORT = { kind: 'port', address: OUR_ADDRESS, port: OUR_PORT } as const;
const EVERYTHING = { kind: 'all' } as const;

const memory = (): PacketMemory => new PacketMemory(320 << 20, 16 << 20);
const openDescriptors = (): number => readdirSync('/proc/self/fd').length;
/** Frames of this test, not the kernel's own chatter. */
const isTest = (frame: Buffer): boolean => frame.readUInt16BE(12) === 0x0800 && frame[23] !== 17;

interface Setup {
  readonly name: string;
  /** Opens the link under test. */
  open(match?: typeof OWN_ADDRESS | typeof OWN_PORT): Link;
  /** The interface on which the other end plays. */
  readonly far: string;
}

const setups: Setup[] = [
  {
    name: 'packet',
    open: (match = OWN_ADDRESS) => PacketLink.open({ memory: memory(), interfaceName: 'rtA', match }),
    far: 'rtB',
  },
  {
    name: 'xdp native',
    open: (match = OWN_ADDRESS) => XdpLink.open({ memory: memory(), interfaceName: 'rtA', match, mode: 'native' }),
    far: 'rtB',
  },
  {
    name: 'xdp generic',
    open: (match = OWN_ADDRESS) => XdpLink.open({ memory: memory(), interfaceName: 'rtA', match, mode: 'generic' }),
    far: 'rtB',
  },
  {
    name: 'tap',
    open: () =>
      TapLink.open({ memory: memory(), interfaceName: 'rtT', kernelAddress: KERNEL_ADDRESS, kernelPrefix: 24 }),
    far: 'rtT',
  },
];

let leave: () => void;
let descriptorsBefore: number;
let link: Link;
let far: PacketLink;

beforeAll(() => {
  leave = enterNamespace();
});

afterAll(() => leave());

describe.each(setups)('$name', (setup) => {
  beforeEach(() => {
    if (setup.far === 'rtB') makeVeth();
    descriptorsBefore = openDescriptors();
    link = setup.open();
    if (setup.name === 'tap') run(`sysctl -qw net.ipv6.conf.rtT.disable_ipv6=1`);
    far = PacketLink.open({ memory: memory(), interfaceName: setup.far, match: EVERYTHING });
  });

  afterEach(() => {
    far.close();
    link.close();
    expect(openDescriptors()).toBe(descriptorsBefore);
    if (setup.far === 'rtB') removeVeth();
    expect(run('ip -o link').trim().split('\n').length).toBe(1); // lo
  });

  test('a ping of the kernel is answered by frames made here', async () => {
    const ping = spawn('ping', ['-c', '20', '-i', '0.005', '-W', '2', '192.0.2.9'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    ping.stdout.on('data', (chunk) => (output += chunk.toString()));
    let ended = false;
    ping.on('close', () => (ended = true));
    while (!ended) {
      for (const { bytes } of take(link, 1, 5)) answer(bytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(output).toContain('20 packets transmitted, 20 received');
  });

  /** ARP requests and echo requests, turned round in place. */
  function answer(frame: Buffer): void {
    const reply = Buffer.from(frame);
    frame.copy(reply, 0, 6, 12);
    reply.set(link.mac, 6);
    if (frame.readUInt16BE(12) === 0x0806 && frame.readInt32BE(38) === OUR_ADDRESS) {
      reply[21] = 2;
      reply.set(link.mac, 22);
      frame.copy(reply, 28, 38, 42);
      frame.copy(reply, 32, 22, 32);
    } else if (frame[23] === 1 && frame[34] === 8) {
      frame.copy(reply, 26, 30, 34);
      frame.copy(reply, 30, 26, 30);
      reply[34] = 0;
      reply.writeUInt16BE(0, 36);
      reply.writeUInt16BE(~sum16(reply.subarray(34, 14 + reply.readUInt16BE(16))) & 0xffff, 36);
    } else return;
    send(link, reply);
  }

  test('10,000 frames arrive whole and in order, in both directions', () => {
    const filler = randomBytes(1460);
    const frames = (from: Link, to: Link): void => {
      let next = 0;
      for (let sent = 0; sent < 10_000; ) {
        for (const end = sent + 50; sent < end; sent++) {
          const payload = Buffer.from(filler.subarray(0, 8 + ((sent * 37) % 1400)));
          payload.writeUInt32BE(sent, 0);
          queueFrame(from, makeFrame({ payload }));
        }
        from.flush();
        for (const { bytes, offset } of take(to, 50, 2000, isTest)) {
          expect(offset % 4).toBe(2);
          const expected = Buffer.from(filler.subarray(0, 8 + ((next * 37) % 1400)));
          expected.writeUInt32BE(next, 0);
          if (!makeFrame({ payload: expected }).equals(bytes)) throw new Error(`frame ${next} differs`);
          next++;
        }
        expect(next).toBe(sent);
      }
    };
    const before = link.stats.rxFrames;
    frames(far, link);
    expect(link.stats.rxFrames - before).toBeGreaterThanOrEqual(10_000);
    expect(link.stats.rxDropped).toBe(0);
    frames(link, far);
    expect(link.stats.txFrames).toBeGreaterThanOrEqual(10_000);
    expect(link.stats.txDropped).toBe(0);
    expect(allBuffersBack(link)).toBe(true);
  });

  test('a checksum left to the link is complete on a wire without offload', () => {
    expect(link.capabilities.checksumOffload).toBe(true);
    const payload = randomBytes(1001);
    const complete = makeFrame({ payload });
    send(link, makeFrame({ payload, partial: true }), 34);
    const [offloaded] = take(far, 1, 1000, isTest);
    expect(offloaded.flags).toBe(RX_CHECKSUM_PARTIAL); // nobody had to make it: it never left the machine
    expect(offloaded.bytes.equals(makeFrame({ payload, partial: true }))).toBe(true);
    if (setup.far !== 'rtB') return; // a TAP's other end is the kernel itself: there is no wire
    run('ethtool -K rtA tx off');
    send(link, makeFrame({ payload, partial: true }), 34);
    const [filled] = take(far, 1, 1000, isTest);
    expect(filled.bytes.equals(complete)).toBe(true);
  });

  test('a super-segment arrives in one piece, or cut by the kernel where the driver can take no long frame', () => {
    const payload = randomBytes(15_000);
    const frame = makeFrame({ payload, partial: true });
    send(far, frame, 34, 1448);
    // With a program in the driver, the kernel turns the segmentation offload of a veth's other end off.
    const pieces = link instanceof XdpLink && link.mode === 'native' ? 11 : 1;
    const received = take(link, pieces, 1000, isTest);
    expect(received.length).toBe(pieces);
    expect(Buffer.concat(received.map(({ bytes }) => bytes.subarray(54))).equals(payload)).toBe(true);
    if (pieces === 1) expect(received[0].bytes.equals(frame)).toBe(true);
    expect(received.every(({ offset }) => offset % 4 === 2)).toBe(true);
    expect(received[0].flags).toBe(link.kind === 'xdp' ? 0 : RX_CHECKSUM_PARTIAL);
  });

  test('a VLAN tag is handed up in the frame', () => {
    const frame = makeFrame({ payload: randomBytes(200), vlan: 0x6123 });
    send(far, frame);
    const [received] = take(link, 1, 1000, (bytes) => bytes.readUInt16BE(12) === 0x8100);
    expect(received.bytes.equals(frame)).toBe(true);
    expect(received.offset % 4).toBe(2);
  });

  test('pending and wait see a frame, and an eventfd ends the wait', () => {
    take(link, 1000, 20);
    expect(link.pending()).toBe(false);
    const start = performance.now();
    link.wait(-1, 20_000);
    expect(performance.now() - start).toBeGreaterThan(15);
    send(far, makeFrame());
    link.wait(-1, 5_000_000);
    expect(link.pending()).toBe(true);
    expect(take(link, 1, 100, isTest).length).toBe(1);
  });
});

describe('offloads that the kernel does for us', () => {
  afterEach(() => {
    far.close();
    link.close();
    removeVeth();
  });

  test('a super-segment is cut into frames with sequence numbers and checksums of their own', () => {
    makeVeth();
    link = PacketLink.open({ memory: memory(), interfaceName: 'rtA', match: OWN_ADDRESS });
    far = PacketLink.open({ memory: memory(), interfaceName: 'rtB', match: EVERYTHING });
    run('ethtool -K rtA tso off gso off tx off');
    const payload = randomBytes(10_000);
    send(link, makeFrame({ payload, partial: true }), 34, 1448);
    const frames = take(far, 7, 1000, isTest).map(({ bytes }) => bytes);
    expect(frames.map((frame) => frame.length - 54)).toEqual([1448, 1448, 1448, 1448, 1448, 1448, 1312]);
    expect(frames.map((frame) => frame.readUInt32BE(38))).toEqual([0, 1448, 2896, 4344, 5792, 7240, 8688]);
    expect(frames.every(checksumsHold)).toBe(true);
    expect(Buffer.concat(frames.map((frame) => frame.subarray(54))).equals(payload)).toBe(true);
  });

  test('header and payload may lie apart', () => {
    makeVeth();
    link = PacketLink.open({ memory: memory(), interfaceName: 'rtA', match: OWN_ADDRESS });
    far = PacketLink.open({ memory: memory(), interfaceName: 'rtB', match: EVERYTHING });
    const payload = randomBytes(5000);
    const frame = makeFrame({ payload, partial: true });
    const body = link.data.alloc();
    link.memory.u8.set(payload, link.data.payload(body));
    const head = link.control.alloc();
    const start = link.control.payload(head) - 54;
    link.memory.u8.set(frame.subarray(0, 54), start);
    link.transmit(link.control, head, start, 54, link.data.payload(body), payload.length, 34, 1448);
    link.control.release(head);
    expect(link.control.available).toBe(link.control.count - 1); // the kernel still needs it
    link.flush();
    expect(link.control.available).toBe(link.control.count);
    const [received] = take(far, 1, 1000, isTest);
    expect(received.bytes.equals(frame)).toBe(true);
  });
});

describe('what is taken and what is left to the kernel', () => {
  const OTHER = (192 << 24) | (2 << 8) | 77;
  const toAddress: [string, Buffer, boolean][] = [
    ['TCP to our address', makeFrame({ destinationPort: 80 }), true],
    ['any protocol to our address', makeFrame({ protocol: 132 }), true],
    ['a fragment to our address', makeFrame({ fragment: 0x2010 }), true],
    ['IPv4 options', makeFrame({ optionWords: 3 }), true],
    ['another address', makeFrame({ destination: OTHER }), false],
    ['a broadcast', makeFrame({ destination: -1 }), false],
    ['ARP for our address', makeArp(KERNEL_ADDRESS, OUR_ADDRESS), true],
    ['ARP from our address: a conflict', makeArp(OUR_ADDRESS, OTHER), true],
    ['ARP between others', makeArp(KERNEL_ADDRESS, OTHER), false],
    ['a tagged frame to our address', makeFrame({ vlan: 5 }), true],
    ['a tagged frame to another address', makeFrame({ vlan: 5, destination: OTHER }), false],
    ['a short frame', Buffer.from(makeFrame().subarray(0, 20)), false],
  ];
  const toPort: [string, Buffer, boolean][] = [
    ['TCP to our port', makeFrame(), true],
    ['TCP to our port behind IPv4 options', makeFrame({ optionWords: 10 }), true],
    ['a tagged frame to our port', makeFrame({ vlan: 5 }), true],
    ['TCP to another port', makeFrame({ destinationPort: 6380 }), false],
    ['TCP from our port number', makeFrame({ sourcePort: OUR_PORT, destinationPort: 50_000 }), false],
    ['UDP to our port number', makeFrame({ protocol: 17 }), false],
    ['another address', makeFrame({ destination: OTHER }), false],
    ['a first fragment', makeFrame({ fragment: 0x2000 }), false],
    ['a later fragment', makeFrame({ fragment: 0x0010 }), false],
    ['ARP', makeArp(KERNEL_ADDRESS, OUR_ADDRESS), false],
  ];

  beforeEach(() => {
    makeVeth();
    far = PacketLink.open({ memory: memory(), interfaceName: 'rtB', match: EVERYTHING });
  });
  afterEach(() => {
    far.close();
    link.close();
    removeVeth();
  });

  test.each(setups.slice(0, 3))('$name, with an address of our own', (setup) => {
    link = setup.open(OWN_ADDRESS);
    expect(seen(toAddress)).toEqual(toAddress.map(([what, , taken]) => [what, taken]));
  });

  test.each(setups.slice(0, 3))('$name, with one port of the host', (setup) => {
    link = setup.open(OWN_PORT);
    expect(seen(toPort)).toEqual(toPort.map(([what, , taken]) => [what, taken]));
  });

  /** Sends each frame, and one that is always taken after it. */
  function seen(cases: [string, Buffer, boolean][]): [string, boolean][] {
    const marker = makeFrame({ payload: Buffer.from('marker') });
    take(link, 100, 10);
    return cases.map(([what, frame]) => {
      queueFrame(far, frame);
      queueFrame(far, marker);
      far.flush();
      const frames: Buffer[] = [];
      while (!frames.at(-1)?.equals(marker)) {
        const received = take(link, 1, 1000);
        if (received.length === 0) throw new Error(`the marker after "${what}" did not arrive`);
        frames.push(...received.map(({ bytes }) => bytes));
      }
      return [what, frames.some((bytes) => bytes.equals(frame))];
    });
  }

  test('packet, arp only', () => {
    link = PacketLink.open({ memory: memory(), interfaceName: 'rtA', match: { kind: 'arp' } });
    const arp = makeArp(KERNEL_ADDRESS, OTHER);
    send(far, makeFrame());
    send(far, arp);
    const frames = take(link, 2, 200);
    expect(frames.map(({ bytes }) => bytes.equals(arp))).toEqual([true]);
  });
});

describe('refusals', () => {
  beforeEach(() => {
    makeVeth();
    descriptorsBefore = openDescriptors();
  });
  afterEach(() => {
    removeVeth();
    expect(openDescriptors()).toBe(descriptorsBefore);
  });

  test('an interface that is not there', () => {
    const missing = { memory: memory(), interfaceName: 'nope0', match: OWN_ADDRESS };
    expect(() => PacketLink.open(missing)).toThrow(
      /find the interface nope0: no such device \(ENODEV\); the interfaces here are .*lo/,
    );
    expect(() => XdpLink.open(missing)).toThrow(/ENODEV/);
  });

  test('a queue or hook that another holds', () => {
    const options = { memory: memory(), interfaceName: 'rtA', match: OWN_ADDRESS };
    const first = XdpLink.open(options);
    expect(() => XdpLink.open({ ...options, memory: memory() })).toThrow(
      /attach the XDP program to rtA.*EBUSY.*bpftool net/,
    );
    first.close();
    expect(run('ip -o link show rtA')).not.toContain('xdp');
    const second = XdpLink.open(options); // at once: nothing is left behind
    expect(run('ip -o link show rtA')).toContain('xdp');
    second.close();
    expect(run('ip -o link show rtA')).not.toContain('xdp');
  });

  test('what a link changes on its interface is put back', () => {
    const mac = new Uint8Array([2, 0, 0, 0, 0, 9]);
    const state = (): string =>
      run('ip -d -o link show rtA')
        .match(/promiscuity \d|state \w+/g)
        ?.join() ?? '';
    for (const open of [PacketLink.open, XdpLink.open]) {
      run('ip link set rtA down');
      const opened = open({ memory: memory(), interfaceName: 'rtA', match: OWN_ADDRESS, mac });
      expect(opened.mac).toBe(mac);
      expect(state()).toMatch(/UP.*promiscuity 1/);
      opened.close();
      expect(state()).toMatch(/DOWN.*promiscuity 0/);
    }
  });

  test('a queue that does not exist', () => {
    expect(() => XdpLink.open({ memory: memory(), interfaceName: 'rtA', match: OWN_ADDRESS, queue: 64 })).toThrow(
      /serve queue 64 of rtA.*EINVAL.*it has \d+ receive queue/,
    );
  });

  test('a TAP name in use, by a TAP and by another interface', () => {
    const tap = TapLink.open({ memory: memory(), interfaceName: 'rtT' });
    expect(() => TapLink.open({ memory: memory(), interfaceName: 'rtT' })).toThrow(
      /create the TAP device rtT.*EBUSY.*--iface/,
    );
    tap.close();
    expect(run('ip -o link')).not.toContain('rtT');
    expect(() => TapLink.open({ memory: memory(), interfaceName: 'rtA' })).toThrow(
      /create the TAP device rtA.*--iface/,
    );
  });

  test('packet memory that is too small', () => {
    const small = { memory: new PacketMemory(4 << 20, 1 << 20), interfaceName: 'rtA', match: OWN_ADDRESS };
    expect(() => XdpLink.open(small)).toThrow(RangeError);
    expect(() => PacketLink.open(small)).toThrow(RangeError);
    expect(run('ip -o link show rtA')).not.toContain('xdp');
  });
});
