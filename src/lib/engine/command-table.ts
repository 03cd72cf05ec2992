/**
 * The command table, compiled from the facts in table/: ids, what dispatch wants by id in typed arrays, and the lookup of a
 * name where it lies in the request.
 *
 *   "GeT" ──▶ first 4 bytes, last 4 bytes, length ──▶ multiply, xor, shift ──▶ slot ──▶ id      (no two names share a slot)
 *
 * The multipliers are found by trial when the module is loaded, so a table of other commands needs no new constants. A
 * command's id is its place in `commands`; subcommands have none and are found by name in their container.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { Random } from '../random.ts';
import { KeySearch } from './key-search.ts';
import { absent } from './table/absent.ts';
import { allCommands } from './table/all.ts';
import type { CommandSpec, KeySpec } from './table/spec.ts';

/** Flags in the order in which COMMAND INFO lists them; bit i of `flags` is the i-th. */
const FLAG_NAMES = [
  'write',
  'readonly',
  'denyoom',
  'module',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'asking',
  'fast',
  'no_auth',
  'may_replicate',
  'no_mandatory_keys',
  'no_async_loading',
  'no_multi',
  'allow_busy',
  'movablekeys',
];
const flagBit = (name: string): number => {
  const index = FLAG_NAMES.indexOf(name);
  if (index < 0) throw new Error(`command table: there is no flag ${name}`);
  return 1 << index;
};

export const COMMAND_WRITE = flagBit('write');
export const COMMAND_READONLY = flagBit('readonly');
export const COMMAND_DENY_OOM = flagBit('denyoom');
export const COMMAND_ADMIN = flagBit('admin');
export const COMMAND_PUBSUB = flagBit('pubsub');
export const COMMAND_FAST = flagBit('fast');
export const COMMAND_NO_MULTI = flagBit('no_multi');
export const COMMAND_NO_SCRIPT = flagBit('noscript');
export const COMMAND_BLOCKING = flagBit('blocking');
export const COMMAND_SKIP_SLOWLOG = flagBit('skip_slowlog');
export const COMMAND_NO_AUTH = flagBit('no_auth');
export const COMMAND_ALLOW_BUSY = flagBit('allow_busy');
/** The command is a container: its first argument names a subcommand with an arity of its own. */
export const COMMAND_CONTAINER = 1 << 30;

/** ACL categories in the order in which Redis lists them. */
export const CATEGORIES = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
];

/** Categories that a flag implies. */
const IMPLIED: Record<string, string[]> = {
  write: ['write'],
  readonly: ['read'],
  admin: ['admin', 'dangerous'],
  pubsub: ['pubsub'],
  fast: ['fast'],
  blocking: ['blocking'],
};

export class Command {
  /** Index in `commands`; -1 for a subcommand. */
  readonly id: number;
  readonly spec: CommandSpec;
  /** `client|list` for a subcommand. */
  readonly fullName: string;
  readonly arity: number;
  readonly flags: number;
  readonly flagNames: string[];
  readonly categories: string[];
  /** The range that clients of old use: first key, last key (negative: from the end), step; 0 when there are no keys. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  /** How to find all keys, from the arguments. */
  readonly keys: KeySearch;
  readonly subcommands: ReadonlyMap<string, Command>;

  /** Of the subcommands, those in `missing` are left out. */
  constructor(id: number, spec: CommandSpec, container = '', missing = absent) {
    const range = keyRange(spec.keys ?? []);
    const names = spec.flags.split(' ').filter((name) => name !== '');
    if (range.movable) names.push('movablekeys');
    this.id = id;
    this.spec = spec;
    this.fullName = container === '' ? spec.name : `${container}|${spec.name}`;
    this.arity = spec.arity;
    this.flagNames = FLAG_NAMES.filter((name) => names.includes(name));
    this.flags = names.reduce((bits, name) => bits | flagBit(name), spec.subcommands ? COMMAND_CONTAINER : 0);
    this.categories = categoriesOf(spec, names);
    this.firstKey = range.first;
    this.lastKey = range.last;
    this.keyStep = range.step;
    this.keys = new KeySearch(this.fullName, spec.keys ?? []);
    this.subcommands = new Map(
      spec.subcommands
        ?.filter((sub) => !(`${spec.name}|${sub.name}` in missing))
        .map((sub) => [sub.name, new Command(-1, sub, spec.name)]),
    );
  }

  /** True when the arity admits `argc` arguments, the name included. */
  admits(argc: number): boolean {
    return this.arity < 0 ? argc >= -this.arity : argc === this.arity;
  }
}

function categoriesOf(spec: CommandSpec, flags: string[]): string[] {
  const all = new Set(spec.categories.split(' '));
  for (const flag of flags) for (const category of IMPLIED[flag] ?? []) all.add(category);
  if (all.has('scripting') && flags.includes('readonly')) all.delete('read'); // what a script does is not known by its name
  if (!all.has('fast')) all.add('slow');
  return CATEGORIES.filter((category) => all.has(category));
}

/**
 * The one range that clients of old are told of, out of all key specs: a single range as it is; of several, those that follow
 * one another without a gap, step by step of one. `movable` when that isn't all: then the arguments must be asked.
 */
function keyRange(specs: KeySpec[]): { first: number; last: number; step: number; movable: boolean } {
  const range = { first: 0, last: 0, step: 0, movable: false };
  for (const { begin, find, flags } of specs) {
    if (flags.includes('incomplete')) range.movable = true;
    const plain = begin.type === 'index' && find.type === 'range';
    if (!plain || (specs.length > 1 && find.step !== 1) || (range.last !== 0 && range.last !== begin.index - 1)) {
      range.movable = true;
      continue;
    }
    if (range.first === 0) range.first = begin.index;
    range.last = find.last < 0 ? find.last : begin.index + find.last;
    range.step = find.step;
  }
  return range;
}

