/**
 * A node of a quicklist: a descriptor in the chain, and the block that its listpack lies in, with room before and behind it.
 *
 *   descriptor   │ next │ prev │ block │ capacity │ plain 1 │ compressed 1 │ start 30 │ count │        six 32-bit words
 *                                  │
 *                                  └▶ │ gap │ listpack │ gap │                                       start: where it begins
 *                     or, compressed, │ the listpack's header │ its rest, LZF │                      start: LZF bytes
 *
 * So entries come and go at both ends without a move of the others. Descriptors are apart from the blocks: walking along the
 * chain touches 24 bytes for each node, and a full block of 8 KiB fits its size class.
 */
import { copyAcross } from '../memory/copy.ts';
import type { Arena } from './arena.ts';
import * as listpack from './listpack.ts';
import { byteOf, chunkOf, wordOf } from './ref.ts';

export const NODE_BYTES = 24;
export const NEXT = 0;
export const PREV = 1;
export const BLOCK = 2;
/** Bytes that the block has. */
export const CAPACITY = 3;
export const START = 4;
export const COUNT = 5;

/** Holds one large element and takes no other. */
export const PLAIN = 1 << 31;
export const COMPRESSED = 1 << 30;
export const START_MASK = COMPRESSED - 1;

/** A node that is in no chain yet, with a block of at least `bytes` and an empty listpack `start` bytes into it; 0 without memory. */
export function createNode(arena: Arena, bytes: number, atEnd: boolean): number {
  const node = arena.alloc(NODE_BYTES);
  if (node === 0) return 0;
  const block = arena.alloc(bytes);
  if (block === 0) {
    arena.free(node, NODE_BYTES);
    return 0;
  }
  const capacity = arena.capacity(block, bytes);
  const start = atEnd ? capacity - listpack.EMPTY_BYTES : 0;
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  words[at + NEXT] = 0;
  words[at + PREV] = 0;
  words[at + BLOCK] = block;
  words[at + CAPACITY] = capacity;
  words[at + START] = start;
  words[at + COUNT] = 0;
  listpack.empty(arena.views[chunkOf(block)], byteOf(block) + start);
  return node;
}

export function freeNode(arena: Arena, node: number): void {
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  arena.free(words[at + BLOCK], words[at + CAPACITY]);
  arena.free(node, NODE_BYTES);
}

/** A copy in no chain, with a block of its own size; 0 without memory. */
export function cloneNode(arena: Arena, node: number): number {
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  const flags = words[at + START] & ~START_MASK;
  const bytes = contentBytes(arena, node);
  const copy = createNode(arena, bytes, false);
  if (copy === 0) return 0;
  const into = arena.words[chunkOf(copy)];
  const start = words[at + START] & START_MASK;
  into[wordOf(copy) + START] = flags === 0 || flags === PLAIN ? flags : flags | start;
  into[wordOf(copy) + COUNT] = words[at + COUNT];
  const first = (flags & COMPRESSED) !== 0 ? 0 : start;
  arena.move(into[wordOf(copy) + BLOCK], 0, words[at + BLOCK], first, bytes);
  return copy;
}

/** Bytes of the block that are in use. */
export function contentBytes(arena: Arena, node: number): number {
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  const start = words[at + START];
  if ((start & COMPRESSED) !== 0) return listpack.HEADER_BYTES + (start & START_MASK);
  return listpackBytes(arena, node);
}

/** Bytes of the listpack, compressed or not. */
export function listpackBytes(arena: Arena, node: number): number {
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  const start = words[at + START];
  const block = words[at + BLOCK];
  const first = (start & COMPRESSED) !== 0 ? 0 : start & START_MASK;
  return arena.views[chunkOf(block)].getUint32(byteOf(block) + first, true);
}

/**
 * Puts the listpack into a block of at least `bytes`, `front` bytes from its beginning, or (front < 0) at its end. False, and
 * nothing done, when there is no memory.
 */
export function moveToBlock(arena: Arena, node: number, bytes: number, front: number): boolean {
  const block = arena.alloc(bytes);
  if (block === 0) return false;
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  const capacity = arena.capacity(block, bytes);
  const start = words[at + START];
  const old = words[at + BLOCK];
  const total = listpackBytes(arena, node);
  const into = front < 0 ? capacity - total : front;
  copyAcross(
    arena.views[chunkOf(block)],
    byteOf(block) + into,
    arena.views[chunkOf(old)],
    byteOf(old) + (start & START_MASK),
    total,
  );
  arena.free(old, words[at + CAPACITY]);
  words[at + BLOCK] = block;
  words[at + CAPACITY] = capacity;
  words[at + START] = (start & PLAIN) | into;
  return true;
}

/** Puts the block, as it is, elsewhere. False, and nothing done, without memory. */
export function relocateBlock(arena: Arena, node: number): boolean {
  const words = arena.words[chunkOf(node)];
  const at = wordOf(node);
  const capacity = words[at + CAPACITY];
  const block = words[at + BLOCK];
  const made = arena.alloc(capacity);
  if (made === 0) return false;
  arena.move(made, 0, block, 0, capacity);
  arena.free(block, capacity);
  words[at + BLOCK] = made;
  return true;
}
