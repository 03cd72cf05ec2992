/**
 * Listpacks against an array as the model, against the bytes that a real redis-server dumps for the same elements, and
 * against bytes from anywhere.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { integerHigh, integerLow, isCanonicalInteger, setSafeInteger } from '../../src/lib/store/integer64.ts';
import * as listpack from '../../src/lib/store/listpack.ts';
import { RedisPeer } from '../engine/redis-peer.ts';

const MEMORY_BYTES = 1 << 20;
/** Where the listpack begins in its memory: with room before it, and not aligned. */
const AT = 100_003;

let redis: RedisPeer;
beforeAll(async () => {
  const limits = ['--list-max-listpack-size', '-5', '--hash-max-listpack-value', '100000'];
  redis = await RedisPeer.start('--rdbcompression', 'no', ...limits);
});
afterAll(() => redis.stop());

/** A listpack in memory of its own. */
class Pack {
  readonly bytes = new Uint8Array(new SharedArrayBuffer(MEMORY_BYTES));
  readonly view = new DataView(this.bytes.buffer);
  at = AT;

  constructor(elements: Buffer[] = []) {
    listpack.empty(this.view, this.at);
    for (const element of elements) listpack.append(this.view, this.at, viewOf(element), 0, element.length);
  }

  get content(): Buffer {
    return Buffer.from(this.bytes.slice(this.at, this.at + listpack.totalBytes(this.view, this.at)));
  }

  position(index: number): number {
    return index === listpack.count(this.view, this.at)
      ? listpack.end(this.view, this.at)
      : listpack.seek(this.view, this.at, index);
  }

  element(p: number): Buffer {
    listpack.decode(this.view, p);
    const { item } = listpack;
    return Buffer.from(new Uint8Array(item.view.buffer).slice(item.start, item.start + item.length));
  }

  elements(): Buffer[] {
    const found: Buffer[] = [];
    for (let p = listpack.first(this.view, this.at); p !== 0; p = listpack.next(this.view, p))
      found.push(this.element(p));
    return found;
  }

  backwards(): Buffer[] {
    const found: Buffer[] = [];
    for (let p = listpack.last(this.view, this.at); p !== 0; p = listpack.prev(this.view, this.at, p)) {
      found.push(this.element(p));
    }
    return found.reverse();
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

const INTEGERS = [0n, 1n, 127n, 128n, 4095n, 4096n, 32767n, 32768n, 8388607n, 8388608n, 2147483647n, 2147483648n]
  .concat([999999999n, 1000000000n, 999999999999999n, 1000000000000000n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n])
  .concat([4294967295n, 4294967296n, 999999999999999999n, 1000000000000000000n, 2n ** 63n - 1n])
  .flatMap((n) => [n, -n, -n - 1n]);
const NOT_INTEGERS = ['', '-', '-0', '+1', '01', ' 1', '1 ', '1.0', '--1', '1a', 'a1', '-01', '00', '1/', '1:']
  .concat(['9223372036854775808', '-9223372036854775809', '18446744073709551615', '10000000000000000000'])
  .concat(['92233720368547758070', '100000000000000000000', '12345678901234567x', '1234567890123456/']);
const LENGTHS = [0, 1, 62, 63, 64, 65, 123, 124, 125, 126, 127, 128, 4093, 4094, 4095, 4096, 4097];

const element = fc.oneof(
  fc.constantFrom(...INTEGERS).map((n) => Buffer.from(String(n))),
  fc.constantFrom(...NOT_INTEGERS).map((text) => Buffer.from(text)),
  fc.integer({ min: -10_000, max: 10_000 }).map((n) => Buffer.from(String(n))),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => Buffer.from(String(n))),
  fc.constantFrom(...LENGTHS).map((length) => Buffer.alloc(length, 'x')),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
);

/** The listpacks of what DUMP says of a list: type, length, then for each node its container and a string. */
function dumpedNodes(dump: Buffer): Buffer[] {
  let at = 1;
  const length = (): number => {
    const head = dump[at++];
    if (head >> 6 === 0) return head;
    if (head >> 6 === 1) return ((head & 63) << 8) | dump[at++];
    at += 4;
    return dump.readUInt32BE(at - 4);
  };
  const string = (): Buffer => {
    const n = length();
    at += n;
    return dump.subarray(at - n, at);
  };
  if (dump[0] !== 18) return [string()];
  return Array.from({ length: length() }, () => {
    expect(length()).toBe(2); // packed
    return string();
  });
}

async function dumped(key: string): Promise<Buffer[]> {
  const [reply] = await redis.run([['DUMP', key]]);
  return dumpedNodes(reply.subarray(reply.indexOf('\r\n') + 2, reply.length - 2));
}

describe('integers', () => {
  test('only canonical 64-bit integers are taken for one, exactly', () => {
    for (const n of INTEGERS) {
      const text = Buffer.from(String(n));
      expect([n, isCanonicalInteger(viewOf(text), 0, text.length)]).toEqual([n, true]);
      expect((BigInt(integerHigh()) << 32n) | BigInt(integerLow() >>> 0)).toBe(n);
    }
    for (const text of NOT_INTEGERS) {
      expect([text, isCanonicalInteger(viewOf(Buffer.from(text)), 0, text.length)]).toEqual([text, false]);
    }
  });

  test('a safe integer is split as its text is', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (n) => {
        setSafeInteger(n);
        expect((BigInt(integerHigh()) << 32n) | BigInt(integerLow() >>> 0)).toBe(BigInt(n));
      }),
    );
  });
});

