/**
 * Fields with deadlines, as Redis 7.4 and 8.0 document them, with a clock that stands still unless it is moved; and against a
 * model, with random commands, renames, copies and deletions, until nothing is left in the arena.
 */
import { describe, expect, test } from 'vitest';
import { expireCycle } from '../../src/lib/engine/expire-cycle.ts';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import { parseReply } from './redis-peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 7);
const BUDGET = 1_000_000;

/** A harness, its commands as text split at blanks, and the events that they raise. */
class Bench {
  readonly harness = new Harness({ seed: SEED });
  events: string[] = [];

  constructor() {
    this.harness.engine.keyListener = { keyChanged: (event) => this.events.push(event) };
  }

  get engine(): Harness['engine'] {
    return this.harness.engine;
  }

  run(command: string): unknown {
    return parseReply(this.harness.run(...command.split(' ')));
  }

  error(command: string): string {
    return this.harness.text(...command.split(' ')).trimEnd();
  }

  /** The events of a command. */
  eventsOf(command: string): string[] {
    this.events = [];
    this.run(command);
    return this.events;
  }

  /** Lets time pass; the wheel turns unless it may not. */
  pass(ms: number, turns = true): void {
    this.engine.nowMs += ms;
    while (turns && expireCycle(this.engine, this.engine.nowMs, BUDGET));
  }
}

describe('HEXPIRE and its kin', () => {
  test('answer for each field', () => {
    const b = new Bench();
    expect(b.run('HEXPIRE none 10 FIELDS 2 a b')).toEqual([':-2', ':-2']);
    b.run('HSET h a 1 b 2 c 3');
    expect(b.run('HEXPIRE h 10 FIELDS 3 a x b')).toEqual([':1', ':-2', ':1']);
    expect(b.run('HTTL h FIELDS 4 a b c x')).toEqual([':10', ':10', ':-1', ':-2']);
    expect(b.run('HPTTL h FIELDS 1 a')).toEqual([':10000']);
    b.pass(1);
    expect(b.run('HTTL h FIELDS 1 a')).toEqual([':10']);
    expect(b.run('HPTTL h FIELDS 1 a')).toEqual([':9999']);
    const atMs = b.engine.nowMs + 9999;
    expect(b.run('HPEXPIRETIME h FIELDS 1 a')).toEqual([`:${atMs}`]);
    expect(b.run('HEXPIRETIME h FIELDS 1 a')).toEqual([`:${Math.floor((atMs + 999) / 1000)}`]);
    expect(b.run('HTTL none FIELDS 1 a')).toEqual([':-2']);
    expect(b.run(`HPEXPIREAT h ${atMs + 5} FIELDS 1 c`)).toEqual([':1']);
    expect(b.run('HPEXPIRETIME h FIELDS 1 c')).toEqual([`:${atMs + 5}`]);
  });

  test('follow NX, XX, GT and LT', () => {
    const b = new Bench();
    b.run('HSET h a 1');
    for (const [command, answer] of [
      ['HEXPIRE h 10 XX FIELDS 1 a', ':0'],
      ['HEXPIRE h 10 GT FIELDS 1 a', ':0'],
      ['HEXPIRE h 100 LT FIELDS 1 a', ':1'],
      ['HEXPIRE h 10 NX FIELDS 1 a', ':0'],
      ['HEXPIRE h 100 GT FIELDS 1 a', ':0'],
      ['HEXPIRE h 101 gt FIELDS 1 a', ':1'],
      ['HEXPIRE h 101 LT FIELDS 1 a', ':0'],
      ['HEXPIRE h 50 lt FIELDS 1 a', ':1'],
      ['HPERSIST h FIELDS 1 a', ':1'],
      ['HEXPIRE h 10 NX FIELDS 1 a', ':1'],
      ['HEXPIRE h 20 XX FIELDS 1 a', ':1'],
    ]) {
      expect([command, b.run(command)]).toEqual([command, [answer]]);
    }
    expect(b.run('HTTL h FIELDS 1 a')).toEqual([':20']);
  });

  test('remove what is over at once', () => {
    const b = new Bench();
    b.run('HSET h a 1 b 2');
    expect(b.run('HEXPIRE h 0 FIELDS 2 a a')).toEqual([':2', ':-2']);
    expect(b.run('HGETALL h')).toEqual(['$b', '$2']);
    expect(b.run('HPEXPIREAT h 1 FIELDS 1 b')).toEqual([':2']);
    expect(b.run('EXISTS h')).toBe(':0');
  });

  test('refuse what is wrong, in this order', () => {
    const b = new Bench();
    b.run('HSET h a 1');
    b.run('SET s v');
    for (const [command, error] of [
      ['HEXPIRE s x FIELDS 1 a', '-WRONGTYPE Operation against a key holding the wrong kind of value'],
      ['HEXPIRE h x FIELDS 1 a', '-ERR value is not an integer or out of range'],
      ['HEXPIRE h -1 FIELDS 1 a', '-ERR invalid expire time, must be >= 0'],
      ['HEXPIRE h 70368744178 FIELDS 1 a', "-ERR invalid expire time in 'hexpire' command"],
      ['HPEXPIREAT h 70368744177664 FIELDS 1 a', "-ERR invalid expire time in 'hpexpireat' command"],
      ['HEXPIRE h 10 YY FIELDS 1 a', '-ERR Mandatory argument FIELDS is missing or not at the right position'],
      ['HEXPIRE h 10 FIELDS 0 a', '-ERR Parameter `numFields` should be greater than 0'],
      ['HEXPIRE h 10 FIELDS x a', '-ERR Parameter `numFields` should be greater than 0'],
      ['HEXPIRE h 10 FIELDS 2 a', '-ERR The `numfields` parameter must match the number of arguments'],
      ['HEXPIRE h 10 NX FIELDS 1', '-ERR The `numfields` parameter must match the number of arguments'],
      ['HEXPIRE h 10 FIELDS 1', "-ERR wrong number of arguments for 'hexpire' command"],
      ['HTTL h FIELDS 0 a', '-ERR Number of fields must be a positive integer'],
      ['HPERSIST h FELD 1 a', '-ERR Mandatory argument FIELDS is missing or not at the right position'],
      ['HTTL h FIELDS 2 a', '-ERR The `numfields` parameter must match the number of arguments'],
      ['HGETDEL h FIELDS 2 a', '-ERR The `numfields` parameter must match the number of arguments'],
      ['HGETEX h EX -1 FIELDS 1 a', '-ERR invalid expire time, must be >= 0'],
      ['HGETEX h XX FIELDS 1 a', '-ERR Mandatory argument FIELDS is missing or not at the right position'],
      ['HSETEX h EX 1 PX 1 FIELDS 1 a 1', '-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified'],
      ['HSETEX h FNX FXX FIELDS 1 a 1', '-ERR Only one of FXX or FNX arguments can be specified'],
      ['HSETEX h what FIELDS 1 a 1', '-ERR unknown argument: what'],
      ['HSETEX h FIELDS 2 a 1', "-ERR wrong number of arguments for 'hsetex' command"],
      ['HSETEX h FIELDS x a 1', '-ERR invalid number of fields'],
    ]) {
      expect([command, b.error(command)]).toEqual([command, error]);
    }
    expect(b.run('HPEXPIREAT h 70368744177663 FIELDS 1 a')).toEqual([':1']);
  });
});

