/**
 * Quicklists against an array as the model, with their invariants, and node by node against what a real redis-server dumps
 * after the same changes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { Arena } from '../../src/lib/store/arena.ts';
import { ListKind } from '../../src/lib/store/list-kind.ts';
import * as listpack from '../../src/lib/store/listpack.ts';
import { decompress } from '../../src/lib/store/lzf.ts';
import { Quicklist } from '../../src/lib/store/quicklist.ts';
import { insert, removeRange, replace } from '../../src/lib/store/quicklist-edit.ts';
import { BLOCK, CAPACITY, COUNT, contentBytes, START, START_MASK } from '../../src/lib/store/quicklist-node.ts';
import { RedisPeer } from '../engine/redis-peer.ts';

let redis: RedisPeer;
beforeAll(async () => {
  redis = await RedisPeer.start('--rdbcompression', 'no');
});
afterAll(() => redis.stop());

interface Node {
  plain: boolean;
  bytes: Buffer;
}

/** A list, what it should hold, and the commands that make the same of a real one. */
class Pair {
  readonly arena: Arena;
  readonly kind: ListKind;
  readonly list: Quicklist;
  readonly usedBefore: number;
  root = 0;
  model: Buffer[] = [];
  commands: (string | Uint8Array)[][] = [];

  constructor(fill: number, depth: number, plainBytes: number) {
    this.arena = new Arena();
    this.kind = new ListKind(this.arena);
    this.list = new Quicklist(this.arena);
    this.list.fill = fill;
    this.list.depth = depth;
    this.list.plainBytes = plainBytes;
    this.usedBefore = this.arena.usedBytes;
    this.root = this.list.create();
  }

  push(front: boolean, element: Buffer): void {
    const from = viewOf(element);
    const { list } = this;
    list.open(this.root);
    expect(front ? list.pushFront(from, 0, element.length, true) : list.pushBack(from, 0, element.length, true)).toBe(
      true,
    );
    if (front) this.model.unshift(element);
    else this.model.push(element);
    this.commands.push([front ? 'LPUSH' : 'RPUSH', 'l', element]);
  }

  pop(front: boolean): void {
    const { list } = this;
    list.open(this.root);
    list.seek(front ? 0 : -1);
    expect(this.current()).toEqual(front ? this.model.shift() : this.model.pop());
    if (front) list.removeFirst(1);
    else list.removeLast();
    this.commands.push([front ? 'LPOP' : 'RPOP', 'l']);
  }

  insert(index: number, after: boolean, element: Buffer): void {
    // A pivot that is nowhere else: the element's own place is told to the real server by a mark.
    const { list } = this;
    const pivot = this.model[index];
    if (this.model.findIndex((one) => one.equals(pivot)) !== index) return;
    list.open(this.root);
    list.seek(index);
    expect(insert(list, after, viewOf(element), 0, element.length, true)).toBe(true);
    this.model.splice(after ? index + 1 : index, 0, element);
    this.commands.push(['LINSERT', 'l', after ? 'AFTER' : 'BEFORE', pivot, element]);
  }

  set(index: number, element: Buffer): void {
    const { list } = this;
    list.open(this.root);
    list.seek(index);
    expect(replace(list, viewOf(element), 0, element.length)).toBe(true);
    this.model[index] = element;
    this.commands.push(['LSET', 'l', String(index), element]);
  }

  trim(left: number, right: number): void {
    const { list, model } = this;
    list.open(this.root);
    expect(removeRange(list, model.length - right, right)).toBe(true);
    expect(removeRange(list, 0, left)).toBe(true);
    this.commands.push(['LTRIM', 'l', String(left), String(model.length - right - 1)]);
    this.model = model.slice(left, model.length - right);
  }

  current(): Buffer {
    this.list.decode();
    const { item } = listpack;
    return Buffer.from(new Uint8Array(item.view.buffer).slice(item.start, item.start + item.length));
  }

  /** The nodes' listpacks, after looking at all that must hold. */
  nodes(): Node[] {
    const { list, arena } = this;
    list.open(this.root);
    const found: Node[] = [];
    let total = 0;
    let previous = 0;
    for (let node = list.head; node !== 0; node = list.nextOf(node)) {
      expect(list.prevOf(node)).toBe(previous);
      previous = node;
      const { length } = found;
      list.enter(node);
      const bytes = listpack.totalBytes(list.view, list.at);
      expect(listpack.validate(list.view, list.at, bytes)).toBe(true);
      expect(listpack.count(list.view, list.at)).toBe(list.nodeWord(node, COUNT));
      expect(list.nodeWord(node, COUNT)).toBeGreaterThan(0);
      const start = list.isCompressed(node) ? 0 : list.nodeWord(node, START) & START_MASK;
      expect(start + contentBytes(arena, node)).toBeLessThanOrEqual(list.nodeWord(node, CAPACITY));
      const capacity = arena.capacity(list.nodeWord(node, BLOCK), list.nodeWord(node, CAPACITY));
      expect(capacity).toBe(list.nodeWord(node, CAPACITY));
      const deep = length >= list.listDepth && list.nodes - length > list.listDepth;
      if (list.isCompressed(node)) expect([length, list.nodes, deep]).toEqual([length, list.nodes, true]);
      total += list.nodeWord(node, COUNT);
      const u8 = new Uint8Array(list.view.buffer);
      found.push({ plain: list.isPlain(node), bytes: Buffer.from(u8.slice(list.at, list.at + bytes)) });
    }
    expect(list.tail).toBe(previous);
    expect(found.length).toBe(list.nodes);
    expect(total).toBe(list.length);
    return found;
  }

