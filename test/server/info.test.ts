/** INFO's figures, and what MEMORY and DEBUG OBJECT say of a key. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findParameter } from '../../src/lib/server/config-table.ts';
import { humanBytes } from '../../src/lib/server/info-server.ts';
import { parseReply, RedisPeer } from '../engine/redis-peer.ts';
import { type PeerStream, request, World } from './peer.ts';

let world: World;
let peer: PeerStream;
beforeEach(() => {
  world = new World();
  peer = world.connect();
});
afterEach(() => peer.close());

/** It is immutable: it takes effect as if it had come from redis.conf. */
function enableDebug(value: string): void {
  const parameter = findParameter('enable-debug-command');
  expect(parameter && world.config.load(parameter, [value])).toBe(null);
}

function ask(line: string): string {
  peer.send(request(...line.split(' ')));
  return peer.received();
}

function info(section: string): Record<string, string> {
  const lines = ask(`INFO ${section}`).split('\r\n');
  return Object.fromEntries(lines.filter((line) => line.includes(':')).map((line) => line.split(/:(.*)/)));
}

describe('INFO', () => {
  it('counts commands, and those of containers by subcommand', () => {
    ask('SET k v');
    ask('GET k');
    ask('GET k');
    ask('GET');
    ask('INCR k');
    ask('CLIENT ID');
    ask('CLIENT ID x');
    ask('CONFIG GET port');
    const stats = info('commandstats');
    expect(stats.cmdstat_set).toMatch(/^calls=1,usec=\d+,usec_per_call=[\d.]+,rejected_calls=0,failed_calls=0$/);
    expect(stats.cmdstat_get).toMatch(/^calls=2,.*,rejected_calls=1,failed_calls=0$/);
    expect(stats.cmdstat_incr).toMatch(/^calls=1,.*,rejected_calls=0,failed_calls=1$/);
    expect(stats['cmdstat_client|id']).toMatch(/^calls=1,.*,rejected_calls=1,failed_calls=0$/);
    expect(Object.keys(stats)).toEqual([
      'cmdstat_get',
      'cmdstat_incr',
      'cmdstat_set',
      'cmdstat_client|id',
      'cmdstat_config|get',
    ]);
    expect(info('stats')).toMatchObject({ total_commands_processed: '7', total_error_replies: '3' });
  });

  it('counts errors by code, and not more codes than there may be', () => {
    enableDebug('yes');
    ask('INCR');
    ask('AUTH a b');
    ask('NOSUCH');
    expect(info('errorstats')).toEqual({ errorstat_ERR: 'count=2', errorstat_WRONGPASS: 'count=1' });
    for (let i = 0; i < 1000; i++) ask(`DEBUG ERROR E${i}`);
    expect(Object.keys(info('errorstats'))).toHaveLength(128);
    ask('CONFIG RESETSTAT');
    expect(info('errorstats')).toEqual({});
    expect(info('stats')).toMatchObject({ total_error_replies: '0', total_connections_received: '0' });
  });

  it('counts the bytes of requests and replies', () => {
    const before = info('stats');
    const asked = request('ECHO', 'hello').length;
    ask('ECHO hello');
    ask('CONFIG RESETSTAT');
    ask('ECHO hello');
    const after = info('stats');
    expect(Number(before.total_net_output_bytes)).toBe(0);
    expect(Number(after.total_net_input_bytes)).toBe(asked + request('INFO', 'stats').length);
    expect(Number(after.total_net_output_bytes)).toBe('+OK\r\n'.length + '$5\r\nhello\r\n'.length);
  });

  it('shows latencies at the percentiles asked for', () => {
    ask('SET k v');
    world.setting('latency-tracking-info-percentiles', '50 99.99');
    expect(info('latencystats').latency_percentiles_usec_set).toMatch(/^p50=\d+\.\d{3},p99\.99=\d+\.\d{3}$/);
    world.setting('latency-tracking', 'no');
    expect(info('latencystats')).toEqual({});
  });

  it('lists the databases that have keys', () => {
    ask('SET a 1');
    ask('SET b 1 EX 1000');
    ask('SELECT 7');
    ask('SET c 1');
    expect(info('keyspace')).toEqual({ db0: 'keys=2,expires=1,avg_ttl=0', db7: 'keys=1,expires=0,avg_ttl=0' });
  });

  it('has rates of the last 1.6 seconds', () => {
    const { context, engine } = world.core;
    const startMs = engine.nowMs;
    for (let i = 0; i <= 32; i++) {
      engine.nowMs = startMs + i * 100;
      if (i > 0) for (let n = 0; n < 10; n++) ask('PING');
      context.cron(engine.nowMs);
    }
    expect(info('stats').instantaneous_ops_per_sec).toBe('100');
    for (let i = 33; i < 50; i++) context.cron(startMs + i * 100);
    expect(Number(info('stats').instantaneous_ops_per_sec)).toBeLessThanOrEqual(1);
  });

  it('says what carries the connections only where it confuses nobody', () => {
    expect(ask('INFO')).not.toContain('# Rtcp');
    expect(ask('INFO all')).not.toContain('# Rtcp');
    expect(info('rtcp')).toEqual({ io: 'memory', interface: '', address: '192.0.2.2', port: '6379' });
    expect(ask('INFO everything')).toContain('# Rtcp\r\nio:memory\r\n');
  });

  it('knows the memory in use, at most and before there was any data', () => {
    const before = info('memory');
    expect(before.used_memory).toBe(before.used_memory_startup);
    ask(`SET big ${'x'.repeat(50_000)}`);
    const during = info('memory');
    expect(Number(during.used_memory) - Number(before.used_memory)).toBeGreaterThanOrEqual(50_000);
    ask('DEL big');
    const after = info('memory');
    expect(Number(after.used_memory)).toBeLessThan(Number(during.used_memory));
    expect(after.used_memory_peak).toBe(during.used_memory);
    expect(Number(after.used_memory_rss)).toBeGreaterThan(1 << 20);
  });

  it.each([
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1.00K'],
    [1536, '1.50K'],
    [1_048_576, '1.00M'],
    [25_276_502_016, '23.54G'],
    [2 ** 40, '1.00T'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text);
  });
});

