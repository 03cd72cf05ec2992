/** redis.conf: what our reader makes of a file against what redis-server makes of it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Config } from '../../src/lib/server/config.ts';
import { findParameter, PARAMETERS } from '../../src/lib/server/config-table.ts';
import { parseRedisConf, RedisConfError, readRedisConf, rewriteRedisConf } from '../../src/lib/server/redis-conf.ts';
import { parseReply, RedisPeer } from '../engine/redis-peer.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rtcp-conf-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function load(text: string): Config {
  const config = new Config();
  for (const [name, words] of parseRedisConf(text, 'test.conf').directives) {
    const parameter = findParameter(name);
    expect(parameter === undefined ? 'unknown' : config.load(parameter, words)).toBe(null);
  }
  return config;
}

/** All parameters of a redis-server that read the file. */
async function redisConfig(file: string, password: string): Promise<Map<string, string>> {
  const redis = await RedisPeer.start('--include', file);
  const [, reply] = await redis.run([
    ['AUTH', password],
    ['CONFIG', 'GET', '*'],
  ]);
  await redis.stop();
  const words = (parseReply(reply) as string[]).map((word) => word.slice(1));
  return new Map(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1]]] : [])));
}

const SAMPLE = `
# a comment
maxmemory 100mb
  MAXCLIENTS   50
requirepass "pass \\x41\\"word"
timeout 30 \t
save 900 1
save 300 10
client-output-buffer-limit normal 1mb 512kb 30
client-output-buffer-limit pubsub 64mb 16mb 90
notify-keyspace-events Ex
slave-priority 7
logfile ""
oom-score-adj-values 1 2 3
latency-tracking-info-percentiles 50 99.99
proc-title-template "{title} {port}"
hz 900
protected-mode no
`;
const PASSWORD = 'pass A"word';
/** Of the process, or given on its command line. */
const OF_THE_PROCESS = ['dir', 'unixsocket', 'port', 'save', 'bind', 'pidfile', 'daemonize', 'supervised', 'logfile'];

describe('a configuration file', () => {
  it('means what it means to redis-server', async () => {
    const theirs = await redisConfig(write('redis.conf', SAMPLE), PASSWORD);
    const ours = load(SAMPLE);
    for (const parameter of PARAMETERS) {
      const value = theirs.get(parameter.name);
      if (value === undefined || OF_THE_PROCESS.includes(parameter.name)) continue;
      expect([parameter.name, ours.get(parameter)]).toEqual([parameter.name, value]);
    }
    expect(ours.text('save')).toBe('900 1 300 10');
    expect(ours.password).toBe(PASSWORD);
    expect(ours.maxMemoryBytes).toBe(104_857_600);
    expect(ours.outputLimits[0]).toEqual({ hardBytes: 1_048_576, softBytes: 524_288, softSeconds: 30 });
  });

  it("Debian's own has nothing that is not understood", () => {
    const file = '/etc/redis/redis.conf';
    expect(existsSync(file)).toBe(true);
    const { directives, warnings } = readRedisConf(file);
    expect(warnings).toEqual([]);
    expect(directives).toContainEqual(['port', ['6379']]);
    expect(directives).toContainEqual(['bind', ['127.0.0.1', '-::1']]);
  });

  it('`save ""` forgets the lines before', () => {
    expect(load('save 900 1\nsave ""').text('save')).toBe('');
    expect(load('save ""\nsave 60 5').text('save')).toBe('60 5');
  });

  it('includes files, also by pattern', () => {
    write('b.conf', 'timeout 2\n');
    write('a.conf', 'timeout 1\nhz 20\n');
    const file = write('redis.conf', `timeout 9\ninclude ${directory}/?.conf\ninclude ${directory}/none-*.conf\n`);
    expect(readRedisConf(file).directives).toEqual([
      ['timeout', ['9']],
      ['timeout', ['1']],
      ['hz', ['20']],
      ['timeout', ['2']],
    ]);
  });

  it('that includes itself is refused', () => {
    const file = write('redis.conf', `include ${directory}/redis.conf\n`);
    expect(() => readRedisConf(file)).toThrow('too many nested includes');
  });

  it('warns of what it does not know', () => {
    const { directives, warnings } = parseRedisConf('nonsense 1 2\nrename-command GET ""\nport 7000', 'x.conf');
    expect(directives).toEqual([['port', ['7000']]]);
    expect(warnings).toEqual([
      "x.conf:1: directive 'nonsense' is unknown, and ignored",
      "x.conf:2: directive 'rename-command' is not supported, and ignored",
    ]);
  });

  it.each([
    ['\nmaxmemory abc', 2, 'argument must be a memory value'],
    ['port 1 2', 1, 'wrong number of arguments'],
    ['port', 1, 'wrong number of arguments'],
    ['requirepass "a', 1, 'Unbalanced quotes in configuration line'],
    ['save 1', 1, 'Invalid save parameters'],
    ['include', 1, 'wrong number of arguments'],
  ])('%j is an error with its line', (text, line, reason) => {
    const error = thrown(() => parseRedisConf(text, 'x.conf'));
    expect(error).toBeInstanceOf(RedisConfError);
    expect([(error as RedisConfError).line, (error as Error).message]).toEqual([
      line,
      `x.conf:${line}: ${reason}\n>>> '${text.trim()}'`,
    ]);
  });

  it('that is missing is named', () => {
    expect(() => readRedisConf('/nowhere/redis.conf')).toThrow("can't open config file '/nowhere/redis.conf'");
  });
});

function thrown(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
}

describe('CONFIG REWRITE', () => {
  it('keeps comments and order, renews values, adds what differs from the defaults', () => {
    const config = load('timeout 5\nmaxmemory 1gb');
    config.set(
      [
        ['hz', '50'],
        ['requirepass', 'a "b"'],
        ['timeout', '0'],
      ],
      true,
    );
    const text = '# mine\ntimeout 5\n\nunknown thing\ntimeout 6\nmaxmemory 1073741824\n';
    expect(rewriteRedisConf(text, config)).toBe(
      '# mine\ntimeout 0\n\nunknown thing\nmaxmemory 1gb\n# Generated by CONFIG REWRITE\nhz 50\nrequirepass "a \\"b\\""\n',
    );
  });

  it('is stable, and redis-server reads the same from it', async () => {
    const config = load(SAMPLE);
    const once = rewriteRedisConf(SAMPLE, config);
    expect(rewriteRedisConf(once, config)).toBe(once);
    const again = load(once);
    const theirs = await redisConfig(write('redis.conf', once), PASSWORD);
    for (const parameter of PARAMETERS) {
      expect([parameter.name, again.get(parameter)]).toEqual([parameter.name, config.get(parameter)]);
      const value = theirs.get(parameter.name);
      if (value === undefined || OF_THE_PROCESS.includes(parameter.name)) continue;
      expect([parameter.name, config.get(parameter)]).toEqual([parameter.name, value]);
    }
  });
});
