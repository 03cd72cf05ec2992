/** SCARD, SISMEMBER, SMISMEMBER, SMEMBERS, SSCAN: reading sets. */
import type { Engine } from '../engine.ts';
import { emitAll } from '../sample.ts';
import {
  CURSOR_LIMIT,
  cursorArgument,
  matchesPattern,
  replyCursor,
  replyNothingScanned,
  scanOptions,
} from '../scan.ts';
import { findMember, openToRead, replyMember } from './value.ts';

export function scard(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref !== -1) engine.reply.integer(ref === 0 ? 0 : engine.values.sets.one.size);
}

export function sismember(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref !== -1) engine.reply.integer(isMember(engine, ref, arg + 2));
}

export function smismember(engine: Engine, arg: number, argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.array(argc - 2);
  for (let i = arg + 2; i < arg + argc; i++) engine.reply.integer(isMember(engine, ref, i));
}

function isMember(engine: Engine, ref: number, i: number): number {
  return ref !== 0 && findMember(engine, engine.values.sets.one, i) !== 0 ? 1 : 0;
}

export function smembers(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.set(ref === 0 ? 0 : engine.values.sets.one.size);
  if (ref !== 0) emitAll(engine, engine.values.sets.one, replyMember);
}

/** SSCAN key cursor [MATCH pattern] [COUNT count]: a packed set is answered at once. */
export function sscan(engine: Engine, arg: number, argc: number): void {
  const cursor = cursorArgument(engine, arg + 2);
  if (cursor < 0) return;
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0) {
    replyNothingScanned(engine);
    return;
  }
  const options = scanOptions(engine, arg + 3, arg + argc, '');
  if (options === null) return;
  const { one } = engine.values.sets;
  const { refs } = engine;
  refs.length = 0;
  const next = cursor < CURSOR_LIMIT ? one.collect(cursor, options.count, refs) : 0;
  let kept = 0;
  for (let k = 0; k < refs.length; k++) {
    one.load(refs.refs[k]);
    if (!matchesPattern(engine, options.pattern, one.bytes, one.start, one.length)) continue;
    refs.refs[kept++] = refs.refs[k];
  }
  replyCursor(engine, next);
  engine.reply.array(kept);
  for (let k = 0; k < kept; k++) replyMember(engine, refs.refs[k]);
}