/** Those of Redis's commands that are here, by id. */
export const commands: readonly Command[] = allCommands
  .filter((spec) => !(spec.name in absent))
  .map((spec, id) => new Command(id, spec));

/** By id, for dispatch: arity, flags, and the argument that is the first key (0: none). */
export const commandArity = Int32Array.from(commands, (command) => command.arity);
export const commandFlags = Int32Array.from(commands, (command) => command.flags);
export const commandFirstKey = Int32Array.from(commands, (command) => command.firstKey);

const LOWER_CASE = 0x2020_2020;
const SHORTEST = 3;
const LENGTH_FACTOR = 0x9e37_79b1 | 0;
const LETTER_A = 0x61; // `_` and `-` are below it
const LETTERS = /^[a-z]+$/;
/** Slots for each command, at least: with fewer, factors without a clash are too rare to be found in a moment. */
const SLOTS_PER_COMMAND = 24;
const TRIALS = 20_000;

const headOf = Int32Array.from(commands, (command) => foldedWord(command.spec.name, 0));
const tailOf = Int32Array.from(commands, (command) =>
  foldedWord(command.spec.name, Math.max(0, command.spec.name.length - 4)),
);
/** Negative for a name with `_` or `-`, which folding by one bit would confuse with other bytes: it is compared exactly. */
const lengthOf = Int32Array.from(commands, ({ spec }) => (LETTERS.test(spec.name) ? 1 : -1) * spec.name.length);
const bytesOf = commands.map((command) => Buffer.from(command.spec.name));
const { slots, headFactor, mixFactor, shift } = findHash();

/** Four bytes of a name from `at` on, little-endian, case folded; bytes past its end are missing (0). */
function foldedWord(name: string, at: number): number {
  let word = 0;
  for (let i = 0; i < 4; i++) {
    if (at + i < name.length) word |= (name.charCodeAt(at + i) | 0x20) << (8 * i);
  }
  return word;
}

function slotOf(head: number, tail: number, length: number, factors: [number, number, number]): number {
  const mixed = Math.imul(head, factors[0]) ^ tail ^ Math.imul(length, LENGTH_FACTOR);
  return Math.imul(mixed, factors[1]) >>> factors[2];
}

/** Two odd factors that send every name to a slot of its own. */
function findHash(): { slots: Int16Array; headFactor: number; mixFactor: number; shift: number } {
  const random = new Random(1);
  const first = 32 - Math.clz32(SLOTS_PER_COMMAND * commands.length);
  for (let bits = first; bits <= 16; bits++) {
    const takenIn = new Int32Array(1 << bits).fill(-1);
    const slots = new Int16Array(1 << bits);
    for (let trial = 0; trial < TRIALS; trial++) {
      const factors: [number, number, number] = [random.int32() | 1, random.int32() | 1, 32 - bits];
      const clash = commands.some(({ id, spec }) => {
        const slot = slotOf(headOf[id], tailOf[id], spec.name.length, factors);
        if (takenIn[slot] === trial) return true;
        takenIn[slot] = trial;
        slots[slot] = id;
        return false;
      });
      if (clash) continue;
      for (let slot = 0; slot < slots.length; slot++) if (takenIn[slot] !== trial) slots[slot] = -1;
      return { slots, headFactor: factors[0], mixFactor: factors[1], shift: factors[2] };
    }
  }
  throw new Error('command table: two commands have the same name');
}

/** The id of the command that is named at `offset`, in any case; -1 when there is none. Reads up to 3 bytes past the name. */
export function lookup(memory: PacketMemory, offset: number, length: number): number {
  if (length < SHORTEST) return -1;
  const dv = memory.dv;
  let head = dv.getInt32(offset, true) | LOWER_CASE;
  let tail = head;
  if (length >= 4) tail = dv.getInt32(offset + length - 4, true) | LOWER_CASE;
  else {
    head &= 0xff_ffff;
    tail = head;
  }
  const mixed = Math.imul(head, headFactor) ^ tail ^ Math.imul(length, LENGTH_FACTOR);
  const id = slots[Math.imul(mixed, mixFactor) >>> shift];
  if (id < 0 || headOf[id] !== head || tailOf[id] !== tail) return -1;
  if (lengthOf[id] !== length) return lengthOf[id] === -length && spells(memory.u8, offset, bytesOf[id]) ? id : -1;
  if (length > 8 && !middleMatches(memory.u8, offset, length, bytesOf[id])) return -1;
  return id;
}

/** The bytes that neither head nor tail covers, of a name of letters: folding by one bit is exact. */
function middleMatches(u8: Uint8Array, offset: number, length: number, name: Uint8Array): boolean {
  for (let i = 4; i < length - 4; i++) if ((u8[offset + i] | 0x20) !== name[i]) return false;
  return true;
}

/** For a name of more than letters: only letters may differ in case. */
function spells(u8: Uint8Array, offset: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    const byte = name[i] >= LETTER_A ? u8[offset + i] | 0x20 : u8[offset + i];
    if (byte !== name[i]) return false;
  }
  return true;
}

/** A command by name in any case, `container|subcommand` included. */
export function findCommand(name: string): Command | undefined {
  const [first, second, ...rest] = name.toLowerCase().split('|');
  const command = byName.get(first);
  if (second === undefined || rest.length > 0) return rest.length > 0 ? undefined : command;
  return command?.subcommands.get(second);
}

const byName = new Map(commands.map((command) => [command.spec.name, command]));
for (const command of commands) {
  if (!/^[a-z_-]{3,}$/.test(command.spec.name))
    throw new Error(`command table: lookup can't fold ${command.spec.name}`);
}
