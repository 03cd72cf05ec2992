/**
 * The listening sockets of a transport. When the process has no descriptor left for a connection that asked, they are
 * suspended (level-triggered epoll would report them without end) until one is free again.
 */
import { rmSync } from 'node:fs';
import { check } from '../native/error.ts';
import { EPOLLIN, MEMBER_LISTENER, type SocketCalls, socketCalls } from '../native/socket.ts';
import { closeFd } from '../native/wait.ts';

export class ListenerSet {
  /** The unix socket's path, or empty. */
  path = '';
  private readonly epoll: number;
  private readonly calls: SocketCalls;
  private fds: number[] = [];
  private suspended = false;

  constructor(epoll: number) {
    this.epoll = epoll;
    this.calls = socketCalls();
  }

  /** Takes ownership of a listening descriptor. */
  add(fd: number, path = ''): void {
    this.fds.push(fd);
    if (path !== '') this.path = path;
    check(this.calls.epollAdd(this.epoll, fd, MEMBER_LISTENER, EPOLLIN), 'watch the listening socket');
  }

  suspend(): void {
    this.suspended = true;
    for (const fd of this.fds) this.calls.epollChange(this.epoll, fd, MEMBER_LISTENER, 0);
  }

  resume(): void {
    if (!this.suspended) return;
    this.suspended = false;
    for (const fd of this.fds) this.calls.epollChange(this.epoll, fd, MEMBER_LISTENER, EPOLLIN);
  }

  close(): void {
    for (const fd of this.fds) closeFd(fd);
    this.fds = [];
    if (this.path !== '') rmSync(this.path, { force: true });
  }
}