describe('a field with a deadline', () => {
  test('lives through its last millisecond, and is found dead by every command', () => {
    for (const turns of [true, false]) {
      const b = new Bench();
      b.run('HSET h a 1 b 2');
      b.run('HPEXPIRE h 100 FIELDS 1 a');
      b.pass(100, turns);
      expect(b.run('HGET h a')).toBe('$1');
      b.pass(1, turns);
      for (const [command, reply] of [
        ['HGET h a', 'nil'],
        ['HEXISTS h a', ':0'],
        ['HLEN h', ':1'],
        ['HGETALL h', ['$b', '$2']],
        ['HKEYS h', ['$b']],
        ['HMGET h a b', ['nil', '$2']],
        ['HSTRLEN h a', ':0'],
        ['HTTL h FIELDS 1 a', [':-2']],
        ['HPERSIST h FIELDS 1 a', [':-2']],
        ['HDEL h a', ':0'],
        ['HRANDFIELD h 5', ['$b']],
        ['HSCAN h 0', ['$0', ['$b', '$2']]],
        ['HSETNX h a 9', ':1'],
      ] as const) {
        expect([command, b.run(command)]).toEqual([command, reply]);
      }
      expect(b.run('HTTL h FIELDS 1 a')).toEqual([':-1']);
    }
  });

  test('takes the key with it when it was the last one', () => {
    const b = new Bench();
    b.run('HSET h a 1 b 2');
    b.run('HEXPIRE h 1 FIELDS 2 a b');
    b.events = [];
    b.pass(2000);
    expect(b.events).toEqual(['hexpired', 'del']);
    expect(b.engine.db.size).toBe(0);
    b.run('HSET h a 1');
    b.run('HEXPIRE h 1 FIELDS 1 a');
    b.events = [];
    b.pass(2000, false);
    expect(b.run('HLEN h')).toBe(':0');
    expect(b.events).toEqual(['hexpired', 'del']);
    expect(b.run('HSET h c 1')).toBe(':1');
  });

  test('lives for ever when it is set again, and keeps its deadline when it is counted up', () => {
    const b = new Bench();
    b.run('HSET h a 1 b 1 c 1');
    b.run('HEXPIRE h 10 FIELDS 3 a b c');
    b.run('HSET h a 5');
    b.run('HINCRBY h b 5');
    b.run('HINCRBYFLOAT h c 5.5');
    expect(b.run('HTTL h FIELDS 3 a b c')).toEqual([':-1', ':10', ':10']);
    expect(b.run('HEXPIRE h 20 FIELDS 1 a')).toEqual([':1']);
    b.pass(11_000);
    expect(b.run('HGETALL h')).toEqual(['$a', '$5']);
  });

  test('keeps its deadline under another name, in another database and in a copy', () => {
    const b = new Bench();
    b.run('HSET h a 1 b 2');
    b.run('HEXPIRE h 10 FIELDS 1 a');
    b.run('RENAME h g');
    b.run('COPY g copy');
    b.run('HSET g c 3');
    b.run('MOVE g 3');
    expect(b.run('HTTL copy FIELDS 2 a b')).toEqual([':10', ':-1']);
    b.events = [];
    b.pass(10_001);
    expect(b.events).toEqual(['hexpired', 'hexpired']);
    expect(b.run('HGETALL copy')).toEqual(['$b', '$2']);
    b.harness.client.database = 3;
    expect(b.run('HLEN g')).toBe(':2');
  });

  test('raises the events that Redis names', () => {
    const b = new Bench();
    b.run('HSET h a 1 b 2 c 3');
    expect(b.eventsOf('HEXPIRE h 10 FIELDS 2 a b')).toEqual(['hexpire']);
    expect(b.eventsOf('HEXPIRE h 10 XX FIELDS 1 c')).toEqual([]);
    expect(b.eventsOf('HPERSIST h FIELDS 2 a c')).toEqual(['hpersist']);
    expect(b.eventsOf('HPERSIST h FIELDS 1 a')).toEqual([]);
    expect(b.eventsOf('HEXPIRE h 0 FIELDS 1 a')).toEqual(['hdel']);
    expect(b.eventsOf('HGETEX h EX 10 FIELDS 1 c')).toEqual(['hexpire']);
    expect(b.eventsOf('HGETEX h PERSIST FIELDS 2 b c')).toEqual(['hpersist']);
    expect(b.eventsOf('HGETEX h FIELDS 1 b')).toEqual([]);
    expect(b.eventsOf('HSETEX h EX 10 FIELDS 1 d 4')).toEqual(['hset', 'hexpire']);
    expect(b.eventsOf('HSETEX h PXAT 1 FIELDS 1 d 4')).toEqual(['hset', 'hdel']);
    expect(b.eventsOf('HGETDEL h FIELDS 1 b')).toEqual(['hdel']);
    expect(b.eventsOf('HGETDEL h FIELDS 2 c x')).toEqual(['hdel', 'del']);
  });
});

