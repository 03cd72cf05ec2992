/**
 * List commands give the replies of a real redis-server, byte for byte: seeded streams of right and wrong commands, with both
 * protocols and several node sizes; and the encodings of Redis 7.2, which the server at hand does not have yet.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { byteOf, chunkOf } from '../../src/lib/store/arena.ts';
import { Harness } from './harness.ts';
import { BLOCKING, ListCommandStream, type Word } from './list-commands.ts';
import { parseReply, RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env['RTCP_TEST_SEED'] ?? 20_262);
const COMMANDS = 6000;
const CHUNK = 200;

let redis: RedisPeer;
beforeAll(async () => {
  redis = await RedisPeer.start();
});
afterAll(() => redis.stop());

/** A command that may wait is sent in a transaction, in which nothing waits. */
async function replies(commands: Word[][]): Promise<Buffer[]> {
  const sent = commands.flatMap((command) => (blocks(command) ? [['MULTI'], command, ['EXEC']] : [command]));
  const received = await redis.run(sent);
  let at = 0;
  return commands.map((command) => {
    if (!blocks(command)) return received[at++];
    at += 3;
    const queued = received[at - 2];
    return queued.toString('latin1', 0, 7) === '+QUEUED' ? received[at - 1].subarray('*1\r\n'.length) : queued;
  });
}

function blocks(command: Word[]): boolean {
  return BLOCKING.includes(String(command[0]).toUpperCase());
}

async function compare(seed: number, protocol: number, fill: number): Promise<void> {
  const harness = new Harness({ seed });
  harness.engine.nowMs = Date.now();
  harness.client.protocol = protocol;
  harness.engine.values.list.fill = fill;
  const before = harness.engine.arena.usedBytes;
  const stream = new ListCommandStream(seed);
  await redis.run([
    ['FLUSHALL'],
    ['HELLO', String(protocol)],
    ['CONFIG', 'SET', 'list-max-listpack-size', String(fill)],
  ]);
  for (let done = 0; done < COMMANDS; done += CHUNK) {
    const commands = Array.from({ length: CHUNK }, () => stream.next());
    const theirs = await replies(commands);
    commands.forEach((command, i) => {
      const ours = harness.run(...command);
      if (ours.equals(theirs[i])) return;
      const shown = command.map((word) =>
        Buffer.from(word as string)
          .toString('latin1')
          .slice(0, 60),
      );
      expect.fail(
        `seed ${seed}, RESP${protocol}, fill ${fill}, command ${done + i}: ${JSON.stringify(shown)}\n` +
          `ours   ${JSON.stringify(ours.toString('latin1').slice(0, 2000))}\n` +
          `theirs ${JSON.stringify(theirs[i].toString('latin1').slice(0, 2000))}`,
      );
    });
  }
  for (const key of parseReply(harness.run('KEYS', '*')))
    harness.run('DEL', Buffer.from(key.slice(1) as string, 'latin1'));
  while (harness.engine.values.reaper.step(1000));
  expect(harness.engine.arena.usedBytes).toBe(before);
}

describe('list commands answer as redis-server does', () => {
  test.each([
    [2, -2],
    [3, -2],
    [2, -1],
    [3, 4],
    [2, 1],
    [3, 128],
    [2, -5],
  ])('RESP%i, list-max-listpack-size %i', (protocol, fill) => compare(SEED + protocol + fill, protocol, fill));
});

