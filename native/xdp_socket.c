/*
 * An AF_XDP socket on one queue of one interface: a umem (frames in packet memory, cut into chunks) and four rings, mapped
 * into packet memory too, so that TypeScript reads and writes frames and descriptors without a call.
 *
 *   fill ──▶ kernel ──▶ rx          chunks for reception go round this way
 *   tx   ──▶ kernel ──▶ completion  chunks for transmission this way
 *
 * Documentation/networking/af_xdp.rst. Names newer than Debian 12's headers (6.1) are spelled out here.
 */
#include "rtcp.h"

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#define XDP_MAX_TX_SKB_BUDGET_OPTION 9 /* Linux 6.17: frames sent by one kick, 32 without it */
#define PAGE_BYTES 4096

/* struct xdp_umem_reg as of Linux 6.8; older kernels read its beginning. */
struct umem_registration {
  uint64_t address;
  uint64_t bytes;
  uint32_t chunk_bytes;
  uint32_t headroom;
  uint32_t flags;
  uint32_t tx_metadata_bytes;
};

int rtcp_xdp_socket(void) { return result(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)); }

int rtcp_xdp_umem(int fd, uint8_t *base, int32_t offset, int32_t bytes, int32_t chunk_bytes, int32_t headroom,
                  int32_t flags, int32_t tx_metadata_bytes) {
  struct umem_registration umem = {
      .address = (uint64_t)(base + offset),
      .bytes = (uint64_t)bytes,
      .chunk_bytes = (uint32_t)chunk_bytes,
      .headroom = (uint32_t)headroom,
      .flags = (uint32_t)flags,
      .tx_metadata_bytes = (uint32_t)tx_metadata_bytes,
  };
  return result(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem));
}

int rtcp_xdp_ring_entries(int fd, int32_t rx, int32_t tx, int32_t fill, int32_t completion) {
  if (setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &fill, sizeof fill) < 0) return -errno;
  if (setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &completion, sizeof completion) < 0) return -errno;
  if (setsockopt(fd, SOL_XDP, XDP_RX_RING, &rx, sizeof rx) < 0) return -errno;
  return result(setsockopt(fd, SOL_XDP, XDP_TX_RING, &tx, sizeof tx));
}

/* One ring over the memory at `at`; writes its five offsets and returns the bytes that it took, or -errno. */
static int map_ring(int fd, uint8_t *base, int32_t at, int32_t room, const struct xdp_ring_offset *ring,
                    uint64_t page_offset, int32_t content_bytes, int32_t *layout) {
  int32_t bytes = ((int32_t)ring->desc + content_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  if (bytes > room) return -ENOMEM;
  void *mapped = mmap(base + at, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd,
                      (off_t)page_offset);
  if (mapped == MAP_FAILED) return -errno;
  layout[0] = at + (int32_t)ring->producer;
  layout[1] = at + (int32_t)ring->consumer;
  layout[2] = at + (int32_t)ring->flags;
  layout[3] = at + (int32_t)ring->desc;
  return bytes;
}

/*
 * Maps the four rings, one after the other, over [offset, offset + bytes). `entries` and `layout` are in the order rx, tx,
 * fill, completion; the layout of a ring is the offsets of its producer, consumer, flags and descriptors. What was mapped
 * stays mapped on failure: rtcp_unmap over the whole range undoes it.
 */
int rtcp_xdp_map_rings(int fd, uint8_t *base, int32_t offset, int32_t bytes, const int32_t *entries, int32_t *layout) {
  struct xdp_mmap_offsets offsets;
  socklen_t length = sizeof offsets;
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) < 0) return -errno;
  const struct xdp_ring_offset *rings[4] = {&offsets.rx, &offsets.tx, &offsets.fr, &offsets.cr};
  const uint64_t page_offsets[4] = {XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING, XDP_UMEM_PGOFF_FILL_RING,
                                    XDP_UMEM_PGOFF_COMPLETION_RING};
  const int32_t entry_bytes[4] = {sizeof(struct xdp_desc), sizeof(struct xdp_desc), sizeof(uint64_t), sizeof(uint64_t)};
  int32_t used = 0;
  for (int i = 0; i < 4; i++) {
    int taken = map_ring(fd, base, offset + used, bytes - used, rings[i], page_offsets[i],
                         entries[i] * entry_bytes[i], layout + i * 4);
    if (taken < 0) return taken;
    used += taken;
  }
  return used;
}

int rtcp_xdp_bind(int fd, int ifindex, int queue, int flags) {
  struct sockaddr_xdp address = {
      .sxdp_family = AF_XDP,
      .sxdp_flags = (uint16_t)flags,
      .sxdp_ifindex = (uint32_t)ifindex,
      .sxdp_queue_id = (uint32_t)queue,
  };
  return result(bind(fd, (struct sockaddr *)&address, sizeof address));
}

int rtcp_xdp_transmit_budget(int fd, int frames) {
  return result(setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET_OPTION, &frames, sizeof frames));
}

/*
 * Sends what is in the TX ring. In copy mode a kick answers EAGAIN after its budget (32 frames), or when a queue of the
 * device is full: go on a bounded number of times, the next kick takes the rest.
 */
int rtcp_xdp_kick(int fd) {
  for (int attempts = 0; attempts < 128; attempts++) {
    if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0) return 0;
    if (errno != EAGAIN) return -errno;
  }
  return -EAGAIN;
}

/* Tells a zero-copy driver that the fill ring was replenished (XDP_RING_NEED_WAKEUP). */
int rtcp_xdp_fill_wakeup(int fd) { return result(recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL)); }

/* Six counters: rx dropped, rx invalid, tx invalid, rx ring full, fill ring empty, tx ring empty. */
int rtcp_xdp_statistics(int fd, double *counters) {
  struct xdp_statistics statistics = {0};
  socklen_t length = sizeof statistics;
  if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &statistics, &length) < 0) return -errno;
  counters[0] = (double)statistics.rx_dropped;
  counters[1] = (double)statistics.rx_invalid_descs;
  counters[2] = (double)statistics.tx_invalid_descs;
  counters[3] = (double)statistics.rx_ring_full;
  counters[4] = (double)statistics.rx_fill_ring_empty_descs;
  counters[5] = (double)statistics.tx_ring_empty_descs;
  return 0;
}

int rtcp_xdp_is_zero_copy(int fd) {
  struct xdp_options options = {0};
  socklen_t length = sizeof options;
  if (getsockopt(fd, SOL_XDP, XDP_OPTIONS, &options, &length) < 0) return -errno;
  return (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}
