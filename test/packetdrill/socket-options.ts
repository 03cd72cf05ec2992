/**
 * setsockopt(2) and getsockopt(2): what a socket keeps, and what of it becomes a setting of its connection, before it opens or
 * while it is open.
 */
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { TIMESTAMPS_BLOCK_BYTES } from '../../src/lib/tcp/options.ts';
import type { ConnectionSettings } from '../../src/lib/tcp/settings.ts';
import { SYN_RECEIVED } from '../../src/lib/tcp/state.ts';
import { congestionByName } from './congestion-name.ts';
import { icmpErrno } from './errno.ts';
import { DONE, fails, type Outcome } from './outcome.ts';
import type { Settings } from './profile.ts';
import type { TcpSocket } from './tcp-socket.ts';

/** Options that say nothing to a simulated machine, or ask for what is done anyway; their values are kept. */
const KEPT_ONLY = new Set([
  'SO_REUSEADDR',
  'SO_REUSEPORT',
  'SO_DEBUG',
  'SO_OOBINLINE',
  'SO_PRIORITY',
  'SO_MARK',
  'SO_BROADCAST',
  'SO_RCVLOWAT',
  'SO_SNDLOWAT',
  'SO_NOSIGPIPE',
  'SO_MAX_PACING_RATE',
  'SO_BUSY_POLL',
  'SO_ZEROCOPY',
  'SO_TXREHASH',
  'TCP_NOTSENT_LOWAT',
  'TCP_LOG',
  'TCP_LOGID',
  'TCP_INQ',
  'TCP_SYNCNT',
  'TCP_LINGER2',
  'IP_MTU_DISCOVER',
  'IP_RECVERR',
  'IP_FREEBIND',
  'IP_BIND_ADDRESS_NO_PORT',
]);

/** FreeBSD's net.inet.tcp.sendbuf_max. */
const LARGEST_SEND_BUFFER = 2_097_152;
const MAX_WINDOW_CLAMP = 1 << 30;

export class SocketOptions {
  private readonly socket: TcpSocket;
  private readonly settings: Settings;
  receiveBufferBytes: number;
  sendBufferBytes: number;
  /** SO_SNDBUF was set: the buffer doesn't grow by itself. */
  private sendBufferSet = false;
  /** −1: close(2) doesn't linger. */
  lingerMs = -1;
  private keepAlive = false;
  private keepAliveTimes: { idleMs: number; intervalMs: number; probes: number };
  private openTimeoutMs: number | undefined;
  private noDelay: boolean | undefined;
  private cork = false;
  /** TCP_NOOPT: no option in our SYN. */
  private noOptions = false;
  /** MSG_MORE of the last write. */
  private more = false;
  private maxSeg = 0;
  private userTimeoutMs = 0;
  private tos: number | undefined;
  private ttl: number | undefined;
  private congestion: string;
  private readonly kept = new Map<string, number>();

  constructor(socket: TcpSocket) {
    this.socket = socket;
    this.settings = socket.kernel.settings;
    this.receiveBufferBytes = this.settings.receiveBufferBytes;
    this.sendBufferBytes = this.settings.sendBufferBytes;
    this.keepAliveTimes = { ...this.settings.keepAlive };
    this.congestion = this.settings.tcp.congestion?.name ?? 'cubic';
  }

  /** An accepted socket has its listener's options. */
  inherit(from: SocketOptions): void {
    const { socket: _, settings: __, kept, ...values } = from;
    Object.assign(this, values, { keepAliveTimes: { ...from.keepAliveTimes } });
    for (const [name, value] of kept) this.kept.set(name, value);
  }

  /** What the stack must know before the connection opens. */
  connectionSettings(): ConnectionSettings {
    const { idleMs, intervalMs, probes } = this.keepAliveTimes;
    return {
      nagle: this.noDelay === undefined ? undefined : !this.noDelay,
      offersOptions: this.noOptions ? false : undefined,
      maxSeg: this.maxSeg > 0 ? this.maxSeg : undefined,
      keepAliveMs: this.keepAlive ? idleMs : undefined,
      keepAliveIntervalMs: intervalMs,
      keepAliveProbes: probes,
      openTimeoutMs: this.openTimeoutMs,
      tos: this.tos,
      ttl: this.ttl,
      userTimeoutMs: this.userTimeoutMs,
      congestion: congestionByName(this.congestion),
    };
  }

  /** The connection is established. */
  opened(c: Connection): void {
    c.corked = this.cork;
    this.fitBuffers(c, c.state);
  }

  /** FreeBSD rounds buffers up to a multiple of the MSS, once that is known (tcp_mss). */
  fitBuffers(c: Connection | null, state: number): void {
    if (c === null || state < SYN_RECEIVED) return;
    if (!this.isLinux) {
      const round = (bytes: number): number => (bytes > c.mss ? Math.ceil(bytes / c.mss) * c.mss : bytes);
      this.receiveBufferBytes = round(this.receiveBufferBytes);
      this.sendBufferBytes = round(this.sendBufferBytes);
    }
    if (c.rcvBuffer < this.receiveBufferBytes) c.rcvBuffer = this.receiveBufferBytes;
  }

