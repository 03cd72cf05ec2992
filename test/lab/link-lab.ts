/**
 * A network namespace for this process alone, with nothing to clean up: it goes with the process, or when it is left. In it
 * a pair of veth ends, and frames made and checked by hand (independently of src/lib/wire).
 *
 *   link under test ── rtA ═══════ rtB ── a second link that plays the wire's other end, or the kernel (192.0.2.1)
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { BURST, type Link } from '../../src/lib/link/link.ts';

const CLONE_NEWNET = 0x4000_0000;

export const OUR_ADDRESS = (192 << 24) | (2 << 8) | 9; // 192.0.2.9
export const KERNEL_ADDRESS = (192 << 24) | (2 << 8) | 1; // 192.0.2.1
export const OUR_PORT = 6379;

/** Moves this thread, and the programs that it starts, into a new namespace; the returned function moves it back. */
export function enterNamespace(): () => void {
  const libc = koffi.load('libc.so.6');
  const unshare = libc.func('int unshare(int flags)');
  const setns = libc.func('int setns(int fd, int type)');
  const home = openSync('/proc/thread-self/ns/net', 'r');
  if (unshare(CLONE_NEWNET) !== 0) throw new Error('a network namespace needs root (or CAP_SYS_ADMIN)');
  run('ip link set lo up');
  return () => {
    setns(home, CLONE_NEWNET);
    closeSync(home);
  };
}

export function run(command: string): string {
  const [program, ...words] = command.split(' ');
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
}

/** The pair rtA, rtB, silent (no IPv6), rtB with the kernel's address. */
export function makeVeth(): void {
  run('ip link add rtA type veth peer name rtB');
  for (const name of ['rtA', 'rtB']) {
    run(`sysctl -qw net.ipv6.conf.${name}.disable_ipv6=1`);
    run(`ip link set ${name} up`);
  }
  run('ip addr add 192.0.2.1/24 dev rtB');
}

export function removeVeth(): void {
  run('ip link del rtA');
}

export interface FrameSpec {
  /** Addresses: from the kernel's to ours by default. */
  source?: number;
  destination?: number;
  sourcePort?: number;
  destinationPort?: number;
  protocol?: number;
  payload?: Uint8Array;
  /** VLAN tag control information. */
  vlan?: number;
  /** Words of IPv4 options (NOPs). */
  optionWords?: number;
  /** Flags and fragment offset of the IPv4 header. */
  fragment?: number;
  tcp?: { sequence: number; acknowledged: number; flags: number; window: number };
  /** TCP checksum field: complete, or the pseudo-header's sum only. */
  partial?: boolean;
}

