/**
 * Opening an AF_XDP socket, step by step, each with the error that its failure means. The order: what fails most often for
 * want of a privilege or because somebody else is there comes first, before any memory is taken; the map entry that makes
 * frames come is last.
 *
 *   socket → map → program → attach → umem → rings → bind → (fill ring is filled) → map[queue] = socket
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { check, EBUSY, EEXIST, EINVAL, NativeError } from '../native/error.ts';
import { bringUp, type InterfaceInfo, interfaceInfo, receiveQueues, takeDown } from '../native/interface.ts';
import { type Match, matchNumbers } from '../native/match.ts';
import { ADVICE_DONT_FORK, advise, unmap } from '../native/memory.ts';
import { packetCalls } from '../native/packet.ts';
import { raiseMemlockLimit } from '../native/process.ts';
import type { Resources } from '../native/resources.ts';
import {
  ATTACH_GENERIC,
  ATTACH_NATIVE,
  XDP_COPY,
  XDP_UMEM_TX_METADATA_LEN,
  XDP_USE_NEED_WAKEUP,
  XDP_USE_SG,
  XDP_ZEROCOPY,
  xdpCalls,
} from '../native/xdp.ts';
import { powerOfTwo } from './ring.ts';

/** A chunk of umem: a transmit buffer, or what one descriptor of a received frame holds. */
export const CHUNK_BYTES = 2048;
/** Before a frame, for the kernel: what the checksum is to cover. */
export const TX_METADATA_BYTES = 24;
/** The kernel puts a received frame 256 + this many bytes into its chunk: 2 mod 4. */
const RX_HEADROOM_BYTES = 2;
const PAGE_BYTES = 4096;

export interface XdpLinkOptions {
  readonly memory: PacketMemory;
  readonly interfaceName: string;
  readonly match: Extract<Match, { kind: 'address' | 'port' }>;
  /** The receive queue that we serve; frames for us on other queues pass to the kernel. */
  readonly queue?: number;
  /** Our hardware address, when it is not the interface's (the interface then becomes promiscuous while we are open). */
  readonly mac?: Uint8Array;
  /** The driver's hook, or the generic one, which every interface has; by default the first that works. */
  readonly mode?: 'native' | 'generic';
  /** Frames without a copy: only some drivers can. */
  readonly zeroCopy?: boolean;
  /** Chunks to receive into (a power of two) and buffers to send from, 2 KB each. */
  readonly rxBuffers?: number;
  readonly txBuffers?: number;
}

/** A ring as word indices into packet memory. */
export interface Ring {
  readonly producer: number;
  readonly consumer: number;
  readonly flags: number;
  readonly descriptors: number;
  /** Entries − 1. */
  readonly mask: number;
}

export interface XdpSocket {
  readonly fd: number;
  readonly info: InterfaceInfo;
  readonly umem: number;
  readonly rxBuffers: number;
  readonly txBuffers: number;
  /** RX, TX, fill, completion. */
  readonly rings: readonly Ring[];
  readonly mode: 'native' | 'generic';
  readonly zeroCopy: boolean;
  readonly multiBuffer: boolean;
  readonly checksumOffload: boolean;
  /** Lets frames come. */
  start(): void;
}

export function openSocket(options: XdpLinkOptions, base: number, resources: Resources): XdpSocket {
  const calls = xdpCalls();
  const info = interfaceInfo(options.interfaceName);
  const queue = options.queue ?? 0;
  const queues = receiveQueues(info.name);
  if (queue >= queues) {
    throw new NativeError(
      EINVAL,
      `serve queue ${queue} of ${info.name}`,
      `it has ${queues} receive queue(s), from 0 on`,
    );
  }
  if (!info.up) {
    bringUp(info.name);
    resources.add(() => takeDown(info.name));
  }
  raiseMemlockLimit(); // refused without the privilege: then the umem must fit into the limit that there is

  const fd = resources.fd(check(calls.socket(), 'open an AF_XDP socket'));
  const map = resources.fd(check(calls.xskMap(queues), 'create the XSK map'));
  const attached = attachProgram(options, info, map, resources);
  if (options.mac !== undefined) {
    resources.fd(check(packetCalls().promiscuous(info.index), `make ${info.name} promiscuous`));
  }

  const rxBuffers = powerOfTwo(options.rxBuffers ?? 4096);
  const txBuffers = options.txBuffers ?? 16_384;
  const { umem, checksumOffload } = registerUmem(options.memory, base, fd, rxBuffers + txBuffers);
  const rings = mapRings(options.memory, base, fd, resources, [
    rxBuffers,
    4096,
    rxBuffers,
    powerOfTwo(txBuffers), // every buffer may be on its way back at once
  ]);
  const multiBuffer = bindSocket(options, info, queue, fd, attached.fragments);
  calls.transmitBudget(fd, 4096); // refused before Linux 6.17: a kick then sends 32 frames, and is repeated
  return {
    fd,
    info,
    umem,
    rxBuffers,
    txBuffers,
    rings,
    mode: attached.mode,
    zeroCopy: calls.isZeroCopy(fd) === 1,
    multiBuffer,
    checksumOffload,
    start: () => {
      check(calls.xskMapSet(map, queue, fd), `enter the socket into the XSK map for queue ${queue}`);
    },
  };
}

