/*
 * AF_PACKET with virtio-net headers: frames come through a TPACKET_V2 ring mapped into packet memory and leave by sendmmsg
 * straight from the send queues. The 10-byte header before each frame carries what a device would do for us: a checksum
 * left partial, and super-segments of up to 64 KB in both directions. packet(7), packet_mmap.rst, VIRTIO 1.2 section 5.1.6.
 *
 *   slot  │ tpacket2_hdr │ sockaddr_ll │ … │ vnet header │ frame (at 2 mod 4, by PACKET_RESERVE) │
 */
#include "rtcp.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#define VNET_HEADER_BYTES 10
#define SEND_BATCH 64
/* 32 + 20 bytes of header, rounded to 16, + 10 of vnet header + 14 of Ethernet: 2 more put the frame at 2 mod 4. */
#define RESERVE_BYTES 2

static int set(int fd, int option, int value) {
  return result(setsockopt(fd, SOL_PACKET, option, &value, sizeof value));
}

/*
 * Not PACKET_QDISC_BYPASS: that way drops a super-segment that the device can't cut itself (TSO off, or a veth whose peer has
 * an XDP program), where the ordinary way has the kernel cut it.
 */
int rtcp_packet_socket(void) {
  /* Protocol 0: nothing is received before rtcp_packet_bind. */
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int returned;
  if ((returned = set(fd, PACKET_VERSION, TPACKET_V2)) < 0 || (returned = set(fd, PACKET_VNET_HDR, 1)) < 0 ||
      (returned = set(fd, PACKET_RESERVE, RESERVE_BYTES)) < 0 || (returned = set(fd, PACKET_IGNORE_OUTGOING, 1)) < 0) {
    close(fd);
    return returned;
  }
  return fd;
}

/* Whether frames that this machine sends through the interface are received as well: for those who watch. */
int rtcp_packet_outgoing(int fd, int on) {
  return set(fd, PACKET_IGNORE_OUTGOING, !on);
}

/*
 * Classic BPF, run on every frame of the interface before it costs us anything. X is 4 behind a VLAN tag in the frame, else
 * 0 (mostly the tag was taken out already, into the ring's header).
 */
int rtcp_packet_filter(int fd, int kind, int32_t address, int port) {
  const uint32_t ours = (uint32_t)address;
  const struct sock_filter find_type[] = {
      BPF_STMT(BPF_LDX | BPF_IMM, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 0, 1),
      BPF_STMT(BPF_LDX | BPF_IMM, 4),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 12),
  };
  const struct sock_filter arp_only[] = {
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x40000),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const struct sock_filter own_address[] = {
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_IND, ETH_HLEN + 24), /* target protocol address */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ours, 5, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_IND, ETH_HLEN + 14), /* sender protocol address */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ours, 3, 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_IND, ETH_HLEN + 16), /* destination */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ours, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x40000),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const struct sock_filter own_port[] = {
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 14),
      BPF_STMT(BPF_LD | BPF_W | BPF_IND, ETH_HLEN + 16), /* destination */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ours, 0, 12),
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, ETH_HLEN + 9), /* protocol */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 10),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, ETH_HLEN + 6),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 8, 0), /* a fragment */
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, ETH_HLEN), /* IHL: the header may hold options */
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f),
      BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
      BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
      BPF_STMT(BPF_MISC | BPF_TAX, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, ETH_HLEN + 2), /* destination port, behind the IP header */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)port, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0x40000),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const struct {
    const struct sock_filter *code;
    size_t bytes;
  } matches[] = {
      [MATCH_ADDRESS] = {own_address, sizeof own_address},
      [MATCH_PORT] = {own_port, sizeof own_port},
      [MATCH_ARP] = {arp_only, sizeof arp_only},
  };
  if (kind == MATCH_ALL) return 0;
  if (kind < 0 || kind > MATCH_ARP) return -EINVAL;
  struct sock_filter program[32];
  memcpy(program, find_type, sizeof find_type);
  memcpy((char *)program + sizeof find_type, matches[kind].code, matches[kind].bytes);
  struct sock_fprog attached = {
      .len = (unsigned short)((sizeof find_type + matches[kind].bytes) / sizeof *program),
      .filter = program,
  };
  return result(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached));
}