  // ---- the send buffer

  /** `waits`: a call that would wait finds the buffer as large as FreeBSD lets it become by itself. */
  sendRoom(c: Connection, waits: boolean): number {
    const grows = waits && !this.isLinux && !this.sendBufferSet;
    const room = (grows ? LARGEST_SEND_BUFFER : this.sendBufferBytes) - c.queue.totalBytes;
    const lowat = this.notSentLowat;
    if (lowat === 0) return room;
    const sendable = Math.max(0, Math.min(c.cwnd, c.sndWnd) - c.flightBytes);
    return Math.min(room, lowat + sendable - this.unsentBytes(c));
  }

  /** poll(2) reports room when a third of the buffer is free, and half of what may wait unsent. */
  hasRoom(c: Connection): boolean {
    const free = this.sendBufferBytes - c.queue.totalBytes;
    const lowat = this.notSentLowat;
    return 3 * free >= this.sendBufferBytes && (lowat === 0 || 2 * this.unsentBytes(c) < lowat);
  }

  /** TCP_NOTSENT_LOWAT: bytes that may wait to be sent; 0 is no limit. */
  private get notSentLowat(): number {
    return this.kept.get('TCP_NOTSENT_LOWAT') ?? 0;
  }

  private unsentBytes(c: Connection): number {
    return c.queue.unsentBytes + c.queue.backlogBytes;
  }

  /** `more`: what is short of a segment waits for the next write (MSG_MORE). */
  hold(c: Connection, more: boolean): void {
    if (this.more === more) return;
    this.more = more;
    c.corked = more || this.cork;
  }

  // ---- setsockopt

  /** Null: this option is not known here. */
  set(name: string, value: number | string): Outcome | null {
    const c = this.socket.hasEnded ? null : this.socket.connection;
    const outcome = this.setValue(name, value, c);
    if (this.socket.listener !== null) Object.assign(this.socket.listener.settings, this.connectionSettings());
    return outcome;
  }

  private setValue(name: string, value: number | string, c: Connection | null): Outcome | null {
    if (name === 'TCP_CONGESTION') return this.setCongestion(String(value), c);
    if (typeof value === 'string') return null;
    switch (name) {
      case 'SO_RCVBUF':
      case 'SO_RCVBUFFORCE':
        this.receiveBufferBytes = value;
        this.socket.kernel.receiveBuffer(value, c);
        return DONE;
      case 'SO_SNDBUF':
      case 'SO_SNDBUFFORCE':
        this.sendBufferSet = true;
        this.sendBufferBytes = this.isLinux ? 2 * value : value;
        return DONE;
      case 'IP_TOS':
        this.tos = value;
        c?.setTypeOfService(value);
        return DONE;
      case 'IP_TTL':
        this.ttl = value;
        c?.setTypeOfService(c.tos, value);
        return DONE;
      default:
        return this.setTcp(name, value, c) ?? this.setKeepAlive(name, value, c) ?? this.keep(name, value);
    }
  }

  private setTcp(name: string, value: number, c: Connection | null): Outcome | null {
    switch (name) {
      case 'TCP_NODELAY':
        this.noDelay = value !== 0;
        if (c !== null) this.setNoDelay(c, value !== 0);
        return DONE;
      case 'TCP_CORK':
      case 'TCP_NOPUSH':
        this.cork = value !== 0;
        if (c !== null) c.corked = this.cork;
        return DONE;
      case 'TCP_NOOPT':
        this.noOptions = value !== 0;
        return DONE;
      case 'TCP_MAXSEG':
        return this.setMaxSeg(value);
      case 'TCP_QUICKACK':
        this.quickAck(value !== 0, c);
        return DONE;
      case 'TCP_USER_TIMEOUT':
        if (value < 0) return fails('EINVAL');
        this.userTimeoutMs = value;
        if (c !== null) c.userTimeoutMs = value;
        return DONE;
      case 'TCP_WINDOW_CLAMP':
        this.socket.kernel.receiveBuffer(Math.min(value || MAX_WINDOW_CLAMP, this.receiveBufferBytes), c);
        return DONE;
      default:
        return null;
    }
  }

  /** What waits goes, even if it is corked; the cork stays for what comes. */
  private setNoDelay(c: Connection, on: boolean): void {
    c.nagle = !on;
    if (!on || !c.corked) return;
    c.corked = false;
    this.socket.kernel.world.turn();
    c.corked = this.cork;
    this.more = false;
  }

  /** Linux: off, acknowledgments wait for something to ride on; on, they don't. */
  private quickAck(on: boolean, c: Connection | null): void {
    if (c === null) return;
    c.interactive = !on;
    c.quickAcks = on ? (this.settings.tcp.quickAcks ?? 0) : 0;
    if (on && c.unackedBytes > 0) {
      c.ackNow = true;
      c.stack.markDirty(c.slot);
    }
  }