interface Attached {
  readonly mode: 'native' | 'generic';
  /** The program accepts frames of several buffers. */
  readonly fragments: boolean;
}

/** Tries the driver's hook first, then the generic one; each with frames of several buffers, then without. */
function attachProgram(options: XdpLinkOptions, info: InterfaceInfo, map: number, resources: Resources): Attached {
  const calls = xdpCalls();
  const log = new Uint8Array(65_536);
  const modes: Attached['mode'][] = options.mode ? [options.mode] : info.loopback ? ['generic'] : ['native', 'generic'];
  const occupied = `another XDP program is attached (bpftool net shows it; ip link set dev ${info.name} xdp off removes one without a link)`;
  let failure = -EINVAL;
  for (const fragments of [true, false]) {
    const program = calls.program(map, ...matchNumbers(options.match), fragments ? 1 : 0, log, log.length);
    if (program === -EINVAL && fragments) continue; // before Linux 5.18
    resources.fd(check(program, `load the XDP program${verifierWords(log)}`));
    for (const mode of modes) {
      const link = calls.attach(program, info.index, mode === 'native' ? ATTACH_NATIVE : ATTACH_GENERIC);
      if (link >= 0) {
        resources.fd(link);
        return { mode, fragments };
      }
      failure = link;
      if (failure === -EBUSY || failure === -EEXIST) break;
    }
  }
  check(failure, `attach the XDP program to ${info.name}`, { [EBUSY]: occupied, [EEXIST]: occupied });
  throw new NativeError(-failure, `attach the XDP program to ${info.name}`, '');
}

/** The last line of the verifier's log that says something. */
function verifierWords(log: Uint8Array): string {
  const text = Buffer.from(log.buffer, 0, log.indexOf(0)).toString().trim();
  const reason = text.split('\n').findLast((line) => line !== '' && !line.startsWith('processed '));
  return reason === undefined ? '' : ` (${reason})`;
}

function registerUmem(
  memory: PacketMemory,
  base: number,
  fd: number,
  chunks: number,
): { umem: number; checksumOffload: boolean } {
  const calls = xdpCalls();
  const bytes = chunks * CHUNK_BYTES;
  const umem = memory.reserve(bytes);
  advise(memory, umem, bytes, ADVICE_DONT_FORK);
  const register = (flags: number, metadataBytes: number): number =>
    calls.umem(fd, base, umem, bytes, CHUNK_BYTES, RX_HEADROOM_BYTES, flags, metadataBytes);
  if (register(XDP_UMEM_TX_METADATA_LEN, TX_METADATA_BYTES) === 0) return { umem, checksumOffload: true };
  check(register(0, 0), `register ${bytes >> 20} MiB of packet memory (ulimit -l limits it without CAP_IPC_LOCK)`);
  return { umem, checksumOffload: false };
}

function mapRings(memory: PacketMemory, base: number, fd: number, resources: Resources, entries: number[]): Ring[] {
  const calls = xdpCalls();
  const [rx, tx, fill, completion] = entries;
  check(calls.ringEntries(fd, rx, tx, fill, completion), 'size the AF_XDP rings');
  // RX and TX descriptors are 16 bytes, the others 8; each ring has one page more, at most, for its indices.
  const bytes = rx * 16 + tx * 16 + fill * 8 + completion * 8 + 4 * 2 * PAGE_BYTES;
  const offset = memory.reserve(bytes);
  resources.add(() => unmap(memory, offset, bytes));
  const layout = new Int32Array(16);
  check(calls.mapRings(fd, base, offset, bytes, Int32Array.from(entries), layout), 'map the AF_XDP rings');
  return entries.map((count, i) => ({
    producer: layout[i * 4] >> 2,
    consumer: layout[i * 4 + 1] >> 2,
    flags: layout[i * 4 + 2] >> 2,
    descriptors: layout[i * 4 + 3] >> 2,
    mask: count - 1,
  }));
}

/** The kernel frees the queue of a socket that was just closed a moment later: for that long, busy is not an answer. */
const BIND_ATTEMPTS = 30;
const BIND_RETRY_MS = 10;

/** Returns whether frames may span several descriptors. */
function bindSocket(
  options: XdpLinkOptions,
  info: InterfaceInfo,
  queue: number,
  fd: number,
  fragments: boolean,
): boolean {
  const flags = XDP_USE_NEED_WAKEUP | (options.zeroCopy ? XDP_ZEROCOPY : XDP_COPY);
  let multiBuffer = fragments;
  let returned = 0;
  for (let attempt = 0; attempt < BIND_ATTEMPTS; attempt++) {
    returned = xdpCalls().bind(fd, info.index, queue, flags | (multiBuffer ? XDP_USE_SG : 0));
    if (returned === -EINVAL && multiBuffer) {
      multiBuffer = false; // before Linux 6.6
      returned = xdpCalls().bind(fd, info.index, queue, flags);
    }
    if (returned !== -EBUSY) break;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BIND_RETRY_MS);
  }
  check(returned, `bind the AF_XDP socket to ${info.name}, queue ${queue}`, {
    [EBUSY]: 'another AF_XDP socket holds that queue: stop it, or choose another interface',
  });
  return multiBuffer;
}