describe('maxmemory', () => {
  it('refuses what takes more, and nothing else', () => {
    ask(`SET a ${'x'.repeat(60_000)}`);
    const used = Number(info('memory').used_memory);
    world.setting('maxmemory', String(used - 1));
    const oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    expect(ask('SET b 1')).toBe(oom);
    expect(ask('APPEND a x')).toBe(oom);
    expect(ask('STRLEN a')).toBe(':60000\r\n');
    expect(world.log.at(-1)).toContain('is smaller than the current memory usage');
    world.setting('maxmemory', '0');
    expect(ask('SET b 1')).toBe('+OK\r\n');
    world.setting('maxmemory', String(Number(info('memory').used_memory) + 10_000));
    // As redis-server does it: a command is refused when there is too much already, not for what it brings.
    expect(ask(`SET c ${'x'.repeat(60_000)}`)).toBe('+OK\r\n');
    expect(ask('SET d x')).toBe(oom);
    world.setting('maxmemory', '0');
    expect(ask('DEL a b c')).toBe(':3\r\n');
  });
});

describe('a key', () => {
  it('has a MEMORY USAGE that adds up to what the arena has in use', () => {
    const { engine } = world.core;
    const usage = (key: string): number => Number(ask(`MEMORY USAGE ${key}`).slice(1));
    ask('SET first 1');
    const before = engine.arena.usedBytes;
    ask(`SET k ${'v'.repeat(1000)}`);
    const record = engine.arena.usedBytes - before;
    const share = Math.ceil(engine.db.tableBytes / engine.db.size);
    expect(usage('k')).toBe(record + share);
    expect(ask('MEMORY USAGE k SAMPLES 0')).toBe(`:${record + share}\r\n`);
  });

  it('of any type has a MEMORY USAGE near to what the arena has in use for it', () => {
    const { engine } = world.core;
    const fill: Record<string, (i: number) => string> = {
      list: (i) => `RPUSH big element:${i}`,
      set: (i) => `SADD big member:${i}`,
      hash: (i) => `HSET big field:${i} value:${i * 7}`,
      zset: (i) => `ZADD big ${i * 3} member:${i}`,
      stream: (i) => `XADD big ${i + 1}-0 field value:${i}`,
    };
    for (const [type, command] of Object.entries(fill)) {
      ask('DEL big');
      while (engine.values.reaper.step(1000));
      const before = engine.arena.usedBytes;
      for (let i = 0; i < 5000; i++) ask(command(i));
      const used = engine.arena.usedBytes - before;
      for (const samples of ['0', '50']) {
        const usage = Number(ask(`MEMORY USAGE big SAMPLES ${samples}`).slice(1));
        expect([type, samples, Math.abs(usage / used - 1) < 0.06]).toEqual([type, samples, true]);
      }
    }
    ask('DEL big');
  });

  it('has the encoding and the serialized length of redis-server', async () => {
    const redis = await RedisPeer.start('--enable-debug-command', 'yes');
    enableDebug('yes');
    const values = [
      '1',
      '-128',
      '128',
      '-32769',
      '2147483648',
      '9223372036854775807',
      '',
      'x',
      'y'.repeat(44),
      'z'.repeat(45),
      'z'.repeat(64),
      'a'.repeat(20_000),
    ];
    const shape = (reply: string): string =>
      reply.replace(/at:0x[0-9a-f]+ refcount:\d+/, 'at refcount').replace(/lru:\d+/, 'lru');
    const made = [
      ...values.map((value) => ['SET', 'k', value]),
      ['RPUSH', 'l', 'b'.repeat(9000), 'c'.repeat(9000), 'd', 'e'], // a quicklist for servers of all versions
      ['HSET', 'h', 'f', 'v'.repeat(50)],
    ];
    for (const command of made) {
      const commands = [command, ['DEBUG', 'OBJECT', command[1]]];
      const theirs = (await redis.run(commands)).map((reply) => String(parseReply(reply)));
      const ours = commands.map((command) => {
        peer.send(request(...command));
        return String(parseReply(Buffer.from(peer.received(), 'latin1')));
      });
      expect(ours.map(shape)).toEqual(theirs.map(shape));
    }
    await redis.stop();
  });
});

