/**
 * The stream commands beside redis-server 7.0: the same seeded stream of commands to both, every reply and the count of changes
 * compared. What 7.2 adds is left out of the comparison, and what depends on the time may differ by as much as a test takes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/lib/engine/engine.ts';
import { rootOf } from '../../src/lib/engine/keys.ts';
import { byteOf, chunkOf } from '../../src/lib/store/ref.ts';
import { StreamId } from '../../src/lib/store/stream/id.ts';
import { NODE_LISTPACK } from '../../src/lib/store/stream/layout.ts';
import { setRoot } from '../../src/lib/store/value-kind.ts';
import { Beside } from './beside.ts';
import { Harness } from './harness.ts';
import type { Word } from './random-commands.ts';
import { StreamCommands } from './random-streams.ts';
import { type Parsed, parseReply, RedisPeer } from './redis-peer.ts';

const COMMANDS = 12_000;
const CHUNK = 100;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_712);
/** By so much may the two clocks differ. */
const CLOCK_TOLERANCE_MS = 100_000;

let redis: RedisPeer;
beforeAll(async () => {
  redis = await RedisPeer.start('--rdbcompression', 'no');
});
afterAll(() => redis.stop());

/** Fields whose values are times. */
const TIMES = new Set(['$idle', '$seen-time']);
/** Fields that came with Redis 7.2. */
const NEW_FIELDS = new Set(['$inactive', '$active-time']);

/** True when the replies are the same but for what may differ. */
function sameButTime(command: Word[], ours: string, theirs: string): boolean {
  const name = String(command[0]).toUpperCase();
  if (name.startsWith('XREAD') && theirs.startsWith('-ERR Unbalanced')) return ours.startsWith('-ERR Unbalanced');
  if (name !== 'XINFO' && name !== 'XPENDING') return false;
  if (/^[-+]/.test(ours) || /^[-+]/.test(theirs)) return false;
  const [a, b] = [ours, theirs].map((reply) => parseReply(Buffer.from(reply, 'latin1')));
  if (name === 'XPENDING') return alike(a, b, 2);
  return alike(withoutNew(a), b, -1);
}

function withoutNew(reply: Parsed): Parsed {
  if (typeof reply === 'string') return reply;
  const kept: Parsed[] = [];
  for (let i = 0; i < reply.length; i++) {
    const element = reply[i];
    if (typeof element === 'string' && NEW_FIELDS.has(element)) i++;
    else kept.push(withoutNew(element));
  }
  return kept;
}

/** Compares; element `time` of arrays of 4 is a time, and so are values of TIMES, and times of delivery in pending entries. */
function alike(ours: Parsed, theirs: Parsed, time: number): boolean {
  if (typeof ours === 'string' || typeof theirs === 'string') return ours === theirs;
  if (ours.length !== theirs.length) return false;
  return ours.every((element, i) => {
    const other = theirs[i];
    const before = ours[i - 1];
    const isTime =
      (typeof before === 'string' && TIMES.has(before)) ||
      (time >= 0 && ours.length === 4 && i === time && typeof element === 'string') ||
      (time < 0 && isDelivery(ours) && i === ours.length - 2);
    if (isTime) return Math.abs(Number(String(element).slice(1)) - Number(String(other).slice(1))) < CLOCK_TOLERANCE_MS;
    return alike(element, other, time);
  });
}

/** [ID, consumer, time, count] or [ID, time, count], as XINFO STREAM FULL has them. */
function isDelivery(reply: Parsed[]): boolean {
  if (reply.length !== 3 && reply.length !== 4) return false;
  return /^\$\d+-\d+$/.test(String(reply[0])) && reply.slice(-2).every((element) => /^:\d+$/.test(String(element)));
}

/**
 * The command, and before it what makes the consumers that it names: since 7.2 commands make them even if there is nothing to
 * read or claim.
 */
function withConsumers(command: Word[]): Word[][] {
  const name = String(command[0]).toUpperCase();
  const create = (key: Word, group: Word, consumer: Word): Word[] => ['XGROUP', 'CREATECONSUMER', key, group, consumer];
  if (name === 'XCLAIM' || name === 'XAUTOCLAIM') return [create(command[1], command[2], command[3]), command];
  if (name !== 'XREADGROUP') return [command];
  const keys = command.slice(command.indexOf('STREAMS') + 1);
  return [...keys.slice(0, keys.length >> 1).map((key) => create(key, command[2], command[3])), command];
}

