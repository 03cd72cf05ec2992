/** Keys whose time is over: found dead when they are looked at, and found by the wheel when nobody looks. */
import { describe, expect, test } from 'vitest';
import type { KeyListener } from '../../src/lib/engine/engine.ts';
import { expireCycle } from '../../src/lib/engine/expire-cycle.ts';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 99);
const BUDGET = 1_000_000;

/** Lets time pass, and the wheel work until it is done. */
function pass(harness: Harness, ms: number, budget = BUDGET): void {
  harness.engine.nowMs += ms;
  while (expireCycle(harness.engine, harness.engine.nowMs, budget));
}

describe('a key with a deadline', () => {
  test('lives through its last millisecond and not through the next', () => {
    const harness = new Harness();
    harness.run('SET', 'k', 'v', 'PX', '100');
    harness.engine.nowMs += 100;
    expect(harness.text('PTTL', 'k')).toBe(':0\r\n');
    expect(harness.text('GET', 'k')).toBe('$1\r\nv\r\n');
    pass(harness, 0);
    expect(harness.engine.db.size).toBe(1);
    harness.engine.nowMs += 1;
    expect(harness.text('GET', 'k')).toBe('$-1\r\n');
    expect(harness.engine.db.size).toBe(0);
    expect(harness.engine.stats.expiredKeys).toBe(1);
  });

  test('is removed by the wheel when nobody looks', () => {
    const harness = new Harness();
    harness.run('SET', 'k', 'v', 'PX', '100');
    harness.run('SET', 'stays', 'v');
    pass(harness, 101);
    expect(harness.engine.db.size).toBe(1);
    expect(harness.engine.db.expires).toBe(0);
    expect(harness.engine.stats.expiredKeys).toBe(1);
  });

  test('is found dead by every command that looks at it', () => {
    const commands: [string, string][] = [
      ['EXISTS k', ':0\r\n'],
      ['TYPE k', '+none\r\n'],
      ['TTL k', ':-2\r\n'],
      ['STRLEN k', ':0\r\n'],
      ['MGET k', '*1\r\n$-1\r\n'],
      ['DEL k', ':0\r\n'],
      ['INCR k', ':1\r\n'],
      ['APPEND k xyz', ':3\r\n'],
      ['SETNX k v', ':1\r\n'],
      ['SET k v XX', '$-1\r\n'],
      ['SET k v GET', '$-1\r\n'],
      ['GETSET k v', '$-1\r\n'],
      ['GETDEL k', '$-1\r\n'],
      ['GETEX k PERSIST', '$-1\r\n'],
      ['EXPIRE k 10', ':0\r\n'],
      ['PERSIST k', ':0\r\n'],
      ['RENAME k q', '-ERR no such key\r\n'],
      ['COPY k q', ':0\r\n'],
      ['MOVE k 1', ':0\r\n'],
      ['MSETNX k v', ':1\r\n'],
      ['KEYS *', '*0\r\n'],
      ['SCAN 0', '*2\r\n$1\r\n0\r\n*0\r\n'],
      ['RANDOMKEY', '$-1\r\n'],
      ['TOUCH k', ':0\r\n'],
      ['LCS k k', '$0\r\n\r\n'],
      ['SETRANGE k 2 x', ':3\r\n'],
      ['GETRANGE k 0 -1', '$0\r\n\r\n'],
    ];
    for (const [command, reply] of commands) {
      const harness = new Harness();
      harness.run('SET', 'k', '41', 'PX', '100');
      harness.engine.nowMs += 101;
      expect([command, harness.text(...command.split(' '))]).toEqual([command, reply]);
    }
  });

  test('that is dead is no obstacle to a new one of its name, which has no deadline', () => {
    const harness = new Harness();
    for (const command of ['SET k v KEEPTTL', 'RENAME other k', 'COPY other k', 'APPEND k v', 'INCR k']) {
      harness.run('SET', 'other', 'v');
      harness.run('SET', 'k', '1', 'PX', '100');
      harness.engine.nowMs += 101;
      harness.run(...command.split(' '));
      expect([command, harness.text('PTTL', 'k')]).toEqual([command, ':-1\r\n']);
      harness.run('DEL', 'k', 'other');
    }
  });
});

