/** AF_XDP sockets and the XDP program that feeds them; see native/xdp_socket.c and native/bpf_programs.c. */
import { native, onFirstUse } from './library.ts';

export interface XdpCalls {
  socket(): number;
  umem(
    fd: number,
    base: number,
    offset: number,
    bytes: number,
    chunkBytes: number,
    headroom: number,
    flags: number,
    txMetadataBytes: number,
  ): number;
  ringEntries(fd: number, rx: number, tx: number, fill: number, completion: number): number;
  /** `layout`: producer, consumer, flags and descriptors offsets of rx, tx, fill, completion. Returns the bytes used. */
  mapRings(fd: number, base: number, offset: number, bytes: number, entries: Int32Array, layout: Int32Array): number;
  bind(fd: number, ifindex: number, queue: number, flags: number): number;
  transmitBudget(fd: number, frames: number): number;
  /** Hot: sends what is in the TX ring. */
  kick(fd: number): number;
  /** Tells a zero-copy driver that the fill ring was replenished. */
  fillWakeup(fd: number): number;
  /** rx dropped, rx invalid, tx invalid, rx ring full, fill ring empty, tx ring empty. */
  statistics(fd: number, counters: Float64Array): number;
  isZeroCopy(fd: number): number;
  xskMap(entries: number): number;
  xskMapSet(map: number, key: number, fd: number): number;
  program(
    map: number,
    kind: number,
    address: number,
    port: number,
    fragments: number,
    log: Uint8Array,
    logBytes: number,
  ): number;
  attach(program: number, ifindex: number, mode: number): number;
}

export const xdpCalls: () => XdpCalls = onFirstUse(() => ({
  socket: native('int rtcp_xdp_socket()'),
  umem: native(
    'int rtcp_xdp_umem(int fd, uint64_t base, int32_t offset, int32_t bytes, int32_t chunk, int32_t headroom, int32_t flags, int32_t tx_metadata)',
  ),
  ringEntries: native('int rtcp_xdp_ring_entries(int fd, int32_t rx, int32_t tx, int32_t fill, int32_t completion)'),
  mapRings: native(
    'int rtcp_xdp_map_rings(int fd, uint64_t base, int32_t offset, int32_t bytes, const int32_t *entries, int32_t *layout)',
  ),
  bind: native('int rtcp_xdp_bind(int fd, int ifindex, int queue, int flags)'),
  transmitBudget: native('int rtcp_xdp_transmit_budget(int fd, int frames)'),
  kick: native('int rtcp_xdp_kick(int fd)'),
  fillWakeup: native('int rtcp_xdp_fill_wakeup(int fd)'),
  statistics: native('int rtcp_xdp_statistics(int fd, double *counters)'),
  isZeroCopy: native('int rtcp_xdp_is_zero_copy(int fd)'),
  xskMap: native('int rtcp_xsk_map(int entries)'),
  xskMapSet: native('int rtcp_xsk_map_set(int map, int key, int fd)'),
  program: native(
    'int rtcp_xdp_program(int map, int kind, int32_t address, int port, int fragments, char *log, int log_bytes)',
  ),
  attach: native('int rtcp_xdp_attach(int program, int ifindex, int mode)'),
}));

/** umem flag: `tx_metadata_len` counts (Linux 6.11; before, it did without). */
export const XDP_UMEM_TX_METADATA_LEN = 4;
/** bind flags (<linux/if_xdp.h>). */
export const XDP_COPY = 2;
export const XDP_ZEROCOPY = 4;
export const XDP_USE_NEED_WAKEUP = 8;
/** A frame may span several descriptors (Linux 6.6). */
export const XDP_USE_SG = 16;
/** Descriptor options. */
export const XDP_PKT_CONTD = 1;
export const XDP_TX_METADATA = 2;
/** Ring flag: the kernel wants to be woken. */
export const XDP_RING_NEED_WAKEUP = 1;
/** Transmit metadata flag: fill the checksum in. */
export const XDP_TXMD_FLAGS_CHECKSUM = 2;
/** attach(): the driver's hook, or the generic one. */
export const ATTACH_NATIVE = 1;
export const ATTACH_GENERIC = 2;