describe('the encoding of a list', () => {
  const small = 'x'.repeat(100);
  const harness = (fill: number): { h: Harness; encoding: () => string } => {
    const h = new Harness();
    h.engine.values.list.fill = fill;
    return { h, encoding: () => h.text('OBJECT', 'ENCODING', 'l').split('\r\n')[1] };
  };

  test('is quicklist when what is pushed would not fit, and listpack again when half of a node is left', () => {
    const { h, encoding } = harness(-2);
    for (let i = 0; i < 79; i++) h.run('RPUSH', 'l', small); // 7 + 79 * 103
    expect(encoding()).toBe('listpack');
    h.run('LPUSH', 'l', 'x'.repeat(8192 - (7 + 79 * 103)));
    expect(encoding()).toBe('listpack');
    h.run('LPUSH', 'l', 'x');
    expect(encoding()).toBe('quicklist');
    for (let i = 0; i < 41; i++) h.run('RPOP', 'l');
    expect(encoding()).toBe('quicklist'); // the new node is the first still
    h.run('LPOP', 'l');
    expect(encoding()).toBe('listpack');
  });

  test.each([
    ['LSET', ['LSET', 'l', '0', 'y'.repeat(9000)], ['LSET', 'l', '0', 'y']],
    ['LINSERT', ['LINSERT', 'l', 'BEFORE', 'a', 'y'.repeat(9000)], ['LREM', 'l', '0', 'y'.repeat(9000)]],
    ['RPUSH', ['RPUSH', 'l', 'y'.repeat(9000)], ['LTRIM', 'l', '0', '1']],
    ['LMOVE', ['LMOVE', 'big', 'l', 'LEFT', 'RIGHT'], ['RPOP', 'l']],
  ])('grows by %s and shrinks by what undoes it', (_, grow, shrink) => {
    const { h, encoding } = harness(-2);
    h.run('RPUSH', 'l', 'a', 'b');
    h.run('RPUSH', 'big', 'z'.repeat(9000));
    expect(encoding()).toBe('listpack');
    h.run(...grow);
    expect(encoding()).toBe('quicklist');
    h.run(...shrink);
    expect(encoding()).toBe('listpack');
  });

  test('goes by the number of elements when that is the limit', () => {
    const { h, encoding } = harness(8);
    h.run('RPUSH', 'l', '1', '2', '3', '4', '5', '6', '7', '8');
    expect(encoding()).toBe('listpack');
    h.run('RPUSH', 'l', '9');
    expect(encoding()).toBe('quicklist');
    for (const left of ['8', '7', '6', '5']) {
      h.run('RPOP', 'l');
      expect([left, encoding(), h.text('LLEN', 'l')]).toEqual([left, 'quicklist', `:${left}\r\n`]);
    }
    h.run('RPOP', 'l');
    expect(encoding()).toBe('listpack');
  });

  test('asks for room before it looks for the place, as redis-server does', () => {
    const { h, encoding } = harness(-1);
    h.run('RPUSH', 'l', 'a');
    expect(h.text('LSET', 'l', '5', 'y'.repeat(5000))).toBe('-ERR index out of range\r\n');
    expect(encoding()).toBe('quicklist');
  });
});

describe('a list for which there is no memory', () => {
  test('stays as it was', () => {
    const h = new Harness({ limitBytes: 3 << 20 });
    const random = new Random(11);
    const stream = new ListCommandStream(11);
    const keys = ['l1', 'l2', 'l3', 'l4', 'big'];
    const all = (): string[] => keys.map((key) => h.text('LRANGE', key, '0', '-1'));
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      const before = i % 8 === 0 ? all() : [];
      const grows = random.below(3) > 0;
      const long = ['RPUSH', keys[random.below(5)], 'x'.repeat(random.below(60_000)), String(i), 'y'.repeat(9000)];
      const reply = h.text(...(grows ? long : stream.next()));
      if (!reply.startsWith('-OOM')) continue;
      refused++;
      if (before.length > 0) expect(all()).toEqual(before);
    }
    expect(refused).toBeGreaterThan(50);
    for (const key of parseReply(h.run('KEYS', '*'))) h.run('DEL', String(key).slice(1));
    while (h.engine.values.reaper.step(1000));
    expect(h.text('RPUSH', 'l1', 'a')).toBe(':1\r\n');
  });

  test('changes nothing when the memory ends while compressed nodes are to be cut', () => {
    const h = new Harness();
    const { arena, values } = h.engine;
    values.list.depth = 1;
    const words = (i: number): string => (i % 7 === 0 ? 'same' : `${i} ${'abc'.repeat(20)}`);
    const all = Array.from({ length: 2000 }, (_, i) => words(i));
    const unlimited = arena.limitBytes;
    const attempts: string[][] = [
      ['LREM', 'l', '0', 'same'],
      ['LREM', 'l', '-200', 'same'],
      ['LREM', 'l', '150', 'same'],
      ['LTRIM', 'l', '300', '-700'],
      ['LTRIM', 'l', '500', '501'],
      ['LPOP', 'l', '500'],
      ['RPOP', 'l', '500'],
      ['LMPOP', '1', 'l', 'LEFT', 'COUNT', '333'],
      ['BLMPOP', '0', '1', 'l', 'RIGHT', 'COUNT', '777'],
    ];
    for (const attempt of attempts) {
      let refused = 0;
      for (let spare = 0; spare <= 1 << 20; spare = spare === 0 ? 2048 : spare * 2) {
        h.run('DEL', 'l');
        while (values.reaper.step(1000));
        h.run('RPUSH', 'l', ...all);
        const before = h.text('LRANGE', 'l', '0', '-1');
        arena.limitBytes = arena.usedBytes + spare;
        const reply = h.text(...attempt);
        arena.limitBytes = unlimited;
        if (reply.includes('OOM')) {
          refused++;
          expect(reply, String(attempt)).toMatch(/^-OOM [^\r]*\r\n$/);
          expect(h.text('LRANGE', 'l', '0', '-1'), String(attempt)).toBe(before);
        } else expect(h.text('LRANGE', 'l', '0', '-1'), String(attempt)).not.toBe(before);
      }
      expect(refused, String(attempt)).toBeGreaterThan(0);
      expect(h.text('LLEN', 'l'), String(attempt)).not.toBe(':2000\r\n'); // with enough of it, it is done
    }
  });

  test('an end node that could not be expanded is popped when there is memory again', () => {
    const h = new Harness();
    const { arena, values } = h.engine;
    const random = new Random(4);
    const unlimited = arena.limitBytes;
    values.list.depth = 1;
    const all = Array.from({ length: 4000 }, (_, i) => `${i} ${'abc'.repeat(20)}`);
    h.run('RPUSH', 'l', ...all);
    let refused = 0;
    for (let i = 0; all.length > 100; i++) {
      const front = i % 1000 < 500;
      const expected = front ? all.shift() : all.pop();
      // What is freed may be used, no more: now and then, so that end nodes become small, too.
      if (random.below(2) === 0) arena.limitBytes = arena.usedBytes;
      let reply = h.text(front ? 'LPOP' : 'RPOP', 'l');
      arena.limitBytes = unlimited;
      if (reply.startsWith('-OOM')) {
        refused++;
        reply = h.text(front ? 'LPOP' : 'RPOP', 'l');
      }
      expect(reply.split('\r\n')[1]).toBe(expected);
    }
    expect(refused).toBeGreaterThan(3);
    expect([...parseReply(h.run('LRANGE', 'l', '0', '-1'))].map((element) => String(element).slice(1))).toEqual(all);
  });
});

