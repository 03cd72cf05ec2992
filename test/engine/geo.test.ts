/** Geo commands side by side with redis-server: places everywhere, at the edges of boxes, at the poles and the date line. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import { type Parsed, parseReply, RedisPeer } from './redis-peer.ts';
import { type Comparison, type Otherwise, sideBySide, type Word } from './side-by-side.ts';

const COMMANDS = 12_000;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_821);
/** One unit of the last digit of a distance. */
const DISTANCE_TOLERANCE = 0.00011;
/** Two libraries' sines may differ in their last bits. */
const RELATIVE_TOLERANCE = 1e-9;

const LONGITUDES = ['0', '180', '-180', '179.999999', '-179.999999', '13.361389', '15.087269', '90', '-90', '0.000001'];
const LATITUDES = [
  '0',
  '85.05112878',
  '-85.05112878',
  '85',
  '-85',
  '38.115556',
  '37.502669',
  '66.1',
  '80.5',
  '-0.000001',
];
const BAD_COORDINATES = ['181', '-180.1', '85.06', '-90', 'x', '', 'inf', '1e300', 'nan', '1e25'];
const RADII = ['0', '1', '10', '100', '200', '1000', '5000', '10000', '20000', '100000', '0.5', '1e9', 'inf'];
const BAD_RADII = ['-1', 'x', '', 'nan', '1e400'];
const UNITS = ['m', 'km', 'ft', 'mi', 'KM', 'M'];
const MEMBERS = ['Palermo', 'Catania', 'a', 'b', 'c', '1', '2', 'north', 'south', 'edge'];
const KEYS = ['g1', 'g2', 'big', 'dense', 'stored', 'string', 'nokey'];