/** The listpacks of all streams are byte for byte what redis-server dumps. Returns how many there are. */
async function compareNodes(beside: Beside): Promise<number> {
  const { engine } = beside.harness;
  const keys = ['a', 'b', 'c', 'd'];
  const dumps = await redis.run(keys.map((key) => ['DUMP', key]));
  let compared = 0;
  for (const [i, key] of keys.entries()) {
    beside.harness.run('EXISTS', key);
    const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
    const ref = engine.db.find(offset, length, engine.db.hash(offset, length));
    const dump = dumps[i].subarray(dumps[i].indexOf('\n') + 1);
    const nodes = ref === 0 ? Buffer.alloc(0) : dumpedNodes(engine, rootOf(engine, engine.db, ref));
    expect([key, dump.subarray(0, nodes.length).toString('hex')]).toEqual([key, nodes.toString('hex')]);
    if (ref !== 0) compared += engine.values.streams.log.nodes.size;
  }
  return compared;
}

/** How a dump of a stream begins: its type, how many nodes, and each one's master ID and listpack. */
function dumpedNodes(engine: Engine, root: number): Buffer {
  const log = engine.values.streams.open(root);
  const parts = [Buffer.of(RDB_STREAM), rdbLength(log.nodes.size)];
  const id = new StreamId();
  for (let node = log.nodes.first(); node !== 0; node = log.nodes.next()) {
    const { msHigh, msLow, seqHigh, seqLow } = log.nodes.readId(id);
    const master = Buffer.alloc(16);
    for (const [k, word] of [msHigh, msLow, seqHigh, seqLow].entries()) master.writeInt32BE(word, k * 4);
    const start = byteOf(node) + NODE_LISTPACK;
    const listpack = Buffer.from(engine.arena.bytes8[chunkOf(node)].slice(start, start + log.listpackBytes(node)));
    parts.push(rdbLength(16), master, rdbLength(listpack.length), listpack);
  }
  return Buffer.concat(parts);
}

/** RDB_TYPE_STREAM_LISTPACKS_2 */
const RDB_STREAM = 19;

function rdbLength(n: number): Buffer {
  if (n < 64) return Buffer.of(n);
  if (n < 16_384) return Buffer.of(0x40 | (n >> 8), n & 0xff);
  const long = Buffer.alloc(5, 0x80);
  long.writeUInt32BE(n, 1);
  return long;
}

describe('stream commands as redis-server', () => {
  const runs = [
    { protocol: 2, entries: 100, bytes: 4096 },
    { protocol: 3, entries: 4, bytes: 0 },
    { protocol: 2, entries: 0, bytes: 200 },
  ];
  for (const [k, { protocol, entries, bytes }] of runs.entries()) {
    const title = `random commands, RESP${protocol}, nodes of ${entries} entries and ${bytes} bytes`;
    test(title, { timeout: 120_000 }, async () => {
      const seed = SEED + k;
      await redis.run([
        ['CONFIG', 'SET', 'stream-node-max-entries', `${entries}`, 'stream-node-max-bytes', `${bytes}`],
      ]);
      const beside = await Beside.start(redis, seed, protocol, sameButTime);
      await beside.compare([['SET', 'text', 'x']]);
      const { engine } = beside.harness;
      engine.values.streams.log.nodeMaxEntries = entries;
      engine.values.streams.log.nodeMaxBytes = bytes;
      let nodes = 0;
      const empty = engine.arena.usedBytes;
      const commands = new StreamCommands(seed);
      for (let i = 0; i < COMMANDS; i += CHUNK) {
        if (i % 1000 === 0) nodes += await compareNodes(beside);
        await beside.compare(Array.from({ length: CHUNK }, () => withConsumers(commands.next())).flat());
      }
      expect(nodes).toBeGreaterThan(10);
      // All that hung from the streams is given back.
      const names = Array.from(parseReply(beside.harness.run('KEYS', '*')), (name) => String(name).slice(1));
      await beside.compare([['DEL', ...names.filter((name) => name !== 'text')]]);
      while (engine.values.reaper.step(100));
      expect(engine.arena.usedBytes).toBe(empty);
    });
  }
});

/** Elements of a reply, and of an array in it by its name. */
function field(reply: Parsed, name: string): Parsed {
  const elements = reply as Parsed[];
  return elements[elements.indexOf(`$${name}`) + 1];
}

