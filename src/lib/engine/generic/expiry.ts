/**
 * EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL, PTTL, EXPIRETIME, PEXPIRETIME, PERSIST: when a key's time is over.
 *
 *   seconds or milliseconds, from now or from 1970 ──▶ one deadline, in ms since 1970 ──▶ the record, and the wheel
 *
 * A deadline in the past removes the key at once. Beyond 2^53 ms (the year 287396) deadlines are cut to that.
 */
import { bigIntegerArgument, integerArgument, isWord, optionWord, shownText } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, lookupWrite, MAX_DEADLINE_MS, persist as makePersistent, peek, remove, setExpiry } from '../keys.ts';

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;
const WORD_NX = optionWord('NX');
const WORD_XX = optionWord('XX');
const WORD_GT = optionWord('GT');
const WORD_LT = optionWord('LT');

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export function expire(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, true, engine.nowMs);
}

export function pexpire(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, false, engine.nowMs);
}

export function expireat(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, true, 0);
}

export function pexpireat(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, false, 0);
}

/** The time in argument 2 is counted from `baseMs`. */
function expireAfter(engine: Engine, arg: number, argc: number, inSeconds: boolean, baseMs: number): void {
  const conditions = argc === 3 ? 0 : parseConditions(engine, arg + 3, arg + argc);
  if (conditions < 0) return;
  const atMs = deadline(engine, arg, inSeconds, baseMs);
  if (Number.isNaN(atMs)) return;
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref === 0 || (conditions !== 0 && !meets(conditions, engine.db.expiry(ref), atMs))) {
    engine.reply.integer(0);
    return;
  }
  if (atMs <= engine.nowMs) remove(engine, engine.db, ref);
  else {
    const moved = setExpiry(engine, engine.db, ref, atMs);
    if (moved === 0) return;
    changed(engine, engine.db, 'expire', moved);
  }
  engine.reply.integer(1);
}

/** The deadline in ms since 1970, perhaps in the past; NaN when 64 bits of ms can't hold it: the error has been written. */
function deadline(engine: Engine, arg: number, inSeconds: boolean, baseMs: number): number {
  const time = integerArgument(engine, arg + 2);
  if (Number.isNaN(time)) return time;
  const atMs = (inSeconds ? time * 1000 : time) + baseMs;
  if (atMs <= MAX_DEADLINE_MS && atMs >= -MAX_DEADLINE_MS) return atMs;
  const exact = (bigIntegerArgument(engine, arg + 2) ?? 0n) * (inSeconds ? 1000n : 1n);
  if (exact >= INT64_MIN && exact + BigInt(baseMs) <= INT64_MAX) return atMs < 0 ? -MAX_DEADLINE_MS : MAX_DEADLINE_MS;
  engine.reply.error(`ERR invalid expire time in '${engine.text(arg).toLowerCase()}' command`);
  return Number.NaN;
}

function parseConditions(engine: Engine, from: number, end: number): number {
  let conditions = 0;
  for (let i = from; i < end; i++) {
    if (isWord(engine, i, WORD_NX)) conditions |= NX;
    else if (isWord(engine, i, WORD_XX)) conditions |= XX;
    else if (isWord(engine, i, WORD_GT)) conditions |= GT;
    else if (isWord(engine, i, WORD_LT)) conditions |= LT;
    else {
      engine.reply.error(`ERR Unsupported option ${shownText(engine, i)}`);
      return -1;
    }
  }
  if ((conditions & NX) !== 0 && (conditions & (XX | GT | LT)) !== 0) {
    engine.reply.error('ERR NX and XX, GT or LT options at the same time are not compatible');
    return -1;
  }
  if ((conditions & (GT | LT)) === (GT | LT)) {
    engine.reply.error('ERR GT and LT options at the same time are not compatible');
    return -1;
  }
  return conditions;
}

/** Does a key that expires at `currentMs` (-1: never, which is later than any time) meet the conditions for `atMs`? */
function meets(conditions: number, currentMs: number, atMs: number): boolean {
  const never = currentMs < 0;
  if ((conditions & NX) !== 0 && !never) return false;
  if ((conditions & XX) !== 0 && never) return false;
  if ((conditions & GT) !== 0 && (never || atMs <= currentMs)) return false;
  return (conditions & LT) === 0 || never || atMs < currentMs;
}

export function ttl(engine: Engine, arg: number, _argc: number): void {
  replyTime(engine, arg, engine.nowMs, true);
}

export function pttl(engine: Engine, arg: number, _argc: number): void {
  replyTime(engine, arg, engine.nowMs, false);
}

export function expiretime(engine: Engine, arg: number, _argc: number): void {
  replyTime(engine, arg, 0, true);
}

export function pexpiretime(engine: Engine, arg: number, _argc: number): void {
  replyTime(engine, arg, 0, false);
}

/** The deadline, counted from `baseMs`; -1 without one, -2 without the key. Seconds are rounded to the nearest. */
function replyTime(engine: Engine, arg: number, baseMs: number, inSeconds: boolean): void {
  const ref = peek(engine, arg + 1, engine.keyHash);
  if (ref === 0) {
    engine.reply.integer(-2);
    return;
  }
  const atMs = engine.db.expiry(ref);
  if (atMs < 0) {
    engine.reply.integer(-1);
    return;
  }
  const leftMs = atMs > baseMs ? atMs - baseMs : 0;
  engine.reply.integer(inSeconds ? Math.floor((leftMs + 500) / 1000) : leftMs);
}

export function persist(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref === 0 || engine.db.expiry(ref) < 0) {
    engine.reply.integer(0);
    return;
  }
  const moved = makePersistent(engine, engine.db, ref);
  if (moved === 0) return;
  changed(engine, engine.db, 'persist', moved);
  engine.reply.integer(1);
}
