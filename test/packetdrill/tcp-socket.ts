/**
 * A TCP socket over a connection of the stack: the calls of a BSD socket, with the kernel's receive buffer. Reading is always
 * paused, so that the stack's own ring is the buffer, and what a reader leaves in it narrows the window.
 *
 *   socket ─▶ bind ─┬─▶ listen ─▶ accept ─▶ a socket with a connection
 *                   └─▶ connect ─▶ connected          read ◀─ ring     write ─▶ send queue
 *
 * Every call returns what it comes to, or null when it has to wait; whoever may wait asks again later.
 */
import {
  CLOSE_NORMAL,
  CLOSE_REFUSED,
  CLOSE_RESET,
  CLOSE_TIMEOUT,
  type StreamHandler,
} from '../../src/lib/link/stream.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import type { Listener } from '../../src/lib/tcp/opening/listen.ts';
import { CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, LAST_ACK, SYN_SENT } from '../../src/lib/tcp/state.ts';
import { write } from '../tcp/pair.ts';
import { icmpErrno } from './errno.ts';
import type { Ending, Kernel } from './kernel.ts';
import { DONE, fails, type Outcome, returns, WAITS } from './outcome.ts';
import { available, takeBytes } from './receive-buffer.ts';
import { SocketOptions } from './socket-options.ts';

/** How to read or write, for one call. */
export interface TransferFlags {
  readonly peek: boolean;
  /** Not to wait, whatever the socket says. */
  readonly dontWait: boolean;
  /** To wait for all that was asked for. */
  readonly waitAll: boolean;
  /** More follows: a short segment waits. */
  readonly more: boolean;
}

/** States in which our FIN is not acknowledged. */
const UNFINISHED: ReadonlySet<number> = new Set([FIN_WAIT_1, CLOSING, LAST_ACK]);

export const NO_FLAGS: TransferFlags = { peek: false, dontWait: false, waitAll: false, more: false };

