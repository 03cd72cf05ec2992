/**
 * Nodes of a quicklist in compressed form: the listpack's header stays as it is, so that its size and count can be read, and
 * the rest is LZF. Worth it from 48 bytes on, and only if it saves 8, as redis-server has it.
 *
 *   block │ total bytes u32 │ count u16 │ LZF of the entries and the end mark │
 */
import { copyAcross } from '../memory/copy.ts';
import type { Arena } from './arena.ts';
import { HEADER_BYTES } from './listpack.ts';
import * as lzf from './lzf.ts';
import { BLOCK, CAPACITY, COMPRESSED, listpackBytes, PLAIN, START, START_MASK } from './quicklist-node.ts';
import { byteOf, chunkOf, wordOf } from './ref.ts';

const MIN_BYTES = 48;
const MIN_SAVED_BYTES = 8;

/** Where a node is compressed to, before it is known how much that will be; grows to the largest one. */
let output = new Uint8Array(new SharedArrayBuffer(16_384));
/** An output of more is not kept. */
const KEPT_BYTES = 1 << 20;

/** Compresses a node if that saves enough and there is memory for it; else it stays as it is. */
export function compress(arena: Arena, node: number): void {
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  const start = words[at + START];
  if ((start & (COMPRESSED | PLAIN)) !== 0) return;
  const bytes = listpackBytes(arena, node);
  if (bytes < MIN_BYTES) return;
  const block = words[at + BLOCK];
  const from = byteOf(block) + start;
  if (output.length < bytes) output = new Uint8Array(new SharedArrayBuffer(bytes));
  const memory = arena.bytes8[chunkOf(block)];
  const limit = bytes - HEADER_BYTES - MIN_SAVED_BYTES;
  const n = lzf.compress(memory, from + HEADER_BYTES, from + bytes, output, 0, limit);
  if (n > 0) {
    const made = arena.alloc(HEADER_BYTES + n);
    if (made !== 0) {
      const view = arena.views[chunkOf(made)];
      copyAcross(view, byteOf(made), arena.views[chunkOf(block)], from, HEADER_BYTES);
      copyAcross(view, byteOf(made) + HEADER_BYTES, new DataView(output.buffer), 0, n);
      arena.free(block, words[at + CAPACITY]);
      words[at + BLOCK] = made;
      words[at + CAPACITY] = arena.capacity(made, HEADER_BYTES + n);
      words[at + START] = COMPRESSED | n;
    }
  }
  if (output.length > KEPT_BYTES) output = new Uint8Array(new SharedArrayBuffer(16_384));
}

/** Writes the listpack of a compressed node to `at` in other memory, which has room for it. */
export function expandInto(arena: Arena, node: number, bytes: Uint8Array, at: number): void {
  const words = arena.words[chunkOf(node)];
  const index = wordOf(node);
  const block = words[index + BLOCK];
  const n = words[index + START] & START_MASK;
  const total = listpackBytes(arena, node);
  const from = byteOf(block);
  const memory = arena.bytes8[chunkOf(block)];
  for (let i = 0; i < HEADER_BYTES; i++) bytes[at + i] = memory[from + i];
  const first = from + HEADER_BYTES;
  const written = lzf.decompress(memory, first, first + n, bytes, at + HEADER_BYTES, at + total);
  if (written !== total - HEADER_BYTES) throw new Error('a compressed node of a list is damaged');
}

/** Makes a compressed node one like any other. False, and nothing done, without memory. */
export function expand(arena: Arena, node: number): boolean {
  const words = arena.words[chunkOf(node)];
  const index = wordOf(node);
  const total = listpackBytes(arena, node);
  const made = arena.alloc(total);
  if (made === 0) return false;
  expandInto(arena, node, arena.bytes8[chunkOf(made)], byteOf(made));
  arena.free(words[index + BLOCK], words[index + CAPACITY]);
  words[index + BLOCK] = made;
  words[index + CAPACITY] = arena.capacity(made, total);
  words[index + START] = 0;
  return true;
}
