/**
 * One kernel socket as a Stream. It holds state and says what it wants; its transport does the system calls.
 *
 *   connecting ──▶ open ── end(): queue drained ──▶ shut ── peer's FIN ──▶ closed
 *                    └──── peer's FIN first: onEnd ── end() ──────────────────┘     abort() or an error: closed at once
 */
import type { SendQueue } from '../memory/send-queue.ts';
import { Stream, type StreamHandler } from './stream.ts';

/** What a stream asks of its transport. */
export interface StreamOwner {
  schedule(stream: SocketStream): void;
  abortStream(stream: SocketStream): void;
  watchReading(stream: SocketStream, on: boolean): void;
  addressOf(fd: number, peer: boolean): string;
}

export class SocketStream extends Stream {
  readonly queue: SendQueue;
  readonly fd: number;
  readonly handler: StreamHandler;
  /** Epoll interest as the kernel has it. */
  interest: number;
  connecting: boolean;
  /** In the list of streams to flush. */
  scheduled = false;
  /** The kernel's send buffer is full: wait for WRITABLE. */
  blocked = false;
  /** Bytes left the queue since onDrain was last considered. */
  progressed = false;
  paused = false;
  /** end() was called. */
  ending = false;
  /** Our FIN is sent. */
  shut = false;
  /** The peer's FIN arrived. */
  peerEnded = false;
  closed = false;
  /** Neighbours in the list of streams that wait for the peer's FIN, and when to stop waiting. */
  lingerPrevious: SocketStream | null = null;
  lingerNext: SocketStream | null = null;
  lingerDeadlineUs = 0;
  private readonly transport: StreamOwner;
  private remote = '';

  constructor(
    transport: StreamOwner,
    fd: number,
    queue: SendQueue,
    handler: StreamHandler,
    interest: number,
    connecting: boolean,
  ) {
    super();
    this.transport = transport;
    this.fd = fd;
    this.queue = queue;
    this.handler = handler;
    this.interest = interest;
    this.connecting = connecting;
  }

  requestFlush(): void {
    if (!this.scheduled && !this.closed) this.transport.schedule(this);
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.requestFlush();
  }

  abort(): void {
    this.transport.abortStream(this);
  }

  pauseRead(): void {
    if (this.paused) return;
    this.paused = true;
    this.transport.watchReading(this, false);
  }

  resumeRead(): void {
    if (!this.paused) return;
    this.paused = false;
    this.transport.watchReading(this, true);
  }

  /** Known as long as it was asked for before the peer left. */
  remoteAddress(): string {
    if (this.remote === '' && !this.closed) this.remote = this.transport.addressOf(this.fd, true);
    return this.remote;
  }

  localAddress(): string {
    return this.closed ? '' : this.transport.addressOf(this.fd, false);
  }

  descriptor(): number {
    return this.fd;
  }

  /** The peer's address as the kernel told it when it connected. */
  setRemote(address: string): void {
    this.remote = address;
  }
}