describe('HGETEX, HSETEX, HGETDEL', () => {
  test('read, set and remove', () => {
    const b = new Bench();
    expect(b.run('HGETEX none EX 10 FIELDS 2 a b')).toEqual(['nil', 'nil']);
    expect(b.run('HSETEX h FXX FIELDS 1 a 1')).toBe(':0');
    expect(b.run('EXISTS h')).toBe(':0');
    expect(b.run('HSETEX h FNX EX 10 FIELDS 2 a 1 b 2')).toBe(':1');
    expect(b.run('HSETEX h FNX FIELDS 2 b 3 c 4')).toBe(':0');
    expect(b.run('HSETEX h FXX FIELDS 2 b 3 c 4')).toBe(':0');
    expect(b.run('HSETEX h FXX KEEPTTL FIELDS 1 b 3')).toBe(':1');
    expect(b.run('HTTL h FIELDS 2 a b')).toEqual([':10', ':10']);
    expect(b.run('HSETEX h FIELDS 1 b 3')).toBe(':1');
    expect(b.run('HTTL h FIELDS 2 a b')).toEqual([':10', ':-1']);
    expect(b.run('HGETEX h PX 5 FIELDS 3 a b x')).toEqual(['$1', '$3', 'nil']);
    expect(b.run('HPTTL h FIELDS 2 a b')).toEqual([':5', ':5']);
    expect(b.run('HGETEX h PERSIST FIELDS 1 a')).toEqual(['$1']);
    b.pass(6);
    expect(b.run('HGETALL h')).toEqual(['$a', '$1']);
    expect(b.run('HGETDEL h FIELDS 2 a a')).toEqual(['$1', 'nil']);
    expect(b.run('EXISTS h')).toBe(':0');
    b.run('HSET h a 1');
    expect(b.run('HGETEX h EXAT 1 FIELDS 1 a')).toEqual(['$1']);
    expect(b.run('EXISTS h')).toBe(':0');
    expect(b.run('HSETEX h EXAT 1 FIELDS 1 a 1')).toBe(':1');
    expect(b.run('EXISTS h')).toBe(':0');
  });
});