export class TcpSocket {
  readonly kernel: Kernel;
  readonly options: SocketOptions;
  nonBlocking = false;
  localPort = 0;
  remotePort = 0;
  listener: Listener | null = null;
  connection: Connection | null = null;
  /** SO_ERROR: what the next call reports, once. */
  error: string | null = null;
  /** A connect(2) was called and its result not told yet. */
  connecting = false;
  /** How the connection ended, once it has. */
  private ending: Ending | null = null;
  /** Bytes that were received before it ended. */
  private leftover = 0;
  private readShut = false;
  private writeShut = false;
  private closed = false;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.options = new SocketOptions(this);
  }

  // ---- opening

  bind(port: number): Outcome {
    if (this.localPort !== 0 || this.connection !== null) return fails('EINVAL');
    if (this.kernel.portInUse(port, this)) return fails('EADDRINUSE');
    this.localPort = port;
    return DONE;
  }

  listen(backlog: number): Outcome {
    if (this.connection !== null) return fails('EINVAL');
    if (this.listener !== null) return DONE;
    if (this.localPort === 0) this.localPort = this.kernel.ephemeralPort();
    const queue = Math.min(backlog < 0 ? this.kernel.settings.maxBacklog : backlog, this.kernel.settings.maxBacklog);
    // Both systems let one connection more wait than was asked for.
    const acceptBacklog = this.kernel.profile === 'linux' ? queue + 1 : Math.floor((3 * queue) / 2) + 1;
    const settings = { backlog: Math.max(8, queue), acceptBacklog, ...this.options.connectionSettings() };
    this.listener = this.kernel.stack.listen(this.localPort, this.kernel.handler, settings);
    return DONE;
  }

  accept(): TcpSocket | Outcome | null {
    if (this.listener === null) return fails('EINVAL');
    const c = this.listener.accept();
    if (c === null) return this.nonBlocking ? fails('EAGAIN') : WAITS;
    const socket = new TcpSocket(this.kernel);
    socket.options.inherit(this.options);
    socket.attach(c);
    socket.localPort = c.localPort;
    socket.remotePort = c.remotePort;
    return socket;
  }

  /** Starts a connection, or says how far one is that was started. */
  connect(port: number): Outcome | null {
    if (this.listener !== null) return fails(this.kernel.profile === 'linux' ? 'EISCONN' : 'EOPNOTSUPP');
    if (this.connection === null && this.ending === null) {
      const failed = this.start(port);
      if (failed !== null) return failed;
      return this.nonBlocking ? fails('EINPROGRESS') : WAITS;
    }
    return this.progress();
  }

  private start(port: number): Outcome | null {
    const { kernel } = this;
    this.remotePort = port;
    if (this.localPort === 0) this.localPort = kernel.ephemeralPort();
    this.connecting = true;
    const { remoteIp } = kernel.world.ends;
    const settings = this.options.connectionSettings();
    const c = kernel.stack.connect(remoteIp, port, kernel.handler, this.localPort, settings);
    if (c === null) return fails('EADDRNOTAVAIL');
    this.attach(c);
    kernel.connected(this);
    return null;
  }

  /** A blocking connect(2) that waits, or one that is called again. */
  progress(): Outcome | null {
    if (this.error !== null) return fails(this.takeError());
    const { state } = this;
    if (state >= ESTABLISHED) {
      if (!this.connecting) return fails('EISCONN');
      this.connecting = false;
      return DONE;
    }
    if (state === CLOSED) return fails(this.connecting ? 'ECONNABORTED' : 'EISCONN');
    return this.nonBlocking ? fails('EALREADY') : WAITS;
  }

  private attach(c: Connection): void {
    this.connection = c;
    c.owner = this;
    if (c.state >= ESTABLISHED) this.opened(c);
    const ending = this.kernel.endingOf(c);
    if (ending !== null) this.ended(ending, c.closeReason);
  }

  // ---- what the stack reports

  /** The connection was established: nothing is handed up, it waits in the ring. */
  opened(c: Connection): void {
    c.pauseRead();
    this.options.opened(c);
  }

  /** After every turn of the stack: what depends on how far the connection is. */
  settle(): void {
    this.options.fitBuffers(this.ending === null ? this.connection : null, this.state);
  }

  /** It is over: CLOSE_*. */
  ended(ending: Ending, reason: number): void {
    this.ending = ending;
    this.leftover = ending.unread;
    if (this.closed) return;
    const reset = reason === CLOSE_RESET || ending.cause === 'RST received';
    if (reset && reason !== CLOSE_REFUSED)
      this.error = ending.from === CLOSE_WAIT && this.isLinux ? 'EPIPE' : 'ECONNRESET';
    else if (reason === CLOSE_REFUSED) this.error = this.refusal(ending);
    else if (reason === CLOSE_TIMEOUT) this.error = ending.softError >= 0 ? this.icmpError(ending) : 'ETIMEDOUT';
  }

  private refusal(ending: Ending): string {
    if (ending.softError >= 0 && ending.cause.startsWith('ICMP')) return this.icmpError(ending);
    return 'ECONNREFUSED';
  }

  private icmpError(ending: Ending): string {
    return icmpErrno(ending.softError, this.kernel.profile);
  }

  private get isLinux(): boolean {
    return this.kernel.profile === 'linux';
  }

  // ---- reading

  /** Reads up to `length` bytes into nowhere; they are checked against what the script's end sent. */
  read(length: number, flags: TransferFlags = NO_FLAGS): Outcome | null {
    if (this.listener !== null) return fails('ENOTCONN');
    const ready = this.readable;
    const enough = flags.waitAll && !flags.peek ? Math.min(length, this.kernel.settings.receiveBufferBytes) : 1;
    if (ready >= Math.min(enough, length) && ready > 0) return returns(this.take(Math.min(length, ready), flags.peek));
    if (this.atEnd || this.readShut) return returns(this.take(Math.min(length, ready), flags.peek));
    if (this.error !== null) return fails(this.takeError());
    if (this.state === CLOSED) return this.ending !== null ? returns(0) : fails('ENOTCONN');
    if (length === 0) return DONE;
    return this.nonBlocking || flags.dontWait ? fails('EAGAIN') : WAITS;
  }

  private take(n: number, peek: boolean): number {
    const c = this.connection;
    if (this.ending === null && c !== null) {
      takeBytes(c, n, peek, (bytes, sequence) => this.kernel.checkRead(c, bytes, sequence));
    } else if (!peek) this.leftover -= n;
    return n;
  }

  /** Bytes that can be read now. */
  get readable(): number {
    if (this.ending !== null || this.connection === null) return this.leftover;
    return available(this.connection);
  }

  /** The peer has ended its direction, and everything before was read. */
  get atEnd(): boolean {
    if (this.readable > 0) return false;
    if (this.ending !== null) return this.error === null;
    return this.connection?.endPending ?? false;
  }

  // ---- writing

  /** Queues as much of `length` bytes as there is room for; `done` of them were queued before. */
  write(length: number, flags: TransferFlags = NO_FLAGS, done = 0): Outcome | { readonly wrote: number } {
    if (this.error !== null && done === 0) return fails(this.takeError());
    if (this.writeShut || (this.ending !== null && this.state === CLOSED))
      return done > 0 ? returns(done) : fails('EPIPE');
    const c = this.connection;
    if (c === null || this.listener !== null) return fails(this.isLinux ? 'EPIPE' : 'ENOTCONN');
    const waits = !this.nonBlocking && !flags.dontWait;
    if (c.state < ESTABLISHED) return waits ? { wrote: 0 } : fails(this.isLinux ? 'EAGAIN' : 'ENOTCONN');
    if (c.state !== ESTABLISHED && c.state !== CLOSE_WAIT) return fails('EPIPE');
    const n = Math.min(length - done, Math.max(0, this.options.sendRoom(c, waits)));
    this.options.hold(c, flags.more);
    if (n > 0) write(c, new Uint8Array(n));
    if (done + n === length) return returns(length);
    if (waits) return { wrote: n };
    return done + n > 0 ? returns(done + n) : fails('EAGAIN');
  }

  /** Room in the send buffer, as poll(2) sees it. */
  get writable(): boolean {
    const c = this.connection;
    if (this.writeShut || this.ending !== null) return true;
    if (c === null || c.state < ESTABLISHED) return false;
    return this.options.hasRoom(c);
  }

  // ---- ending

  shutdown(how: number): Outcome {
    const c = this.connection;
    if (this.listener !== null) {
      if (how === 1 || !this.isLinux) return this.isLinux ? DONE : fails('ENOTCONN');
      this.stopListening();
      return DONE;
    }
    if (how < 0 || how > 2) return fails('EINVAL');
    if (c === null || this.ending !== null || c.state === CLOSED) return fails('ENOTCONN');
    if (c.state === SYN_SENT && !this.isLinux) return fails('ENOTCONN');
    if (how !== 1) this.readShut = true;
    if (how !== 0) {
      this.writeShut = true;
      c.corked = false;
      c.end();
    }
    return DONE;
  }

  close(): Outcome | null {
    this.closed = true;
    if (this.listener !== null) this.stopListening();
    const c = this.connection;
    if (c === null || this.ending !== null) return DONE;
    c.corked = false;
    // FreeBSD forgets what was not read; Linux tells the peer (RFC 2525 §2.17).
    if (!this.isLinux) takeBytes(c, available(c), false, () => {});
    if (this.options.lingerMs >= 0) c.lingerMs = this.options.lingerMs;
    c.close();
    return this.lingered();
  }

  /** close(2) with a linger time waits until all that was said is acknowledged, or it is over. */
  lingered(): Outcome | null {
    const waits = this.options.lingerMs > 0 && this.ending === null && UNFINISHED.has(this.state);
    return waits ? WAITS : DONE;
  }

  private stopListening(): void {
    this.kernel.stack.unlisten(this.localPort);
    this.listener = null;
  }

  // ---- state

  /** A state of tcp/state.ts. */
  get state(): number {
    if (this.ending !== null) return this.ending.to;
    return this.connection === null ? CLOSED : this.connection.state;
  }

  get readIsShut(): boolean {
    return this.readShut;
  }

  get writeIsShut(): boolean {
    return this.writeShut;
  }

  get hasEnded(): boolean {
    return this.ending !== null;
  }

  takeError(): string {
    const error = this.error ?? '0';
    this.error = null;
    return error;
  }
}

/** Every connection's handler: what it is told goes to the socket that owns it. */
export function socketHandler(kernel: Kernel): StreamHandler {
  const socketOf = (stream: { owner: unknown }): TcpSocket | null =>
    stream.owner instanceof TcpSocket ? stream.owner : null;
  return {
    onOpen: (stream) => socketOf(stream)?.opened(stream as Connection),
    onData: () => {},
    onEnd: () => {},
    onDrain: () => {},
    onClose: (stream, reason) => {
      const ending = kernel.endingOf(stream as Connection);
      if (ending !== null) socketOf(stream)?.ended(ending, reason ?? CLOSE_NORMAL);
    },
  };
}
