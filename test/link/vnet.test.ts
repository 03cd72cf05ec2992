/** The vnet header and the send queue behind it, byte by byte (VIRTIO 1.2, 5.1.6). */
import { expect, test } from 'vitest';
import { RX_CHECKSUM_PARTIAL, RX_CHECKSUM_VALID } from '../../src/lib/link/link.ts';
import { powerOfTwo } from '../../src/lib/link/ring.ts';
import { receivedFlags, VnetQueue } from '../../src/lib/link/vnet.ts';
import { BufferPool } from '../../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';

const memory = new PacketMemory(4 << 20, 1 << 20);
const pool = new BufferPool(memory, 16, 2048);
const queue = new VnetQueue(memory, 8, pool);

/** Queues a frame with 54 bytes of header and returns its vnet header and descriptor. */
function queued(payloadLength: number, l4Offset: number, mss: number): { vnet: string; descriptor: number[] } {
  const buffer = pool.alloc();
  const payload = pool.payload(buffer);
  memory.u8.fill(0xee, payload - 128, payload);
  const at = queue.descriptors + queue.count * 16;
  queue.push(pool, buffer, payload - 54, 54, payload, payloadLength, l4Offset, mss);
  pool.release(buffer);
  const vnet = Buffer.from(memory.u8.slice(payload - 66, payload - 52)).toString('hex');
  const [header, ...rest] = memory.i32.slice(at >> 2, (at >> 2) + 4);
  return { vnet, descriptor: [payload - header, rest[0], rest[1] - payload, rest[2]] };
}

test('a complete frame, one with the checksum left, and a super-segment', () => {
  // Two bytes before and after the header show that nothing else was written.
  expect(queued(100, 0, 0)).toEqual({ vnet: `eeee${'00'.repeat(10)}eeee`, descriptor: [54, 54, 0, 100] });
  expect(queued(100, 34, 0).vnet).toBe('eeee' + '01' + '00' + '0000' + '0000' + '2200' + '1000' + 'eeee');
  expect(queued(1800, 34, 1448).vnet).toBe('eeee' + '01' + '01' + '3600' + 'a805' + '2200' + '1000' + 'eeee');
  expect(queued(1448, 34, 1448).vnet).toBe('eeee' + '01' + '00' + '0000' + '0000' + '2200' + '1000' + 'eeee');
});

test('buffers come back when the queue is complete, not before', () => {
  expect(queue.count).toBe(4);
  expect(queue.bytes).toBe(4 * 54 + 100 + 100 + 1800 + 1448);
  expect(pool.available).toBe(12);
  queue.complete();
  expect(pool.available).toBe(16);
  expect([queue.count, queue.bytes]).toEqual([0, 0]);
});

test('flags of received frames', () => {
  expect([0, 1, 2, 3].map(receivedFlags)).toEqual([0, RX_CHECKSUM_PARTIAL, RX_CHECKSUM_VALID, RX_CHECKSUM_PARTIAL]);
});

test('ring sizes are the next power of two', () => {
  expect([1, 2, 3, 4, 5, 64, 65, 4096, 16_384, 16_385].map(powerOfTwo)).toEqual([
    1, 2, 4, 4, 8, 64, 128, 4096, 16_384, 32_768,
  ]);
});