describe('many fields whose time is over', () => {
  test('are removed in steps, and never seen meanwhile', () => {
    const b = new Bench();
    const fields = 8000;
    for (let i = 0; i < fields; i++) b.harness.run('HSETEX', 'h', 'PX', '100', 'FIELDS', '1', `f${i}`, 'v');
    b.run('HSET h stays 1');
    b.pass(101, false);
    expect(b.run('HLEN h')).toBe(':1');
    expect(b.run('HRANDFIELD h -3')).toEqual(['$stays', '$stays', '$stays']);
    expect(b.run('HRANDFIELD h')).toBe('$stays');
    expect(b.run('HGETALL h')).toEqual(['$stays', '$1']);
    expect(b.run('HSET h f7999 again')).toBe(':1');
    let steps = 0;
    while (expireCycle(b.engine, b.engine.nowMs, 1)) steps++;
    expect(b.run('HLEN h')).toBe(':2');
    expect(b.run('HTTL h FIELDS 2 stays f7999')).toEqual([':-1', ':-1']);
    expect(steps).toBeGreaterThan(1);
    b.run('DEL h');
    while (b.engine.values.reaper.step(1000));
    expect(b.engine.db.size).toBe(0);
  });
});

/** What DUMP answers, without `$length` and the line's end. */
function payloadOf(b: Bench, key: string): Buffer {
  const reply = b.harness.run('DUMP', key);
  return reply.subarray(reply.indexOf(10) + 1, -2);
}

describe('DUMP and RESTORE', () => {
  test('keep deadlines, in the form of 7.4', () => {
    const b = new Bench();
    b.run('HSET h a 1 b 2 c 3');
    b.run('HPEXPIREAT h 2000000000000 FIELDS 1 a');
    b.run('HPEXPIREAT h 2000000000070 FIELDS 1 b');
    const payload = payloadOf(b, 'h');
    expect(payload[0]).toBe(24);
    expect(payload.readBigUInt64LE(1)).toBe(2_000_000_000_000n);
    expect(payload[9]).toBe(3);
    expect(b.harness.text('RESTORE', 'copy', '0', payload)).toBe('+OK\r\n');
    expect(b.run('HPEXPIRETIME copy FIELDS 3 a b c')).toEqual([':2000000000000', ':2000000000070', ':-1']);
    b.pass(2_000_000_000_050 - b.engine.nowMs);
    expect(b.run('HGET copy a')).toBe('nil');
    expect(b.run('HLEN copy')).toBe(':2');
    b.run('HPERSIST h FIELDS 1 b');
    expect(payloadOf(b, 'h')[0]).toBe(4);
  });

  test('refuse what is no such hash, and leave nothing behind', () => {
    const b = new Bench();
    const random = new Random(SEED);
    b.engine.rdb.checksum = false;
    for (let i = 0; i < 12; i++) b.run(`HSETEX h PX ${1000 + 7 * i} FIELDS 1 field${i} value${i}`);
    b.run('HSET h stays 1');
    const payload = payloadOf(b, 'h');
    b.run('DEL h');
    const used = b.engine.arena.usedBytes;
    const inWheel = b.engine.wheel.size;
    let refused = 0;
    for (let i = 0; i < 5000; i++) {
      const mutated = Uint8Array.from(payload);
      for (let n = 1 + random.below(3); n > 0; n--) mutated[1 + random.below(mutated.length - 11)] = random.below(256);
      const reply = b.harness.text('RESTORE', 'k', '0', mutated);
      if (reply.startsWith('-')) refused++;
      else {
        b.run('HGETALL k');
        b.run('HLEN k');
        b.run('DEL k');
      }
      while (b.engine.values.reaper.step(1000));
    }
    expect(refused).toBeGreaterThan(100);
    expect(b.engine.arena.usedBytes).toBe(used);
    expect(b.engine.wheel.size).toBe(inWheel);
  });
});