  private setCongestion(name: string, c: Connection | null): Outcome {
    const algorithm = congestionByName(name);
    if (algorithm === undefined) return fails('ENOENT');
    this.congestion = name;
    if (c !== null) c.congestion = algorithm;
    return DONE;
  }

  private setMaxSeg(value: number): Outcome {
    if (value !== 0 && (value < this.minMaxSeg || value > 32_767)) return fails('EINVAL');
    this.maxSeg = value;
    return DONE;
  }

  private get minMaxSeg(): number {
    return this.isLinux ? 88 : 1;
  }

  private setKeepAlive(name: string, value: number, c: Connection | null): Outcome | null {
    // Linux counts in seconds, and so does FreeBSD, whose sysctls count in milliseconds.
    const times = this.keepAliveTimes;
    const limit = name === 'TCP_KEEPCNT' ? 127 : 32_767;
    if (name.startsWith('TCP_KEEP') && this.isLinux && (value < 1 || value > limit)) return fails('EINVAL');
    if (name === 'SO_KEEPALIVE') this.keepAlive = value !== 0;
    else if (name === 'TCP_KEEPIDLE') times.idleMs = value * 1000;
    else if (name === 'TCP_KEEPINTVL') times.intervalMs = value * 1000;
    else if (name === 'TCP_KEEPCNT') times.probes = value;
    else if (name === 'TCP_KEEPINIT') {
      this.openTimeoutMs = value * 1000;
      return DONE;
    } else return null;
    c?.keepAlive(this.keepAlive ? times.idleMs : 0, times.intervalMs, times.probes);
    return DONE;
  }

  private keep(name: string, value: number): Outcome | null {
    if (!KEPT_ONLY.has(name)) return null;
    this.kept.set(name, value);
    return DONE;
  }

  // ---- getsockopt

  /** Null: this option is not known here. */
  get(name: string): number | string | null {
    const c = this.socket.connection;
    switch (name) {
      case 'SO_ERROR':
        return this.takeError(c);
      case 'SO_TYPE':
        return 1;
      case 'SO_ACCEPTCONN':
        return this.socket.listener === null ? 0 : 1;
      case 'SO_RCVBUF':
        return this.isLinux && this.receiveBufferBytes !== this.settings.receiveBufferBytes
          ? 2 * this.receiveBufferBytes
          : this.receiveBufferBytes;
      case 'SO_SNDBUF':
        return this.sendBufferBytes;
      case 'SO_KEEPALIVE':
        return this.keepAlive ? (this.isLinux ? 1 : 8) : 0;
      case 'IP_TOS':
        return this.tos ?? 0;
      case 'IP_TTL':
        return this.ttl ?? 64;
      default:
        return this.getTcp(name, c) ?? (KEPT_ONLY.has(name) ? (this.kept.get(name) ?? 0) : null);
    }
  }

  private getTcp(name: string, c: Connection | null): number | string | null {
    switch (name) {
      case 'TCP_NODELAY':
        return this.noDelay ? (this.isLinux ? 1 : 4) : 0;
      case 'TCP_CORK':
      case 'TCP_NOPUSH':
        return this.cork ? 1 : 0;
      case 'TCP_MAXSEG':
        return c === null ? this.maxSeg || 536 : this.maxSegOf(c);
      case 'TCP_KEEPIDLE':
        return this.keepAliveTimes.idleMs / 1000;
      case 'TCP_KEEPINTVL':
        return this.keepAliveTimes.intervalMs / 1000;
      case 'TCP_KEEPCNT':
        return this.keepAliveTimes.probes;
      case 'TCP_KEEPINIT':
        return (this.openTimeoutMs ?? this.settings.tcp.openTimeoutMs ?? 0) / 1000;
      case 'TCP_QUICKACK':
        return c !== null && !c.interactive ? 1 : 0;
      case 'TCP_USER_TIMEOUT':
        return this.userTimeoutMs;
      case 'TCP_CONGESTION':
        return this.settings.profile === 'freebsd' && this.congestion === 'reno' ? 'newreno' : this.congestion;
      default:
        return null;
    }
  }

  /** FreeBSD does not take off what options take in each segment. */
  private maxSegOf(c: Connection): number {
    return !this.isLinux && c.timestamps ? c.mss + TIMESTAMPS_BLOCK_BYTES : c.mss;
  }

  /** An error that ended the connection, or else the last that the path reported (RFC 1122 §4.2.4.1): once. */
  private takeError(c: Connection | null): number | string {
    if (this.socket.error !== null) return this.socket.takeError();
    if (c === null || c.softError < 0 || this.kept.get('IP_RECVERR') !== 1) return 0;
    const errno = icmpErrno(c.softError, this.settings.profile);
    c.softError = -1;
    return errno;
  }

  private get isLinux(): boolean {
    return this.settings.profile === 'linux';
  }
}
