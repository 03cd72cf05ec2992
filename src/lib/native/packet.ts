/** AF_PACKET sockets with a receive ring and vnet headers; see native/packet.c. */
import { native, onFirstUse } from './library.ts';

export interface PacketCalls {
  socket(): number;
  /** Receive what this machine sends, too (1), or not (0, the default). */
  outgoing(fd: number, on: number): number;
  filter(fd: number, kind: number, address: number, port: number): number;
  ring(fd: number, base: number, offset: number, blockBytes: number, blocks: number, slotBytes: number): number;
  bind(fd: number, ifindex: number, transmitBufferBytes: number): number;
  /** kind: 0 by flow hash, 2 by CPU. */
  fanout(fd: number, group: number, kind: number): number;
  /** Frames dropped because the ring was full, since the last call. */
  drops(fd: number): number;
  /** Hot: sends frames, returns how many. Descriptors are four int32: header offset and length, payload offset and length. */
  send(fd: number, base: number, descriptors: number, count: number): number;
  promiscuous(ifindex: number): number;
  tcxProgram(address: number, port: number, log: Uint8Array, logBytes: number): number;
  tcxAttach(program: number, ifindex: number): number;
}

export const packetCalls: () => PacketCalls = onFirstUse(() => ({
  socket: native('int rtcp_packet_socket()'),
  outgoing: native('int rtcp_packet_outgoing(int fd, int on)'),
  filter: native('int rtcp_packet_filter(int fd, int kind, int32_t address, int port)'),
  ring: native(
    'int rtcp_packet_ring(int fd, uint64_t base, int32_t offset, int32_t block_bytes, int32_t blocks, int32_t slot_bytes)',
  ),
  bind: native('int rtcp_packet_bind(int fd, int ifindex, int transmit_buffer_bytes)'),
  fanout: native('int rtcp_packet_fanout(int fd, int group, int kind)'),
  drops: native('int rtcp_packet_drops(int fd)'),
  send: native('int rtcp_packet_send(int fd, uint64_t base, int32_t descriptors, int count)'),
  promiscuous: native('int rtcp_promiscuous(int ifindex)'),
  tcxProgram: native('int rtcp_tcx_program(int32_t address, int port, char *log, int log_bytes)'),
  tcxAttach: native('int rtcp_tcx_attach(int program, int ifindex)'),
}));

/** Ring slot status (<linux/if_packet.h>). */
export const TP_STATUS_KERNEL = 0;
export const TP_STATUS_USER = 1;
export const TP_STATUS_VLAN_VALID = 0x10;
export const TP_STATUS_VLAN_TPID_VALID = 0x40;
