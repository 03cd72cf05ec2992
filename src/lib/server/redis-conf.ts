/**
 * Reading and rewriting redis.conf.
 *
 *   # comment
 *   maxmemory 100mb                     one directive on a line: a name and its words
 *   requirepass "with \x20 and \n"      quoted like redis-cli's input
 *   save 3600 1                         lines of `save` add up, `save ""` forgets the ones before
 *   include /etc/redis/*.conf           read in its place; a pattern may match nothing
 *
 * A directive that redis-server has no parameter for is a warning; a value that the parameter does not take is an error with
 * file, line and the line itself.
 */
import fs from 'node:fs'; // globSync by name would keep a Node.js that lacks it (before 22) from starting at all
import type { Config } from './config.ts';
import { Config as Scratch } from './config.ts';
import { parseMemory } from './config-kinds.ts';
import { findParameter, MULTI_ARG, PARAMETERS, type Parameter } from './config-table.ts';
import { quote, splitWords } from './quote.ts';

export type Directive = [name: string, words: string[]];

export interface RedisConf {
  /** What Config.load() takes, in order. */
  readonly directives: Directive[];
  /** What was not understood, with file and line. */
  readonly warnings: string[];
}

export class RedisConfError extends Error {
  readonly file: string;
  /** 1 for the first; 0 when the file could not be read. */
  readonly line: number;
  /** The line itself. */
  readonly text: string;

  constructor(file: string, line: number, text: string, reason: string) {
    super(line === 0 ? reason : `${file}:${line}: ${reason}\n>>> '${text}'`);
    this.name = 'RedisConfError';
    this.file = file;
    this.line = line;
    this.text = text;
  }
}

/** Includes within includes. */
const MAX_DEPTH = 16;
/** Directives of redis-server that are no parameters. */
const NOT_HERE = ['rename-command', 'user', 'loadmodule', 'sentinel'];
/** Directives that redis-server takes and ignores. */
const DEPRECATED = ['list-max-ziplist-entries', 'list-max-ziplist-value', 'lua-replicate-commands'];

/** The directives of the file and of those that it includes. Throws a RedisConfError. */
export function readRedisConf(file: string): RedisConf {
  const reader = new Reader();
  reader.file(file, 0);
  return reader.finish();
}

/** As readRedisConf, from text; `name` stands for the file in errors. */
export function parseRedisConf(text: string, name: string): RedisConf {
  const reader = new Reader();
  reader.text(text, name, 0);
  return reader.finish();
}

class Reader {
  private readonly directives: Directive[] = [];
  private readonly warnings: string[] = [];
  private readonly scratch = new Scratch();
  /** Words of the `save` lines so far; null before the first. */
  private savePoints: string[] | null = null;

  file(file: string, depth: number): void {
    let text: string;
    try {
      text = fs.readFileSync(file, 'latin1');
    } catch (error) {
      const { message } = error as Error;
      throw new RedisConfError(file, 0, '', `can't open config file '${file}': ${message}`);
    }
    this.text(text, file, depth);
  }

  text(text: string, file: string, depth: number): void {
    for (const [i, line] of text.split('\n').entries()) {
      const trimmed = line.trim();
      if (trimmed === '' || trimmed.startsWith('#')) continue;
      const words = splitWords(trimmed);
      const fail = (reason: string): never => {
        throw new RedisConfError(file, i + 1, trimmed, reason);
      };
      if (words === null) fail('Unbalanced quotes in configuration line');
      else this.directive(words[0].toLowerCase(), words.slice(1), `${file}:${i + 1}`, depth, fail);
    }
  }

  private directive(
    name: string,
    words: string[],
    place: string,
    depth: number,
    fail: (reason: string) => never,
  ): void {
    const parameter = findParameter(name);
    if (name === 'include') this.include(words, depth, fail);
    else if (parameter === undefined) {
      if (DEPRECATED.includes(name)) return;
      const why = NOT_HERE.includes(name) ? 'is not supported' : 'is unknown';
      this.warnings.push(`${place}: directive '${name}' ${why}, and ignored`);
    } else {
      const error = this.scratch.load(parameter, words);
      if (error !== null) fail(error);
      if (parameter.name === 'save') this.addSavePoints(words);
      else this.directives.push([parameter.name, words]);
    }
  }

  private include(words: string[], depth: number, fail: (reason: string) => never): void {
    if (words.length !== 1) fail('wrong number of arguments');
    if (depth >= MAX_DEPTH) fail('too many nested includes');
    const files = /[*?[]/.test(words[0]) ? fs.globSync(words[0]).sort() : words;
    for (const file of files) this.file(file, depth + 1);
  }

  private addSavePoints(words: string[]): void {
    if (words.length === 1 && words[0] === '') this.savePoints = [];
    else this.savePoints = [...(this.savePoints ?? []), ...words];
  }

  finish(): RedisConf {
    if (this.savePoints !== null) {
      this.directives.push(['save', this.savePoints.length === 0 ? [''] : this.savePoints]);
    }
    return { directives: this.directives, warnings: this.warnings };
  }
}

const SIGNATURE = '# Generated by CONFIG REWRITE';

/**
 * The text of a configuration file after CONFIG REWRITE: every line of a parameter has its value now (only one line of each
 * stays), comments and what is not understood are kept, and parameters that differ from their default are added at the end.
 */
export function rewriteRedisConf(text: string, config: Config): string {
  const lines: string[] = [];
  const written = new Set<Parameter>();
  const old = text.replace(/\n$/, '').split('\n');
  for (const line of text === '' ? [] : old) {
    const words = /^\s*(#|$)/.test(line) ? null : splitWords(line.trim());
    const parameter = words === null ? undefined : findParameter(words[0]);
    if (parameter === undefined) lines.push(line.trimEnd());
    else if (!written.has(parameter)) {
      written.add(parameter);
      lines.push(directiveLine(parameter, config));
    }
  }
  const added = PARAMETERS.filter(
    (parameter) => !written.has(parameter) && parameter.name !== 'dir' && config.get(parameter) !== parameter.initial,
  );
  if (added.length > 0 && !lines.includes(SIGNATURE)) lines.push(SIGNATURE);
  for (const parameter of added) lines.push(directiveLine(parameter, config));
  return `${lines.join('\n')}\n`;
}

/** `name value`; bytes with the largest unit that divides them, words that need it quoted. */
function directiveLine(parameter: Parameter, config: Config): string {
  const value = config.get(parameter);
  if ((parameter.flags & MULTI_ARG) !== 0) return `${parameter.name} ${value === '' ? '""' : value}`;
  return `${parameter.name} ${isBytes(parameter) ? withUnit(BigInt(value)) : quoteIfNeeded(value)}`;
}

function isBytes(parameter: Parameter): boolean {
  const parsed = parameter.kind.parse(['1gb'], parameter.initial);
  return 'text' in parsed && parsed.text === parseMemory('1gb')?.toString();
}

function withUnit(bytes: bigint): string {
  for (const unit of ['gb', 'mb', 'kb']) {
    const size = parseMemory(`1${unit}`) as bigint;
    if (bytes > 0n && bytes % size === 0n) return `${bytes / size}${unit}`;
  }
  return bytes.toString();
}

const quoteIfNeeded = (value: string): string => (/^[\w./:@%+,*-]+$/.test(value) ? value : quote(value));
