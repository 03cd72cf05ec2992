/**
 * One port of an address that the kernel owns, taken on the loopback interface: the kernel's TCP as the peer of a receiver
 * of a few lines. Its super-segments arrive whole, and its own TCP never sees the port.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Link } from '../../src/lib/link/link.ts';
import { PacketLink } from '../../src/lib/link/packet.ts';
import { XdpLink } from '../../src/lib/link/xdp.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { holdPort, interfaceFeature, interfaceInfo, setInterfaceFeature } from '../../src/lib/native/interface.ts';
import { closeFd } from '../../src/lib/native/wait.ts';
import { allBuffersBack, enterNamespace, makeFrame, run, send, take } from './link-lab.ts';

const LOCALHOST = (127 << 24) | 1;
const PORT = 6379;
const SYN = 2;
const RST = 4;
const ACK = 16;
const OUR_MATCH = { kind: 'port', address: LOCALHOST, port: PORT } as const;

const memory = (): PacketMemory => new PacketMemory(320 << 20, 16 << 20);

let leave: () => void;
beforeAll(() => {
  leave = enterNamespace();
  // Injected frames carry no route: a loopback address may come from a device, and be the source (as serve sets them).
  run('sysctl -qw net.ipv4.conf.lo.route_localnet=1 net.ipv4.conf.lo.accept_local=1');
});
afterAll(() => leave());

/** A client of the kernel that connects, sends these bytes and ends, in this namespace. */
function client(bytes: number, seed: string): ChildProcess {
  const script = `
    const { createHash } = require('node:crypto');
    const block = createHash('sha512').update('${seed}').digest();
    const data = Buffer.alloc(${bytes}, block);
    const socket = require('node:net').connect(${PORT}, '127.0.0.1', () => socket.write(data));
    socket.on('error', (error) => { console.log(error.code); process.exit(1); });`;
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Answers one connection: SYN with SYN-ACK, data with ACKs. Returns the bytes, and the longest frame that came. */
async function receiveBytes(link: Link, count: number): Promise<{ bytes: Buffer; longest: number; resets: number }> {
  const received: Buffer[] = [];
  let total = 0;
  let longest = 0;
  let resets = 0;
  const end = performance.now() + 10_000;
  while (total < count && performance.now() < end) {
    for (const { bytes: frame } of take(link, 1, 5)) {
      longest = Math.max(longest, frame.length);
      const flags = frame[47];
      const payload = frame.subarray(34 + (frame[46] >> 4) * 4, 14 + frame.readUInt16BE(16));
      const sequence = frame.readUInt32BE(38);
      if (flags & RST) resets++;
      if (flags & SYN) {
        send(
          link,
          answer(frame, 1000, sequence + 1, SYN | ACK, link.capabilities.checksumOffload),
          partialOffset(link),
        );
      } else if (payload.length > 0) {
        received.push(payload);
        total += payload.length;
        send(
          link,
          answer(frame, 1001, sequence + payload.length, ACK, link.capabilities.checksumOffload),
          partialOffset(link),
        );
      }
    }
    await setImmediate();
  }
  return { bytes: Buffer.concat(received), longest, resets };
}

const partialOffset = (link: Link): number => (link.capabilities.checksumOffload ? 34 : 0);

function answer(frame: Buffer, sequence: number, acknowledged: number, flags: number, partial: boolean): Buffer {
  const reply = makeFrame({
    source: LOCALHOST,
    destination: LOCALHOST,
    sourcePort: PORT,
    destinationPort: frame.readUInt16BE(34),
    tcp: { sequence, acknowledged: acknowledged >>> 0, flags, window: 0xffff },
    partial,
  });
  reply.fill(0, 0, 12);
  return reply;
}

describe.each([
  ['xdp', () => XdpLink.open({ memory: memory(), interfaceName: 'lo', match: OUR_MATCH })],
  ['packet', () => PacketLink.open({ memory: memory(), interfaceName: 'lo', match: OUR_MATCH })],
] as [string, () => Link][])('%s on lo', (kind, open) => {
  test('takes one port: a connection of the kernel, its super-segments, no reset', async () => {
    const link = open();
    const peer = client(400_000, 'loopback');
    const { bytes, longest, resets } = await receiveBytes(link, 400_000);
    peer.kill();
    const block = createHash('sha512').update('loopback').digest();
    expect(bytes.equals(Buffer.alloc(400_000, block))).toBe(true);
    expect(longest).toBeGreaterThan(20_000);
    expect(resets).toBe(0);
    expect(allBuffersBack(link)).toBe(true);
    link.close();
    expect(run('ip -o link show lo')).not.toContain('xdp');
  });

  test('leaves every other port to the kernel, and this one again after close', async () => {
    const link = open();
    const server = createServer((socket) => socket.end('kernel'));
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    expect(run(`bash -c exec<>/dev/tcp/127.0.0.1/${port}`)).toBe('');
    link.close();
    const peer = client(10, 'refused');
    const output = await new Promise<string>((resolve) => peer.stdout?.once('data', (chunk) => resolve(`${chunk}`)));
    expect(output.trim()).toBe('ECONNREFUSED');
    server.close();
  });

  test('a killed process leaves nothing: the next one can take the port at once', async () => {
    const module = new URL(`../../src/lib/link/${kind}.ts`, import.meta.url).href;
    const memoryModule = new URL('../../src/lib/memory/packet-memory.ts', import.meta.url).href;
    const script = `
      const { ${kind === 'xdp' ? 'XdpLink' : 'PacketLink'}: L } = await import('${module}');
      const { PacketMemory } = await import('${memoryModule}');
      L.open({ memory: new PacketMemory(320 << 20, 16 << 20), interfaceName: 'lo', match: ${JSON.stringify(OUR_MATCH)} });
      console.log('open'); setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => other.stdout.once('data', resolve));
    other.kill('SIGKILL');
    await new Promise((resolve) => other.once('close', resolve));
    const link = open();
    const peer = client(1000, 'again');
    const { bytes } = await receiveBytes(link, 1000);
    peer.kill();
    expect(bytes.length).toBe(1000);
    link.close();
  });
});

describe('what serving on the host needs', () => {
  test('a held port is refused to others, and a port that is listened on is refused to us', async () => {
    const held = holdPort(LOCALHOST, 7001);
    const taken = createServer();
    const failure = await new Promise<NodeJS.ErrnoException>((resolve) => {
      taken.once('error', resolve);
      taken.listen(7001, '127.0.0.1');
    });
    expect(failure.code).toBe('EADDRINUSE');
    closeFd(held);
    await new Promise<void>((resolve) => taken.listen(7001, '127.0.0.1', resolve));
    expect(() => holdPort(LOCALHOST, 7001)).toThrow(/reserve TCP port 7001.*EADDRINUSE.*ss -ltnp/);
    await new Promise((resolve) => taken.close(resolve));
    closeFd(holdPort(LOCALHOST, 7001));
  });

  test('interface facts and offloads are those that ip and ethtool show', () => {
    run('ip link add rtD type veth peer name rtE');
    run('ip link set rtD address 02:00:00:00:00:55 mtu 1400');
    run('ip addr add 198.51.100.7/29 dev rtD');
    const info = interfaceInfo('rtD');
    expect({ ...info, index: 0 }).toEqual({
      name: 'rtD',
      index: 0,
      mtu: 1400,
      up: false,
      loopback: false,
      mac: new Uint8Array([2, 0, 0, 0, 0, 0x55]),
      address: (198 << 24) | (51 << 16) | (100 << 8) | 7 | 0,
      prefix: 29,
    });
    expect(run('ip -o link show rtD')).toMatch(new RegExp(`^${info.index}: rtD`));
    run('ip link del rtD');
    expect(interfaceInfo('lo')).toMatchObject({ up: true, loopback: true, address: LOCALHOST, prefix: 8, mtu: 65_536 });
    setInterfaceFeature('lo', 'tso', false);
    expect(interfaceFeature('lo', 'tso')).toBe(false);
    expect(run('ethtool -k lo')).toMatch(/tx-tcp-segmentation: off/);
    setInterfaceFeature('lo', 'tso', true);
    expect(run('ethtool -k lo')).toMatch(/tx-tcp-segmentation: on/);
  });
});
