/**
 * TCP (RFC 9293) over one interface: the table of connections, the way in and the way out.
 *
 *   Interface ─▶ input ─▶ flow table ─┬─▶ connection ─▶ onData … requestFlush ─▶ dirty list
 *                                     ├─▶ TIME-WAIT record                           │
 *                                     └─▶ listener, or a reset                       ▼
 *   Link ◀──────────────────────────────────────────────────────── output: dirty connections, due timers
 *
 * Sans-IO: it reads no clock (`net.nowUs` is the time), sends by `link.transmit`, and the caller flushes after `output`.
 * A stack is its interface's only transport for TCP, and its hop listener.
 */
import type { Link } from '../link/link.ts';
import { RX_CHECKSUM_PARTIAL, RX_CHECKSUM_VALID } from '../link/link.ts';
import { CLOSE_TIMEOUT, type StreamHandler } from '../link/stream.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Hop, HopListener } from '../net/hop.ts';
import type { Interface, TransportProtocol } from '../net/interface.ts';
import type { IpAddress } from '../wire/address.ts';
import { ICMP_UNREACHABLE, UNREACHABLE_HOST } from '../wire/icmp.ts';
import { IPV4_DESTINATION, IPV4_SOURCE, IPV4_TOS, PROTOCOL_TCP } from '../wire/ipv4.ts';
import { TCP_HEADER_BYTES, tcpChecksumOk, tcpChecksumPartial, tcpHeaderLengthOk } from '../wire/tcp.ts';
import { answerWithReset, Endpoints, SynOffer } from './bare.ts';
import { ChallengeThrottle, SecondBudget } from './challenge.ts';
import { abortConnection, closeConnection } from './close.ts';
import { completeConfig, type TcpConfig, type TcpOptions } from './config.ts';
import { Connection } from './connection.ts';
import { TcpCounters } from './counters.ts';
import { DeadlineHeap } from './deadlines.ts';
import type { TcpObserver } from './events.ts';
import { connectionDue } from './expiry.ts';
import { FlowTable } from './flows.ts';
import { TEMPLATE_BYTES } from './header.ts';
import { icmpErrorArrives } from './icmp-errors.ts';
import { expectedArrives, restArrives, segmentArrives } from './input.ts';
import { LedgerPool } from './loss/ledger.ts';
import { openConnection, synSentArrives } from './opening/connect.ts';
import { transmitSyn } from './opening/handshake.ts';
import { Listener, type ListenOptions, listenArrives } from './opening/listen.ts';
import { SynCookies } from './opening/syn-cookies.ts';
import { ParsedOptions } from './options.ts';
import { sendPending } from './output.ts';
import type { ConnectionSettings } from './settings.ts';
import { ESTABLISHED, FIN_WAIT_2, SYN_SENT } from './state.ts';
import { TimeWaitTable } from './time-wait.ts';

const IPV4_TCP_HEADER_BYTES = 40;
// As in header.ts: what is imported costs more than what is the module's own.
const CHECKSUM_KNOWN = RX_CHECKSUM_VALID | RX_CHECKSUM_PARTIAL;
const MIN_HEADER_BYTES = TCP_HEADER_BYTES;
const SOURCE = IPV4_SOURCE;
const DESTINATION = IPV4_DESTINATION;
/** The stack's clock never moves more at once, so that its 32 bits are always compared within half their circle. */
const MAX_CLOCK_STEP_US = 500_000_000;

export class TcpStack implements TransportProtocol, HopListener {
  readonly net: Interface;
  readonly link: Link;
  readonly memory: PacketMemory;
  readonly config: TcpConfig;
  readonly counters = new TcpCounters();
  observer: TcpObserver | null = null;

