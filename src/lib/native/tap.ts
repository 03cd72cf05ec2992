/** TAP devices with vnet headers; see native/tap.c. */
import { native, onFirstUse } from './library.ts';

export interface TapCalls {
  /** `actualName` gets 16 bytes. */
  open(name: string, multiQueue: number, actualName: Uint8Array): number;
  /** Hot: reads up to `max` frames into slots, their lengths into int32s at `lengths`; returns how many. */
  receive(fd: number, base: number, slots: number, slotBytes: number, max: number, lengths: number): number;
  /** Hot: as PacketCalls.send. */
  send(fd: number, base: number, descriptors: number, count: number): number;
}

export const tapCalls: () => TapCalls = onFirstUse(() => ({
  open: native('int rtcp_tap_open(const char *name, int multi_queue, char *actual_name)'),
  receive: native(
    'int rtcp_tap_receive(int fd, uint64_t base, int32_t slots, int32_t slot_bytes, int max, int32_t lengths)',
  ),
  send: native('int rtcp_tap_send(int fd, uint64_t base, int32_t descriptors, int count)'),
}));