  /** The elements, forwards and backwards, and by index. */
  check(random: Random): void {
    const { list, model } = this;
    list.open(this.root);
    const forwards: Buffer[] = [];
    for (let there = list.seek(0); there; there = list.next()) forwards.push(this.current());
    expect(forwards).toEqual(model);
    const backwards: Buffer[] = [];
    for (let there = list.seek(-1); there; there = list.prev()) backwards.push(this.current());
    expect(backwards.reverse()).toEqual(model);
    for (let i = 0; i < 10 && model.length > 0; i++) {
      const index = random.below(model.length * 2) - model.length;
      expect(list.seek(index)).toBe(true);
      expect(this.current()).toEqual(model.at(index));
    }
    expect(list.seek(model.length)).toBe(false);
    expect(list.seek(-model.length - 1)).toBe(false);
  }

  release(): void {
    while (this.kind.release(this.root, 0, 3));
    expect(this.arena.usedBytes).toBe(this.usedBefore);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

let serial = 0;
function element(random: Random, longest: number): Buffer {
  serial++;
  switch (random.below(8)) {
    case 0:
      return Buffer.from(String(random.int32()));
    case 1:
      return Buffer.from(String(serial));
    case 2:
      return Buffer.alloc(random.below(longest), `${serial}-`);
    default:
      return Buffer.from(`element:${serial}`.padEnd(16 + random.below(30), '.'));
  }
}

/** One change, of those that grow the list more often while it is below `size`. */
function step(pair: Pair, random: Random, longest: number, size: number): void {
  const { length } = pair.model;
  const dice = random.below(length < size ? 20 : 30);
  if (dice < 12) pair.push(random.below(2) === 0, element(random, longest));
  else if (length === 0) return;
  else if (dice < 15) pair.insert(random.below(length), random.below(2) === 0, element(random, longest));
  else if (dice < 17) pair.set(random.below(length), element(random, longest));
  else if (dice < 29) pair.pop(random.below(2) === 0);
  else if (random.below(8) === 0 && length > 2) pair.trim(random.below(length >> 1), random.below(length >> 1));
}

const LZF_STRING = 0xc3;

/** The nodes of a DUMP payload: type 18, how many, for each its container (1 plain, 2 packed) and its bytes. */
async function dumpedNodes(): Promise<Node[]> {
  const [reply] = await redis.run([['DUMP', 'l']]);
  if (reply[1] === 45) return [];
  const dump = reply.subarray(reply.indexOf('\r\n') + 2);
  let at = 1;
  const length = (): number => {
    const head = dump[at++];
    if (head >> 6 === 0) return head;
    if (head >> 6 === 1) return ((head & 63) << 8) | dump[at++];
    at += 4;
    return dump.readUInt32BE(at - 4);
  };
  return Array.from({ length: length() }, () => {
    const plain = length() === 1;
    if (dump[at] === LZF_STRING) {
      at++;
      const compressed = length();
      const bytes = Buffer.alloc(length());
      expect(decompress(dump, at, at + compressed, bytes, 0, bytes.length)).toBe(bytes.length);
      at += compressed;
      return { plain, bytes };
    }
    const n = length();
    at += n;
    return { plain, bytes: dump.subarray(at - n, at) };
  });
}

const SHAPES: [fill: number, depth: number, longest: number, size: number][] = [
  [-2, 0, 2000, 900],
  [-1, 0, 700, 900],
  [-2, 1, 6000, 900],
  [-3, 2, 300, 1500],
  [5, 0, 100, 60],
  [1, 0, 100, 20],
  [32, 3, 9000, 400],
  [-5, 0, 20_000, 200],
];

describe('a quicklist', () => {
  test.each(SHAPES)(
    'of nodes of %i, compressed from %i on, has the nodes of redis-server',
    async (fill, depth, longest, size) => {
      const seed = 100 + fill;
      const random = new Random(seed);
      const pair = new Pair(fill, depth, 2 ** 30);
      await redis.run([
        ['DEL', 'l'],
        ['CONFIG', 'SET', 'list-max-listpack-size', String(fill)],
        ['CONFIG', 'SET', 'list-compress-depth', String(depth)],
      ]);
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 60; i++) step(pair, random, longest, size);
        await redis.run(pair.commands.splice(0));
        const ours = pair.nodes();
        const theirs = await dumpedNodes();
        const where = `seed ${seed}, round ${round}`;
        expect([where, ours.map((node) => node.bytes.length)]).toEqual([
          where,
          theirs.map((node) => node.bytes.length),
        ]);
        expect([where, ours.findIndex((node, i) => !node.bytes.equals(theirs[i].bytes))]).toEqual([where, -1]);
        if (round % 10 === 0) pair.check(random);
      }
      pair.release();
    },
  );

  test.each(SHAPES)(
    'of nodes of %i, compressed from %i on, with large elements apart',
    (fill, depth, longest, size) => {
      const random = new Random(200 + fill);
      const pair = new Pair(fill, depth, 40);
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 60; i++) step(pair, random, longest, size);
        if (round % 4 === 0)
          for (const node of pair.nodes()) if (node.plain) expect(listpack.count(viewOf(node.bytes), 0)).toBe(1);
        if (round % 10 === 0) pair.check(random);
      }
      pair.release();
    },
  );

  test('is copied', () => {
    const random = new Random(5);
    const pair = new Pair(-1, 1, 2 ** 30);
    while (pair.model.length < 3000) step(pair, random, 500, 4000);
    const copy = pair.kind.clone(pair.root, 0);
    const bytes = pair.kind.memoryBytes(pair.root, 0, 0);
    expect(pair.kind.memoryBytes(copy, 0, 0)).toBeLessThanOrEqual(bytes);
    expect(pair.kind.memoryBytes(pair.root, 0, 500)).toBeGreaterThan(bytes / 3);
    const original = pair.root;
    pair.root = copy;
    pair.check(random);
    pair.root = original;
    pair.check(random);
    while (pair.kind.release(copy, 0, 10));
    pair.release();
  });

  test('is moved out of sparse slabs while it changes', () => {
    const random = new Random(5);
    const pair = new Pair(-1, 1, 2 ** 30);
    const { list, kind } = pair;
    const others = Array.from({ length: 5 }, () => list.create());
    const one = Buffer.alloc(900, 'x');
    while (pair.model.length < 2000) {
      step(pair, random, 500, 4000);
      for (const other of others) {
        list.open(other);
        list.pushBack(viewOf(one), 0, one.length, true);
      }
    }
    for (const other of others) while (kind.release(other, 0, 100));
    pair.arena.sortSlabs();
    let cursor = 0;
    let moves = 0;
    do {
      cursor = kind.defragment(pair.root, 0, cursor, 20, () => moves++);
      for (let i = 0; i < 5; i++) step(pair, random, 500, 0);
      pair.nodes();
    } while (cursor !== 0);
    expect(moves).toBeGreaterThan(10);
    pair.check(random);
    pair.release();
  });

  test('changes nothing when there is no memory', () => {
    const random = new Random(6);
    const pair = new Pair(-1, 0, 2 ** 30);
    while (pair.model.length < 600) step(pair, random, 500, 4000);
    pair.arena.limitBytes = pair.arena.usedBytes;
    let refused = 0;
    for (let i = 0; i < 400; i++) {
      const { list } = pair;
      const one = element(random, 3000);
      list.open(pair.root);
      const index = random.below(pair.model.length);
      list.seek(index);
      const kind = random.below(4);
      if (kind === 0) {
        if (insert(list, true, viewOf(one), 0, one.length, true)) pair.model.splice(index + 1, 0, one);
        else refused++;
      } else if (kind === 1) {
        if (replace(list, viewOf(one), 0, one.length)) pair.model[index] = one;
        else refused++;
      } else if (kind === 2) {
        if (list.pushFront(viewOf(one), 0, one.length, true)) pair.model.unshift(one);
        else refused++;
      } else if (list.pushBack(viewOf(one), 0, one.length, true)) pair.model.push(one);
      else refused++;
      if (i % 20 === 0) pair.nodes();
    }
    expect(refused).toBeGreaterThan(50);
    pair.check(random);
    pair.release();
  });

  test('that is used as a queue takes no more memory than its elements need', () => {
    const pair = new Pair(-2, 0, 2 ** 30);
    const one = Buffer.from('0123456789abcdef');
    const { list, arena } = pair;
    list.open(pair.root);
    for (let i = 0; i < 100_000; i++) list.pushFront(viewOf(one), 0, 16, true);
    expect((arena.usedBytes - pair.usedBefore) / 100_000).toBeLessThan(18.3);
    for (let i = 0; i < 500_000; i++) {
      list.pushFront(viewOf(one), 0, 16, true);
      list.removeLast();
    }
    expect((arena.usedBytes - pair.usedBefore) / 100_000).toBeLessThan(18.4);
    expect(list.length).toBe(100_000);
    pair.release();
  });
});
