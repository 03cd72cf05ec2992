/**
 * epoll(7): sockets of interest, level- or edge-triggered. An edge is an event that was not there when it was last reported
 * or looked for; a full send buffer that gets room again is one, too.
 */
import { constant } from './constants.ts';
import { DONE, fails, type Outcome } from './outcome.ts';
import { ALWAYS_REPORTED, readyEvents } from './poll.ts';
import type { TcpSocket } from './tcp-socket.ts';

interface Interest {
  events: number;
  data: number;
  /** Events seen at the last look. */
  seen: number;
  disarmed: boolean;
}

export interface EpollEvent {
  readonly events: number;
  readonly data: number;
}

const EDGE_TRIGGERED = constant('EPOLLET', 'linux') ?? 0;
const ONE_SHOT = constant('EPOLLONESHOT', 'linux') ?? 0;

export class Epoll {
  private readonly interests = new Map<TcpSocket, Interest>();

  control(operation: number, socket: TcpSocket, events: number, data: number): Outcome {
    const known = this.interests.get(socket);
    if (operation === constant('EPOLL_CTL_ADD', 'linux')) {
      if (known !== undefined) return fails('EEXIST');
      this.interests.set(socket, { events, data, seen: 0, disarmed: false });
      return DONE;
    }
    if (known === undefined) return fails('ENOENT');
    if (operation === constant('EPOLL_CTL_DEL', 'linux')) this.interests.delete(socket);
    else Object.assign(known, { events, data, seen: 0, disarmed: false });
    return DONE;
  }

  /** What is ready, at most `most`; edge-triggered events once. */
  wait(most: number): EpollEvent[] {
    const found: EpollEvent[] = [];
    for (const [socket, interest] of this.interests) {
      const ready = readyEvents(socket) & (interest.events | ALWAYS_REPORTED);
      const edge = (interest.events & EDGE_TRIGGERED) !== 0;
      const report = edge ? ready & ~interest.seen : ready;
      if (report === 0 || interest.disarmed || found.length === most) continue;
      interest.seen = ready;
      if ((interest.events & ONE_SHOT) !== 0) interest.disarmed = true;
      found.push({ events: ready, data: interest.data });
    }
    return found;
  }

  /** After a turn of the stack: what is no longer ready may become an edge again. */
  look(): void {
    for (const [socket, interest] of this.interests) interest.seen &= readyEvents(socket);
  }
}