describe('one entry', () => {
  const vectors: [string, string][] = [
    ['0', '0001'],
    ['127', '7f01'],
    ['128', 'c08002'],
    ['4095', 'cfff02'],
    ['-1', 'dfff02'],
    ['-4096', 'd00002'],
    ['4096', 'f1001003'],
    ['-32768', 'f1008003'],
    ['32768', 'f200800004'],
    ['-8388608', 'f200008004'],
    ['8388608', 'f30000800005'],
    ['-2147483648', 'f30000008005'],
    ['2147483648', 'f4000000800000000009'],
    ['-9223372036854775808', 'f4000000000000008009'],
    ['', '8001'],
    ['ab', '82616203'],
    ['-0', '822d3003'],
    ['x'.repeat(63), `bf${'78'.repeat(63)}40`],
    ['x'.repeat(64), `e040${'78'.repeat(64)}42`],
    ['x'.repeat(126), `e07e${'78'.repeat(126)}0180`],
    ['x'.repeat(4095), `efff${'78'.repeat(4095)}2081`],
    ['x'.repeat(4096), `f000100000${'78'.repeat(4096)}2085`],
  ];
  test.each(vectors)('%.20s is encoded as documented', (text, hex) => {
    const pack = new Pack([Buffer.from(text)]);
    expect(pack.content.subarray(6, -1).toString('hex')).toBe(hex);
    expect(listpack.encodedBytes(viewOf(Buffer.from(text)), 0, text.length)).toBe(hex.length / 2);
    expect(pack.elements()).toEqual([Buffer.from(text)]);
  });

  test.each([16_377, 16_378, 16_379, 2_097_145, 2_097_146, 2_097_147])(
    'of %i bytes has the backlen of Redis',
    async (n) => {
      const value = Buffer.alloc(n, 'y');
      await redis.run([
        ['CONFIG', 'SET', 'hash-max-listpack-value', '10000000'],
        ['DEL', 'h'],
        ['HSET', 'h', 'f', value],
      ]);
      const bytes = new DataView(new SharedArrayBuffer(4 << 20));
      listpack.empty(bytes, 0);
      for (const part of [Buffer.from('f'), value]) listpack.append(bytes, 0, viewOf(part), 0, part.length);
      const ours = Buffer.from(new Uint8Array(bytes.buffer).slice(0, listpack.totalBytes(bytes, 0)));
      expect(ours.equals((await dumped('h'))[0])).toBe(true);
      expect(listpack.prev(bytes, 0, listpack.last(bytes, 0))).toBe(6);
      expect(listpack.validate(bytes, 0, ours.length)).toBe(true);
    },
  );
});