/** What a hash should be: value and deadline (Infinity: none) by field. */
type Model = Map<string, { value: string; atMs: number }>;

describe('against a model', () => {
  test('hashes with deadlines are what they should be, and leave nothing behind', () => {
    const b = new Bench();
    const random = new Random(SEED);
    const { engine } = b;
    b.run('HSET warm a 1');
    b.run('DEL warm');
    const used = engine.arena.usedBytes;
    const inWheel = engine.wheel.size;
    const keys = ['h1', 'h2', 'h3'];
    const models = new Map<string, Model>();
    const modelOf = (key: string): Model => {
      const model = models.get(key) ?? new Map();
      for (const [field, { atMs }] of model) if (atMs < engine.nowMs) model.delete(field);
      if (model.size === 0) models.delete(key);
      else models.set(key, model);
      return model;
    };
    for (let step = 0; step < 6000; step++) {
      const key = keys[random.below(keys.length)];
      const other = keys[random.below(keys.length)];
      const field = `f${random.below(key === 'h1' ? 300 : 12)}`;
      const model = modelOf(key);
      const known = model.get(field);
      const ttl = 1 + random.below(400);
      const atMs = engine.nowMs + ttl;
      switch (random.below(12)) {
        case 0:
        case 1:
        case 2:
          expect(b.run(`HSET ${key} ${field} v${step}`)).toBe(known ? ':0' : ':1');
          model.set(field, { value: `v${step}`, atMs: Number.POSITIVE_INFINITY });
          models.set(key, model);
          break;
        case 3:
        case 4:
        case 5:
          expect(b.run(`HPEXPIRE ${key} ${ttl} FIELDS 1 ${field}`)).toEqual([known ? ':1' : ':-2']);
          if (known) known.atMs = atMs;
          break;
        case 6:
          b.run(`HSETEX ${key} PX ${ttl} FIELDS 1 ${field} ${'x'.repeat(random.below(100))}y${step}`);
          b.run(`HSETEX ${key} KEEPTTL FIELDS 1 ${field} v${step}`);
          model.set(field, { value: `v${step}`, atMs });
          models.set(key, model);
          break;
        case 7:
          expect(b.run(`HDEL ${key} ${field}`)).toBe(known ? ':1' : ':0');
          model.delete(field);
          break;
        case 8: {
          const had = known !== undefined && known.atMs !== Number.POSITIVE_INFINITY;
          expect(b.run(`HPERSIST ${key} FIELDS 1 ${field}`)).toEqual([known ? (had ? ':1' : ':-1') : ':-2']);
          if (known) known.atMs = Number.POSITIVE_INFINITY;
          break;
        }
        case 9:
          if (key !== other && model.size > 0 && random.below(4) === 0) {
            b.run(random.below(2) === 0 ? `RENAME ${key} ${other}` : `COPY ${key} ${other} REPLACE`);
            const copied = b.run(`EXISTS ${key}`) === ':1';
            models.set(other, new Map([...model].map(([name, entry]) => [name, { ...entry }])));
            if (!copied) models.delete(key);
          } else if (random.below(20) === 0) {
            b.run(`DEL ${key}`);
            models.delete(key);
          }
          break;
        default:
          b.pass(random.below(60), random.below(3) > 0);
      }
      const now = modelOf(key);
      const reply = b.run(`HGETALL ${key}`) as string[];
      const ours = new Map<string, string>();
      for (let k = 0; k < reply.length; k += 2) ours.set(reply[k].slice(1), reply[k + 1].slice(1));
      const model2 = new Map([...now].map(([name, { value }]) => [name, value]));
      expect(ours, `RTCP_TEST_SEED=${SEED}, step ${step}`).toEqual(model2);
      const one = [...now.keys()][0];
      if (one === undefined) continue;
      const at = now.get(one)?.atMs ?? 0;
      const ttlReply = Number.isFinite(at) ? `:${at}` : ':-1';
      expect(b.run(`HPEXPIRETIME ${key} FIELDS 1 ${one}`)).toEqual([ttlReply]);
    }
    for (const key of keys) b.run(`DEL ${key}`);
    while (engine.values.reaper.step(1000));
    expect(engine.db.size).toBe(0);
    expect(engine.wheel.size).toBe(inWheel);
    expect(engine.arena.usedBytes).toBe(used);
  });
});