describe('a long answer that nobody reads', () => {
  test('LRANGE answers with elements of all forms, whatever stands beside them', () => {
    const h = new Harness();
    const lengths = [0, 1, 9, 10, 62, 63, 64, 65, 99, 100, 124, 125, 126, 127, 128, 4094, 4095, 4096, 5000];
    const texts = lengths.map((n) => 'x'.repeat(n));
    const elements = [...texts, '7', '-1', '4095', '-5000', '70000', '1234567890123', ...texts.reverse(), '0'];
    h.run('RPUSH', 'l', ...elements);
    for (let from = 0; from < elements.length; from++) {
      const got = [...parseReply(h.run('LRANGE', 'l', String(from), '-1'))].map((element) => String(element).slice(1));
      expect(got).toEqual(elements.slice(from));
    }
  });

  test('ends early, and what it was to pop is gone', () => {
    const h = new Harness();
    const { queue } = h.client.stream;
    for (let i = 0; i < 100; i++) h.run('RPUSH', 'l', ...Array.from({ length: 100 }, (_, k) => `${i * 100 + k}`));
    queue.overflowed = true;
    expect(h.text('LRANGE', 'l', '0', '-1')).toBe('');
    expect(h.text('LPOP', 'l', '4000')).toBe('');
    expect(h.text('RPOP', 'l', '4000')).toBe('');
    queue.overflowed = false;
    expect(h.text('LLEN', 'l')).toBe(':2000\r\n');
    expect(h.text('LINDEX', 'l', '0')).toBe('$4\r\n4000\r\n');
  });
});