  // What the other files of tcp/ work with
  readonly flows: FlowTable;
  /** By slot; 0 is none. */
  readonly connections: (Connection | null)[];
  readonly listeners = new Map<number, Listener>();
  /** Connections that are over but for their reader, who is behind. */
  readonly lingering = new Set<Connection>();
  readonly deadlines: DeadlineHeap;
  readonly ledgers = new LedgerPool();
  readonly timeWait: TimeWaitTable;
  readonly cookies: SynCookies;
  readonly challenges: ChallengeThrottle;
  readonly resetBudget: SecondBudget;
  /** Where the connections' header templates lie, by slot. */
  readonly templates: number;
  readonly options = new ParsedOptions();
  readonly endpoints = new Endpoints();
  readonly synOffer = new SynOffer();
  /** Connections that their owner has ended, and the peer has not. */
  orphans = 0;
  /** The frame of the segment that is being looked at, where it does not take the short way. */
  frame = 0;
  /** RCV.BUFF of a new connection, and the most that it may become: window.ts. */
  readonly receiveWindow: number;
  readonly maxReceiveWindow: number;
  /** Bytes that rings have now, and the most that they may have: half of what there is, or they would leave none to others. */
  ringBytes = 0;
  readonly maxRingBytes: number;
  /** By how much windows may still grow, all together. */
  windowGrowthLeft: number;
  /** Our shift count (RFC 7323 §2.2). */
  readonly windowScale: number;
  /** What our MSS option says: it takes no options into account (RFC 6691). */
  readonly offeredMss: number;
  readonly checksumOffload: boolean;
  /** Payload of the largest super-segment; 0 when the link can't cut one. */
  readonly superSegmentBytes: number;
  readonly delayedAckUs: number;
  /** Microseconds, wrapping at 32 bits: what all deadlines are measured by. */
  clockUs = 0;
  /** Milliseconds, wrapping at 32 bits: the timestamp clock, before each connection's offset. */
  clockMs = 0;
  nowSeconds = 0;
  /** Type of service of the datagram that is looked at. */
  arrivedTos = 0;

  private lastNowUs = 0;
  private readonly freeSlots: Int32Array;
  private freeCount = 0;
  private readonly dirty: Int32Array;
  private readonly isDirty: Uint8Array;
  private dirtyCount = 0;

  constructor(net: Interface, options: TcpOptions) {
    const config = completeConfig(options);
    const { maxConnections, secret, random } = config;
    const { link } = net;
    this.net = net;
    this.link = link;
    this.memory = link.memory;
    this.config = config;
    this.flows = new FlowTable(maxConnections + config.maxTimeWait, secret.subarray(4, 6));
    this.connections = new Array<Connection | null>(maxConnections + 1).fill(null);
    this.deadlines = new DeadlineHeap(maxConnections);
    this.timeWait = new TimeWaitTable(this, config.maxTimeWait, config.timeWaitMs || 2 * config.mslMs);
    this.cookies = new SynCookies(this);
    this.challenges = new ChallengeThrottle(
      config.challengeLimit,
      config.challengeWindowMs,
      config.challengeLimitPerSecond,
      random,
    );
    this.resetBudget = new SecondBudget(config.resetLimitPerSecond, random);
    this.templates = link.memory.reserve((maxConnections + 1) * TEMPLATE_BYTES);
    this.receiveWindow = config.receiveWindowBytes;
    this.maxReceiveWindow = Math.max(config.receiveWindowBytes, config.maxReceiveWindowBytes);
    this.maxRingBytes = link.memory.extents.bytes >> 1;
    this.windowGrowthLeft = config.maxReceiveMemoryBytes || link.memory.extents.bytes >> 2;
    const scale = Math.max(0, Math.ceil(Math.log2(this.maxReceiveWindow / 0xffff)));
    this.windowScale = Math.min(14, scale);
    this.offeredMss = Math.min(link.mtu - IPV4_TCP_HEADER_BYTES, 0xffff);
    const { checksumOffload, segmentationBytes } = link.capabilities;
    this.checksumOffload = checksumOffload;
    // An IPv4 datagram has at most 65,535 bytes, and 60 are headers at most.
    this.superSegmentBytes = checksumOffload ? Math.min(segmentationBytes, 0xffff - 80) : 0;
    this.delayedAckUs = config.delayedAckMs * 1000;
    this.freeSlots = new Int32Array(maxConnections);
    for (let slot = maxConnections; slot >= 1; slot--) this.freeSlots[this.freeCount++] = slot;
    this.dirty = new Int32Array(maxConnections + 1);
    this.isDirty = new Uint8Array(maxConnections + 1);
    if (link.control === link.data) link.data.reserve = Math.max(4, link.data.count >> 4);
    net.register(PROTOCOL_TCP, this);
    net.hopListener = this;
    this.lastNowUs = net.nowUs;
    this.setClock(net.nowUs);
  }

