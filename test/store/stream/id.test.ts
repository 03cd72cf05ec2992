/** IDs against BigInt: text both ways, order, steps and differences at the edges of 32 and 64 bits. */
import { describe, expect, test } from 'vitest';
import { ID_WITHOUT_SEQ, INVALID_ID, parseId, StreamId, WHOLE_ID } from '../../../src/lib/store/stream/id.ts';

const EDGES = [0n, 1n, 9n, 10n, 999_999n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 32n + 1n]
  .concat([1_526_919_030_474n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 10n ** 18n, 10n ** 19n])
  .concat([2n ** 63n - 1n, 2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 2n, 2n ** 64n - 1n]);

function parse(text: string, missing = 0): [number, string] {
  const id = new StreamId();
  const bytes = Buffer.from(text, 'latin1');
  return [parseId(bytes, 0, bytes.length, missing, id), id.toString()];
}

describe('StreamId', () => {
  test('text both ways, at the edges of 32, 53 and 64 bits', () => {
    for (const ms of EDGES) for (const seq of EDGES) expect(parse(`${ms}-${seq}`)).toEqual([WHOLE_ID, `${ms}-${seq}`]);
    expect(parse('5')).toEqual([WHOLE_ID, '5-0']);
    expect(parse('5', -1)).toEqual([WHOLE_ID, '5-18446744073709551615']);
    expect(parse('5-*', -1)).toEqual([ID_WITHOUT_SEQ, '5-0']);
  });

  test('what strtoull takes, as redis-server does', () => {
    expect(parse('+5- 007')).toEqual([WHOLE_ID, '5-7']);
    expect(parse('007-\t+1')).toEqual([WHOLE_ID, '7-1']);
    expect(parse('1--05')).toEqual([WHOLE_ID, '1-18446744073709551611']);
    expect(parse('1-5\x00junk')).toEqual([WHOLE_ID, '1-5']);
    const invalid = [
      '',
      '-',
      '-5',
      'a',
      '5a',
      '5-',
      '5-a',
      '5-1-1',
      '5-**',
      '18446744073709551616',
      '5-99999999999999999999',
    ];
    for (const text of [...invalid, '1--5', ' ', '+', '+ 5', '5 ', `${'0'.repeat(127)}1`])
      expect(parse(text)[0]).toBe(INVALID_ID);
  });

  test('order, steps and differences', () => {
    const all = EDGES.flatMap((ms) => EDGES.map((seq) => ({ ms, seq, id: toId(ms, seq) })));
    const whole = (a: { ms: bigint; seq: bigint }): bigint => (a.ms << 64n) | a.seq;
    for (const a of all) {
      const next = new StreamId().copy(a.id);
      expect(next.increment()).toBe(whole(a) !== 2n ** 128n - 1n);
      expect(next.toString()).toBe(text((whole(a) + 1n) & (2n ** 128n - 1n)));
      const before = new StreamId().copy(a.id);
      expect(before.decrement()).toBe(whole(a) !== 0n);
      expect(before.toString()).toBe(text((whole(a) - 1n) & (2n ** 128n - 1n)));
      const delta = new StreamId();
      const sum = new StreamId();
      const wrong = all.filter((b) => {
        delta.setDifference(a.id, b.id);
        sum.copy(b.id).add(delta.msLow, delta.msHigh, delta.seqLow, delta.seqHigh);
        const order = whole(a) < whole(b) ? -1 : whole(a) > whole(b) ? 1 : 0;
        return Math.sign(a.id.compare(b.id)) !== order || a.id.equals(b.id) !== (order === 0) || !sum.equals(a.id);
      });
      expect(wrong).toEqual([]);
    }
  });
});

function toId(ms: bigint, seq: bigint): StreamId {
  const word = (n: bigint): number => Number(BigInt.asIntN(32, n));
  return new StreamId().set(word(ms >> 32n), word(ms), word(seq >> 32n), word(seq));
}

function text(whole: bigint): string {
  return `${whole >> 64n}-${whole & (2n ** 64n - 1n)}`;
}