describe('deadlines', () => {
  test('go with a key that is renamed, copied or moved, and stay when it is changed in place', () => {
    const harness = new Harness();
    harness.run('SET', 'a', '1', 'PX', '5000');
    harness.run('INCR', 'a');
    harness.run('APPEND', 'a', '0');
    harness.run('SETRANGE', 'a', '1', 'xyz');
    harness.run('RENAME', 'a', 'b');
    harness.run('COPY', 'b', 'c');
    harness.run('MOVE', 'c', '3');
    expect(harness.text('PTTL', 'b')).toBe(':5000\r\n');
    harness.client.database = 3;
    expect(harness.text('PTTL', 'c')).toBe(':5000\r\n');
    expect(harness.text('GETSET', 'c', 'v')).toBe('$4\r\n2xyz\r\n');
    expect(harness.text('PTTL', 'c')).toBe(':-1\r\n');
    pass(harness, 5001);
    expect(harness.engine.databases[0].size).toBe(0);
    expect(harness.engine.databases[3].size).toBe(1);
  });

  test('are told apart by NX, XX, GT and LT', () => {
    const harness = new Harness();
    harness.run('SET', 'k', 'v');
    const steps: [string, number, string][] = [
      ['XX', 100, ':0'],
      ['GT', 100, ':0'],
      ['LT', 100, ':1'],
      ['NX', 50, ':0'],
      ['GT', 100, ':0'],
      ['LT', 100, ':0'],
      ['GT', 101, ':1'],
      ['XX', 40, ':1'],
      ['LT', 39, ':1'],
    ];
    for (const [condition, seconds, reply] of steps) {
      expect([condition, seconds, harness.text('EXPIRE', 'k', String(seconds), condition)]).toEqual([
        condition,
        seconds,
        `${reply}\r\n`,
      ]);
    }
    expect(harness.text('EXPIRE', 'k', '0', 'LT')).toBe(':1\r\n');
    expect(harness.text('EXISTS', 'k')).toBe(':0\r\n');
  });

  test('TTL rounds to the nearest second', () => {
    const harness = new Harness();
    harness.run('SET', 'k', 'v', 'PX', '1500');
    expect(harness.text('TTL', 'k')).toBe(':2\r\n');
    harness.engine.nowMs += 1;
    expect(harness.text('TTL', 'k')).toBe(':1\r\n');
  });
});

describe('hits, misses and changes', () => {
  test('are counted as INFO shows them', () => {
    const harness = new Harness();
    const { stats } = harness.engine;
    harness.run('SET', 'k', 'v');
    harness.run('GET', 'k');
    harness.run('GET', 'nosuch');
    harness.run('MGET', 'k', 'k', 'nosuch');
    harness.run('EXISTS', 'nosuch', 'k');
    expect([stats.keyspaceHits, stats.keyspaceMisses, stats.dirty]).toEqual([4, 3, 1]);
    harness.run('MSET', 'a', '1', 'b', '2');
    harness.run('DEL', 'a', 'b', 'nosuch');
    expect(stats.dirty).toBe(5);
  });

  test('are told to the listener with the key, and its removal before it is gone', () => {
    const harness = new Harness();
    const { engine } = harness;
    const events: string[] = [];
    const listener: KeyListener = {
      keyChanged(event, db, ref) {
        const key = Buffer.alloc(db.keyLength(ref));
        engine.arena.copyOut(ref, db.keyByte(ref), harness.memory, 66_000, key.length);
        harness.memory.text.copy(key, 0, 66_000);
        events.push(`${event} ${key} ${db.index}`);
      },
    };
    engine.keyListener = listener;
    for (const command of [
      'SET a 1 EX 10',
      'INCR a',
      'RENAME a b',
      'EXPIRE b 1',
      'COPY b c DB 2',
      'PERSIST b',
      'DEL b',
    ]) {
      harness.run(...command.split(' '));
    }
    pass(harness, 20_000);
    expect(events).toEqual([
      'set a 0',
      'expire a 0',
      'incrby a 0',
      'rename_from a 0',
      'rename_to b 0',
      'expire b 0',
      'copy_to c 2',
      'persist b 0',
      'del b 0',
      'expired c 2',
    ]);
  });
});

test('thousands of keys with random deadlines die when a model says, whoever finds them', () => {
  const random = new Random(SEED);
  const harness = new Harness({ seed: SEED });
  const model = new Map<string, number>();
  let died = 0;
  for (let step = 0; step < 30_000; step++) {
    const key = `k${random.below(2000)}`;
    const shown = `seed ${SEED} step ${step} ${key}`;
    const now = harness.engine.nowMs;
    const alive = (model.get(key) ?? -1) >= now;
    if (model.has(key) && !alive) model.delete(key);
    const ttl = 1 + random.below(random.below(10) === 0 ? 10_000_000 : 3000);
    switch (random.below(5)) {
      case 0:
        harness.run('SET', key, 'v'.repeat(random.below(30)), 'PX', String(ttl));
        model.set(key, now + ttl);
        break;
      case 1:
        expect([shown, harness.text('PEXPIRE', key, String(ttl))]).toEqual([shown, `:${alive ? 1 : 0}\r\n`]);
        if (alive) model.set(key, now + ttl);
        break;
      case 2:
        expect([shown, harness.text('PTTL', key)]).toEqual([shown, `:${alive ? (model.get(key) ?? 0) - now : -2}\r\n`]);
        break;
      case 3:
        expect([shown, harness.text('DEL', key)]).toEqual([shown, `:${alive ? 1 : 0}\r\n`]);
        model.delete(key);
        break;
      default:
        harness.engine.nowMs += random.below(20);
        expireCycle(harness.engine, harness.engine.nowMs, random.below(10));
    }
  }
  died = harness.engine.stats.expiredKeys;
  expect(died).toBeGreaterThan(100);
  pass(harness, 20_000_000);
  expect(harness.engine.db.size).toBe(0);
  expect(harness.engine.db.expires).toBe(0);
});
