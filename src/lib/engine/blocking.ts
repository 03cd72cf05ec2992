/**
 * Commands that wait for keys (BLPOP, BZPOPMIN, XREAD BLOCK …), as their handlers see it: when none of the keys can be served,
 * the handler asks the server to block the client, and returns. When one of the keys changes so that it may serve the client,
 * the same command is run again, from the beginning: it serves itself, or asks to block once more and keeps its place.
 *
 *   handler: nothing there ──▶ blocker.block(request) ──true──▶ return, nothing is answered (yet)
 *                                       └─false─▶ inside MULTI or a script: answer as for a timeout
 *
 * The clock is the engine's wall clock: deadlines are milliseconds since 1970, 0 for "never".
 */
import { bigIntegerAt } from './arguments.ts';
import type { Engine } from './engine.ts';
import { ceilLongDouble, multiplyLongDouble, parseLongDouble } from './long-double.ts';

/** What a client is told whose time is over: `$-1`, `*-1`, `:0`, or an array of two zeros. */
export type TimeoutAnswer = 'nil' | 'nilArray' | 'zero' | 'twoZeros';

export interface BlockRequest {
  /** The arguments (indexes into engine.argOffset) that are the keys to wait for, in the database that is selected. */
  readonly keys: readonly number[];
  /** The client wakes when a key of this type (TYPE_LIST …) is there … */
  readonly type: number;
  /** … or, if set, on any change of a key, its deletion and a change of its type included (XREADGROUP). */
  readonly anyChange?: boolean;
  /** When it gives up: ms since 1970, as `timeoutArgument` returns it; 0 never. */
  readonly deadlineMs: number;
  readonly onTimeout: TimeoutAnswer;
  /** Arguments that are something else when the command is run again: XREAD's `$` is the ID of now. */
  readonly replacements?: readonly Replacement[];
}

export interface Replacement {
  /** Index into engine.argOffset. */
  readonly argument: number;
  /** ASCII. */
  readonly text: string;
}

export interface Blocker {
  /**
   * Blocks the client whose command runs. True: the handler returns without an answer. False, when a client can't be kept
   * waiting here (in a transaction or a script, or there is no memory for it): the handler answers as for a timeout.
   */
  block(request: BlockRequest): boolean;
}

/** For an engine that serves no connections: nobody can wait. */
export const neverBlocks: Blocker = { block: () => false };

const MS_PER_SECOND = 1000n;
const NOT_A_FLOAT = 'ERR timeout is not a float or out of range';
const NOT_AN_INTEGER = 'ERR timeout is not an integer or out of range';
const OUT_OF_RANGE = 'ERR timeout is out of range';
const NEGATIVE = 'ERR timeout is negative';
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Argument `i`, a timeout in seconds with fractions, as a deadline: ms since 1970, or 0 for ever. -1 when it is none: the
 * error has been written.
 */
export function timeoutArgument(engine: Engine, i: number): number {
  const seconds = parseLongDouble(engine.text(i));
  if (seconds === null) return refuse(engine, NOT_A_FLOAT);
  if (seconds.infinite) return refuse(engine, seconds.negative ? NEGATIVE : OUT_OF_RANGE);
  const ms = ceilLongDouble(multiplyLongDouble(seconds, MS_PER_SECOND));
  return ms > INT64_MAX ? refuse(engine, OUT_OF_RANGE) : deadlineAfter(engine, ms);
}

/** As timeoutArgument, for a timeout in whole milliseconds (XREAD BLOCK, WAIT). */
export function timeoutMsArgument(engine: Engine, i: number): number {
  const ms = bigIntegerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  return ms === null ? refuse(engine, NOT_AN_INTEGER) : deadlineAfter(engine, ms);
}

/** The deadline `ms` from now: beyond 2^53 it is not exact, which is 285,000 years from now. */
function deadlineAfter(engine: Engine, ms: bigint): number {
  if (ms < 0n) return refuse(engine, NEGATIVE);
  if (ms === 0n) return 0;
  const deadline = ms + BigInt(Math.floor(engine.nowMs));
  return deadline > INT64_MAX ? refuse(engine, OUT_OF_RANGE) : Number(deadline);
}

function refuse(engine: Engine, error: string): -1 {
  engine.reply.error(error);
  return -1;
}