describe('what 7.0 does not have', () => {
  test('IDs that the server chooses: the time, and one after another when time stands still or goes back', () => {
    const harness = new Harness();
    harness.engine.nowMs = 1_700_000_000_000.5;
    expect(harness.text('XADD', 's', '*', 'a', '1')).toBe('$15\r\n1700000000000-0\r\n');
    expect(harness.text('XADD', 's', '*', 'a', '1')).toBe('$15\r\n1700000000000-1\r\n');
    harness.engine.nowMs -= 1000;
    expect(harness.text('XADD', 's', '*', 'a', '1')).toBe('$15\r\n1700000000000-2\r\n');
    expect(harness.text('XADD', 's', '1700000000000-18446744073709551615', 'a', '1')).toContain(
      '-18446744073709551615',
    );
    expect(harness.text('XADD', 's', '*', 'a', '1')).toBe('$15\r\n1700000000001-0\r\n');
    expect(harness.text('XADD', 's', '18446744073709551615-18446744073709551615', 'a', '1')).toMatch(/^\$41/);
    expect(harness.text('XADD', 's', '*', 'a', '1')).toBe(
      '-ERR The stream has exhausted the last possible ID, unable to add more items\r\n',
    );
  });

  test('consumers are made by reading and claiming, even of nothing, and tell when they were seen and active', () => {
    const harness = new Harness();
    const { engine } = harness;
    const times = (name: string): [Parsed, Parsed] => {
      const consumers = parseReply(harness.run('XINFO', 'CONSUMERS', 's', 'g')) as Parsed[];
      const found = consumers.find((consumer) => field(consumer, 'name') === `$${name}`) as Parsed;
      return [field(found, 'idle'), field(found, 'inactive')];
    };
    harness.run('XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM');
    expect(harness.text('XREADGROUP', 'GROUP', 'g', 'ann', 'STREAMS', 's', '>')).toBe('*-1\r\n');
    expect(harness.text('XCLAIM', 's', 'g', 'bob', '0', '1-1')).toBe('*0\r\n');
    expect(harness.text('XAUTOCLAIM', 's', 'g', 'carl', '0', '-')).toBe('*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n');
    engine.nowMs += 1000;
    for (const name of ['ann', 'bob', 'carl']) expect(times(name)).toEqual([':1000', ':-1']);
    harness.run('XADD', 's', '1-1', 'a', '1');
    harness.run('XREADGROUP', 'GROUP', 'g', 'ann', 'STREAMS', 's', '>');
    engine.nowMs += 500;
    expect(times('ann')).toEqual([':500', ':500']);
    harness.run('XREADGROUP', 'GROUP', 'g', 'ann', 'STREAMS', 's', '>');
    expect(times('ann')).toEqual([':0', ':500']);
    harness.run('XCLAIM', 's', 'g', 'bob', '0', '1-1', 'JUSTID');
    engine.nowMs += 5;
    expect(times('bob')).toEqual([':5', ':5']);
    const full = parseReply(harness.run('XINFO', 'STREAM', 's', 'FULL'));
    const bob = (field((field(full, 'groups') as Parsed[])[0], 'consumers') as Parsed[])[1];
    expect(field(bob, 'active-time')).toBe(`:${engine.nowMs - 5}`);
    expect(field(bob, 'seen-time')).toBe(`:${engine.nowMs - 5}`);
  });

  test('XSETID refuses an ID below the largest deleted one', () => {
    const harness = new Harness();
    for (const id of ['1-1', '1-2', '1-3']) harness.run('XADD', 's', id, 'a', '1');
    harness.run('XDEL', 's', '1-2', '1-3');
    expect(harness.text('XSETID', 's', '1-2')).toBe(
      '-ERR The ID specified in XSETID is smaller than current max_deleted_entry_id\r\n',
    );
    expect(harness.text('XSETID', 's', '1-3')).toBe('+OK\r\n');
    expect(harness.text('XSETID', 's', '1-5', 'ENTRIESADDED', '0')).toBe(
      '-ERR The entries_added specified in XSETID is smaller than the target stream length\r\n',
    );
  });

  test('lists of streams that do not come out even', () => {
    const harness = new Harness();
    expect(harness.text('XREAD', 'STREAMS', 'a', 'b', '0')).toBe(
      "-ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified.\r\n",
    );
    expect(harness.text('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'a', 'b', '0')).toBe(
      "-ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.\r\n",
    );
  });
});

describe('streams and memory', () => {
  test('a command that finds none changes nothing', () => {
    const harness = new Harness({ limitBytes: 1 << 20 });
    const { engine } = harness;
    harness.run('XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM');
    let added = 0;
    while (!harness.text('XADD', 's', '*', 'field', 'v'.repeat(1000)).startsWith('-OOM')) added++;
    expect(added).toBeGreaterThan(500);
    const length = harness.text('XLEN', 's');
    expect(length).toBe(`:${added}\r\n`);
    engine.arena.limitBytes = engine.arena.usedBytes;
    const refused = [
      ['XADD', 'other', '*', 'a', '1'],
      ['XGROUP', 'CREATE', 'other', 'g', '0', 'MKSTREAM'],
      ['XGROUP', 'CREATE', 's', 'h', '0'],
      ['XGROUP', 'CREATECONSUMER', 's', 'g', 'ann'],
      ['XREADGROUP', 'GROUP', 'g', 'ann', 'STREAMS', 's', '>'],
      ['XCLAIM', 's', 'g', 'ann', '0', '1-1'],
      ['XAUTOCLAIM', 's', 'g', 'ann', '0', '-'],
    ];
    for (const command of refused) expect(harness.text(...command)).toMatch(/^-OOM/);
    expect(harness.text('EXISTS', 'other')).toBe(':0\r\n');
    expect(harness.text('XINFO', 'CONSUMERS', 's', 'g')).toBe('*0\r\n');
    expect(harness.text('XLEN', 's')).toBe(length);
    expect(harness.text('XTRIM', 's', 'MAXLEN', '0')).toBe(length);
  });

  test('a destroyed group and a deleted stream are freed in steps', () => {
    const harness = new Harness();
    const { engine } = harness;
    const { reaper } = engine.values;
    const empty = engine.arena.usedBytes;
    for (let i = 1; i <= 5000; i++) harness.run('XADD', 's', String(i), 'a', '1');
    const withoutGroup = engine.arena.usedBytes;
    harness.run('XGROUP', 'CREATE', 's', 'g', '0');
    for (const name of ['ann', 'bob'])
      harness.run('XREADGROUP', 'GROUP', 'g', name, 'COUNT', '2000', 'STREAMS', 's', '>');
    expect(harness.text('XGROUP', 'DESTROY', 's', 'g')).toBe(':1\r\n');
    expect(reaper.pending).toBe(1);
    let steps = 0;
    while (reaper.step(100)) steps++;
    expect(steps).toBeGreaterThan(50);
    expect(engine.arena.usedBytes).toBeLessThanOrEqual(withoutGroup + 64);
    harness.run('XGROUP', 'CREATE', 's', 'g', '0');
    harness.run('XREADGROUP', 'GROUP', 'g', 'ann', 'STREAMS', 's', '>');
    harness.run('DEL', 's');
    expect(reaper.pending).toBe(1);
    while (reaper.step(100));
    expect(engine.arena.usedBytes).toBe(empty);
  });

  test('a copy has all that the stream has, and its own', () => {
    const harness = new Harness();
    const { engine } = harness;
    const { streams } = engine.values;
    const empty = engine.arena.usedBytes;
    const commands = new StreamCommands(SEED);
    const rootOfKey = (key: string): [number, number] => {
      harness.run('EXISTS', key);
      const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
      const ref = engine.db.find(offset, length, engine.db.hash(offset, length));
      return ref === 0 ? [0, 0] : [ref, rootOf(engine, engine.db, ref)];
    };
    const about = (key: string): string => harness.text('XINFO', 'STREAM', key, 'FULL', 'COUNT', '0');
    let copies = 0;
    for (let i = 0; i < 2000; i++) {
      harness.run(...commands.next());
      if (i % 100 !== 99) continue;
      const [ref, root] = rootOfKey('a');
      if (ref === 0) continue;
      expect(streams.encoding()).toBe('stream');
      const copy = streams.clone(root);
      expect(copy).not.toBe(0);
      const original = about('a');
      expect(streams.memoryBytes(copy, 0, 0)).toBeLessThanOrEqual(streams.memoryBytes(root, 0, 0) * 1.1 + 200);
      setRoot(engine.arena.words, engine.db, ref, copy);
      expect(about('a')).toBe(original);
      engine.values.reaper.bury(streams, root, 0);
      while (engine.values.reaper.step(1000));
      expect(about('a')).toBe(original);
      copies++;
    }
    expect(copies).toBeGreaterThan(10);
    harness.run('DEL', 'a', 'b', 'c', 'd', 'none', 'text');
    while (engine.values.reaper.step(1000));
    expect(engine.arena.usedBytes).toBe(empty);
  });
});
