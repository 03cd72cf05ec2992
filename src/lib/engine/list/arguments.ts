/** Arguments that list commands share: LEFT or RIGHT, and integers with a lower bound. */
import { integerAt, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';

const WORD_LEFT = optionWord('LEFT');
const WORD_RIGHT = optionWord('RIGHT');

export const RIGHT = 0;
export const LEFT = 1;

/** LEFT or RIGHT; -1 when the argument is neither: the error has been written. */
export function sideArgument(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_LEFT)) return LEFT;
  if (isWord(engine, i, WORD_RIGHT)) return RIGHT;
  syntaxError(engine);
  return -1;
}

/** Argument `i`, an integer that is at least `least`; -1 when it isn't: `error` has been written, whatever was wrong. */
export function atLeast(engine: Engine, i: number, least: number, error: string): number {
  const value = integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  if (value >= least) return value;
  engine.reply.error(error);
  return -1;
}

/** Argument `i`, a count of elements; -1 when it is none: the error has been written. */
export function countArgument(engine: Engine, i: number): number {
  return atLeast(engine, i, 0, 'ERR value is out of range, must be positive');
}
