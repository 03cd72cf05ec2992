/*
 * The native floor: what needs a system call or a mapping, and nothing else. Everything that decides lives in TypeScript.
 *
 * Conventions
 *   - Every function returns >= 0, or -errno. Nothing prints, nothing keeps state: what a call needs, it is given.
 *   - `base` is the start of packet memory; positions in it are 32-bit offsets, so that a call from JavaScript costs
 *     small integers only. Results of more than one value are written to arrays of int32_t.
 *   - IPv4 addresses are a<<24 | b<<16 | c<<8 | d, ports are plain numbers: host order everywhere on this side.
 */
#ifndef RTCP_H
#define RTCP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdint.h>
#include <string.h>

#define API __attribute__((visibility("default")))

/* -1 with errno set, as system calls report it, becomes -errno. */
static inline int result(long returned) { return returned < 0 ? -errno : (int)returned; }

/* What a link is to take from its interface. */
enum match_kind {
  MATCH_ALL = 0,     /* every frame */
  MATCH_ADDRESS = 1, /* an address of our own: ARP about it, IPv4 to it */
  MATCH_PORT = 2,    /* one TCP port of the host's address; all else stays with the kernel */
  MATCH_ARP = 3,     /* ARP only */
};

/* xdp_socket.c */
API int rtcp_xdp_socket(void);
API int rtcp_xdp_umem(int fd, uint8_t *base, int32_t offset, int32_t bytes, int32_t chunk_bytes, int32_t headroom,
                      int32_t flags, int32_t tx_metadata_bytes);
API int rtcp_xdp_ring_entries(int fd, int32_t rx, int32_t tx, int32_t fill, int32_t completion);
API int rtcp_xdp_map_rings(int fd, uint8_t *base, int32_t offset, int32_t bytes, const int32_t *entries,
                           int32_t *layout);
API int rtcp_xdp_bind(int fd, int ifindex, int queue, int flags);
API int rtcp_xdp_transmit_budget(int fd, int frames);
API int rtcp_xdp_kick(int fd);
API int rtcp_xdp_fill_wakeup(int fd);
API int rtcp_xdp_statistics(int fd, double *counters);
API int rtcp_xdp_is_zero_copy(int fd);

/* bpf_programs.c */
API int rtcp_xsk_map(int entries);
API int rtcp_xsk_map_set(int map, int key, int fd);
API int rtcp_xdp_program(int map, int kind, int32_t address, int port, int fragments, char *log, int log_bytes);
API int rtcp_xdp_attach(int program, int ifindex, int mode);
API int rtcp_tcx_program(int32_t address, int port, char *log, int log_bytes);
API int rtcp_tcx_attach(int program, int ifindex);

/* packet.c */
API int rtcp_packet_socket(void);
API int rtcp_packet_outgoing(int fd, int on);
API int rtcp_packet_filter(int fd, int kind, int32_t address, int port);
API int rtcp_packet_ring(int fd, uint8_t *base, int32_t offset, int32_t block_bytes, int32_t blocks, int32_t slot_bytes);
API int rtcp_packet_bind(int fd, int ifindex, int transmit_buffer_bytes);
API int rtcp_packet_fanout(int fd, int group, int kind);
API int rtcp_packet_drops(int fd);
API int rtcp_packet_send(int fd, uint8_t *base, int32_t descriptors, int count);
API int rtcp_promiscuous(int ifindex);

/* tap.c */
API int rtcp_tap_open(const char *name, int multi_queue, char *actual_name);
API int rtcp_tap_receive(int fd, uint8_t *base, int32_t slots, int32_t slot_bytes, int max, int32_t lengths);
API int rtcp_tap_send(int fd, uint8_t *base, int32_t descriptors, int count);

/* sockets.c */
API int rtcp_listen(int32_t address, int port, int backlog, int reuse_port);
API int rtcp_listen_unix(const char *path, int backlog);
API int rtcp_connect(int32_t address, int port);
API int rtcp_socket_name(int fd, int peer, int32_t *address_and_port);
API int rtcp_socket_shutdown(int fd);
API int rtcp_socket_reset(int fd);
API int rtcp_epoll(void);
API int rtcp_epoll_add(int epoll, int fd, int kind, int events);
API int rtcp_epoll_change(int epoll, int fd, int kind, int events);
API int rtcp_epoll_remove(int epoll, int fd);
API int rtcp_socket_poll(int epoll, uint8_t *base, int32_t area, int32_t area_bytes, int32_t records, int max_records,
                         int timeout_us);
API int rtcp_socket_send(uint8_t *base, int32_t descriptors, int count);

/* wait.c */
API int rtcp_wait(int fd, int wake_fd, int timeout_us);
API int rtcp_eventfd(void);
API int rtcp_signal(int fd);
API int rtcp_drain(int fd);
API int rtcp_close(int fd);

/* interface.c */
API int rtcp_interface(const char *name, int32_t *info);
API int rtcp_interface_up(const char *name, int up);
API int rtcp_interface_address(const char *name, int32_t address, int prefix);
API int rtcp_interface_mac(const char *name, const uint8_t *mac);
API int rtcp_interface_mtu(const char *name, int mtu);
API int rtcp_ethtool(const char *name, int command, int value);
API int rtcp_hold_port(int32_t address, int port);

/* process.c */
API uint64_t rtcp_address_of(void *memory);
API int rtcp_unmap(uint8_t *base, int32_t offset, int32_t bytes);
API int rtcp_advise(uint8_t *base, int32_t offset, int32_t bytes, int advice);
API int rtcp_memlock_unlimited(void);
API int rtcp_pin_thread(int cpu);
API int rtcp_capabilities(int32_t *effective);
API double rtcp_cpu_us(int whole_process);

#endif