/** Sum of big-endian 16-bit words, folded, not complemented (RFC 1071). */
export function sum16(bytes: Uint8Array, start = 0): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (i + 1 < bytes.length ? bytes[i + 1] : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Ethernet + IPv4 + 20 bytes of TCP (or of the protocol named, ports first) + payload. */
export function makeFrame(spec: FrameSpec = {}): Buffer {
  const payload = spec.payload ?? new Uint8Array(0);
  const ethernet = spec.vlan === undefined ? 14 : 18;
  const ihl = 5 + (spec.optionWords ?? 0);
  const frame = Buffer.alloc(ethernet + ihl * 4 + 20 + payload.length);
  frame.fill(0xff, 0, 6);
  frame.set([2, 0, 0, 0, 0, 7], 6);
  if (spec.vlan !== undefined) frame.writeUInt32BE(0x8100_0000 + spec.vlan, 12);
  frame.writeUInt16BE(0x0800, ethernet - 2);
  const ip = frame.subarray(ethernet);
  ip[0] = 0x40 | ihl;
  ip.writeUInt16BE(ip.length, 2);
  ip.writeUInt16BE(spec.fragment ?? 0x4000, 6);
  ip[8] = 64;
  ip[9] = spec.protocol ?? 6;
  ip.writeInt32BE(spec.source ?? KERNEL_ADDRESS, 12);
  ip.writeInt32BE(spec.destination ?? OUR_ADDRESS, 16);
  ip.fill(1, 20, ihl * 4);
  ip.writeUInt16BE(~sum16(ip.subarray(0, ihl * 4)) & 0xffff, 10);
  const l4 = ip.subarray(ihl * 4);
  l4.writeUInt16BE(spec.sourcePort ?? 40_000, 0);
  l4.writeUInt16BE(spec.destinationPort ?? OUR_PORT, 2);
  l4.writeUInt32BE(spec.tcp?.sequence ?? 0, 4);
  l4.writeUInt32BE(spec.tcp?.acknowledged ?? 0, 8);
  l4[12] = 0x50;
  l4[13] = spec.tcp?.flags ?? 0x10;
  l4.writeUInt16BE(spec.tcp?.window ?? 0, 14);
  l4.set(payload, 20);
  const pseudo = sum16(ip.subarray(12, 20), ip[9] + l4.length);
  l4.writeUInt16BE(spec.partial ? pseudo : ~sum16(l4, pseudo) & 0xffff, 16);
  return frame;
}

/** The TCP checksum of an untagged frame without IPv4 options holds, and so does the IPv4 header's. */
export function checksumsHold(frame: Buffer): boolean {
  const ip = frame.subarray(14, 14 + frame.readUInt16BE(16));
  const pseudo = sum16(ip.subarray(12, 20), ip[9] + ip.length - 20);
  return sum16(ip.subarray(0, 20)) === 0xffff && sum16(ip.subarray(20), pseudo) === 0xffff;
}

/** An ARP request for `target` from `sender`. */
export function makeArp(sender: number, target: number): Buffer {
  const frame = Buffer.alloc(42);
  frame.fill(0xff, 0, 6);
  frame.set([2, 0, 0, 0, 0, 7], 6);
  frame.write('080600010800060400010200000000070000000000000000000000000000', 12, 'hex');
  frame.writeInt32BE(sender, 28);
  frame.writeInt32BE(target, 38);
  return frame;
}

/** Bytes from a frame's start to its payload, as send() cuts it. */
const HEADER_BYTES = 54;

/** Queues a frame through a link, as the stack does: headers end where the payload begins. */
export function queueFrame(link: Link, frame: Uint8Array, l4Offset = 0, mss = 0): void {
  const pool = frame.length > 1600 ? link.data : link.control;
  const buffer = pool.alloc();
  if (buffer === 0) throw new Error('the pool is empty');
  const headerLength = Math.min(HEADER_BYTES, frame.length);
  const payload = pool.payload(buffer);
  link.memory.u8.set(frame, payload - headerLength);
  link.transmit(
    pool,
    buffer,
    payload - headerLength,
    headerLength,
    payload,
    frame.length - headerLength,
    l4Offset,
    mss,
  );
  pool.release(buffer);
}

export function send(link: Link, frame: Uint8Array, l4Offset = 0, mss = 0): void {
  queueFrame(link, frame, l4Offset, mss);
  link.flush();
}

export interface Received {
  readonly bytes: Buffer;
  readonly flags: number;
  /** Where the frame began in packet memory. */
  readonly offset: number;
}

/** Takes what comes until `count` frames that `wanted` accepts are there, or `limitMs` is over. */
export function take(
  link: Link,
  count: number,
  limitMs = 1000,
  wanted: (frame: Buffer) => boolean = () => true,
): Received[] {
  const frames: Received[] = [];
  const end = performance.now() + limitMs;
  while (frames.length < count && performance.now() < end) {
    const n = link.receive();
    if (n > BURST) throw new Error('more than a burst');
    for (let i = 0; i < n; i++) {
      const offset = link.rxOffset[i];
      const bytes = Buffer.from(link.memory.u8.slice(offset, offset + link.rxLength[i]));
      if (wanted(bytes)) frames.push({ bytes, flags: link.rxFlags[i], offset });
    }
    if (n > 0) link.release();
    else link.wait(-1, 5000);
    link.flush();
  }
  return frames;
}

/** Every transmit buffer is back in its pool. */
export function allBuffersBack(link: Link): boolean {
  for (let i = 0; i < 200; i++) {
    link.receive();
    link.release();
    link.flush();
    if (link.data.available === link.data.count && link.control.available === link.control.count) return true;
    link.wait(-1, 1000);
  }
  return false;
}