/* A receive ring of blocks × (block_bytes / slot_bytes) slots, mapped over packet memory at `offset`. */
int rtcp_packet_ring(int fd, uint8_t *base, int32_t offset, int32_t block_bytes, int32_t blocks, int32_t slot_bytes) {
  struct tpacket_req ring = {
      .tp_block_size = (uint32_t)block_bytes,
      .tp_block_nr = (uint32_t)blocks,
      .tp_frame_size = (uint32_t)slot_bytes,
      .tp_frame_nr = (uint32_t)(block_bytes / slot_bytes * blocks),
  };
  if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0) return -errno;
  void *mapped = mmap(base + offset, (size_t)block_bytes * (size_t)blocks, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd, 0);
  return mapped == MAP_FAILED ? -errno : 0;
}

/* Starts reception. The transmit buffer must hold a whole burst: frames in flight count against it. */
int rtcp_packet_bind(int fd, int ifindex, int transmit_buffer_bytes) {
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &transmit_buffer_bytes, sizeof transmit_buffer_bytes) < 0)
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &transmit_buffer_bytes, sizeof transmit_buffer_bytes);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
  return result(bind(fd, (struct sockaddr *)&address, sizeof address));
}

/* Several sockets share an interface: kind 0 hashes flows over them (PACKET_FANOUT_HASH), 2 goes by CPU. */
int rtcp_packet_fanout(int fd, int group, int kind) { return set(fd, PACKET_FANOUT, (group & 0xffff) | kind << 16); }

/* Frames dropped because the ring was full, since the last call. */
int rtcp_packet_drops(int fd) {
  struct tpacket_stats statistics = {0};
  socklen_t length = sizeof statistics;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) < 0) return -errno;
  return (int)statistics.tp_drops;
}

/*
 * Sends `count` frames; a descriptor is four int32: header offset, header length, payload offset, payload length, and the
 * vnet header lies directly before the header. The kernel copies each frame once. Returns how many were sent: one that the
 * device refuses (queue or buffer full) is lost, as on any wire.
 */
int rtcp_packet_send(int fd, uint8_t *base, int32_t descriptors, int count) {
  const int32_t(*frame)[4] = (const int32_t(*)[4])(base + descriptors);
  struct mmsghdr messages[SEND_BATCH];
  struct iovec parts[SEND_BATCH][2];
  int sent = 0;
  for (int start = 0; start < count; start += SEND_BATCH) {
    int batch = count - start < SEND_BATCH ? count - start : SEND_BATCH;
    memset(messages, 0, sizeof messages[0] * (size_t)batch);
    for (int i = 0; i < batch; i++) {
      const int32_t *d = frame[start + i];
      parts[i][0] = (struct iovec){base + d[0] - VNET_HEADER_BYTES, (size_t)(d[1] + VNET_HEADER_BYTES)};
      parts[i][1] = (struct iovec){base + d[2], (size_t)d[3]};
      messages[i].msg_hdr.msg_iov = parts[i];
      messages[i].msg_hdr.msg_iovlen = d[3] > 0 ? 2 : 1;
    }
    for (int done = 0; done < batch;) {
      int taken = sendmmsg(fd, messages + done, (unsigned)(batch - done), MSG_DONTWAIT);
      if (taken > 0) {
        sent += taken;
        done += taken;
      } else {
        done++; /* the first one failed: lost */
      }
    }
  }
  return sent;
}

/* An interface takes frames for every hardware address while the returned descriptor is open. */
int rtcp_promiscuous(int ifindex) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct packet_mreq membership = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC};
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) < 0) {
    int failure = -errno;
    close(fd);
    return failure;
  }
  return fd;
}
