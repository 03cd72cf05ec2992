/**
 * OBJECT: how a value is kept, and when or how often it was asked for. That the subcommand exists, and has the right number of
 * arguments, has been checked by the command table.
 */
import { ACCESS_MASK } from '../../store/record.ts';
import { isWord, optionWord } from '../arguments.ts';
import { encodingOf } from '../encoding.ts';
import type { Engine } from '../engine.ts';
import { hashOf, peekSilently, TYPE_STRING } from '../keys.ts';
import { stringEncoding, valueInteger } from '../string/value.ts';

const WORD_ENCODING = optionWord('ENCODING');
const WORD_FREQ = optionWord('FREQ');
const WORD_IDLETIME = optionWord('IDLETIME');
const WORD_REFCOUNT = optionWord('REFCOUNT');

/** Integers below this are one object for all keys that hold them, redis-server says, and the number of its holders is this. */
const SHARED_INTEGERS = 10_000;
const SHARED_REFCOUNT = 0x7fff_ffff;

const WITH_TIME =
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';
const NO_LFU = `ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${WITH_TIME}`;
const NO_LRU = `ERR An LFU maxmemory policy is selected, idle time not tracked. ${WITH_TIME}`;

const HELP = [
  'OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'ENCODING <key>',
  '    Return the kind of internal representation used in order to store the value',
  '    associated with a <key>.',
  'FREQ <key>',
  '    Return the access frequency index of the <key>. The returned integer is',
  '    proportional to the logarithm of the recent access frequency of the key.',
  'IDLETIME <key>',
  '    Return the idle time of the <key>, that is the approximated number of',
  '    seconds elapsed since the last access to the key.',
  'REFCOUNT <key>',
  '    Return the number of references of the value associated with the specified',
  '    <key>.',
  'HELP',
  '    Prints this help.',
];

export function object(engine: Engine, arg: number, argc: number): void {
  const { reply } = engine;
  engine.client.lastSubcommand = engine.text(arg + 1).toLowerCase();
  if (argc === 2) {
    reply.array(HELP.length);
    for (const line of HELP) reply.simple(line);
    return;
  }
  const ref = peekSilently(engine, arg + 2, hashOf(engine, arg + 2));
  if (ref === 0) reply.nil();
  else if (isWord(engine, arg + 1, WORD_ENCODING)) reply.bulkText(encodingOf(engine, ref));
  else if (isWord(engine, arg + 1, WORD_REFCOUNT)) reply.integer(isShared(engine, ref) ? SHARED_REFCOUNT : 1);
  else if (isWord(engine, arg + 1, WORD_IDLETIME)) idleTime(engine, ref);
  else if (isWord(engine, arg + 1, WORD_FREQ)) frequency(engine, ref);
}

function idleTime(engine: Engine, ref: number): void {
  if (engine.evictor.lfu) {
    engine.reply.error(NO_LRU);
    return;
  }
  const now = Math.floor(engine.nowMs / 1000) & ACCESS_MASK;
  engine.reply.integer((now - engine.db.lru(ref)) & ACCESS_MASK);
}

function frequency(engine: Engine, ref: number): void {
  if (engine.evictor.lfu) engine.reply.integer(engine.evictor.decayed(engine.db.lru(ref), engine.nowMs));
  else engine.reply.error(NO_LFU);
}

/** With a limit and a policy that looks at accesses, every key has an object of its own. */
function isShared(engine: Engine, ref: number): boolean {
  const { evictor } = engine;
  if (engine.db.type(ref) !== TYPE_STRING || stringEncoding(engine, ref) !== 'int') return false;
  if (evictor.limitBytes !== Number.POSITIVE_INFINITY && (evictor.lru || evictor.lfu)) return false;
  const value = valueInteger(engine, ref);
  return value >= 0 && value < SHARED_INTEGERS;
}
