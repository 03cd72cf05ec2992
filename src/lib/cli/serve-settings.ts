/**
 * What `rtcp serve` is configured by: a redis.conf, then `--set` and other flags, the later over the earlier. Every directive
 * is tried here, so that a wrong one is an error on the command line and not a line in the server's log.
 */
import { Config } from '../server/config.ts';
import { findParameter } from '../server/config-table.ts';
import type { LogLevel } from '../server/log.ts';
import { parseLogLevel } from '../server/log.ts';
import type { Directive, RedisConf } from '../server/redis-conf.ts';
import { RedisConfError, readRedisConf } from '../server/redis-conf.ts';
import { parseIpv4 } from '../wire/address.ts';
import { UsageError } from './command-error.ts';

export interface ServeSettings {
  directives: Directive[];
  port: number;
  /** The first IPv4 address of `bind`. */
  bind: string;
  logLevel: LogLevel;
}

const DEFAULT_BIND = '127.0.0.1';

/** `NAME=VALUE`, as `--set` takes it; words are separated by blanks. */
export function parseDirective(text: string): Directive {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--set ${text} is not NAME=VALUE`, 'for example --set maxclients=1000');
  const words = text
    .slice(at + 1)
    .split(' ')
    .filter((word) => word !== '');
  return [text.slice(0, at).toLowerCase(), words.length === 0 ? [''] : words];
}

/** The file's directives; a mistake in it is a UsageError that names the line. */
export function readConfiguration(file: string): RedisConf {
  try {
    return readRedisConf(file);
  } catch (error) {
    if (!(error instanceof RedisConfError)) throw error;
    const [cause] = error.message.split('\n');
    throw new UsageError(
      cause,
      error.line === 0 ? 'name a file that can be read: --config FILE' : `correct that line: ${error.text}`,
    );
  }
}

/** @param fromFile directives of the file, accepted already; @param fromFlags checked here */
export function serveSettings(fromFile: readonly Directive[], fromFlags: readonly Directive[]): ServeSettings {
  const config = new Config();
  const given = new Set<string>();
  for (const [name, words] of fromFile) load(config, name, words, given);
  for (const [name, words] of fromFlags) {
    const error = load(config, name, words, given);
    if (error !== null)
      throw new UsageError(
        `${name} ${words.join(' ')}: ${error}`,
        'CONFIG GET * lists the directives and their values',
      );
  }
  const port = given.has('port') ? config.number('port') : 6379;
  if (port === 0) throw new UsageError('port 0: there is no other way in than TCP', 'give a --port');
  return {
    directives: [...fromFile, ...fromFlags],
    port,
    bind: given.has('bind') ? firstIpv4(config.text('bind')) : DEFAULT_BIND,
    logLevel: parseLogLevel(config.text('loglevel')) ?? 'notice',
  };
}

/** The error, or null. */
function load(config: Config, name: string, words: string[], given: Set<string>): string | null {
  const parameter = findParameter(name);
  if (parameter === undefined) return 'there is no such directive';
  given.add(parameter.name);
  return config.load(parameter, words);
}

/** redis.conf's `*` and `-::*` mean every address; a leading `-` that an address may be missing. */
function firstIpv4(bind: string): string {
  for (const word of bind.split(' ')) {
    const address = word.replace(/^-/, '');
    if (address === '*') return '0.0.0.0';
    if (parseIpv4(address) !== null) return address;
  }
  return DEFAULT_BIND;
}
