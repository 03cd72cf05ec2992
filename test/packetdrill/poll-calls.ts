/**
 * poll(2) and epoll_wait(2): they wait for one of several sockets, or for a time.
 */
import type { Arguments } from './arguments.ts';
import { field } from './arguments.ts';
import type { PreparedCall } from './calls.ts';
import { constant } from './constants.ts';
import { Epoll } from './epoll.ts';
import type { Kernel } from './kernel.ts';
import { fails, type Outcome, returns, WAITS } from './outcome.ts';
import { ALWAYS_REPORTED, readyEvents } from './poll.ts';
import { TcpSocket } from './tcp-socket.ts';

interface Watched {
  readonly socket: TcpSocket | null;
  readonly events: number;
}

export function poll(kernel: Kernel, call: Arguments): PreparedCall {
  const list = call.at(0);
  if (list.kind !== 'list') throw call.unsupported('poll without a list');
  const watched = list.items.map((item): Watched => {
    const descriptor = kernel.descriptors.get(call.numberIn(field(item, 'fd')) ?? -1);
    const events = call.numberIn(field(item, 'events'));
    if (events === null) throw call.unsupported('events of poll');
    return { socket: descriptor instanceof TcpSocket ? descriptor : null, events };
  });
  return waiting(kernel, call.number(2), (last) => {
    const found = watched.map(revents);
    const count = found.filter((events) => events !== 0).length;
    if (count === 0 && !last) return WAITS;
    list.items.forEach((item, i) => {
      call.expectValue(field(item, 'revents') ?? { kind: 'number', value: 0 }, found[i], `revents of socket ${i + 1}`);
    });
    return returns(count);
  });
}

function revents({ socket, events }: Watched): number {
  if (socket === null) return constant('POLLNVAL', 'linux') ?? 0;
  return readyEvents(socket) & (events | ALWAYS_REPORTED);
}

export function epollWait(kernel: Kernel, call: Arguments): PreparedCall {
  const epoll = kernel.descriptors.get(call.number(0));
  return waiting(kernel, call.number(3), (last) => {
    if (!(epoll instanceof Epoll)) return fails('EBADF');
    const found = epoll.wait(call.number(2, 1));
    if (found.length === 0 && !last) return WAITS;
    const places = call.at(1);
    const list = places.kind === 'list' ? places.items : [places];
    found.forEach((event, i) => {
      const place = list[i];
      call.expectValue(field(place, 'events'), event.events, 'events');
      call.expectValue(field(place, 'fd') ?? field(place, 'u32') ?? field(place, 'u64'), event.data, 'data');
    });
    return returns(found.length);
  });
}

/** Attempts until there is a result, or for `timeoutMs`; 0 doesn't wait, −1 waits for ever. */
function waiting(kernel: Kernel, timeoutMs: number, attempt: (last: boolean) => Outcome | null): PreparedCall {
  const { world } = kernel;
  const dueUs = timeoutMs < 0 ? Infinity : world.nowUs + timeoutMs * 1000;
  return { attempt: () => attempt(world.nowUs >= dueUs), dueUs };
}
