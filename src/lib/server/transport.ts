/**
 * What the shard's loop drives: one turn takes what arrived, lets the sessions answer, and sends. Two of them exist, our own
 * stack over a link, and kernel sockets; from the session upwards nothing knows which one it is.
 */
import type { Link } from '../link/link.ts';
import type { SocketTransport } from '../link/socket.ts';
import type { Interface } from '../net/interface.ts';
import type { TcpStack } from '../tcp/stack.ts';
import type { Sessions } from './sessions.ts';

export interface Transport {
  /** One turn of the loop; true when something arrived. */
  turn(nowUs: number): boolean;
  /** A turn inside `sessions.flush()` of another one, whose burst nobody needs any more. */
  turnInside(nowUs: number): boolean;
  /** Something has arrived, as far as can be seen without a system call. */
  pending(): boolean;
  /** Monotonic time of the next timer, or Infinity. */
  nextDeadlineUs(): number;
  /** Sleeps until something arrives, `wakeFd` is readable, or the time is over. */
  wait(wakeFd: number, timeoutUs: number): void;
  /** Takes no new connections from now on. */
  stopListening(): void;
  /** Streams that are open, or whose last bytes the peer has not acknowledged yet. */
  openStreams(): number;
  /** Those of them that wait for us, not for their peer: bytes or our FIN are still to be taken. */
  unfinishedStreams(): number;
  close(): void;
}

/** Our own TCP over a link. */
export class StackTransport implements Transport {
  private readonly link: Link;
  private readonly net: Interface;
  private readonly tcp: TcpStack;
  private readonly sessions: Sessions;
  private readonly port: number;

  constructor(link: Link, net: Interface, tcp: TcpStack, sessions: Sessions, port: number, backlog: number) {
    this.link = link;
    this.net = net;
    this.tcp = tcp;
    this.sessions = sessions;
    this.port = port;
    tcp.listen(port, sessions, { backlog });
  }

  turn(nowUs: number): boolean {
    const { link, net } = this;
    net.nowUs = nowUs;
    const n = link.receive();
    const offsets = link.rxOffset;
    const lengths = link.rxLength;
    const flags = link.rxFlags;
    for (let i = 0; i < n; i++) net.input(offsets[i], lengths[i], flags[i]);
    this.sessions.flush();
    const laterUs = net.nowUs; // turns inside this one have set it
    this.tcp.output(laterUs);
    net.output(laterUs);
    if (n > 0) link.release();
    link.flush();
    return n > 0;
  }

  turnInside(nowUs: number): boolean {
    this.link.release();
    return this.turn(nowUs);
  }

  pending(): boolean {
    return this.link.pending();
  }

  nextDeadlineUs(): number {
    const tcp = this.tcp.nextDeadlineUs();
    const net = this.net.nextDeadlineUs();
    return tcp < net ? tcp : net;
  }

  wait(wakeFd: number, timeoutUs: number): void {
    this.link.wait(wakeFd, timeoutUs);
  }

  stopListening(): void {
    this.tcp.unlisten(this.port);
  }

  openStreams(): number {
    return this.tcp.connectionCount + this.tcp.lingering.size;
  }

  unfinishedStreams(): number {
    return this.tcp.unfinishedConnections();
  }

  close(): void {
    this.tcp.close();
    this.link.flush();
    this.link.close();
  }
}

/** Kernel sockets by epoll. */
export class KernelTransport implements Transport {
  private readonly sockets: SocketTransport;
  private readonly sessions: Sessions;

  constructor(sockets: SocketTransport, sessions: Sessions) {
    this.sockets = sockets;
    this.sessions = sessions;
  }

  turn(): boolean {
    const n = this.sockets.poll(0);
    this.sessions.flush();
    this.sockets.flush();
    return n > 0;
  }

  turnInside(): boolean {
    return this.turn();
  }

  /** Only a system call could tell: the loop sleeps instead of spinning. */
  pending(): boolean {
    return false;
  }

  nextDeadlineUs(): number {
    return this.sockets.nextDeadlineUs();
  }

  wait(wakeFd: number, timeoutUs: number): void {
    this.sockets.wait(wakeFd, timeoutUs);
  }

  stopListening(): void {
    this.sockets.stopListening();
  }

  openStreams(): number {
    return this.sockets.openStreams();
  }

  unfinishedStreams(): number {
    return this.sockets.unfinishedStreams();
  }

  close(): void {
    this.sockets.close();
  }
}
