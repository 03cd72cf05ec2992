/**
 * The keys of any command from its arguments, by its id: what tracking, scripts and access control ask. A container's keys
 * are its subcommand's (OBJECT ENCODING key). Allocates nothing; key-search.ts has the rules.
 */
import { isWord, optionWord } from './arguments.ts';
import { type Command, commands } from './command-table.ts';
import type { Engine } from './engine.ts';
import type { KeySearch } from './key-search.ts';

/** A subcommand that has keys. */
interface KeyedSubcommand {
  readonly word: Uint8Array;
  readonly keys: KeySearch;
}

/** By command id; null for what is no container. */
const keyedSubcommands = commands.map(keyedSubcommandsOf);

function keyedSubcommandsOf({ subcommands }: Command): KeyedSubcommand[] | null {
  if (subcommands.size === 0) return null;
  const keyed = [...subcommands.values()].filter(({ keys }) => keys.hasKeys);
  for (const { spec, fullName } of keyed) {
    if (!/^[a-z]+$/.test(spec.name)) throw new Error(`command table: keys of ${fullName} can't be found by isWord`);
  }
  return keyed.map(({ spec, keys }) => ({ word: optionWord(spec.name), keys }));
}

/**
 * The keys of command `id` with the arguments at `arg`, its arity checked: argument numbers, counted as `arg` is, into
 * `places`, and what happens to them (KEY_… bits; 0 when that can't be told) into `access`. Returns how many keys there are:
 * more than the arrays hold means that only as many were written.
 */
export function findKeys(
  engine: Engine,
  id: number,
  arg: number,
  argc: number,
  places: Int32Array,
  access: Int32Array,
): number {
  const keyed = keyedSubcommands[id];
  if (keyed === null) return commands[id].keys.findKeys(engine, arg, argc, places, access);
  if (argc < 2) return 0;
  for (let s = 0; s < keyed.length; s++) {
    if (isWord(engine, arg + 1, keyed[s].word)) return keyed[s].keys.findKeys(engine, arg, argc, places, access);
  }
  return 0;
}
