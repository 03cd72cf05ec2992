/** Kernel sockets, a turn of the loop in two calls; see native/sockets.c. */
import { native, onFirstUse } from './library.ts';

export interface SocketCalls {
  listen(address: number, port: number, backlog: number, reusePort: number): number;
  listenUnix(path: string, backlog: number): number;
  connect(address: number, port: number): number;
  name(fd: number, peer: number, addressAndPort: Int32Array): number;
  shutdown(fd: number): number;
  /** Closes with a reset. */
  reset(fd: number): number;
  epoll(): number;
  epollAdd(epoll: number, fd: number, kind: number, events: number): number;
  epollChange(epoll: number, fd: number, kind: number, events: number): number;
  epollRemove(epoll: number, fd: number): number;
  /** Hot: waits, accepts, receives. Returns the number of records (four int32: fd, RECORD_*, two values) at `records`. */
  poll(
    epoll: number,
    base: number,
    area: number,
    areaBytes: number,
    records: number,
    maxRecords: number,
    timeoutUs: number,
  ): number;
  /** Hot: writes ranges (four int32: fd, offset, length, result). Returns the number of system calls. */
  send(base: number, descriptors: number, count: number): number;
}

export const socketCalls: () => SocketCalls = onFirstUse(() => ({
  listen: native('int rtcp_listen(int32_t address, int port, int backlog, int reuse_port)'),
  listenUnix: native('int rtcp_listen_unix(const char *path, int backlog)'),
  connect: native('int rtcp_connect(int32_t address, int port)'),
  name: native('int rtcp_socket_name(int fd, int peer, int32_t *address_and_port)'),
  shutdown: native('int rtcp_socket_shutdown(int fd)'),
  reset: native('int rtcp_socket_reset(int fd)'),
  epoll: native('int rtcp_epoll()'),
  epollAdd: native('int rtcp_epoll_add(int epoll, int fd, int kind, int events)'),
  epollChange: native('int rtcp_epoll_change(int epoll, int fd, int kind, int events)'),
  epollRemove: native('int rtcp_epoll_remove(int epoll, int fd)'),
  poll: native(
    'int rtcp_socket_poll(int epoll, uint64_t base, int32_t area, int32_t area_bytes, int32_t records, int max_records, int timeout_us)',
  ),
  send: native('int rtcp_socket_send(uint64_t base, int32_t descriptors, int count)'),
}));

/** Members of the epoll set (enum member). */
export const MEMBER_STREAM = 0;
export const MEMBER_LISTENER = 1;
export const MEMBER_WAKE = 2;
export const MEMBER_CONNECTING = 3;

/** Records (enum record_kind) and their two values. */
export const RECORD_OPENED = 1; // peer's address, port
export const RECORD_DATA = 2; // offset, length
export const RECORD_ENDED = 3;
export const RECORD_FAILED = 4; // errno
export const RECORD_WRITABLE = 5;
export const RECORD_CONNECTED = 6;
export const RECORD_ACCEPT_FAILED = 7; // errno

/** Interest (<sys/epoll.h>). */
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLRDHUP = 0x2000;