  // ---- for those above

  /** Accepts connections on a port. Throws when something listens there already. */
  listen(port: number, handler: StreamHandler, options: ListenOptions = {}): Listener {
    if (this.listeners.has(port)) throw new Error(`port ${port} is listened on already`);
    const listener = new Listener(port, handler, options);
    this.listeners.set(port, listener);
    return listener;
  }

  /** Accepts no new connections on the port; those that its owner has stay. */
  unlisten(port: number): void {
    const listener = this.listeners.get(port);
    this.listeners.delete(port);
    listener?.close();
  }

  /**
   * Opens a connection to an IPv4 address (int32, host order) and port. onOpen follows when it is established, onClose when it
   * ended or could not be (then without onOpen). Null when there is no route, no free port or no room.
   */
  connect(
    address: IpAddress,
    port: number,
    handler: StreamHandler,
    localPort = 0,
    settings: ConnectionSettings = {},
  ): Connection | null {
    this.setClock(this.net.nowUs);
    return openConnection(this, address, port, handler, localPort, settings);
  }

  /** Connections that are open or opening now, TIME-WAIT not counted. */
  get connectionCount(): number {
    return this.config.maxConnections - this.freeCount;
  }

  /** Connections that are not over for us: in FIN-WAIT-2 the peer has all of ours, our FIN included, and only has to close. */
  unfinishedConnections(): number {
    const unfinished = (c: Connection | null): boolean =>
      c !== null && c.state >= ESTABLISHED && c.state !== FIN_WAIT_2;
    return this.connections.filter(unfinished).length;
  }

  /** Resets every connection and forgets everything. */
  close(): void {
    for (const port of [...this.listeners.keys()]) this.unlisten(port);
    for (const c of this.connections) if (c !== null) abortConnection(c);
    for (const c of [...this.lingering]) abortConnection(c);
    this.timeWait.clear();
  }

  // ---- from below

  /** The short way is for a verified segment that its connection expects, while nobody watches. */
  input(frame: number, ip: number, l4: number, l4Length: number, rxFlags: number): void {
    const nowUs = this.net.nowUs;
    if (nowUs !== this.lastNowUs) this.setClock(nowUs);
    this.counters.segmentsIn++;
    if ((rxFlags & CHECKSUM_KNOWN) !== 0 && l4Length >= MIN_HEADER_BYTES && this.observer === null) {
      const dv = this.memory.dv;
      const value = this.flows.find(dv.getInt32(ip + SOURCE, false), dv.getInt32(l4, false));
      if (value > 0) {
        const c = this.connections[value]!;
        if (c.localIp === dv.getInt32(ip + DESTINATION, false) && expectedArrives(c, l4, l4Length)) return;
      }
    }
    this.inputCarefully(frame, ip, l4, l4Length, rxFlags);
  }

