/**
 * The constants that scripts name, with the numbers that either system gives them where a script may compare them: flags that
 * are combined, and the values of tcp_info.
 */
import type { ProfileName } from './profile.ts';
import type { Expression } from './script.ts';

const SHARED: Readonly<Record<string, number>> = {
  AF_UNSPEC: 0,
  AF_INET: 2,
  PF_INET: 2,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_SEQPACKET: 5,
  IPPROTO_IP: 0,
  IPPROTO_TCP: 6,
  SOL_IP: 0,
  SOL_TCP: 6,
  INADDR_ANY: 0,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  FD_CLOEXEC: 1,
  F_GETFD: 1,
  F_SETFD: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
  POLLIN: 1,
  POLLPRI: 2,
  POLLOUT: 4,
  POLLERR: 8,
  POLLHUP: 16,
  POLLNVAL: 32,
  MSG_OOB: 1,
  MSG_PEEK: 2,
  NULL: 0,
  IP_PMTUDISC_DONT: 0,
  IP_PMTUDISC_WANT: 1,
  IP_PMTUDISC_DO: 2,
  IP_PMTUDISC_PROBE: 3,
  IPTOS_ECN_NOTECT: 0,
  IPTOS_ECN_ECT1: 1,
  IPTOS_ECN_ECT0: 2,
  IPTOS_ECN_CE: 3,
  IPTOS_LOWDELAY: 0x10,
  IPTOS_THROUGHPUT: 0x08,
  IPTOS_RELIABILITY: 0x04,
  IPTOS_MINCOST: 0x02,
  IPTOS_DSCP_EF: 0xb8,
  TCPI_OPT_TIMESTAMPS: 1,
  TCPI_OPT_SACK: 2,
  TCPI_OPT_WSCALE: 4,
  TCPI_OPT_ECN: 8,
};

const LINUX: Readonly<Record<string, number>> = {
  O_NONBLOCK: 0x800,
  SOCK_NONBLOCK: 0x800,
  SOCK_CLOEXEC: 0x80000,
  POLLRDNORM: 0x40,
  POLLRDBAND: 0x80,
  POLLWRNORM: 0x100,
  POLLWRBAND: 0x200,
  POLLMSG: 0x400,
  POLLRDHUP: 0x2000,
  EPOLLIN: 1,
  EPOLLPRI: 2,
  EPOLLOUT: 4,
  EPOLLERR: 8,
  EPOLLHUP: 16,
  EPOLLRDNORM: 0x40,
  EPOLLWRNORM: 0x100,
  EPOLLRDHUP: 0x2000,
  EPOLLONESHOT: 0x4000_0000,
  EPOLLET: 0x8000_0000,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  MSG_DONTWAIT: 0x40,
  MSG_EOR: 0x80,
  MSG_WAITALL: 0x100,
  MSG_NOSIGNAL: 0x4000,
  MSG_MORE: 0x8000,
  MSG_TRUNC: 0x20,
  MSG_ZEROCOPY: 0x400_0000,
  MSG_FASTOPEN: 0x2000_0000,
  MSG_ERRQUEUE: 0x2000,
  TCP_CA_Open: 0,
  TCP_CA_Disorder: 1,
  TCP_CA_CWR: 2,
  TCP_CA_Recovery: 3,
  TCP_CA_Loss: 4,
  TCP_ESTABLISHED: 1,
  TCP_SYN_SENT: 2,
  TCP_SYN_RECV: 3,
  TCP_FIN_WAIT1: 4,
  TCP_FIN_WAIT2: 5,
  TCP_TIME_WAIT: 6,
  TCP_CLOSE: 7,
  TCP_CLOSE_WAIT: 8,
  TCP_LAST_ACK: 9,
  TCP_LISTEN: 10,
  TCP_CLOSING: 11,
  TCPI_OPT_ECN_SEEN: 16,
  TCPI_OPT_SYN_DATA: 32,
};

const FREEBSD: Readonly<Record<string, number>> = {
  O_NONBLOCK: 0x4,
  SOCK_NONBLOCK: 0x2000_0000,
  SOCK_CLOEXEC: 0x1000_0000,
  POLLRDNORM: 0x40,
  POLLRDBAND: 0x80,
  POLLWRNORM: 4,
  POLLWRBAND: 0x100,
  POLLRDHUP: 0x4000,
  MSG_DONTWAIT: 0x80,
  MSG_EOR: 0x8,
  MSG_TRUNC: 0x10,
  MSG_WAITALL: 0x40,
  MSG_EOF: 0x100,
  MSG_NOSIGNAL: 0x20000,
  TCPI_CLOSED: 0,
  TCPI_LISTEN: 1,
  TCPI_SYN_SENT: 2,
  TCPI_SYN_RECEIVED: 3,
  TCPI_ESTABLISHED: 4,
  TCPI_CLOSE_WAIT: 5,
  TCPI_FIN_WAIT_1: 6,
  TCPI_CLOSING: 7,
  TCPI_LAST_ACK: 8,
  TCPI_FIN_WAIT_2: 9,
  TCPI_TIME_WAIT: 10,
};

/** The number of a constant; undefined when it has none here. */
export function constant(name: string, profile: ProfileName): number | undefined {
  const value = SHARED[name] ?? (profile === 'linux' ? LINUX : FREEBSD)[name];
  if (value !== undefined) return value;
  const selector = /^IPTOS_DSCP_CS([0-7])$/.exec(name);
  if (selector !== null) return Number(selector[1]) << 5;
  const assured = /^IPTOS_DSCP_AF([1-4])([1-3])$/.exec(name);
  return assured === null ? undefined : (Number(assured[1]) << 5) | (Number(assured[2]) << 3);
}

/** The number that an expression stands for; null when it is left open, or is no number here. */
export function numberOf(expression: Expression | undefined, profile: ProfileName): number | null {
  switch (expression?.kind) {
    case 'number':
      return expression.value;
    case 'word':
      return constant(expression.name, profile) ?? null;
    case 'or':
      return expression.terms.reduce<number | null>((sum, term) => {
        const value = numberOf(term, profile);
        return sum === null || value === null ? null : (sum | value) >>> 0;
      }, 0);
    case 'function':
      return /^(htons|htonl|ntohs|ntohl)$/.test(expression.name) ? numberOf(expression.arguments[0], profile) : null;
    case 'list':
      return expression.items.length === 1 ? numberOf(expression.items[0], profile) : null;
    default:
      return null;
  }
}
