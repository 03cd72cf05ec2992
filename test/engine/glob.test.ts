/** The glob matcher against redis-server's KEYS, and its bound. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { globMatches } from '../../src/lib/engine/glob.ts';
import { Random } from '../../src/lib/random.ts';
import { parseReply, RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 4711);
const ROUNDS = 20;
const STRINGS = 100;
const PATTERNS = 200;

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

function matches(pattern: Uint8Array, string: Uint8Array): boolean {
  // Both lie inside of larger buffers, as they do in a request and in the arena: nothing beyond them may be looked at.
  const p = Buffer.concat([Buffer.from('*]'), pattern, Buffer.from(']*a')]);
  const s = Buffer.concat([Buffer.from('a'), string, Buffer.from('ab')]);
  return globMatches(p, 2, 2 + pattern.length, s, 1, 1 + string.length);
}

/** Bytes that mean something in patterns, letters of a small alphabet, and bytes above 127. */
function randomBytes(random: Random, alphabet: string, most: number): Buffer {
  const length = random.below(most + 1);
  return Buffer.from(Array.from({ length }, () => alphabet.charCodeAt(random.below(alphabet.length))));
}

describe('globMatches', () => {
  test(`answers as redis-server does, ${ROUNDS * PATTERNS * STRINGS} random pairs`, async () => {
    const random = new Random(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      const strings = Array.from({ length: STRINGS }, () => randomBytes(random, 'abcd]^-\\[*\x00\x7f\x80\xe9\xff', 7));
      const patterns = Array.from({ length: PATTERNS }, () =>
        randomBytes(random, '**??[[]]^-\\abcd\x00\x7f\x80\xe9\xff', 9),
      );
      await redis.run([['FLUSHALL'], ...strings.map((string) => ['SET', string, ''])]);
      const replies = await redis.run(patterns.map((pattern) => ['KEYS', pattern]));
      patterns.forEach((pattern, i) => {
        if (pattern.equals(Buffer.from('*'))) return; // KEYS takes it as "all", before it is matched
        const theirs = new Set(Array.from(parseReply(replies[i]), (key) => String(key).slice(1)));
        for (const string of strings) {
          const [shownPattern, shownString] = [pattern.toString('latin1'), string.toString('latin1')];
          const shown = `seed ${SEED}: ${JSON.stringify(shownPattern)} on ${JSON.stringify(shownString)}`;
          if (matches(pattern, string) !== theirs.has(shownString)) expect.fail(`${shown}: not as redis-server`);
        }
      });
    }
  });

  test('ignores case outside of escapes in classes when told', () => {
    const nocase = (pattern: string, string: string): boolean =>
      globMatches(Buffer.from(pattern), 0, pattern.length, Buffer.from(string), 0, string.length, true);
    expect(nocase('MAX*', 'maxmemory')).toBe(true);
    expect(nocase('[A-C]x', 'bX')).toBe(true);
    expect(nocase('[\\A]', 'a')).toBe(false);
    expect(nocase('a', 'b')).toBe(false);
  });

  test('a pattern made to explode is answered by work within pattern × string', () => {
    const stars = Buffer.from(`${'a*'.repeat(100)}b`);
    const string = Buffer.from('a'.repeat(20_000));
    let looked = 0;
    const counting = new Proxy(string, {
      get: (target, property) => {
        looked++;
        return Reflect.get(target, property);
      },
    });
    expect(globMatches(stars, 0, stars.length, counting, 0, string.length)).toBe(false);
    expect(looked).toBeLessThan(2 * stars.length * string.length);
  });
});