  private inputCarefully(frame: number, ip: number, l4: number, l4Length: number, rxFlags: number): void {
    const memory = this.memory;
    const counters = this.counters;
    if (!tcpHeaderLengthOk(memory, l4, l4Length)) {
      this.drop(null, 'tooShort');
      return;
    }
    const source = memory.dv.getInt32(ip + IPV4_SOURCE, false);
    const destination = memory.dv.getInt32(ip + IPV4_DESTINATION, false);
    if ((rxFlags & CHECKSUM_KNOWN) === 0) {
      if (this.config.acceptPartialChecksum && tcpChecksumPartial(memory, l4, l4Length, source, destination)) {
        counters.partialChecksum++;
      } else if (!tcpChecksumOk(memory, l4, l4Length, source, destination)) {
        this.drop(null, 'badChecksum');
        return;
      }
    }
    const ports = memory.dv.getInt32(l4, false);
    const value = this.flows.find(source, ports);
    this.frame = frame;
    if (value > 0) {
      const c = this.connections[value]!;
      if (c.localIp === destination) {
        this.arrivedTos = memory.u8[ip + IPV4_TOS];
        if (this.observer !== null) this.observer.segmentIn(c, l4, l4Length);
        if (c.state !== SYN_SENT) segmentArrives(c, l4, l4Length);
        else if (synSentArrives(c, frame, ip, l4, l4Length)) restArrives(c, l4, l4Length);
        return;
      }
    }
    this.strangerArrives(frame, ip, l4, l4Length, source, ports, value);
  }

  /** A segment that belongs to no open connection. */
  private strangerArrives(
    frame: number,
    ip: number,
    l4: number,
    l4Length: number,
    source: number,
    ports: number,
    value: number,
  ): void {
    if (this.observer !== null) this.observer.segmentIn(null, l4, l4Length);
    const destination = this.memory.dv.getInt32(ip + IPV4_DESTINATION, false);
    const toItself = source === destination && ports >>> 16 === (ports & 0xffff);
    if (ports >>> 16 === 0 || toItself || !isHost(source) || !isHost(destination)) {
      this.drop(null, 'badAddress');
      return;
    }
    const listener = this.listeners.get(ports & 0xffff);
    let reuse = false;
    if (value < 0) {
      reuse = this.timeWait.input(-value, l4, l4Length, listener !== undefined);
      if (!reuse) return;
    }
    if (listener !== undefined) {
      listenArrives(this, listener, frame, ip, l4, l4Length, reuse, this.timeWait.reuseAfter);
      return;
    }
    this.drop(null, 'noConnection');
    answerWithReset(this, frame, ip, l4, l4Length);
  }

  icmpError(type: number, code: number, nextHopMtu: number, quotedIp: number, quotedL4: number): void {
    this.setClock(this.net.nowUs);
    icmpErrorArrives(this, type, code, nextHopMtu, quotedIp, quotedL4);
  }

  /** A hardware address was found: what waited for it goes out. */
  onResolved(hop: Hop): void {
    this.setClock(this.net.nowUs);
    for (const c of this.connections) {
      if (c === null || c.hop !== hop) continue;
      if (c.state < ESTABLISHED) {
        c.timedAtUs = this.clockUs;
        transmitSyn(c);
      } else this.markDirty(c.slot);
    }
  }

  /** Nobody answers for the next hop: those that are opening fail, the others have their timers (RFC 1122 §4.2.3.9). */
  unreachable(hop: Hop): void {
    this.setClock(this.net.nowUs);
    for (const c of this.connections) {
      if (c === null || c.hop !== hop) continue;
      c.softError = (ICMP_UNREACHABLE << 8) | UNREACHABLE_HOST; // what a router would say
      if (c.state !== SYN_SENT) continue;
      this.counters.timeouts++;
      closeConnection(c, CLOSE_TIMEOUT, 'next hop unreachable');
    }
  }

  // ---- the end of a turn

