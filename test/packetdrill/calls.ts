/**
 * The system calls that scripts make, by name. A call is prepared from its arguments, and then attempted until it comes to
 * something: at once, or when the stack has moved on.
 */
import { Arguments } from './arguments.ts';
import { constant } from './constants.ts';
import { Epoll } from './epoll.ts';
import type { Kernel } from './kernel.ts';
import { getSocketOption, setSocketOption } from './option-calls.ts';
import { DONE, fails, type Outcome, returns, WAITS } from './outcome.ts';
import { epollWait, poll } from './poll-calls.ts';
import type { CallAction } from './script.ts';
import { NO_FLAGS, TcpSocket, type TransferFlags } from './tcp-socket.ts';

export interface PreparedCall {
  /** Null: not yet. */
  readonly attempt: () => Outcome | null;
  /** When it wants to be attempted though nothing happened: a timeout. */
  readonly dueUs: number;
}

type Preparation = (kernel: Kernel, call: Arguments) => PreparedCall['attempt'] | PreparedCall;

/** Throws Unsupported when there is no such call here. */
export function prepareCall(kernel: Kernel, action: CallAction, line: number): PreparedCall {
  const call = new Arguments(action, line, kernel.profile);
  if (!Object.hasOwn(CALLS, action.name)) throw call.unsupported(`system call ${action.name}`);
  const prepared = CALLS[action.name](kernel, call);
  return typeof prepared === 'function' ? { attempt: prepared, dueUs: Infinity } : prepared;
}

const CALLS: Readonly<Record<string, Preparation>> = {
  socket: openSocket,
  bind: onSocket((socket, call) => () => socket.bind(call.port(1, socket.kernel.settings.bindPort))),
  listen: onSocket((socket, call) => () => {
    const outcome = socket.listen(call.number(1));
    if (outcome.errno === null) socket.kernel.listening();
    return outcome;
  }),
  accept: onSocket((socket, call) => () => accept(socket, call, 0)),
  accept4: onSocket((socket, call) => () => accept(socket, call, call.number(3, 0))),
  connect: onSocket((socket, call) => {
    const port = call.port(1, socket.kernel.settings.connectPort);
    let started = false;
    return () => {
      if (started) return socket.progress();
      started = true;
      return socket.connect(port);
    };
  }),
  read: onSocket((socket, call) => () => badBuffer(call) ?? socket.read(call.number(2))),
  recv: onSocket((socket, call) => () => badBuffer(call) ?? socket.read(call.number(2), flagsOf(socket, call, 3))),
  recvfrom: onSocket((socket, call) => () => badBuffer(call) ?? socket.read(call.number(2), flagsOf(socket, call, 3))),
  readv: onSocket((socket, call) => () => socket.read(call.bufferBytes(call.at(1)))),
  recvmsg: onSocket((socket, call) => () => receiveMessage(socket, call)),
  write: onSocket((socket, call) => writing(socket, call, call.number(2), NO_FLAGS)),
  send: onSocket((socket, call) => writing(socket, call, call.number(2), flagsOf(socket, call, 3))),
  sendto: onSocket((socket, call) => writing(socket, call, call.number(2), flagsOf(socket, call, 3))),
  writev: onSocket((socket, call) => writing(socket, call, call.bufferBytes(call.at(1)), NO_FLAGS)),
  sendmsg: onSocket((socket, call) => writing(socket, call, call.messageBytes(1), flagsOf(socket, call, 2))),
  shutdown: onSocket((socket, call) => () => socket.shutdown(call.number(1))),
  close: close,
  fcntl: onSocket((socket, call) => () => control(socket, call)),
  ioctl: onSocket((socket, call) => () => inputOutputControl(socket, call)),
  getsockopt: onSocket((socket, call) => () => getSocketOption(socket, call)),
  setsockopt: onSocket((socket, call) => () => setSocketOption(socket, call)),
  getsockname: onSocket((socket) => () => (socket.localPort >= 0 ? DONE : fails('EINVAL'))),
  getpeername: onSocket((socket) => () => (socket.connection === null ? fails('ENOTCONN') : DONE)),
  poll,
  epoll_create: createEpoll,
  epoll_create1: createEpoll,
  epoll_ctl: (kernel, call) => () => {
    const epoll = kernel.descriptors.get(call.number(0));
    const socket = kernel.descriptors.get(call.number(2));
    if (!(epoll instanceof Epoll) || !(socket instanceof TcpSocket)) return fails('EBADF');
    const events = call.numberIn(call.field(3, 'events')) ?? 0;
    const data = call.field(3, 'fd') ?? call.field(3, 'ptr') ?? call.field(3, 'u32') ?? call.field(3, 'u64');
    return epoll.control(call.number(1), socket, events, call.numberIn(data) ?? 0);
  },
  epoll_wait: epollWait,
};

/** A call whose first argument is a socket. */
function onSocket(prepare: (socket: TcpSocket, call: Arguments) => PreparedCall['attempt']): Preparation {
  return (kernel, call) => {
    const socket = kernel.descriptors.get(call.number(0));
    if (!(socket instanceof TcpSocket)) return () => fails('EBADF');
    return prepare(socket, call);
  };
}

function openSocket(kernel: Kernel, call: Arguments): PreparedCall['attempt'] {
  const domain = call.number(0, 2);
  const type = call.number(1);
  const protocol = call.isOpen(2) ? 6 : call.numberIn(call.at(2));
  if (domain !== 2) throw call.unsupported('sockets other than IPv4');
  const nonBlocking = constant('SOCK_NONBLOCK', kernel.profile) ?? 0;
  if ((type & 0xf) !== 1 || (protocol !== 6 && protocol !== 0)) throw call.unsupported('sockets other than TCP');
  return () => {
    const socket = new TcpSocket(kernel);
    socket.nonBlocking = (type & nonBlocking) !== 0;
    return descriptorFor(kernel, call, socket);
  };
}