describe('a listpack', () => {
  type Operation = { kind: number; index: number; n: number; element: Buffer };
  const operation = fc.record({ kind: fc.nat(7), index: fc.nat(1000), n: fc.nat(4), element });

  function apply(pack: Pack, model: Buffer[], { kind, index, n, element }: Operation): void {
    const { view } = pack;
    const from = viewOf(element);
    const before = listpack.totalBytes(view, pack.at);
    const size = listpack.encodedBytes(from, 0, element.length);
    if (kind <= 1) {
      const i = index % (model.length + 1);
      const p = pack.position(i);
      listpack.insert(view, pack.at, p, from, 0, element.length);
      expect(pack.element(p)).toEqual(element);
      expect(listpack.totalBytes(view, pack.at)).toBe(before + size);
      model.splice(i, 0, element);
    } else if (kind === 2) {
      listpack.append(view, pack.at, from, 0, element.length);
      model.push(element);
    } else if (kind === 3) {
      const at = pack.at;
      pack.at = listpack.prependDown(view, at, from, 0, element.length);
      expect(pack.at).toBe(at - size);
      model.unshift(element);
    } else if (model.length > 0) {
      const i = index % model.length;
      const p = pack.position(i);
      if (kind === 4) {
        const need = listpack.replaceNeed(view, p, from, 0, element.length);
        listpack.replace(view, pack.at, p, from, 0, element.length);
        expect(listpack.totalBytes(view, pack.at)).toBe(before + need);
        model[i] = element;
      } else if (kind === 5) {
        expect(listpack.remove(view, pack.at, p)).toBe(i === model.length - 1 ? 0 : p);
        model.splice(i, 1);
      } else if (kind === 6) {
        const removed = model.splice(i, n).length;
        expect(listpack.deleteRange(view, pack.at, p, n)).toBe(removed);
      } else {
        const first = Math.min(n, model.length);
        pack.at = listpack.removeFirstUp(view, pack.at, first);
        model.splice(0, first);
      }
    }
  }

  test('behaves as an array does', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 10 }), fc.array(operation, { maxLength: 40 }), (start, operations) => {
        const pack = new Pack(start);
        const model = [...start];
        for (const step of operations) {
          apply(pack, model, step);
          expect(listpack.count(pack.view, pack.at)).toBe(model.length);
        }
        expect(pack.elements()).toEqual(model);
        expect(pack.backwards()).toEqual(model);
        expect(pack.content).toEqual(new Pack(model).content);
        expect(listpack.validate(pack.view, pack.at, pack.content.length)).toBe(true);
        for (let i = -model.length; i < model.length; i++) {
          expect(pack.element(listpack.seek(pack.view, pack.at, i))).toEqual(model.at(i));
        }
        expect(listpack.seek(pack.view, pack.at, model.length)).toBe(0);
        expect(listpack.seek(pack.view, pack.at, -model.length - 1)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('is found in, by value, with entries left out', () => {
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 20 }), element, fc.nat(2), (model, other, skip) => {
        const pack = new Pack(model);
        const first = listpack.first(pack.view, pack.at);
        for (const needle of [other, ...model]) {
          const p = listpack.find(pack.view, first, skip, viewOf(needle), 0, needle.length);
          const index = model.findIndex((one, i) => i % (skip + 1) === 0 && one.equals(needle));
          expect(p).toBe(index < 0 ? 0 : listpack.seek(pack.view, pack.at, index));
          model.forEach((one, i) => {
            const q = listpack.seek(pack.view, pack.at, i);
            expect(listpack.equals(pack.view, q, viewOf(needle), 0, needle.length)).toBe(one.equals(needle));
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  test('has the bytes that redis-server has after the same changes', async () => {
    const random = new Random(7);
    const samples = fc.sample(element, { numRuns: 400, seed: 7 });
    const pack = new Pack();
    const model: Buffer[] = [];
    await redis.run([['DEL', 'l']]);
    for (let round = 0; round < 200; round++) {
      const element = samples[random.below(samples.length)];
      const i = random.below(model.length + 1);
      const { view, at } = pack;
      const commands: (string | Uint8Array)[][] = [];
      if (i === model.length) {
        listpack.append(view, at, viewOf(element), 0, element.length);
        model.push(element);
        commands.push(['RPUSH', 'l', element]);
      } else if (random.below(3) > 0) {
        commands.push(['LSET', 'l', String(i), 'pivot!'], ['LINSERT', 'l', 'BEFORE', 'pivot!', element]);
        commands.push(['LSET', 'l', String(i + 1), model[i]]);
        listpack.insert(view, at, pack.position(i), viewOf(element), 0, element.length);
        model.splice(i, 0, element);
      } else {
        listpack.replace(view, at, pack.position(i), viewOf(element), 0, element.length);
        model[i] = element;
        commands.push(['LSET', 'l', String(i), element]);
      }
      if (pack.content.length > 60_000) break;
      await redis.run(commands);
      if (round % 20 === 19) expect(pack.content.equals((await dumped('l'))[0])).toBe(true);
    }
    expect(pack.elements()).toEqual(model);
  });

  test('of 65535 entries and more counts them', () => {
    const pack = new Pack();
    const one = viewOf(Buffer.from('1'));
    for (let i = 0; i < 65_534; i++) listpack.append(pack.view, pack.at, one, 0, 1);
    expect(pack.view.getUint16(pack.at + 4, true)).toBe(65_534);
    for (let i = 0; i < 6; i++) listpack.append(pack.view, pack.at, one, 0, 1);
    expect(pack.view.getUint16(pack.at + 4, true)).toBe(listpack.UNKNOWN_COUNT);
    expect(listpack.count(pack.view, pack.at)).toBe(65_540);
    pack.at = listpack.prependDown(pack.view, pack.at, viewOf(Buffer.from('2')), 0, 1);
    expect(listpack.count(pack.view, pack.at)).toBe(65_541);
    expect(listpack.seek(pack.view, pack.at, -65_541)).toBe(listpack.first(pack.view, pack.at));
    expect(listpack.seek(pack.view, pack.at, 65_540)).toBe(listpack.last(pack.view, pack.at));
    expect(listpack.deleteRange(pack.view, pack.at, listpack.first(pack.view, pack.at), 10)).toBe(10);
    expect(listpack.count(pack.view, pack.at)).toBe(65_531);
    expect(pack.view.getUint16(pack.at + 4, true)).toBe(65_531);
  });
});

describe('bytes from anywhere', () => {
  test('are refused unless they can be walked both ways', () => {
    const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 4 });
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(element, { maxLength: 12 }), damage, (model, changes) => {
        const pack = new Pack(model.filter((one) => one.length < 200));
        const bytes = pack.content.length;
        for (const [place, value] of changes) pack.bytes[pack.at + (place % bytes)] = value;
        if (!listpack.validate(pack.view, pack.at, bytes)) {
          refused++;
          return;
        }
        accepted++;
        expect(pack.elements()).toEqual(pack.backwards());
        expect(pack.elements().length).toBe(listpack.count(pack.view, pack.at));
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  });

  test.each([
    ['too short', '060000000000'],
    ['no end mark', '07000000000000'],
    ['other length', '0800000000 00ff'],
    ['other count', '070000000100ff'],
    ['size beyond the end', '0b0000000100f0ffffff7fff'],
    ['backlen wrong', '0900000001000502ff'],
    ['no encoding', '090000000100f501ff'],
    ['end mark within', '090000000100ff01ff'],
  ])('%s', (_, hex) => {
    const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    expect(listpack.validate(viewOf(bytes), 0, bytes.length)).toBe(false);
  });
});