class GeoCommands {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const words = this.pick(MAKERS)(this);
    const dice = this.below(60);
    if (dice === 0) return [...words, this.pick(MEMBERS)];
    return dice === 1 ? words.slice(0, -1) : words;
  }

  below(n: number): number {
    return this.random.below(n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  mostly<T>(good: readonly T[], bad: readonly T[]): T {
    return this.pick(this.below(30) === 0 ? bad : good);
  }

  /** Around the world, or (dense) within some kilometres. */
  place(key: string): Word[] {
    if (key === 'dense') return [String(13 + this.random.float() / 5), String(38 + this.random.float() / 5)];
    if (this.below(3) === 0) return [this.mostly(LONGITUDES, BAD_COORDINATES), this.mostly(LATITUDES, BAD_COORDINATES)];
    return [String(this.random.float() * 360 - 180), String(this.random.float() * 170 - 85)];
  }

  member(key: string): Word {
    return key === 'big' || key === 'dense' ? `m${this.below(400)}` : this.pick(MEMBERS);
  }

  radius(): Word[] {
    return [this.mostly(RADII, BAD_RADII), this.mostly(UNITS, ['x', '', 'miles'])];
  }

  /** Of members at the same distance, COUNT may leave out any: what is stored has all of them. */
  options(withTells: boolean): Word[] {
    const options: Word[] = [];
    const counts = withTells ? ['1', '2', '10', '1000'] : ['1000'];
    if (this.below(2) === 0) options.push(this.pick(['ASC', 'DESC', 'asc']));
    if (this.below(4) === 0) options.push('COUNT', this.mostly(counts, ['0', '-1', 'x', '']));
    if (this.below(30) === 0) options.push('ANY');
    if (withTells)
      for (const tell of ['WITHDIST', 'WITHHASH', 'WITHCOORD']) if (this.below(3) === 0) options.push(tell);
    return options;
  }

  middle(key: string): Word[] {
    if (this.below(3) === 0) return ['FROMMEMBER', this.member(key)];
    return this.below(40) === 0 ? [] : ['FROMLONLAT', ...this.place(key)];
  }

  shape(): Word[] {
    if (this.below(40) === 0) return [];
    if (this.below(2) === 0) return ['BYRADIUS', ...this.radius()];
    return ['BYBOX', this.mostly(RADII, BAD_RADII), ...this.radius()];
  }

  search(key: string, withTells: boolean): Word[] {
    const parts = [this.middle(key), this.shape(), this.options(withTells)];
    return this.below(4) === 0 ? parts.reverse().flat() : parts.flat();
  }
}

type Make = (g: GeoCommands) => Word[];

const add: Make = (g) => {
  const key = g.pick(['g1', 'g2', 'big', 'dense', 'big', 'dense']);
  const options = g.below(4) === 0 ? [g.pick(['NX', 'XX', 'CH', 'ch'])] : [];
  const n = 1 + g.below(key.length > 2 ? 15 : 3);
  return ['GEOADD', key, ...options, ...Array.from({ length: n }, () => [...g.place(key), g.member(key)]).flat()];
};

const MAKERS: Make[] = [
  ...Array.from({ length: 5 }, () => add),
  (g) => {
    const key = g.pick(KEYS);
    return [g.pick(['GEOPOS', 'GEOHASH', 'ZMSCORE']), key, ...Array.from({ length: 4 }, () => g.member(key))];
  },
  (g) => {
    const key = g.pick(KEYS);
    return ['GEODIST', key, g.member(key), g.member(key), ...(g.below(2) === 0 ? [g.mostly(UNITS, ['x'])] : [])];
  },
  ...Array.from({ length: 4 }, () => (g: GeoCommands): Word[] => {
    const key = g.pick(KEYS);
    return ['GEOSEARCH', key, ...g.search(key, true)];
  }),
  (g) => {
    const key = g.pick(KEYS);
    const store = g.below(3) === 0 ? ['STOREDIST'] : [];
    const withTell = g.below(30) === 0 ? ['WITHDIST'] : [];
    return ['GEOSEARCHSTORE', g.pick(['stored', 'string', 'g2']), key, ...g.search(key, false), ...store, ...withTell];
  },
  (g) => {
    const key = g.pick(KEYS);
    const store = g.below(5) === 0 ? [g.pick(['STORE', 'STOREDIST']), 'stored'] : [];
    const options = [...g.options(store.length === 0), ...(g.below(30) === 0 ? ['WITHHASH'] : [])];
    return [g.pick(['GEORADIUS', 'GEORADIUS_RO']), key, ...g.place(key), ...g.radius(), ...options, ...store];
  },
  (g) => {
    const key = g.pick(KEYS);
    const store = g.below(5) === 0 ? [g.pick(['STORE', 'STOREDIST']), 'stored'] : [];
    const options = [...g.options(store.length === 0), ...(g.below(30) === 0 ? ['WITHHASH'] : [])];
    const name = g.pick(['GEORADIUSBYMEMBER', 'GEORADIUSBYMEMBER_RO']);
    return [name, key, g.member(key), ...g.radius(), ...options, ...store];
  },
  (g) => ['ZRANGE', g.pick(['stored', 'g2']), '0', '-1', 'WITHSCORES'],
  (g) => ['ZCARD', g.pick(KEYS)],
  (g) => (g.below(10) === 0 ? ['DEL', g.pick(KEYS)] : ['EXISTS', 'g1']),
  () => ['SET', 'string', 'text'],
];

/** Numbers that are nearly the same; texts that are. */
function near(ours: Parsed, theirs: Parsed): boolean {
  if (typeof ours !== 'string' || typeof theirs !== 'string') {
    if (typeof ours === 'string' || typeof theirs === 'string' || ours.length !== theirs.length) return false;
    return ours.every((element, i) => near(element, theirs[i]));
  }
  if (ours === theirs) return true;
  const [a, b] = [Number(ours.slice(1)), Number(theirs.slice(1))];
  return /^[$,]\d*\.\d/.test(theirs) && Math.abs(a - b) <= DISTANCE_TOLERANCE + RELATIVE_TOLERANCE * Math.abs(b);
}

/** As near, whatever the order: members at the same distance. */
function nearInAnyOrder(ours: Parsed, theirs: Parsed): boolean {
  if (typeof ours === 'string' || typeof theirs === 'string') return near(ours, theirs);
  const sorted = (reply: Parsed[]): Parsed[] =>
    [...reply].sort((a, b) => (String(Array.isArray(a) ? a[0] : a) < String(Array.isArray(b) ? b[0] : b) ? -1 : 1));
  return near(sorted(ours), sorted(theirs));
}

const SEARCH: Otherwise = {
  why: 'sines differ in their last bits, and members at the same distance come in any order',
  // With COUNT, which of those at the same distance is the last one is anybody's choice.
  same: (ours, theirs, command) =>
    command.some((word) => word === 'COUNT') ? ours.length === theirs.length : nearInAnyOrder(ours, theirs),
};
const NEAR: Otherwise = { why: 'sines differ in their last bits', same: near };
const COMPARISON: Comparison = {
  otherwise: {
    GEODIST: NEAR,
    ZRANGE: NEAR,
    ZMSCORE: NEAR,
    GEOSEARCH: SEARCH,
    GEORADIUS: SEARCH,
    GEORADIUS_RO: SEARCH,
    GEORADIUSBYMEMBER: SEARCH,
    GEORADIUSBYMEMBER_RO: SEARCH,
  },
};

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

describe('geo commands answer as redis-server does', () => {
  for (const protocol of [2, 3]) {
    test(`RESP${protocol}, ${COMMANDS} commands`, async () => {
      const seed = SEED + protocol;
      const harness = new Harness({ seed });
      harness.client.protocol = protocol;
      const commands = new GeoCommands(seed);
      const label = `RTCP_TEST_SEED=${SEED}, RESP${protocol}`;
      await sideBySide(harness, redis, COMMANDS, () => commands.next(), COMPARISON, label);
    });
  }
});

test('scores are the same, bit by bit', async () => {
  const random = new Random(SEED);
  const harness = new Harness();
  await redis.run([['FLUSHALL'], ['HELLO', '2']]);
  const pairs = Array.from({ length: 4000 }, () => [
    String(random.below(20) === 0 ? Number(LONGITUDES[random.below(6)]) : random.float() * 360 - 180),
    String(random.below(20) === 0 ? Number(LATITUDES[random.below(6)]) : random.float() * 170 - 85),
  ]);
  const commands = pairs.map(([longitude, latitude]) => ['GEOADD', 'g', 'CH', longitude, latitude, 'm']);
  const asked = commands.flatMap((command) => [
    command,
    ['ZSCORE', 'g', 'm'],
    ['GEOPOS', 'g', 'm'],
    ['GEOHASH', 'g', 'm'],
  ]);
  const theirs = await redis.run(asked);
  asked.forEach((command, i) => {
    const ours = parseReply(harness.run(...command));
    const their = parseReply(theirs[i]);
    // %.17g writes 16-digit numbers as we do.
    expect(ours, `RTCP_TEST_SEED=${SEED} ${JSON.stringify(command)} ${pairs[i >> 2]}`).toEqual(their);
  });
});

test('events are told by the names that keyspace events have', () => {
  const harness = new Harness();
  const events: string[] = [];
  harness.engine.keyListener = { keyChanged: (event) => events.push(event) };
  harness.run('GEOADD', 'g', '13.361389', '38.115556', 'Palermo', '15.087269', '37.502669', 'Catania');
  harness.run('GEOSEARCHSTORE', 's', 'g', 'FROMLONLAT', '15', '37', 'BYRADIUS', '200', 'km');
  harness.run('GEORADIUS', 'g', '15', '37', '200', 'km', 'STORE', 's');
  harness.run('GEORADIUS', 'g', '0', '0', '1', 'km', 'STORE', 's');
  expect(events).toEqual(['zadd', 'geosearchstore', 'georadiusstore', 'del']);
  expect(harness.text('GEODIST', 'g', 'Palermo', 'Catania', 'km')).toBe('$8\r\n166.2742\r\n');
});