  /** Sends what the connections have to say and runs the timers that are due. The caller flushes the link then. */
  output(nowUs: number): void {
    this.net.nowUs = nowUs;
    this.setClock(nowUs);
    this.sendDirty();
    if (this.deadlines.size === 0 && this.timeWait.size === 0) return;
    for (let slot = this.deadlines.popDue(this.clockUs); slot >= 0; slot = this.deadlines.popDue(this.clockUs)) {
      const c = this.connections[slot];
      if (c !== null) connectionDue(c);
    }
    this.timeWait.run(this.clockUs);
    this.sendDirty();
  }

  /** When `output` has something to do next, in `nowUs`'s time; Infinity when nothing is planned. */
  nextDeadlineUs(): number {
    if (this.dirtyCount > 0) return this.lastNowUs;
    const untilUs = Math.min(this.deadlines.untilFirst(this.clockUs), this.timeWait.untilFirst(this.clockUs));
    return this.lastNowUs + Math.max(0, untilUs);
  }

  private sendDirty(): void {
    // Sending marks nothing, but a reader that is resumed by a callback may: the list is read to its end.
    for (let i = 0; i < this.dirtyCount; i++) {
      const slot = this.dirty[i];
      this.isDirty[slot] = 0;
      const c = this.connections[slot];
      if (c !== null) sendPending(c);
    }
    this.dirtyCount = 0;
  }

  // ---- for the other files of tcp/

  /** The connection is looked at at the end of the turn. */
  markDirty(slot: number): void {
    if (this.isDirty[slot] !== 0) return;
    this.isDirty[slot] = 1;
    this.dirty[this.dirtyCount++] = slot;
  }

  /** Makes room for a connection and enters it in the flow table; null when the table is full. */
  admit(
    handler: StreamHandler,
    listener: Listener | null,
    localIp: number,
    localPort: number,
    remoteIp: number,
    remotePort: number,
  ): Connection | null {
    if (this.freeCount === 0) return null;
    const slot = this.freeSlots[--this.freeCount];
    const c = new Connection(this, slot, handler, listener, localIp, localPort, remoteIp, remotePort);
    this.connections[slot] = c;
    this.flows.set(remoteIp, c.ports, slot);
    return c;
  }

  /** The connection leaves all tables; its slot is free. */
  forget(c: Connection): void {
    if (this.connections[c.slot] !== c) return;
    this.connections[c.slot] = null;
    this.flows.delete(c.remoteIp, c.ports);
    this.deadlines.remove(c.slot);
    this.freeSlots[this.freeCount++] = c.slot;
  }

  /** Counts a segment that is not used, under its reason. */
  drop(c: Connection | null, reason: DropReason): void {
    this.counters[reason]++;
    if (this.observer !== null) this.observer.dropped(c, reason);
  }

  private setClock(nowUs: number): void {
    const stepUs = nowUs - this.lastNowUs;
    this.clockUs = (this.clockUs + (stepUs < MAX_CLOCK_STEP_US ? stepUs : MAX_CLOCK_STEP_US)) | 0;
    this.lastNowUs = nowUs;
    this.clockMs = Math.floor(nowUs / 1000) | 0;
    this.nowSeconds = Math.floor(nowUs / 1_000_000) | 0;
  }
}

/** The counters of segments that are dropped. */
export type DropReason =
  | 'tooShort'
  | 'badChecksum'
  | 'badAddress'
  | 'noConnection'
  | 'synBacklogFull'
  | 'acceptQueueFull'
  | 'badCookie'
  | 'synWithFin'
  | 'connectionTableFull'
  | 'noRoute'
  | 'pawsRejected'
  | 'missingTimestamps'
  | 'outsideWindow'
  | 'noAckFlag'
  | 'badAck'
  | 'resetOutsideWindow'
  | 'unexpectedSyn'
  | 'dataAfterFin'
  | 'dataAfterClose'
  | 'reassemblyNoMemory'
  | 'reassemblyTooManyRanges';

/** Neither group nor broadcast: what may have a connection (RFC 9293 §3.9.2.3, MUST-57 and MUST-63). */
function isHost(address: number): boolean {
  return address >>> 28 < 14 && address !== 0;
}
