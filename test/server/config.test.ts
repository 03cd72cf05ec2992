/** The configuration as the code sees it: fields, hooks, all or nothing. Replies are compared in redis-replies.test.ts. */
import { describe, expect, it } from 'vitest';
import { Config } from '../../src/lib/server/config.ts';
import { findParameter, PARAMETERS } from '../../src/lib/server/config-table.ts';
import { request, World } from './peer.ts';

describe('a configuration', () => {
  it('has defaults that its own kinds accept', () => {
    const config = new Config();
    for (const parameter of PARAMETERS) {
      const several = parameter.initial.includes(' ') && parameter.name !== 'proc-title-template';
      const words = several ? parameter.initial.split(' ') : [parameter.initial];
      if (parameter.name === 'replicaof') continue; // no master can't be said
      expect([parameter.name, parameter.kind.parse(words, parameter.initial)]).toEqual([
        parameter.name,
        { text: parameter.initial },
      ]);
      expect(config.get(parameter)).toBe(parameter.name === 'dir' ? process.cwd() : parameter.initial);
    }
  });

  it('has each name and alias once', () => {
    const names = PARAMETERS.flatMap(({ name, alias }) => (alias === null ? [name] : [name, alias]));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(findParameter(name.toUpperCase())).toBeDefined();
  });

  it('renews its fields with its texts', () => {
    const config = new Config();
    expect(
      config.set(
        [
          ['maxclients', '7'],
          ['SLOWLOG-log-slower-than', '-1'],
          ['maxmemory', '1k'],
        ],
        false,
      ),
    ).toBe(null);
    expect([config.maxClients, config.slowlogThresholdUs, config.maxMemoryBytes]).toEqual([7, -1, 1000]);
    expect(config.set([['hz', '0']], false)).toBe(null);
    expect(config.hz).toBe(1);
  });

  it('takes all of a CONFIG SET or nothing', () => {
    const config = new Config();
    const applied: string[] = [];
    config.onChange('timeout', ({ timeoutSeconds }) => {
      applied.push(`timeout ${timeoutSeconds}`);
      return null;
    });
    config.onChange('maxclients', ({ maxClients }) => (maxClients > 100 && maxClients !== 10_000 ? 'too many' : null));
    const error = config.set(
      [
        ['timeout', '9'],
        ['maxclients', '101'],
      ],
      false,
    );
    expect(error).toBe("CONFIG SET failed (possibly related to argument 'maxclients') - too many");
    expect([config.timeoutSeconds, config.maxClients]).toEqual([0, 10_000]);
    expect(applied).toEqual(['timeout 9', 'timeout 0']);
  });

  it('runs hooks only for what has changed', () => {
    const config = new Config();
    let runs = 0;
    config.onChange('timeout', () => {
      runs++;
      return null;
    });
    config.set([['timeout', '0']], false);
    config.set(
      [
        ['timeout', '1'],
        ['hz', '11'],
      ],
      false,
    );
    config.set([['hz', '12']], false);
    expect(runs).toBe(1);
  });

  it('lets protected parameters be set where that is enabled', () => {
    const config = new Config();
    const protectedConfigs = findParameter('enable-protected-configs');
    expect(config.set([['dbfilename', 'x.rdb']], true)).toContain("can't set protected config");
    expect(protectedConfigs && config.load(protectedConfigs, ['local'])).toBe(null);
    expect(config.set([['dbfilename', 'x.rdb']], false)).toContain("can't set protected config");
    expect(config.set([['dbfilename', 'x.rdb']], true)).toBe(null);
    expect(config.set([['dbfilename', 'a/b']], true)).toContain("dbfilename can't be a path, just a filename");
  });
});

describe('what has no effect while the server runs', () => {
  it.each([
    ['port', '7000', 'Unable to listen on this port. Check server logs.'],
    ['bind', '192.0.2.7', 'Failed to bind to specified addresses.'],
    ['appendonly', 'yes', 'Unable to turn on AOF. Check server logs.'],
    ['tls-port', '6380', 'Unable to update TLS configuration. Check server logs.'],
  ])('CONFIG SET %s is refused', (name, value, error) => {
    const world = new World();
    const peer = world.connect();
    const before = world.config.text(name);
    peer.send(request('CONFIG', 'SET', name, value));
    expect(peer.received()).toBe(`-ERR CONFIG SET failed (possibly related to argument '${name}') - ${error}\r\n`);
    expect(world.config.text(name)).toBe(before);
    peer.close();
  });
});