function accept(socket: TcpSocket, call: Arguments, flags: number): Outcome | null {
  const accepted = socket.accept();
  if (accepted === null || !(accepted instanceof TcpSocket)) return accepted;
  const { kernel } = socket;
  accepted.nonBlocking = (flags & (constant('SOCK_NONBLOCK', kernel.profile) ?? 0)) !== 0;
  // FreeBSD's accepted sockets inherit it, Linux's don't.
  if (kernel.profile === 'freebsd' && call.call.name === 'accept') accepted.nonBlocking = socket.nonBlocking;
  return descriptorFor(kernel, call, accepted);
}

function close(kernel: Kernel, call: Arguments): PreparedCall['attempt'] {
  const fd = call.number(0);
  let closing: TcpSocket | null = null;
  return () => {
    if (closing !== null) return closing.lingered();
    const descriptor = kernel.descriptors.get(fd);
    if (descriptor === undefined) return fails('EBADF');
    kernel.descriptors.delete(fd);
    if (!(descriptor instanceof TcpSocket)) return DONE;
    closing = descriptor;
    return descriptor.close();
  };
}

function createEpoll(kernel: Kernel, call: Arguments): PreparedCall['attempt'] {
  return () => descriptorFor(kernel, call, new Epoll());
}

/** The number that the script expects, and goes on to use: which one a kernel gives is not what it is about. */
function descriptorFor(kernel: Kernel, call: Arguments, descriptor: TcpSocket | Epoll): Outcome {
  const wanted = call.numberIn(call.call.result);
  const isFree = wanted !== null && wanted >= 0 && !kernel.descriptors.has(wanted);
  const fd = isFree ? wanted : kernel.freeDescriptor();
  kernel.descriptors.set(fd, descriptor);
  return returns(fd);
}

/** A buffer that is NULL. */
function badBuffer(call: Arguments): Outcome | null {
  const buffer = call.numberIn(call.at(1));
  return buffer === 0 && call.number(2) > 0 ? fails('EFAULT') : null;
}

/** With TCP_INQ, the message says how much waits behind it. */
function receiveMessage(socket: TcpSocket, call: Arguments): Outcome | null {
  const outcome = socket.read(call.messageBytes(1), flagsOf(socket, call, 2));
  const waiting = call.ancillary(1, 'TCP_CM_INQ');
  if (outcome !== null && waiting !== undefined) call.expectValue(waiting, socket.readable, 'TCP_CM_INQ');
  return outcome;
}

/** Writes what there is room for, and the rest when there is more. */
function writing(socket: TcpSocket, call: Arguments, length: number, flags: TransferFlags): PreparedCall['attempt'] {
  let done = 0;
  return () => {
    const bad = done === 0 ? badBuffer(call) : null;
    if (bad !== null) return bad;
    const result = socket.write(length, flags, done);
    if ('value' in result) return result;
    done += result.wrote;
    return WAITS;
  };
}

function flagsOf(socket: TcpSocket, call: Arguments, index: number): TransferFlags {
  const flags = call.number(index, 0);
  const { profile } = socket.kernel;
  const has = (name: string): boolean => (flags & (constant(name, profile) ?? 0)) !== 0;
  for (const name of ['MSG_OOB', 'MSG_ERRQUEUE', 'MSG_FASTOPEN', 'MSG_TRUNC', 'MSG_EOF']) {
    if (has(name)) throw call.unsupported(name);
  }
  return { peek: has('MSG_PEEK'), dontWait: has('MSG_DONTWAIT'), waitAll: has('MSG_WAITALL'), more: has('MSG_MORE') };
}

/** fcntl(2): only whether calls wait. */
function control(socket: TcpSocket, call: Arguments): Outcome {
  const nonBlocking = constant('O_NONBLOCK', socket.kernel.profile) ?? 0;
  switch (call.word(1)) {
    case 'F_GETFL':
      return returns(2 | (socket.nonBlocking ? nonBlocking : 0));
    case 'F_SETFL':
      socket.nonBlocking = (call.number(2) & nonBlocking) !== 0;
      return DONE;
    case 'F_GETFD':
    case 'F_SETFD':
      return DONE;
    default:
      throw call.unsupported(`fcntl ${call.word(1)}`);
  }
}

/** ioctl(2): sizes of the queues. */
function inputOutputControl(socket: TcpSocket, call: Arguments): Outcome {
  const request = call.word(1);
  const queue = socket.hasEnded ? undefined : socket.connection?.queue;
  if (request === 'FIONBIO') {
    socket.nonBlocking = call.number(2) !== 0;
    return DONE;
  }
  if (socket.listener !== null && request.startsWith('SIOC')) return fails('EINVAL');
  const sizes: Readonly<Record<string, number>> = {
    FIONREAD: socket.readable,
    SIOCINQ: socket.readable,
    SIOCOUTQ: queue?.totalBytes ?? 0,
    FIONWRITE: queue?.totalBytes ?? 0,
    SIOCOUTQNSD: (queue?.unsentBytes ?? 0) + (queue?.backlogBytes ?? 0),
    FIONSPACE: socket.options.sendBufferBytes - (queue?.totalBytes ?? 0),
  };
  if (!Object.hasOwn(sizes, request)) throw call.unsupported(`ioctl ${request}`);
  call.expectValue(call.at(2), sizes[request], request);
  return DONE;
}
