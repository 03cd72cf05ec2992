/**
 * Payloads with something wrong in them: RESTORE refuses them or makes a value that commands can work on; nothing throws, hangs
 * or stays in memory. RTCP_MUTATIONS payloads (1,000,000 and more for a night), RTCP_TEST_SEED for others.
 */
import { describe, expect, test } from 'vitest';
import { valueDigest } from '../../src/lib/engine/rdb/dataset-digest.ts';
import { VERSION_7_4 } from '../../src/lib/engine/rdb/types.ts';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import type { Word } from './random-commands.ts';
import { oldForm, timedHash, VALUES, withFooter } from './rdb-values.ts';
import { type Parsed, parseReply, replyEnd } from './redis-peer.ts';

const MUTATIONS = Number(process.env.RTCP_MUTATIONS ?? 100_000);
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_250_305);
const CORPUS = 600;
/** Larger ones are tried, too, but not so often. */
const USUAL_BYTES = 300;
const LARGE_ONE_IN = 60;
/** Elements of a value that are asked for one by one. */
const ASKED = 12;
/** Values whose digests are compared: one in so many. */
const DIGEST_ONE_IN = 4;
const FOOTER_BYTES = 10;

/** Payloads of all types and forms. */
function corpus(harness: Harness, random: Random): { all: Uint8Array[]; usual: Uint8Array[] } {
  const payloads: Uint8Array[] = [];
  const makers = Object.values(VALUES);
  while (payloads.length < CORPUS) {
    if (random.below(2) === 0) {
      payloads.push(withFooter(random.below(10) === 0 ? timedHash(random) : oldForm(random), VERSION_7_4));
      continue;
    }
    harness.engine.rdb.version = 10 + random.below(2);
    harness.engine.rdb.compression = random.below(3) === 0;
    for (const command of makers[random.below(makers.length)](random, 'k')) harness.run(...command);
    const reply = harness.run('DUMP', 'k');
    payloads.push(Uint8Array.from(reply.subarray(reply.indexOf(10) + 1, -2)));
    harness.run('DEL', 'k');
  }
  return { all: payloads, usual: payloads.filter((payload) => payload.length < USUAL_BYTES) };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)];
}

/** A copy with bits, bytes or stretches changed, lost or doubled. */
function mutate(random: Random, payload: Uint8Array): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(payload);
  for (let times = 1 + random.below(random.below(3) === 0 ? 6 : 2); times > 0; times--) {
    const size = Math.max(1, bytes.length - FOOTER_BYTES);
    const at = random.below(size);
    switch (random.below(8)) {
      case 0:
      case 1:
        bytes[at] ^= 1 << random.below(8);
        break;
      case 2:
        bytes[at] = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xfd, 0xfe, 0xff][random.below(12)];
        break;
      case 3:
        bytes[at] = random.below(256);
        break;
      case 4:
        bytes[at] += random.below(5) - 2;
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(6))]);
        break;
      case 6:
        bytes = Buffer.concat([bytes.subarray(0, at + 1 + random.below(6)), bytes.subarray(at)]);
        break;
      default:
        if (random.below(4) === 0) bytes[0] = random.below(24);
        else bytes[at] = bytes[random.below(size)];
    }
  }
  return bytes;
}

