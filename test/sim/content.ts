/**
 * What is said in a world: byte n of a stream is byte (start + n) modulo a prime of one table, so it can be written by a copy
 * and checked by a comparison wherever it turns up, and nobody has to keep it. A byte that is lost, doubled or misplaced shows,
 * because the errors that rings and buffers make are not multiples of the prime.
 *
 *   table │ 0 … 65,520 │ 0 … 65,520 again │    in the packet memory of each host; a piece of up to 65,521 bytes lies in one run
 */
import type { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Random } from '../../src/lib/random.ts';

/** The largest prime below 2¹⁶. */
const PERIOD_BYTES = 65_521;

const TABLE = (() => {
  const random = new Random(0x7ab1e);
  const once = new Uint8Array(PERIOD_BYTES);
  for (let i = 0; i < PERIOD_BYTES; i++) once[i] = random.int32();
  const twice = new Uint8Array(2 * PERIOD_BYTES);
  twice.set(once);
  twice.set(once, PERIOD_BYTES);
  return twice;
})();

/** The most that `Content.at` gives in one piece. */
export const MAX_PIECE_BYTES = PERIOD_BYTES;

/** The table in one host's memory. */
export class Content {
  private readonly memory: PacketMemory;
  private readonly base: number;

  constructor(memory: PacketMemory) {
    this.memory = memory;
    this.base = memory.reserve(TABLE.length);
    memory.u8.set(TABLE, this.base);
  }

  /** Where a stream's bytes from number n on lie. */
  at(stream: number, n: number): number {
    return this.base + ((stream * 7919 + n) % PERIOD_BYTES);
  }

  /** Are the `length` bytes at `offset` those of the stream from number n on? */
  matches(stream: number, n: number, offset: number, length: number): boolean {
    const { text } = this.memory;
    for (let done = 0; done < length; done += PERIOD_BYTES) {
      const piece = Math.min(PERIOD_BYTES, length - done);
      const expected = this.at(stream, n + done);
      const from = offset + done;
      if (text.compare(text, expected, expected + piece, from, from + piece) !== 0) return false;
    }
    return true;
  }
}
