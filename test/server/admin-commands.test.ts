/** CLIENT, LATENCY, SLOWLOG, ACL, WAIT and their kin: replies and refusals compared with redis-server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sparkline } from '../../src/lib/server/sparkline.ts';
import { request, World } from './peer.ts';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start('--enable-debug-command', 'yes');
});
afterAll(() => redis.stop());

const COMMANDS: Record<string, string[]> = {
  CLIENT: [
    'CLIENT',
    'CLIENT X',
    'CLIENT KILL',
    'CLIENT KILL x',
    'CLIENT KILL ID',
    'CLIENT KILL ID x',
    'CLIENT KILL ID 0',
    'CLIENT KILL ID 99999',
    'CLIENT KILL TYPE x',
    'CLIENT KILL USER nobody',
    'CLIENT KILL SKIPME x',
    'CLIENT KILL SKIPME no ID 99999',
    'CLIENT KILL FOO x',
    'CLIENT KILL ID 99999 TYPE normal SKIPME yes',
    'CLIENT LIST x',
    'CLIENT LIST TYPE',
    'CLIENT LIST TYPE x',
    'CLIENT LIST ID',
    'CLIENT LIST ID x',
    'CLIENT PAUSE',
    'CLIENT PAUSE x',
    'CLIENT PAUSE -1',
    'CLIENT PAUSE 1 x',
    'CLIENT PAUSE 1 write x',
    'CLIENT UNPAUSE',
    'CLIENT UNPAUSE x',
    'CLIENT UNBLOCK',
    'CLIENT UNBLOCK x',
    'CLIENT UNBLOCK 1 x',
    'CLIENT UNBLOCK 99999',
    'CLIENT REPLY',
    'CLIENT REPLY x',
    'CLIENT SETNAME',
    'CLIENT SETNAME a b',
    'CLIENT SETNAME name',
    'CLIENT GETNAME x',
    'CLIENT GETNAME',
    'CLIENT NO-EVICT x',
    'CLIENT NO-EVICT on',
    'CLIENT ID x',
    'CLIENT INFO x',
    'CLIENT TRACKING',
    'CLIENT CACHING',
  ],
  LATENCY: [
    'LATENCY HELP',
    'LATENCY',
    'LATENCY X',
    'LATENCY LATEST',
    'LATENCY LATEST x',
    'LATENCY HISTORY command',
    'LATENCY HISTORY x y',
    'LATENCY GRAPH command',
    'LATENCY GRAPH',
    'LATENCY RESET',
    'LATENCY RESET a b',
    'LATENCY HISTOGRAM x',
    'LATENCY DOCTOR x',
  ],
  SLOWLOG: [
    'SLOWLOG HELP',
    'SLOWLOG',
    'SLOWLOG X',
    'SLOWLOG GET x',
    'SLOWLOG GET -2',
    'SLOWLOG GET -1',
    'SLOWLOG LEN x',
    'SLOWLOG LEN',
    'SLOWLOG RESET',
  ],
  'replicas and clusters': [
    'ROLE',
    'ROLE x',
    'WAIT',
    'WAIT 0 0',
    'WAIT 0 x',
    'WAIT x 0',
    'WAIT -1 0',
    'WAIT 0 -1',
    'WAIT 1 1',
    'MULTI',
    'WAIT 1 0',
    'EXEC',
    'READONLY',
    'READWRITE',
    'ASKING',
    'CLUSTER INFO',
    'CLUSTER',
  ],
  ACL: [
    'ACL',
    'ACL WHOAMI',
    'ACL WHOAMI x',
    'ACL CAT',
    'ACL CAT x',
    'ACL USERS',
    'ACL LIST',
    'ACL GETUSER default',
    'ACL GETUSER x',
    'ACL GENPASS x',
    'ACL GENPASS 0',
    'ACL GENPASS 4097',
    'ACL LOG',
    'ACL LOG RESET',
    'ACL LOG x',
    'ACL DRYRUN default get k',
    'ACL DRYRUN nobody get k',
    'ACL DRYRUN default nosuch k',
    'ACL DRYRUN default get',
    'ACL X',
  ],
};

describe('the replies of', () => {
  it.each(Object.entries(COMMANDS))('%s', async (_, commands) => {
    const steps: Step[] = commands.map((command) => [0, command]);
    const ours = runHere(1, steps);
    const theirs = await redis.run(1, steps);
    if (commands.includes('WAIT 1 1')) {
      // Theirs has answered a millisecond later; here nobody lets time pass.
      const at = commands.indexOf('WAIT 1 1');
      expect([ours[at][0], ours[at + 1][0]]).toEqual(['', '']);
      return;
    }
    expect(ours).toEqual(theirs);
  });
});

it('WAIT and WAITAOF give up after their time', () => {
  const world = new World();
  const peer = world.connect();
  for (const [command, reply] of [
    ['WAIT 1 100', ':0\r\n'],
    ['WAITAOF 0 1 100', '*2\r\n:0\r\n:0\r\n'],
  ]) {
    peer.send(request(...command.split(' ')));
    expect(peer.received()).toBe('');
    world.clock.advance(100_000);
    world.core.engine.nowMs = world.clock.wallMs();
    world.core.context.blocked.expire(world.core.engine.nowMs);
    world.sessions.flush();
    expect(peer.received()).toBe(reply);
  }
  for (const [command, reply] of [
    ['WAITAOF 0 0 0', '*2\r\n:0\r\n:0\r\n'],
    ['WAITAOF 1 0 0', '-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n'],
    ['WAITAOF 2 0 0', '-ERR value is out of range, value must between 0 and 1\r\n'],
    ['WAITAOF 0 -1 0', '-ERR value is out of range, must be positive\r\n'],
    ['WAIT 0 0', ':0\r\n'],
    ['READONLY', '-ERR This instance has cluster support disabled\r\n'],
    ['CLUSTER INFO', '-ERR This instance has cluster support disabled\r\n'],
  ]) {
    peer.send(request(...command.split(' ')));
    expect(peer.received()).toBe(reply);
  }
  peer.close();
});

it('ACL CAT names the commands of a category that there are', async () => {
  const steps: Step[] = [[0, 'ACL CAT transaction']];
  const words = (text: string): string[] =>
    text
      .split('\r\n')
      .filter((line) => /^[a-z]/.test(line))
      .sort();
  expect(words(runHere(1, steps)[0][0])).toEqual(words((await redis.run(1, steps))[0][0]));
});

it('ACL tells of a password by its digest', () => {
  const world = new World();
  const peer = world.connect();
  world.setting('requirepass', 'secret');
  peer.send(request('ACL', 'LIST'));
  const digest = '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b';
  expect(peer.received()).toContain(`user default on #${digest} ~* &* +@all`);
  peer.close();
});

describe('LATENCY', () => {
  function monitored(): { world: World; ask: (line: string) => string } {
    const world = new World();
    const peer = world.connect();
    world.setting('latency-monitor-threshold', '10');
    return {
      world,
      ask: (line) => {
        peer.send(request(...line.split(' ')));
        return peer.received();
      },
    };
  }

  it('remembers the worst of each second, above the threshold', () => {
    const { world, ask } = monitored();
    const { context, engine } = world.core;
    engine.nowMs = 5000;
    context.noteLatency('command', 9_999);
    expect(ask('LATENCY LATEST')).toBe('*0\r\n');
    context.noteLatency('command', 12_000);
    context.noteLatency('command', 30_000);
    context.noteLatency('command', 20_000);
    engine.nowMs = 7000;
    context.noteLatency('command', 15_500);
    context.noteLatency('expire-cycle', 11_000);
    expect(ask('LATENCY HISTORY command')).toBe('*2\r\n*2\r\n:5\r\n:30\r\n*2\r\n:7\r\n:15\r\n');
    expect(ask('LATENCY LATEST')).toBe(
      '*2\r\n*4\r\n$7\r\ncommand\r\n:7\r\n:15\r\n:30\r\n*4\r\n$12\r\nexpire-cycle\r\n:7\r\n:11\r\n:11\r\n',
    );
    expect(ask('LATENCY DOCTOR')).toMatch(/command: in 2 seconds.*average 23 ms.*worst 30 ms/);
    expect(ask('LATENCY RESET command nothing')).toBe(':1\r\n');
    expect(ask('LATENCY RESET')).toBe(':1\r\n');
    expect(ask('LATENCY LATEST')).toBe('*0\r\n');
  });

  it('counts commands by their speed', () => {
    const { world, ask } = monitored();
    const { runner } = world.core.context;
    ask('GET k');
    ask('KEYS *');
    const id = (name: string): number => world.core.context.commandStats.names.indexOf(name);
    runner?.account(id('get'), 0, 2, 20_000);
    runner?.account(id('keys'), 0, 2, 20_000);
    expect(ask('LATENCY LATEST').match(/[a-z-]+/g)).toEqual(['fast-command', 'command']);
  });

  it('draws what redis-server draws', async () => {
    const sleeps = [0.03, 0.005, 0.012];
    const steps: Step[] = [[0, 'CONFIG SET latency-monitor-threshold 1']];
    const histories: { history: string; graph: string }[] = [];
    await redis.run(1, steps);
    for (const seconds of sleeps) {
      const [, [history], [graph]] = await redis.run(1, [
        [0, `DEBUG SLEEP ${seconds}`],
        [0, 'LATENCY HISTORY command'],
        [0, 'LATENCY GRAPH command'],
      ]);
      histories.push({ history, graph });
      await new Promise((resolve) => setTimeout(resolve, 1100));
    }
    await redis.run(1, [[0, 'CONFIG SET latency-monitor-threshold 0']]);
    const { history, graph } = histories[2];
    const numbers = [...history.matchAll(/:(\d+)/g)].map((match) => Number(match[1]));
    const last = numbers[numbers.length - 2];
    const bars = Array.from({ length: numbers.length / 2 }, (_, i) => ({
      value: numbers[2 * i + 1],
      label: `${last - numbers[2 * i]}s`,
    }));
    expect(graph).toContain(sparkline(bars, 80));
  });

  it('HISTOGRAM counts up to each power of two', () => {
    const { world, ask } = monitored();
    const { commandStats } = world.core.context;
    const get = commandStats.names.indexOf('get');
    for (const ns of [500, 1500, 1500, 3_000, 40_000, 2_000_000_000]) commandStats.recordLatency(get, ns);
    expect(ask('LATENCY HISTOGRAM get nosuch')).toBe(
      '*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:6\r\n$14\r\nhistogram_usec\r\n' +
        '*10\r\n:1\r\n:1\r\n:2\r\n:3\r\n:4\r\n:4\r\n:66\r\n:5\r\n:1082130\r\n:6\r\n',
    );
    ask('CLIENT ID');
    expect(ask('LATENCY HISTOGRAM client')).toContain('client|id');
  });
});
