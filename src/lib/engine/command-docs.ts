/**
 * How the command table is told to clients: COMMAND INFO and COMMAND DOCS of one command, in the field order of Redis 7.2.
 * Words of a fixed vocabulary (flags, categories) are simple strings, everything else is a bulk string.
 */
import type { Reply } from '../resp/reply.ts';
import type { Command } from './command-table.ts';
import type { ArgumentSpec, KeySpec } from './table/spec.ts';

/** Elements of a command's COMMAND INFO. */
const INFO_FIELDS = 10;

/** COMMAND INFO: name, arity, flags, first key, last key, step, categories, tips, key specs, subcommands. */
export function replyInfo(reply: Reply, command: Command): void {
  reply.array(INFO_FIELDS);
  reply.bulkText(command.fullName);
  reply.integer(command.arity);
  replyWords(reply, command.flagNames);
  reply.integer(command.firstKey);
  reply.integer(command.lastKey);
  reply.integer(command.keyStep);
  replyWords(
    reply,
    command.categories.map((category) => `@${category}`),
  );
  const tips = command.spec.tips ?? [];
  reply.set(tips.length);
  for (const tip of tips) reply.bulkText(tip);
  const keys = command.spec.keys ?? [];
  reply.set(keys.length);
  for (const key of keys) replyKeySpec(reply, key);
  if (command.subcommands.size === 0)
    reply.set(0); // a set when there are none: as redis-server has it
  else reply.array(command.subcommands.size);
  for (const subcommand of command.subcommands.values()) replyInfo(reply, subcommand);
}

/** A set of simple strings. */
export function replyWords(reply: Reply, words: string[]): void {
  reply.set(words.length);
  for (const word of words) reply.simple(word);
}

function replyKeySpec(reply: Reply, key: KeySpec): void {
  reply.map(key.notes === undefined ? 3 : 4);
  if (key.notes !== undefined) replyPair(reply, 'notes', key.notes);
  reply.bulkText('flags');
  replyWords(reply, key.flags.split(' '));
  const { begin, find } = key;
  if (begin.type === 'index') replySearch(reply, 'begin_search', 'index', [['index', begin.index]]);
  else if (begin.type === 'keyword') {
    replySearch(reply, 'begin_search', 'keyword', [
      ['keyword', begin.keyword],
      ['startfrom', begin.startFrom],
    ]);
  } else replySearch(reply, 'begin_search', 'unknown', []);
  if (find.type === 'range') {
    replySearch(reply, 'find_keys', 'range', [
      ['lastkey', find.last],
      ['keystep', find.step],
      ['limit', find.limit],
    ]);
  } else if (find.type === 'keynum') {
    replySearch(reply, 'find_keys', 'keynum', [
      ['keynumidx', 0],
      ['firstkey', 1],
      ['keystep', 1],
    ]);
  } else replySearch(reply, 'find_keys', 'unknown', []);
}

function replySearch(reply: Reply, name: string, type: string, spec: [string, string | number][]): void {
  reply.bulkText(name);
  reply.map(2);
  replyPair(reply, 'type', type);
  reply.bulkText('spec');
  reply.map(spec.length);
  for (const [field, value] of spec) {
    reply.bulkText(field);
    if (typeof value === 'string') reply.bulkText(value);
    else reply.integer(value);
  }
}

function replyPair(reply: Reply, name: string, value: string): void {
  reply.bulkText(name);
  reply.bulkText(value);
}

/** COMMAND DOCS: the name, and the map of what is known of the command. */
export function replyDocs(reply: Reply, command: Command): void {
  const { spec } = command;
  const flags = [...(spec.deprecatedSince === undefined ? [] : ['deprecated']), ...(spec.system ? ['syscmd'] : [])];
  const texts = Object.entries({
    summary: spec.summary,
    since: spec.since,
    group: spec.group,
    complexity: spec.complexity,
  }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const optional = [flags.length > 0, spec.deprecatedSince, spec.replacedBy, spec.history, spec.arguments];
  const hasSubcommands = command.subcommands.size > 0;
  reply.bulkText(command.fullName);
  reply.map(texts.length + optional.filter(Boolean).length + (hasSubcommands ? 1 : 0));
  for (const [name, value] of texts) replyPair(reply, name, value);
  if (flags.length > 0) {
    reply.bulkText('doc_flags');
    replyWords(reply, flags);
  }
  if (spec.deprecatedSince !== undefined) replyPair(reply, 'deprecated_since', spec.deprecatedSince);
  if (spec.replacedBy !== undefined) replyPair(reply, 'replaced_by', spec.replacedBy);
  if (spec.history !== undefined) {
    reply.bulkText('history');
    reply.set(spec.history.length);
    for (const [version, change] of spec.history) {
      reply.array(2);
      replyPair(reply, version, change);
    }
  }
  if (spec.arguments !== undefined) {
    reply.bulkText('arguments');
    replyArguments(reply, spec.arguments);
  }
  if (hasSubcommands) {
    reply.bulkText('subcommands');
    reply.map(command.subcommands.size);
    for (const subcommand of command.subcommands.values()) replyDocs(reply, subcommand);
  }
}

function replyArguments(reply: Reply, specs: ArgumentSpec[]): void {
  reply.array(specs.length);
  for (const spec of specs) replyArgument(reply, spec);
}

function replyArgument(reply: Reply, spec: ArgumentSpec): void {
  const flags = [
    ...(spec.optional ? ['optional'] : []),
    ...(spec.multiple ? ['multiple'] : []),
    ...(spec.multipleToken ? ['multiple_token'] : []),
  ];
  const shown = spec.arguments === undefined;
  const optional = [
    shown,
    spec.keySpec !== undefined,
    spec.token !== undefined,
    spec.since,
    spec.deprecatedSince,
    flags.length > 0,
  ];
  reply.map(2 + optional.filter(Boolean).length + (shown ? 0 : 1));
  replyPair(reply, 'name', spec.name);
  replyPair(reply, 'type', spec.type);
  if (shown) replyPair(reply, 'display_text', spec.display ?? spec.name);
  if (spec.keySpec !== undefined) {
    reply.bulkText('key_spec_index');
    reply.integer(spec.keySpec);
  }
  if (spec.token !== undefined) replyPair(reply, 'token', spec.token);
  if (spec.since !== undefined) replyPair(reply, 'since', spec.since);
  if (spec.deprecatedSince !== undefined) replyPair(reply, 'deprecated_since', spec.deprecatedSince);
  if (flags.length > 0) {
    reply.bulkText('flags');
    replyWords(reply, flags);
  }
  if (spec.arguments !== undefined) {
    reply.bulkText('arguments');
    replyArguments(reply, spec.arguments);
  }
}
