/**
 * Streams over the kernel's own TCP: one native call a turn that waits, accepts and receives, one that sends.
 *
 *   poll():  epoll_wait ─▶ accept, recv ─▶ records ─▶ onOpen, onData, onEnd, onClose
 *   flush(): streams that asked ─▶ ranges of their send queues ─▶ one sendmsg each ─▶ queue.drop(what was taken)
 *
 * Bytes that onData shows stay valid until the next poll(). Descriptors are closed at the end of poll() and flush(), so that
 * a number is not used again while records of its former owner may still be around.
 */
import { type Clock, systemClock } from '../clock.ts';
import { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { SendQueue } from '../memory/send-queue.ts';
import { check, EADDRINUSE, EADDRNOTAVAIL, ECONNREFUSED, ETIMEDOUT } from '../native/error.ts';
import { baseAddress } from '../native/memory.ts';
import { Resources } from '../native/resources.ts';
import {
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  MEMBER_CONNECTING,
  MEMBER_STREAM,
  MEMBER_WAKE,
  RECORD_ACCEPT_FAILED,
  RECORD_CONNECTED,
  RECORD_DATA,
  RECORD_ENDED,
  RECORD_FAILED,
  RECORD_OPENED,
  RECORD_WRITABLE,
  type SocketCalls,
  socketCalls,
} from '../native/socket.ts';
import { closeFd } from '../native/wait.ts';
import { ListenerSet } from './socket-listeners.ts';
import { SendBatch, type SendOwner } from './socket-send.ts';
import { SocketStream, type StreamOwner } from './socket-stream.ts';
import {
  CLOSE_ABORTED,
  CLOSE_NORMAL,
  CLOSE_REFUSED,
  CLOSE_RESET,
  CLOSE_TIMEOUT,
  type Stream,
  type StreamHandler,
} from './stream.ts';

export { SocketStream } from './socket-stream.ts';

export interface SocketTransportOptions {
  readonly memory: PacketMemory;
  /** Is told about every accepted stream, and about those that connect() makes unless that names another. */
  readonly handler: StreamHandler;
  readonly clock?: Clock;
  /** Buffers of 16 KB that the send queues share. */
  readonly sendBuffers?: number;
  /** What one poll() can receive. */
  readonly areaBytes?: number;
}

export interface SocketStats {
  accepted: number;
  /** No descriptor or memory for a connection that asked. */
  acceptFailures: number;
  rxBytes: number;
  txBytes: number;
  sendCalls: number;
}

const READING = EPOLLIN | EPOLLRDHUP;
const MAX_RECORDS = 512;
/** A flush goes round this often for streams that refill as they drain; the rest waits for the next turn. */
const MAX_ROUNDS = 8;
/** After our FIN the peer's is waited for this long, as the kernel does for sockets without an owner (tcp_fin_timeout). */
const LINGER_US = 60_000_000;

export class SocketTransport implements StreamOwner, SendOwner {
  private readonly counters: SocketStats = { accepted: 0, acceptFailures: 0, rxBytes: 0, txBytes: 0, sendCalls: 0 };
  readonly memory: PacketMemory;
  readonly pool: BufferPool;
  private readonly handler: StreamHandler;
  private readonly clock: Clock;
  private readonly calls: SocketCalls;
  private readonly base: number;
  private readonly i32: Int32Array;
  private readonly epoll: number;
  private readonly area: number;
  private readonly areaBytes: number;
  private readonly records: number;
  private readonly batch: SendBatch;
  private readonly listeners: ListenerSet;
  /** By descriptor. */
  private readonly streams: (SocketStream | null)[] = [];
  private open = 0;
  /** Streams to flush; the other of the two arrays is the one being flushed. */
  private scheduled: (SocketStream | null)[] = [];
  private flushing: (SocketStream | null)[] = [];
  private scheduledCount = 0;
  /** Descriptors to close: positive plainly, complemented with a reset. */
  private readonly doomed: number[] = [];
  /** Streams whose connect() failed at once: reported by the next poll(). */
  private readonly refused: SocketStream[] = [];
  /** Records that wait() received for the next poll(). */
  private waiting = 0;
  private wakeFd = -1;
  private lingerHead: SocketStream | null = null;
  private lingerTail: SocketStream | null = null;
  private readonly resources: Resources;

  constructor(options: SocketTransportOptions) {
    const memory = options.memory;
    this.memory = memory;
    this.handler = options.handler;
    this.clock = options.clock ?? systemClock;
    this.calls = socketCalls();
    this.base = baseAddress(memory);
    this.i32 = memory.i32;
    this.pool = new BufferPool(memory, options.sendBuffers ?? 8192, 16_384);
    this.areaBytes = options.areaBytes ?? 1 << 20;
    this.area = memory.reserve(this.areaBytes + 64);
    this.records = memory.reserve(MAX_RECORDS * 16);
    this.batch = new SendBatch(this, memory, this.pool);
    this.resources = new Resources();
    this.epoll = this.resources.fd(check(this.calls.epoll(), 'create an epoll set'));
    this.listeners = new ListenerSet(this.epoll);
  }

  /** Counted since the start. */
  get stats(): SocketStats {
    this.counters.sendCalls = this.batch.calls;
    this.counters.txBytes = this.batch.bytes;
    return this.counters;
  }

  /**
   * Listens on an IPv4 address (int32, host order; 0 for all). Returns the port, which the kernel chooses when it is 0.
   * Throws a NativeError when the address is taken or not ours.
   */
  listen(address: number, port: number, backlog: number, reusePort = false): number {
    const fd = check(this.calls.listen(address, port, backlog, reusePort ? 1 : 0), `listen on TCP port ${port}`, {
      [EADDRINUSE]: `another server listens there (ss -ltnp 'sport = :${port}' names it): stop it, or choose another --port`,
      [EADDRNOTAVAIL]: 'that address is not one of this host',
    });
    this.listeners.add(fd);
    const name = new Int32Array(2);
    this.calls.name(fd, 0, name);
    return name[1];
  }

  /** Listens on a unix socket; its file is removed when listening ends. */
  listenUnix(path: string, backlog: number): void {
    const fd = check(this.calls.listenUnix(path, backlog), `listen on ${path}`, {
      [EADDRINUSE]: 'the file exists already: remove it if no server uses it',
    });
    this.listeners.add(fd, path);
  }

  /** Takes no new connections from now on. */
  stopListening(): void {
    this.listeners.close();
  }

  /**
   * Begins an active open. Its outcome comes from a later poll(): onOpen, or onClose with CLOSE_REFUSED or CLOSE_TIMEOUT and
   * no onOpen before. What is written into the queue meanwhile is sent when it opens.
   */
  connect(address: number, port: number, handler: StreamHandler = this.handler): SocketStream {
    const fd = this.calls.connect(address, port);
    const stream = new SocketStream(this, fd, new SendQueue(this.memory, this.pool), handler, EPOLLOUT, true);
    this.open++;
    if (fd < 0 || this.calls.epollAdd(this.epoll, fd, MEMBER_CONNECTING, EPOLLOUT) < 0) {
      this.refused.push(stream);
      return stream;
    }
    this.streams[fd] = stream;
    return stream;
  }

  /** Streams that are open, connecting, or waiting for the peer's FIN. */
  openStreams(): number {
    return this.open;
  }

  /** Streams with something still to be sent: bytes, or our FIN. */
  unfinishedStreams(): number {
    return this.streams.filter((stream) => stream && !stream.closed && !stream.shut).length;
  }

  /** One turn of input: waits up to `timeoutUs` (negative: without end), then tells the handlers. Returns the events. */
  poll(timeoutUs: number): number {
    const n = this.waiting > 0 ? this.waiting : this.receive(timeoutUs);
    this.waiting = 0;
    const i32 = this.i32;
    for (let i = 0, r = this.records >> 2; i < n; i++, r += 4) {
      this.dispatch(i32[r], i32[r + 1], i32[r + 2], i32[r + 3]);
    }
    if (this.refused.length > 0) this.reportRefused();
    if (this.lingerHead !== null) this.endLinger();
    if (n === 0) this.listeners.resume();
    this.closeDescriptors();
    return n;
  }

  /** The native call of a turn: waits unless there is something to do anyway. Returns the records. */
  private receive(timeoutUs: number): number {
    const n = this.calls.poll(
      this.epoll,
      this.base,
      this.area,
      this.areaBytes,
      this.records,
      MAX_RECORDS,
      this.scheduledCount === 0 && this.refused.length === 0 ? timeoutUs : 0,
    );
    return n < 0 ? 0 : n;
  }

  private dispatch(fd: number, kind: number, first: number, second: number): void {
    if (kind === RECORD_OPENED) {
      this.accept(fd, first, second);
      return;
    }
    if (kind === RECORD_ACCEPT_FAILED) {
      this.counters.acceptFailures++;
      this.listeners.suspend();
      return;
    }
    const stream = this.streams[fd];
    if (stream === null || stream === undefined) return; // closed earlier in this turn
    switch (kind) {
      case RECORD_DATA:
        this.counters.rxBytes += second;
        if (!(stream.shut && stream.paused)) stream.handler.onData(stream, first, second);
        break;
      case RECORD_WRITABLE:
        stream.blocked = false;
        this.watch(stream, stream.interest & ~EPOLLOUT);
        stream.requestFlush();
        break;
      case RECORD_ENDED:
        this.peerEnded(stream);
        break;
      case RECORD_FAILED:
        this.closeStream(stream, failureReason(stream, first), false);
        break;
      case RECORD_CONNECTED:
        this.connected(stream);
        break;
    }
  }

  private accept(fd: number, address: number, port: number): void {
    const stream = new SocketStream(
      this,
      fd,
      new SendQueue(this.memory, this.pool),
      this.handler,
      READING, // as the native accept asked for
      false,
    );
    stream.setRemote(port === 0 ? `${this.listeners.path}:0` : formatAddress(address, port));
    this.streams[fd] = stream;
    this.open++;
    this.counters.accepted++;
    this.handler.onOpen(stream);
  }

  private connected(stream: SocketStream): void {
    stream.connecting = false;
    stream.interest = stream.paused ? 0 : READING;
    this.calls.epollChange(this.epoll, stream.fd, MEMBER_STREAM, stream.interest);
    stream.handler.onOpen(stream);
    stream.requestFlush();
  }

  private peerEnded(stream: SocketStream): void {
    stream.peerEnded = true;
    if (stream.shut) {
      this.closeStream(stream, CLOSE_NORMAL, false);
      return;
    }
    this.watch(stream, stream.interest & ~READING);
    stream.handler.onEnd(stream);
  }

  private reportRefused(): void {
    for (const stream of this.refused.splice(0)) {
      if (stream.closed) continue;
      if (stream.fd >= 0) this.doomed.push(stream.fd);
      stream.closed = true;
      this.open--;
      stream.queue.clear();
      stream.handler.onClose(stream, CLOSE_REFUSED);
    }
  }

  /** Sends what the streams asked to send. */
  flush(): void {
    for (let round = 0; round < MAX_ROUNDS && this.scheduledCount > 0; round++) this.flushRound();
    this.closeDescriptors();
  }

  private flushRound(): void {
    const flushing = this.scheduled;
    const count = this.scheduledCount;
    this.scheduled = this.flushing;
    this.flushing = flushing;
    this.scheduledCount = 0;
    for (let i = 0; i < count; i++) {
      const stream = flushing[i];
      if (stream === null) continue;
      stream.scheduled = false;
      if (!stream.closed && !stream.blocked && !stream.connecting) this.batch.add(stream);
    }
    this.batch.send();
    for (let i = 0; i < count; i++) {
      const stream = flushing[i];
      flushing[i] = null;
      if (stream !== null) this.settle(stream);
    }
  }

  /** For the batch. */
  sendBlocked(stream: SocketStream): void {
    stream.blocked = true;
    this.watch(stream, stream.interest | EPOLLOUT);
  }

  sendFailed(stream: SocketStream, errno: number): void {
    this.closeStream(stream, failureReason(stream, errno), false);
  }

  /** After a send: more from the backlog, our FIN, or onDrain. */
  private settle(stream: SocketStream): void {
    if (stream.closed || stream.connecting) return;
    if (stream.queue.totalBytes > 0) {
      if (!stream.blocked) stream.requestFlush();
    } else if (stream.ending && !stream.shut) {
      this.shutDown(stream);
      return;
    }
    if (stream.progressed) {
      stream.progressed = false;
      if (stream.wantsDrain) stream.handler.onDrain(stream);
    }
  }

  private shutDown(stream: SocketStream): void {
    stream.shut = true;
    if (stream.peerEnded) {
      this.closeStream(stream, CLOSE_NORMAL, false);
      return;
    }
    this.calls.shutdown(stream.fd);
    if (stream.paused) this.watch(stream, stream.interest | READING); // what still comes is thrown away
    stream.lingerDeadlineUs = this.clock.nowUs() + LINGER_US;
    stream.lingerPrevious = this.lingerTail;
    if (this.lingerTail === null) this.lingerHead = stream;
    else this.lingerTail.lingerNext = stream;
    this.lingerTail = stream;
  }

  /** Closes streams whose peer did not end its side in time. */
  private endLinger(): void {
    const now = this.clock.nowUs();
    while (this.lingerHead !== null && this.lingerHead.lingerDeadlineUs <= now) {
      this.closeStream(this.lingerHead, CLOSE_NORMAL, false);
    }
  }

  private unlinger(stream: SocketStream): void {
    if (!stream.shut || (stream.lingerPrevious === null && this.lingerHead !== stream)) return;
    if (stream.lingerPrevious === null) this.lingerHead = stream.lingerNext;
    else stream.lingerPrevious.lingerNext = stream.lingerNext;
    if (stream.lingerNext === null) this.lingerTail = stream.lingerPrevious;
    else stream.lingerNext.lingerPrevious = stream.lingerPrevious;
    stream.lingerPrevious = null;
    stream.lingerNext = null;
  }

  private closeStream(stream: SocketStream, reason: number, reset: boolean): void {
    if (stream.closed) return;
    this.unlinger(stream);
    stream.closed = true;
    this.streams[stream.fd] = null;
    this.open--;
    this.doomed.push(reset ? ~stream.fd : stream.fd);
    stream.queue.clear();
    stream.handler.onClose(stream, reason);
  }

  private closeDescriptors(): void {
    if (this.doomed.length === 0 || this.waiting > 0) return;
    for (const fd of this.doomed) {
      if (fd < 0) this.calls.reset(~fd);
      else closeFd(fd);
    }
    this.doomed.length = 0;
    this.listeners.resume(); // a descriptor is free again
  }

  private watch(stream: SocketStream, interest: number): void {
    if (interest === stream.interest) return;
    stream.interest = interest;
    this.calls.epollChange(this.epoll, stream.fd, MEMBER_STREAM, interest);
  }

  /** For the streams. */
  schedule(stream: SocketStream): void {
    stream.scheduled = true;
    this.scheduled[this.scheduledCount++] = stream;
  }

  abortStream(stream: SocketStream): void {
    if (stream.fd >= 0) this.closeStream(stream, CLOSE_ABORTED, true);
  }

  watchReading(stream: SocketStream, on: boolean): void {
    if (stream.closed || stream.connecting || stream.peerEnded || stream.shut) return;
    this.watch(stream, on ? stream.interest | READING : stream.interest & ~READING);
  }

  addressOf(fd: number, peer: boolean): string {
    const name = new Int32Array(2);
    this.calls.name(fd, peer ? 1 : 0, name);
    return name[1] === 0 ? `${this.listeners.path}:0` : formatAddress(name[0], name[1]);
  }

  /** Monotonic time of the next thing to do without an event, or Infinity. */
  nextDeadlineUs(): number {
    return this.lingerHead === null ? Number.POSITIVE_INFINITY : this.lingerHead.lingerDeadlineUs;
  }

  /**
   * Sleeps until a socket has something, `wakeFd` (-1: none) was signalled, or the time is over. What the kernel had is kept
   * for the next poll(), which then needs no call of its own.
   */
  wait(wakeFd: number, timeoutUs: number): void {
    if (this.waiting > 0) return;
    if (wakeFd !== this.wakeFd) this.watchWake(wakeFd);
    this.waiting = this.receive(timeoutUs);
  }

  private watchWake(wakeFd: number): void {
    if (this.wakeFd >= 0) this.calls.epollRemove(this.epoll, this.wakeFd);
    this.wakeFd = wakeFd;
    if (wakeFd < 0) return;
    check(this.calls.epollAdd(this.epoll, wakeFd, MEMBER_WAKE, EPOLLIN), 'watch the wake descriptor');
  }

  /** Resets every stream and closes everything; onClose is told for each. */
  close(): void {
    this.listeners.close();
    this.waiting = 0;
    this.reportRefused();
    for (const stream of this.streams) if (stream) this.closeStream(stream, CLOSE_ABORTED, true);
    this.closeDescriptors();
    this.resources.release();
  }
}

/** CLOSE_* of an errno. */
function failureReason(stream: Stream & { readonly connecting: boolean }, errno: number): number {
  if (errno === ETIMEDOUT) return CLOSE_TIMEOUT;
  if (stream.connecting || errno === ECONNREFUSED) return CLOSE_REFUSED;
  return errno === 0 ? CLOSE_NORMAL : CLOSE_RESET;
}

/** `192.0.2.1:40000` */
function formatAddress(address: number, port: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}:${port}`;
}
