/*
 * One sleep for everything that can happen to a shard: a frame on its link, another thread's signal on an eventfd, or a
 * deadline in microseconds. ppoll, because poll's milliseconds are longer than a round trip.
 */
#include "rtcp.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/*
 * Returns 1 (fd is ready) | 2 (a signal came; it is taken off the eventfd), or 0 when the time is over. A descriptor of -1
 * is not waited for; a negative timeout has no end. A signal handler's interruption counts as the end of the time.
 */
int rtcp_wait(int fd, int wake_fd, int timeout_us) {
  struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
  struct timespec timeout = {.tv_sec = timeout_us / 1000000, .tv_nsec = (timeout_us % 1000000) * 1000L};
  if (ppoll(polled, 2, timeout_us < 0 ? NULL : &timeout, NULL) < 0) return errno == EINTR ? 0 : -errno;
  int ready = polled[0].revents != 0 ? 1 : 0;
  if (polled[1].revents != 0) {
    rtcp_drain(wake_fd);
    ready |= 2;
  }
  return ready;
}

int rtcp_eventfd(void) { return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

int rtcp_signal(int fd) { return result(eventfd_write(fd, 1)); }

int rtcp_drain(int fd) {
  eventfd_t signals;
  if (eventfd_read(fd, &signals) < 0) return errno == EAGAIN ? 0 : -errno;
  return 1;
}

int rtcp_close(int fd) { return result(close(fd)); }
