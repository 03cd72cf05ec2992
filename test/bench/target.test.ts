import { describe, expect, it } from 'vitest';
import { rtcpContender } from '../../src/lib/bench/contender.ts';
import { placed } from '../../src/lib/bench/processes.ts';
import { parseTargets } from '../../src/lib/bench/target.ts';
import { UsageError } from '../../src/lib/cli/command-error.ts';

describe('targets', () => {
  it('have a host, a port and, if wanted, a name', () => {
    const targets = parseTargets(['127.0.0.1:6379', 'after=redis.example:6380']);
    expect(targets).toMatchObject([
      { name: '127.0.0.1:6379', host: '127.0.0.1', port: 6379, command: null },
      { name: 'after', host: 'redis.example', port: 6380, command: null },
    ]);
  });

  it.each([
    [['127.0.0.1:6379']],
    [['127.0.0.1', '127.0.0.1:1']],
    [['a:0', 'b:1']],
    [['a:70000', 'b:1']],
    [['a:1', 'a:1']],
    [['x=a:1', 'x=b:1']],
  ])('%j is a usage error', (texts) => {
    expect(() => parseTargets(texts)).toThrow(UsageError);
  });
});

describe('a server is started', () => {
  it('in its namespace, on its processor, each prefix replaced by what it starts', () => {
    expect(placed({ namespace: 'lab', cpu: 0 }, ['redis-server', '--save', ''])).toEqual([
      'ip',
      'netns',
      'exec',
      'lab',
      'taskset',
      '-c',
      '0',
      'redis-server',
      '--save',
      '',
    ]);
    expect(placed({ namespace: null, cpu: null }, ['x'])).toEqual(['x']);
  });

  it('with the load at the other end of the wire, but beside it on a TAP', () => {
    const kinds = (['packet', 'xdp', 'tap', 'socket'] as const).map((kind) => rtcpContender(kind));
    expect(kinds.map((contender) => contender.besideServer)).toEqual([false, false, true, false]);
    for (const contender of kinds) expect(contender.command).toContain('serve');
  });
});
