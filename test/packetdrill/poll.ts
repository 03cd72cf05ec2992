/**
 * What poll(2) and epoll(7) say of a socket.
 */
import { CLOSED, ESTABLISHED } from '../../src/lib/tcp/state.ts';
import { constant } from './constants.ts';
import type { TcpSocket } from './tcp-socket.ts';

const POLLIN = 0x0001;
const POLLOUT = 0x0004;
const POLLERR = 0x0008;
const POLLHUP = 0x0010;
const POLLRDNORM = 0x0040;

/** The events that hold now, of all that there are. */
export function readyEvents(socket: TcpSocket): number {
  const { profile } = socket.kernel;
  const writeNormal = constant('POLLWRNORM', profile) ?? 0;
  if (socket.listener !== null) {
    const waits = (socket.listener.waiting?.length ?? 0) > 0;
    return waits ? POLLIN | POLLRDNORM : 0;
  }
  let events = 0;
  const ended = socket.state === CLOSED && (socket.hasEnded || socket.connection === null);
  const peerEnded = socket.atEnd || socket.readIsShut || socket.hasEnded;
  if (socket.readable > 0 || peerEnded || (ended && profile === 'freebsd')) events |= POLLIN | POLLRDNORM;
  if (socket.writable || ended) events |= POLLOUT | writeNormal;
  if (peerEnded) events |= constant('POLLRDHUP', profile) ?? 0;
  if (ended || (peerEnded && socket.writeIsShut && socket.state >= ESTABLISHED)) events |= POLLHUP;
  if (socket.error !== null) events |= profile === 'linux' ? POLLERR : POLLIN | POLLOUT;
  return events;
}

/** Reported whether asked for or not. */
export const ALWAYS_REPORTED = POLLERR | POLLHUP;
