/*
 * A TAP device: an Ethernet link whose other end is the kernel of this machine. With vnet headers and offloads the kernel
 * hands us super-segments with partial checksums and takes the same from us. It is gone when its descriptor is closed.
 * Documentation/networking/tuntap.rst
 */
#include "rtcp.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define VNET_HEADER_BYTES 10

static int configure(int fd, const char *name, int multi_queue, char *actual_name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (strlen(name) >= sizeof request.ifr_name) return -EINVAL;
  strcpy(request.ifr_name, name);
  request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi_queue ? IFF_MULTI_QUEUE : 0));
  if (ioctl(fd, TUNSETIFF, &request) < 0) return -errno;
  strcpy(actual_name, request.ifr_name);
  int header_bytes = VNET_HEADER_BYTES;
  if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0) return -errno;
  return result(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN)));
}

/* `name` may hold %d for the next free number; `actual_name` gets 16 bytes. EBUSY: a device of that name is in use. */
int rtcp_tap_open(const char *name, int multi_queue, char *actual_name) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return -errno;
  int returned = configure(fd, name, multi_queue, actual_name);
  if (returned < 0) {
    close(fd);
    return returned;
  }
  return fd;
}

/* Reads up to `max` frames, frame i with its vnet header to slots + i·slot_bytes, its length to the int32 at lengths + 4i. */
int rtcp_tap_receive(int fd, uint8_t *base, int32_t slots, int32_t slot_bytes, int max, int32_t lengths) {
  int32_t *length = (int32_t *)(base + lengths);
  int frames = 0;
  while (frames < max) {
    ssize_t bytes = read(fd, base + slots + (int64_t)frames * slot_bytes, (size_t)slot_bytes);
    if (bytes <= 0) break;
    length[frames++] = (int32_t)bytes;
  }
  return frames;
}

/* As rtcp_packet_send. */
int rtcp_tap_send(int fd, uint8_t *base, int32_t descriptors, int count) {
  const int32_t(*frame)[4] = (const int32_t(*)[4])(base + descriptors);
  int sent = 0;
  for (int i = 0; i < count; i++) {
    const int32_t *d = frame[i];
    struct iovec parts[2] = {
        {base + d[0] - VNET_HEADER_BYTES, (size_t)(d[1] + VNET_HEADER_BYTES)},
        {base + d[2], (size_t)d[3]},
    };
    if (writev(fd, parts, d[3] > 0 ? 2 : 1) > 0) sent++;
  }
  return sent;
}