describe('DEBUG', () => {
  it('is refused unless it is enabled, in the words of redis-server', async () => {
    const redis = await RedisPeer.start();
    const [theirs] = await redis.run([['DEBUG', 'SLEEP', '0']]);
    expect(ask('DEBUG SLEEP 0')).toBe(theirs.toString('latin1'));
    await redis.stop();
    enableDebug('local');
    expect(ask('DEBUG SLEEP 0')).toBe(theirs.toString('latin1')); // 192.0.2.1 is not this machine
  });

  it('matches patterns', () => {
    enableDebug('yes');
    expect(ask('DEBUG STRINGMATCH-LEN a*c abbc')).toBe(':1\r\n');
    expect(ask('DEBUG STRINGMATCH-LEN a*c abb')).toBe(':0\r\n');
  });

  it('turns the active expiry off and on', () => {
    enableDebug('yes');
    ask('DEBUG SET-ACTIVE-EXPIRE 0');
    expect(world.core.engine.activeExpire).toBe(false);
    ask('DEBUG SET-ACTIVE-EXPIRE 1');
    expect(world.core.engine.activeExpire).toBe(true);
  });
});

describe('TIME', () => {
  const time = (): number => {
    const [, , seconds, , micros] = ask('TIME').split('\r\n');
    return Number(seconds) * 1e6 + Number(micros);
  };

  it('goes on in microseconds', () => {
    const start = time();
    world.clock.advance(1);
    expect(time()).toBe(start + 1);
    world.clock.advance(12_345_678);
    expect(time()).toBe(start + 12_345_679);
  });
});
