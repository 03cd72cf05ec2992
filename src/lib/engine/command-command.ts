/**
 * COMMAND and its subcommands: what this server's commands are, and which arguments of a given command are keys. Everything
 * is answered from the command table; command-docs.ts lays it out.
 */
import { isWord, optionWord, syntaxError } from './arguments.ts';
import { replyDocs, replyInfo, replyWords } from './command-docs.ts';
import { CATEGORIES, type Command, commands, findCommand } from './command-table.ts';
import type { HandlerFamily } from './dispatch-table.ts';
import type { Engine } from './engine.ts';
import { globMatches } from './glob.ts';
import { keyFlagNames } from './key-search.ts';

const HELP = [
  'COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  '(no subcommand)',
  '    Return details about all Redis commands.',
  'COUNT',
  '    Return the total number of commands in this Redis server.',
  'LIST',
  '    Return a list of all commands in this Redis server.',
  'INFO [<command-name> ...]',
  '    Return details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'DOCS [<command-name> ...]',
  '    Return documentation details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'GETKEYS <full-command>',
  '    Return the keys from a full Redis command.',
  'GETKEYSANDFLAGS <full-command>',
  '    Return the keys and the access flags from a full Redis command.',
  'HELP',
  '    Prints this help.',
];

const WORD_FILTERBY = optionWord('FILTERBY');
const WORD_MODULE = optionWord('MODULE');
const WORD_ACLCAT = optionWord('ACLCAT');
const WORD_PATTERN = optionWord('PATTERN');

export const commandHandlers: HandlerFamily = { command };

/** Existence and arity of the subcommand are checked before. */
function command(engine: Engine, arg: number, argc: number): void {
  const { reply } = engine;
  switch (argc === 1 ? '' : engine.text(arg + 1).toLowerCase()) {
    case 'count':
      reply.integer(commands.length);
      return;
    case 'docs':
      docs(engine, arg, argc);
      return;
    case 'getkeys':
      getKeys(engine, arg + 2, argc - 2, false);
      return;
    case 'getkeysandflags':
      getKeys(engine, arg + 2, argc - 2, true);
      return;
    case 'help':
      reply.array(HELP.length);
      for (const line of HELP) reply.simple(line);
      return;
    case 'list':
      list(engine, arg, argc);
      return;
    default:
      info(engine, arg, argc);
  }
}

/** COMMAND, COMMAND INFO [name …] */
function info(engine: Engine, arg: number, argc: number): void {
  const { reply } = engine;
  if (argc <= 2) {
    reply.array(commands.length);
    for (const each of commands) replyInfo(reply, each);
    return;
  }
  reply.array(argc - 2);
  for (let i = arg + 2; i < arg + argc; i++) {
    const found = findCommand(engine.text(i));
    if (found === undefined) reply.nil();
    else replyInfo(reply, found);
  }
}

/** COMMAND DOCS [name …] */
function docs(engine: Engine, arg: number, argc: number): void {
  const found: Command[] = argc === 2 ? [...commands] : [];
  for (let i = arg + 2; i < arg + argc; i++) {
    const named = findCommand(engine.text(i));
    if (named !== undefined) found.push(named);
  }
  engine.reply.map(found.length);
  for (const each of found) replyDocs(engine.reply, each);
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern] */
function list(engine: Engine, arg: number, argc: number): void {
  const everything = commands.flatMap((each) => [each, ...each.subcommands.values()]);
  let found = everything;
  if (argc > 2) {
    if (argc !== 5 || !isWord(engine, arg + 2, WORD_FILTERBY)) {
      syntaxError(engine);
      return;
    }
    if (isWord(engine, arg + 3, WORD_MODULE)) found = [];
    else if (isWord(engine, arg + 3, WORD_ACLCAT)) {
      const category = engine.text(arg + 4).toLowerCase();
      found = CATEGORIES.includes(category) ? everything.filter((each) => each.categories.includes(category)) : [];
    } else if (isWord(engine, arg + 3, WORD_PATTERN)) {
      found = everything.filter((each) => nameMatches(engine, arg + 4, each.fullName));
    } else {
      syntaxError(engine);
      return;
    }
  }
  engine.reply.array(found.length);
  for (const each of found) engine.reply.bulkText(each.fullName);
}

function nameMatches(engine: Engine, i: number, name: string): boolean {
  const from = engine.argOffset[i];
  const bytes = Buffer.from(name);
  return globMatches(engine.memory.u8, from, from + engine.argLength[i], bytes, 0, bytes.length, true);
}

/** COMMAND GETKEYS and GETKEYSANDFLAGS: the command in question is at `arg`. */
function getKeys(engine: Engine, arg: number, argc: number, withFlags: boolean): void {
  const { reply } = engine;
  const found = namedAt(engine, arg, argc);
  if (found === undefined) {
    reply.error('ERR Invalid command specified');
    return;
  }
  replyKeys(engine, found, arg, argc, withFlags);
}

/** The keys of `command` with the arguments at `arg`, the name included. */
export function replyKeys(engine: Engine, command: Command, arg: number, argc: number, withFlags: boolean): void {
  const { reply } = engine;
  if (!command.keys.hasKeys) {
    reply.error('ERR The command has no key arguments');
    return;
  }
  if (!command.admits(argc)) {
    reply.error('ERR Invalid number of arguments specified for command');
    return;
  }
  const places = new Int32Array(argc);
  const access = new Int32Array(argc);
  const n = command.keys.findKeys(engine, arg, argc, places, access);
  if (n === 0 && !command.flagNames.includes('no_mandatory_keys')) {
    reply.error('ERR Invalid arguments specified for command');
    return;
  }
  reply.array(n);
  for (let k = 0; k < n; k++) {
    const i = places[k];
    if (withFlags) reply.array(2);
    reply.bulk(engine.argOffset[i], engine.argLength[i]);
    if (withFlags) replyWords(reply, keyFlagNames(access[k]));
  }
}

/** The command that the arguments name, the subcommand of a container if there is one. */
function namedAt(engine: Engine, arg: number, argc: number): Command | undefined {
  const name = engine.text(arg);
  const found = name.includes('|') ? undefined : findCommand(name);
  if (found === undefined || found.subcommands.size === 0 || argc === 1) return found;
  return found.subcommands.get(engine.text(arg + 1).toLowerCase());
}
