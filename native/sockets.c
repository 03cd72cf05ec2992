/*
 * The kernel's own TCP, for a whole turn of the loop in one call: epoll_wait, accept, and recv of every ready connection
 * into one area of packet memory; then one call that writes everything that is to be sent. Level-triggered, so that what
 * does not fit into this turn is reported again in the next. epoll(7).
 *
 *   area     │ bytes of fd 9 │ bytes of fd 12 │ …
 *   records  │ fd 9 DATA offset length │ fd 12 DATA offset length │ fd 31 OPENED address port │ …     (four int32 each)
 */
#include "rtcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* What a descriptor in the epoll set is; its high half of epoll_data. */
enum member { STREAM = 0, LISTENER = 1, WAKE = 2, CONNECTING = 3 };

enum record_kind { OPENED = 1, DATA, ENDED, FAILED, WRITABLE, CONNECTED, ACCEPT_FAILED };

#define MAX_EVENTS 256
#define MAX_ACCEPTS 64
#define MAX_RANGES 256
/* A connection takes at most this much of the area in one turn, and needs this much of it to be read at all. */
#define MAX_RECEIVE_BYTES 262144
#define MIN_RECEIVE_BYTES 16384

static struct sockaddr_in ipv4(int32_t address, int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl((uint32_t)address)}};
}

static int closing(int fd, int failure) {
  close(fd);
  return failure;
}

int rtcp_listen(int32_t address, int port, int backlog, int reuse_port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_in local = ipv4(address, port);
  int one = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return closing(fd, -errno);
  if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0) return closing(fd, -errno);
  if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0) return closing(fd, -errno);
  if (listen(fd, backlog) < 0) return closing(fd, -errno);
  return fd;
}

int rtcp_listen_unix(const char *path, int backlog) {
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof local.sun_path) return -ENAMETOOLONG;
  strcpy(local.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0) return closing(fd, -errno);
  if (listen(fd, backlog) < 0) return closing(fd, -errno);
  return fd;
}

/* Begins an active open; its outcome is a CONNECTED or FAILED record once the descriptor is in an epoll set. */
int rtcp_connect(int32_t address, int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_in remote = ipv4(address, port);
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (struct sockaddr *)&remote, sizeof remote) < 0 && errno != EINPROGRESS) return closing(fd, -errno);
  return fd;
}

/* The local (peer = 0) or remote (peer = 1) address and port; 0 and 0 for a unix socket. */
int rtcp_socket_name(int fd, int peer, int32_t *address_and_port) {
  struct sockaddr_in name = {0};
  socklen_t length = sizeof name;
  int returned = peer ? getpeername(fd, (struct sockaddr *)&name, &length) : getsockname(fd, (struct sockaddr *)&name, &length);
  if (returned < 0) return -errno;
  int known = name.sin_family == AF_INET;
  address_and_port[0] = known ? (int32_t)ntohl(name.sin_addr.s_addr) : 0;
  address_and_port[1] = known ? ntohs(name.sin_port) : 0;
  return 0;
}

/* The pending error of a socket as a positive errno, 0 when there is none. */
static int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -errno : error;
}

int rtcp_socket_shutdown(int fd) { return result(shutdown(fd, SHUT_WR)); }

/* Closes with a reset (RFC 9293, 3.10.5: ABORT). */
int rtcp_socket_reset(int fd) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  return result(close(fd));
}

int rtcp_epoll(void) { return result(epoll_create1(EPOLL_CLOEXEC)); }

static int control(int epoll, int operation, int fd, int kind, int events) {
  struct epoll_event event = {.events = (uint32_t)events, .data.u64 = (uint64_t)kind << 32 | (uint32_t)fd};
  return result(epoll_ctl(epoll, operation, fd, &event));
}

int rtcp_epoll_add(int epoll, int fd, int kind, int events) { return control(epoll, EPOLL_CTL_ADD, fd, kind, events); }

int rtcp_epoll_change(int epoll, int fd, int kind, int events) { return control(epoll, EPOLL_CTL_MOD, fd, kind, events); }

int rtcp_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

/* One poll in progress: where the next record and the next received bytes go. */
struct turn {
  int epoll;
  uint8_t *base;
  int32_t area;
  int32_t area_end;
  int32_t (*record)[4];
  int32_t (*record_end)[4];
};

static void report(struct turn *turn, int fd, enum record_kind kind, int32_t first, int32_t second) {
  int32_t *record = *turn->record++;
  record[0] = fd;
  record[1] = kind;
  record[2] = first;
  record[3] = second;
}

/* `reserved` records are left for the events that follow. */
static void accept_all(struct turn *turn, int listener, ptrdiff_t reserved) {
  for (int i = 0; i < MAX_ACCEPTS && turn->record_end - turn->record > reserved; i++) {
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof peer;
    int fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        report(turn, listener, ACCEPT_FAILED, errno, 0);
      if (errno == ECONNABORTED) continue; /* that peer is gone already, the next may not be */
      return;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on a unix socket, which has no Nagle */
    if (control(turn->epoll, EPOLL_CTL_ADD, fd, STREAM, EPOLLIN | EPOLLRDHUP) < 0) {
      close(fd);
      continue;
    }
    int known = peer.sin_family == AF_INET;
    report(turn, fd, OPENED, known ? (int32_t)ntohl(peer.sin_addr.s_addr) : 0, known ? ntohs(peer.sin_port) : 0);
  }
}

