import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/lib/cli/command-error.ts';
import { parseDirective, readConfiguration, serveSettings } from '../../src/lib/cli/serve-settings.ts';

describe('what serve is configured by', () => {
  it('without anything: the loopback address, port 6379, notices', () => {
    expect(serveSettings([], [])).toEqual({ directives: [], port: 6379, bind: '127.0.0.1', logLevel: 'notice' });
  });

  it('takes port, bind and loglevel from the file', () => {
    const settings = serveSettings(
      [
        ['port', ['6400']],
        ['bind', ['-::1', '192.0.2.7']],
        ['loglevel', ['debug']],
      ],
      [],
    );
    expect(settings).toMatchObject({ port: 6400, bind: '192.0.2.7', logLevel: 'debug' });
  });

  it('a flag wins over the file', () => {
    const settings = serveSettings([['port', ['6400']]], [['port', ['6500']]]);
    expect(settings.port).toBe(6500);
    expect(settings.directives).toEqual([
      ['port', ['6400']],
      ['port', ['6500']],
    ]);
  });

  it('* is every address', () => {
    expect(serveSettings([['bind', ['*', '-::*']]], []).bind).toBe('0.0.0.0');
  });

  it.each([
    ['maxclients', ['many']],
    ['no-such-directive', ['1']],
    ['port', ['0']],
    ['maxmemory', ['1', '2']],
  ] satisfies [string, string[]][])('%s %j is a usage error', (name, words) => {
    expect(() => serveSettings([], [[name, words]])).toThrow(UsageError);
  });

  it('reads --set NAME=VALUE', () => {
    expect(parseDirective('maxmemory=1gb')).toEqual(['maxmemory', ['1gb']]);
    expect(parseDirective('SAVE=')).toEqual(['save', ['']]);
    expect(parseDirective('client-output-buffer-limit=normal 0 0 0')[1]).toEqual(['normal', '0', '0', '0']);
    expect(() => parseDirective('=1')).toThrow(UsageError);
  });

  it('a mistake in the file is named with its line, a directive that is not known is a warning', () => {
    const directory = mkdtempSync(join(tmpdir(), 'rtcp-conf-'));
    const file = join(directory, 'redis.conf');
    try {
      writeFileSync(file, '# ours\nport 6400\nfrobnicate yes\n');
      const { directives, warnings } = readConfiguration(file);
      expect(directives).toEqual([['port', ['6400']]]);
      expect(warnings).toEqual([expect.stringMatching(/redis\.conf:3: .*frobnicate/)]);
      writeFileSync(file, '\nport many\n');
      expect(() => readConfiguration(file)).toThrow(/redis\.conf:2: /);
      expect(() => readConfiguration(file)).toThrow(UsageError);
      expect(() => readConfiguration(join(directory, 'none'))).toThrow(/none/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