describe('events of lists', () => {
  function heard(...commands: string[][]): string[] {
    const h = new Harness();
    const events: string[] = [];
    h.engine.keyListener = {
      keyChanged: (event, db, ref) => {
        const at = byteOf(ref) + db.keyByte(ref);
        const key = h.engine.arena.bytes8[chunkOf(ref)].slice(at, at + db.keyLength(ref));
        events.push(`${event} ${Buffer.from(key).toString()}`);
      },
    };
    for (const command of commands) h.run(...command);
    return events;
  }

  test.each([
    ['a push', [['RPUSH', 'l', 'a', 'b']], ['rpush l']],
    ['a push to nothing', [['LPUSHX', 'l', 'a']], []],
    [
      'the last pop',
      [
        ['LPUSH', 'l', 'a'],
        ['LPOP', 'l'],
      ],
      ['lpush l', 'lpop l', 'del l'],
    ],
    [
      'a pop of many',
      [
        ['LPUSH', 'l', 'a', 'b', 'c'],
        ['RPOP', 'l', '2'],
      ],
      ['lpush l', 'rpop l'],
    ],
    [
      'a move',
      [
        ['RPUSH', 'l', 'a'],
        ['LMOVE', 'l', 'm', 'LEFT', 'RIGHT'],
      ],
      ['rpush l', 'rpush m', 'lpop l', 'del l'],
    ],
    [
      'a rotation',
      [
        ['RPUSH', 'l', 'a', 'b'],
        ['RPOPLPUSH', 'l', 'l'],
      ],
      ['rpush l', 'lpush l', 'rpop l'],
    ],
    [
      'a rotation of one',
      [
        ['RPUSH', 'l', 'a'],
        ['RPOPLPUSH', 'l', 'l'],
      ],
      ['rpush l', 'lpush l', 'rpop l'],
    ],
    [
      'a removal',
      [
        ['RPUSH', 'l', 'a', 'a'],
        ['LREM', 'l', '0', 'a'],
      ],
      ['rpush l', 'lrem l', 'del l'],
    ],
    [
      'a removal of nothing',
      [
        ['RPUSH', 'l', 'a'],
        ['LREM', 'l', '0', 'b'],
      ],
      ['rpush l'],
    ],
    [
      'a trim to nothing',
      [
        ['RPUSH', 'l', 'a'],
        ['LTRIM', 'l', '5', '6'],
      ],
      ['rpush l', 'ltrim l', 'del l'],
    ],
    [
      'a trim of nothing',
      [
        ['RPUSH', 'l', 'a'],
        ['LTRIM', 'l', '0', '-1'],
      ],
      ['rpush l', 'ltrim l'],
    ],
    [
      'LSET and LINSERT',
      [
        ['RPUSH', 'l', 'a'],
        ['LSET', 'l', '0', 'b'],
        ['LINSERT', 'l', 'AFTER', 'b', 'c'],
      ],
      ['rpush l', 'lset l', 'linsert l'],
    ],
    [
      'LMPOP',
      [
        ['RPUSH', 'm', 'a'],
        ['LMPOP', '2', 'l', 'm', 'RIGHT', 'COUNT', '3'],
      ],
      ['rpush m', 'rpop m', 'del m'],
    ],
  ])('%s', (_, commands, events) => {
    expect(heard(...commands)).toEqual(events);
  });
});

describe('OBJECT', () => {
  test('answers as redis-server does', async () => {
    const h = new Harness();
    const commands: Word[][] = [
      ['FLUSHALL'],
      ['HELLO', '2'],
      ['SET', 'small', '9999'],
      ['SET', 'large', '10000'],
      ['SET', 'text', 'hello'],
      ['SET', 'long', 'x'.repeat(100)],
      ['HSET', 'h', 'a', 'b'],
      ...['small', 'large', 'text', 'long', 'h', 'none'].flatMap((key) => [
        ...[
          ['OBJECT', 'ENCODING', key],
          ['object', 'refcount', key],
          ['OBJECT', 'FREQ', key],
        ],
      ]),
      ['OBJECT'],
      ['OBJECT', 'HELP'],
      ['OBJECT', 'HELP', 'x'],
      ['OBJECT', 'ENCODING'],
      ['OBJECT', 'ENCODING', 'a', 'b'],
      ['OBJECT', 'NOTHING', 'a'],
    ];
    const theirs = await redis.run(commands);
    const ours = commands.map((command, i) => (i < 2 ? theirs[i] : h.run(...command)));
    ours.forEach((reply, i) => {
      expect([commands[i], reply.toString()]).toEqual([commands[i], theirs[i].toString()]);
    });
  });

  test('tells how often a key was asked for when that is counted, and for how long it was not when it is not', () => {
    const h = new Harness();
    h.engine.accessClock = h.engine.evictor.newStamp(h.engine.nowMs);
    h.run('SET', 'a', 'x');
    h.engine.nowMs += 90_500;
    expect(h.text('OBJECT', 'IDLETIME', 'a')).toBe(':90\r\n');
    h.engine.evictor.setPolicy('allkeys-lfu');
    h.engine.accessClock = h.engine.evictor.newStamp(h.engine.nowMs);
    h.run('SET', 'b', 'x');
    expect(h.text('OBJECT', 'FREQ', 'b')).toBe(':5\r\n');
    expect(h.text('OBJECT', 'IDLETIME', 'b')).toMatch(/^-ERR An LFU maxmemory policy is selected/);
    h.engine.evictor.limitBytes = 1e9;
    h.run('SET', 'c', '7');
    expect(h.text('OBJECT', 'REFCOUNT', 'c')).toBe(':1\r\n');
  });
});