static void receive(struct turn *turn, int fd) {
  int32_t room = turn->area_end - turn->area;
  if (room < MIN_RECEIVE_BYTES) return; /* next turn */
  ssize_t bytes = recv(fd, turn->base + turn->area, (size_t)(room < MAX_RECEIVE_BYTES ? room : MAX_RECEIVE_BYTES), 0);
  if (bytes > 0) {
    report(turn, fd, DATA, turn->area, (int32_t)bytes);
    turn->area += ((int32_t)bytes + 7) & ~7;
  } else if (bytes == 0) {
    report(turn, fd, ENDED, 0, 0);
  } else if (errno != EAGAIN && errno != EINTR) {
    report(turn, fd, FAILED, errno, 0);
  }
}

static void handle(struct turn *turn, const struct epoll_event *event, ptrdiff_t reserved) {
  int fd = (int)(uint32_t)event->data.u64;
  int broken = (event->events & (EPOLLERR | EPOLLHUP)) != 0;
  switch ((enum member)(event->data.u64 >> 32)) {
    case LISTENER:
      accept_all(turn, fd, reserved);
      break;
    case WAKE:
      rtcp_drain(fd);
      break;
    case CONNECTING:
      if (broken) report(turn, fd, FAILED, pending_error(fd), 0);
      else report(turn, fd, CONNECTED, 0, 0);
      break;
    case STREAM:
      if (event->events & (EPOLLIN | EPOLLRDHUP)) receive(turn, fd);
      else if (broken) report(turn, fd, FAILED, pending_error(fd), 0);
      if (event->events & EPOLLOUT) report(turn, fd, WRITABLE, 0, 0);
      break;
  }
}

/* epoll_pwait2 has microseconds (Linux 5.11); without it, milliseconds, rounded up. */
static int wait_for_events(int epoll, struct epoll_event *events, int max, int timeout_us) {
  if (timeout_us <= 0) return result(epoll_wait(epoll, events, max, timeout_us));
#ifdef SYS_epoll_pwait2
  struct timespec timeout = {.tv_sec = timeout_us / 1000000, .tv_nsec = (timeout_us % 1000000) * 1000L};
  int ready = result(syscall(SYS_epoll_pwait2, epoll, events, max, &timeout, NULL, 0));
  if (ready != -ENOSYS) return ready;
#endif
  return result(epoll_wait(epoll, events, max, (timeout_us + 999) / 1000));
}

/* Returns the number of records written. Negative timeout: without end. */
int rtcp_socket_poll(int epoll, uint8_t *base, int32_t area, int32_t area_bytes, int32_t records, int max_records,
                     int timeout_us) {
  struct epoll_event events[MAX_EVENTS];
  int max = max_records / 2 < MAX_EVENTS ? max_records / 2 : MAX_EVENTS; /* two records for an event at most */
  int ready = wait_for_events(epoll, events, max, timeout_us);
  if (ready < 0) return ready == -EINTR ? 0 : ready;
  int32_t(*first)[4] = (int32_t(*)[4])(base + records);
  struct turn turn = {epoll, base, area, area + area_bytes, first, first + max_records};
  for (int i = 0; i < ready; i++) handle(&turn, &events[i], 2 * (ready - i - 1));
  return (int)(turn.record - first);
}

/* Writes the ranges of one connection, frame[0..count); the fourth number of each becomes the bytes taken, or -errno. */
static void send_ranges(uint8_t *base, int32_t (*range)[4], int count) {
  struct iovec parts[MAX_RANGES];
  for (int i = 0; i < count; i++) parts[i] = (struct iovec){base + range[i][1], (size_t)range[i][2]};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
  ssize_t taken = sendmsg(range[0][0], &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  int failure = taken < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
  int32_t left = taken < 0 ? 0 : (int32_t)taken;
  for (int i = 0; i < count; i++) {
    int32_t here = left < range[i][2] ? left : range[i][2];
    range[i][3] = failure != 0 ? failure : here;
    left -= here;
  }
}

/*
 * A descriptor is four int32: fd, offset, length, and room for the result. Neighbours with one fd go out in one call, as
 * many as MAX_RANGES. Returns the number of calls made.
 */
int rtcp_socket_send(uint8_t *base, int32_t descriptors, int count) {
  int32_t(*range)[4] = (int32_t(*)[4])(base + descriptors);
  int calls = 0;
  for (int start = 0, end; start < count; start = end) {
    end = start + 1;
    while (end < count && end - start < MAX_RANGES && range[end][0] == range[start][0]) end++;
    send_ranges(base, range + start, end - start);
    calls++;
  }
  return calls;
}
