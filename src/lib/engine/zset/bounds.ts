/**
 * Ranges as commands give them (by rank, by score, by bytes), and the ranks that they come to: [from, to) of the open set.
 *
 *   rank    start stop, both included; negative ones count from the end
 *   score   5  (5  -inf  +inf          `(` excludes the bound
 *   lex     [a  (a  -  +               all members are taken to have the same score
 */
import type { SortedSet } from '../../store/sorted-set.ts';
import { integerArgument } from '../arguments.ts';
import { looseDouble } from '../double.ts';
import type { Engine } from '../engine.ts';

export const BY_RANK = 0;
export const BY_SCORE = 1;
export const BY_LEX = 2;

const PARENTHESIS = 40;
const BRACKET = 91;
const PLUS = 43;
const MINUS = 45;

/** Of a bound of bytes. */
const LOWEST = 0;
const HIGHEST = 1;
const BYTES = 2;

/** A range that was parsed, and then its ranks. One object serves all commands. */
export class Bounds {
  /** The ranks [from, to) of `resolve`. */
  from = 0;
  to = 0;
  private by = BY_RANK;
  /** Ranks or scores. */
  private min = 0;
  private max = 0;
  private minExclusive = false;
  private maxExclusive = false;
  /** Of bytes: what kind of bound, and the argument. */
  private minKind = LOWEST;
  private maxKind = HIGHEST;
  private minArgument = 0;
  private maxArgument = 0;

  /** Arguments `min` and `max` as bounds; false when they are none: the error has been written. */
  parse(engine: Engine, by: number, min: number, max: number): boolean {
    this.by = by;
    if (by === BY_RANK) return this.parseRanks(engine, min, max);
    if (by === BY_SCORE) {
      if (this.parseScores(engine, min, max)) return true;
      engine.reply.error('ERR min or max is not a float');
      return false;
    }
    if (this.parseLex(engine, min, max)) return true;
    engine.reply.error('ERR min or max not valid string range item');
    return false;
  }

  private parseRanks(engine: Engine, min: number, max: number): boolean {
    this.min = integerArgument(engine, min);
    if (Number.isNaN(this.min)) return false;
    this.max = integerArgument(engine, max);
    return !Number.isNaN(this.max);
  }

  private parseScores(engine: Engine, min: number, max: number): boolean {
    this.minExclusive = firstByte(engine, min) === PARENTHESIS;
    this.maxExclusive = firstByte(engine, max) === PARENTHESIS;
    this.min = looseDouble(engine, min, this.minExclusive ? 1 : 0);
    this.max = looseDouble(engine, max, this.maxExclusive ? 1 : 0);
    return !Number.isNaN(this.min) && !Number.isNaN(this.max);
  }

  private parseLex(engine: Engine, min: number, max: number): boolean {
    this.minKind = lexKind(engine, min);
    this.maxKind = lexKind(engine, max);
    this.minArgument = min;
    this.maxArgument = max;
    this.minExclusive = firstByte(engine, min) === PARENTHESIS;
    this.maxExclusive = firstByte(engine, max) === PARENTHESIS;
    return this.minKind >= 0 && this.maxKind >= 0;
  }

  /** Finds the ranks of the set's members that are in the range; `reverse` counts ranks from the end. */
  resolve(engine: Engine, set: SortedSet, reverse: boolean): void {
    if (this.by === BY_RANK) this.resolveRanks(set.size, reverse);
    else if (this.by === BY_SCORE) {
      this.from = set.belowScore(this.min, this.minExclusive);
      this.to = set.belowScore(this.max, !this.maxExclusive);
    } else {
      this.from = this.lexRank(engine, set, this.minKind, this.minArgument, this.minExclusive);
      this.to = this.lexRank(engine, set, this.maxKind, this.maxArgument, !this.maxExclusive);
    }
    if (this.to < this.from) this.to = this.from;
  }

  private resolveRanks(size: number, reverse: boolean): void {
    const start = this.min < 0 ? Math.max(0, this.min + size) : this.min;
    const stop = Math.min(this.max < 0 ? this.max + size : this.max, size - 1);
    const count = start > stop ? 0 : stop - start + 1;
    this.from = count === 0 ? 0 : reverse ? size - 1 - stop : start;
    this.to = this.from + count;
  }

  private lexRank(engine: Engine, set: SortedSet, kind: number, i: number, inclusive: boolean): number {
    if (kind === LOWEST) return 0;
    if (kind === HIGHEST) return set.size;
    return set.belowBytes(engine.memory.dv, engine.argOffset[i] + 1, engine.argLength[i] - 1, inclusive);
  }

  /** Cuts the range to LIMIT offset count, from its beginning or (reverse) its end; a negative count is all, offset none. */
  limit(offset: number, count: number, reverse: boolean): void {
    const size = this.to - this.from;
    const skipped = offset < 0 || offset > size ? size : offset;
    const kept = count < 0 || count > size - skipped ? size - skipped : count;
    if (reverse) {
      this.to -= skipped;
      this.from = this.to - kept;
    } else {
      this.from += skipped;
      this.to = this.from + kept;
    }
  }
}

export const bounds = new Bounds();

function firstByte(engine: Engine, i: number): number {
  return engine.argLength[i] === 0 ? 0 : engine.memory.u8[engine.argOffset[i]];
}

/** -1 for what is no bound. As in redis-server, what follows `+` or `-` after a NUL is not looked at. */
function lexKind(engine: Engine, i: number): number {
  const first = firstByte(engine, i);
  if (first === PARENTHESIS || first === BRACKET) return BYTES;
  const alone = engine.argLength[i] === 1 || engine.memory.u8[engine.argOffset[i] + 1] === 0;
  if (first === PLUS && alone) return HIGHEST;
  return first === MINUS && alone ? LOWEST : -1;
}
