import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { SendQueue } from '../../src/lib/memory/send-queue.ts';
import { Reply } from '../../src/lib/resp/reply.ts';

/** A writer over a small pool, and what a peer would read. */
function writer(protocol: number, stride = 512, count = 64): { reply: Reply; queue: SendQueue; text: () => string } {
  const memory = new PacketMemory(8 << 20);
  const pool = new BufferPool(memory, count, stride);
  const queue = new SendQueue(memory, pool);
  const reply = new Reply(memory);
  reply.begin(queue, protocol, false);
  const text = (): string => {
    reply.finish();
    let out = '';
    while (queue.bytes > 0) {
      const id = queue.sendBuffer;
      const n = pool.length[id] - queue.sendOffset;
      out += memory.latin1(pool.payload(id) + queue.sendOffset, n);
      queue.sent(n);
      queue.drop(n);
    }
    expect(queue.totalBytes).toBe(0);
    return out;
  };
  return { reply, queue, text };
}

describe('replies', () => {
  it('have their RESP2 and RESP3 forms', () => {
    const all = (reply: Reply): void => {
      reply.ok();
      reply.pong();
      reply.nil();
      reply.nilArray();
      reply.map(1);
      reply.set(2);
      reply.push(3);
      reply.boolean(true);
      reply.double(1.5);
      reply.double(Number.NEGATIVE_INFINITY);
      reply.bigNumber('123');
      reply.verbatim('txt', 'hi');
      reply.simple('S');
      reply.error('ERR a\r\nb');
      reply.integer64(-9223372036854775808n);
    };
    const two = writer(2);
    all(two.reply);
    expect(two.text()).toBe(
      '+OK\r\n+PONG\r\n$-1\r\n*-1\r\n*2\r\n*2\r\n*3\r\n:1\r\n$3\r\n1.5\r\n$4\r\n-inf\r\n$3\r\n123\r\n$2\r\nhi\r\n+S\r\n-ERR a  b\r\n:-9223372036854775808\r\n',
    );
    const three = writer(3);
    all(three.reply);
    expect(three.text()).toBe(
      '+OK\r\n+PONG\r\n_\r\n_\r\n%1\r\n~2\r\n>3\r\n#t\r\n,1.5\r\n,-inf\r\n(123\r\n=6\r\ntxt:hi\r\n+S\r\n-ERR a  b\r\n:-9223372036854775808\r\n',
    );
  });

  it('prints every integer', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -2000, max: 2000 })), (n) => {
        const { reply, text } = writer(2);
        reply.integer(n);
        expect(text()).toBe(`:${n}\r\n`);
      }),
      { numRuns: 2000 },
    );
    for (let e = 0; e < 16; e++) {
      for (const n of [10 ** e - 1, 10 ** e, 10 ** e + 1]) {
        const { reply, text } = writer(2);
        reply.array(n);
        expect(text()).toBe(`*${n}\r\n`);
      }
    }
  });

  it('carry payloads of any length and alignment across buffers', () => {
    const memory = new PacketMemory(4 << 20);
    const pool = new BufferPool(memory, 256, 1024);
    const queue = new SendQueue(memory, pool);
    const reply = new Reply(memory);
    const source = memory.reserve(65_536);
    for (let i = 0; i < 65_536; i++) memory.u8[source + i] = (i * 31) & 0xff;
    const words = new Int32Array(16_384);
    const bytes = new Uint8Array(words.buffer);
    bytes.set(memory.u8.subarray(source, source + 65_536));
    const view = new DataView(words.buffer);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4000), fc.nat(1000), fc.boolean()), { maxLength: 12 }), (items) => {
        let expected = '';
        reply.begin(queue, 2, false);
        for (const [length, at, fromStore] of items) {
          if (fromStore) reply.bulkWords(view, words, at, length);
          else reply.bulk(source + at, length);
          const from = fromStore ? at * 4 : at;
          expected += `$${length}\r\n${memory.latin1(source + from, length)}\r\n`;
        }
        reply.finish();
        let out = '';
        while (queue.bytes > 0) {
          const id = queue.sendBuffer;
          const n = pool.length[id] - queue.sendOffset;
          out += memory.latin1(pool.payload(id) + queue.sendOffset, n);
          queue.sent(n);
          queue.drop(n);
        }
        expect(out).toBe(expected);
        expect(pool.available).toBe(pool.count);
      }),
      { numRuns: 300 },
    );
  });

  it('writes nothing when muted and says so when memory ends', () => {
    const { reply, queue, text } = writer(2);
    reply.begin(queue, 2, true);
    reply.ok();
    reply.bulkText('x'.repeat(10_000));
    expect(text()).toBe('');

    const memory = new PacketMemory(1 << 20, 65_536 * 2);
    const small = new SendQueue(memory, new BufferPool(memory, 2, 512));
    const blocked = new Reply(memory);
    blocked.begin(small, 2, false);
    for (let i = 0; i < 100; i++) blocked.bulkText('y'.repeat(5000));
    blocked.finish();
    expect(small.overflowed).toBe(true);
  });
});