/** What every value of a type must answer; each returns what is wrong, or ''. */
const SANE: Readonly<Record<string, (ask: (...words: Word[]) => Parsed) => string>> = {
  string: (ask) => (Number(String(ask('STRLEN', 'k')).slice(1)) === bytesOf(ask('GET', 'k')).length ? '' : 'length'),
  list: (ask) => {
    const elements = ask('LRANGE', 'k', '0', '-1');
    if (ask('LLEN', 'k') !== `:${elements.length}`) return 'length';
    if (ask('LINDEX', 'k', '-1') !== elements[elements.length - 1]) return 'the last element';
    if (ask('RPUSH', 'k', 'more') !== `:${elements.length + 1}`) return 'RPUSH';
    return ask('RPOP', 'k') === '$more' ? '' : 'RPOP';
  },
  set: (ask) => {
    const members = ask('SMEMBERS', 'k');
    if (ask('SCARD', 'k') !== `:${members.length}`) return 'SCARD';
    for (const member of members.slice(0, ASKED))
      if (ask('SISMEMBER', 'k', bytesOf(member)) !== ':1') return `${member} is no member`;
    ask('SADD', 'k', 'one more');
    return ask('SREM', 'k', 'one more') === ':1' ? '' : 'SREM';
  },
  zset: (ask) => {
    const pairs = ask('ZRANGE', 'k', '0', '-1', 'WITHSCORES');
    if (ask('ZCARD', 'k') !== `:${pairs.length / 2}`) return 'ZCARD';
    for (let i = 0; i < Math.min(pairs.length, 2 * ASKED); i += 2) {
      const member = bytesOf(pairs[i]);
      if (ask('ZSCORE', 'k', member) !== pairs[i + 1]) return `the score of ${pairs[i]}`;
      if (ask('ZRANK', 'k', member) !== `:${i / 2}`) return `the rank of ${pairs[i]}`;
    }
    ask('ZADD', 'k', '1.5', 'one more');
    return ask('ZREM', 'k', 'one more') === ':1' ? '' : 'ZREM';
  },
  stream: (ask) => {
    const entries = ask('XRANGE', 'k', '-', '+');
    if (ask('XLEN', 'k') !== `:${entries.length}`) return 'XLEN';
    if (ask('XREVRANGE', 'k', '+', '-').length !== entries.length) return 'XREVRANGE';
    for (const entry of entries.slice(0, ASKED)) {
      const id = bytesOf(entry[0]);
      if (JSON.stringify(ask('XRANGE', 'k', id, id)) !== JSON.stringify([entry])) return `entry ${entry[0]}`;
    }
    ask('XINFO', 'STREAM', 'k', 'FULL');
    const groups = ask('XINFO', 'GROUPS', 'k') as Parsed[][];
    for (const group of groups) {
      ask('XPENDING', 'k', bytesOf(group[1]), '-', '+', '100');
      ask('XREADGROUP', 'GROUP', bytesOf(group[1]), 'me', 'STREAMS', 'k', '>');
    }
    const added = String(ask('XADD', 'k', '*', 'f', 'v'));
    return added.startsWith('-') || ask('XDEL', 'k', added.slice(1)) === ':1' ? '' : 'XDEL';
  },
  hash: (ask) => {
    const pairs = ask('HGETALL', 'k');
    if (ask('HLEN', 'k') !== `:${pairs.length / 2}`) return 'HLEN';
    for (let i = 0; i < Math.min(pairs.length, 2 * ASKED); i += 2) {
      if (ask('HGET', 'k', bytesOf(pairs[i])) !== pairs[i + 1]) return `field ${pairs[i]}`;
    }
    ask('HSET', 'k', 'one more', '1');
    return ask('HDEL', 'k', 'one more') === ':1' ? '' : 'HDEL';
  },
};

function bytesOf(reply: Parsed): Buffer {
  return Buffer.from(String(reply).slice(1), 'latin1');
}

function digestOf(harness: Harness): string {
  const { engine } = harness;
  harness.run('EXISTS', 'k');
  const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
  return valueDigest(engine, engine.db, engine.db.find(offset, length, engine.db.hash(offset, length)));
}

describe('payloads with something wrong', () => {
  test(`${MUTATIONS} of them are refused, or make values that work`, { timeout: 60_000 + MUTATIONS }, () => {
    const random = new Random(SEED);
    const harness = new Harness({ seed: SEED });
    const { all, usual } = corpus(harness, random);
    const { arena, rdb, values } = harness.engine;
    rdb.checksum = false;
    rdb.version = 11;
    rdb.compression = true;
    harness.run('SET', 'other', 'x');
    while (values.reaper.step(1000));
    let accepted = 0;
    for (let round = 0; round < MUTATIONS; round++) {
      const used = arena.usedBytes;
      const payload = mutate(random, random.below(LARGE_ONE_IN) === 0 ? pick(random, all) : pick(random, usual));
      const where = (): string => `seed ${SEED}, ${round}: ${Buffer.from(payload).toString('hex')}`;
      const ask = (...words: Word[]): Parsed => {
        const reply = harness.run(...words);
        if (replyEnd(reply, 0) !== reply.length)
          expect.fail(`${where()}: ${words[0]} answers ${reply.toString('latin1')}`);
        return parseReply(reply);
      };
      const answer = ask('RESTORE', 'k', '0', payload);
      if (answer === '+OK') {
        accepted++;
        const type = String(ask('TYPE', 'k')).slice(1);
        const wrong = SANE[type](ask);
        if (wrong !== '') expect.fail(`${where()}: ${wrong}`);
        const digest = round % DIGEST_ONE_IN === 0 ? digestOf(harness) : '';
        const again = bytesOf(ask('DUMP', 'k'));
        if (ask('RESTORE', 'k', '0', again, 'REPLACE') !== '+OK')
          expect.fail(`${where()}: is dumped as what is refused`);
        if (digest !== '' && digestOf(harness) !== digest)
          expect.fail(`${where()}: is another when it is dumped and restored`);
        ask('DEL', 'k');
      } else if (answer !== '-ERR Bad data format' && !String(answer).startsWith('-ERR DUMP payload')) {
        expect.fail(`${where()}: ${answer}`);
      }
      while (values.reaper.step(1000));
      if (arena.usedBytes !== used) expect.fail(`${where()}: leaves ${arena.usedBytes - used} bytes behind`);
    }
    expect(accepted).toBeGreaterThan(MUTATIONS / 20);
    expect(accepted).toBeLessThan(MUTATIONS);
  });
});
