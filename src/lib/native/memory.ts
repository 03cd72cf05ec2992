/** Packet memory as the kernel sees it: its address, its advice, and letting go of rings that were mapped over it. */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { native, onFirstUse } from './library.ts';

const table = onFirstUse(() => ({
  addressOf: native<(memory: Uint8Array) => number>('uint64_t rtcp_address_of(void *memory)'),
  unmap: native<(base: number, offset: number, bytes: number) => number>(
    'int rtcp_unmap(uint64_t base, int32_t offset, int32_t bytes)',
  ),
  advise: native<(base: number, offset: number, bytes: number, advice: number) => number>(
    'int rtcp_advise(uint64_t base, int32_t offset, int32_t bytes, int advice)',
  ),
  /** libc's, which our library is linked with. */
  memmove: native<(to: number, from: number, bytes: number) => void>(
    'void memmove(uint64_t to, uint64_t from, size_t bytes)',
  ),
}));

const PAGE_BYTES = 4096;

/** madvise(2): the child of a fork does not get these pages, so pinned ones are never copied. */
export const ADVICE_DONT_FORK = 10;
/** madvise(2): back these pages with huge ones. */
export const ADVICE_HUGE_PAGES = 14;
/** madvise(2): the contents are not needed; the pages read as zero from now on. */
export const ADVICE_DISCARD = 4;

/** The address of offset 0, for the `base` of hot calls. It never changes. */
export function baseAddress(memory: PacketMemory): number {
  return table().addressOf(memory.u8);
}

/** Puts zero pages where the kernel's rings were mapped. Every view stays valid. */
export function unmap(memory: PacketMemory, offset: number, bytes: number): number {
  return table().unmap(baseAddress(memory), offset, bytes);
}

/** The address of a buffer's first byte; it never changes while the buffer lives. */
export function addressOf(buffer: ArrayBufferLike): number {
  return table().addressOf(new Uint8Array(buffer));
}

/** Copies bytes between addresses, 50 ns and then 30 to 100 GB/s; the ranges may overlap. Nothing is checked. */
export function moveBytes(to: number, from: number, bytes: number): void {
  table().memmove(to, from, bytes);
}

/** ADVICE_* for a page-aligned range; a hint, so a refusal is only returned. */
export function advise(memory: PacketMemory, offset: number, bytes: number, advice: number): number {
  return table().advise(baseAddress(memory), offset, bytes, advice);
}

/** ADVICE_* for the whole pages in any bytes outside the JavaScript heap; a hint, too. */
export function adviseBytes(bytes: Uint8Array, advice: number): number {
  const address = table().addressOf(bytes);
  const start = Math.ceil(address / PAGE_BYTES) * PAGE_BYTES;
  const length = Math.floor((address + bytes.byteLength) / PAGE_BYTES) * PAGE_BYTES - start;
  return length > 0 ? table().advise(start, 0, length, advice) : 0;
}
