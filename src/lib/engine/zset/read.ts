/** ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT: questions about members and numbers of them. */
import { isWord, optionWord, syntaxError } from '../arguments.ts';
import { wrongArity } from '../dispatch-table.ts';
import type { Engine } from '../engine.ts';
import { BY_LEX, BY_SCORE, bounds } from './bounds.ts';
import { findMember, openToRead } from './value.ts';

const WORD_WITHSCORE = optionWord('WITHSCORE');

export function zcard(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref !== -1) engine.reply.integer(ref === 0 ? 0 : engine.values.sortedSets.size);
}

export function zscore(engine: Engine, arg: number, _argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0) engine.reply.nil();
  else replyScoreOf(engine, arg + 2);
}

export function zmscore(engine: Engine, arg: number, argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.array(argc - 2);
  for (let i = arg + 2; i < arg + argc; i++) {
    if (ref === 0) engine.reply.nil();
    else replyScoreOf(engine, i);
  }
}

function replyScoreOf(engine: Engine, i: number): void {
  const place = findMember(engine, i);
  if (place === 0) engine.reply.nil();
  else engine.reply.double(engine.values.sortedSets.scoreAt(place));
}

export function zrank(engine: Engine, arg: number, argc: number): void {
  rank(engine, arg, argc, false);
}

export function zrevrank(engine: Engine, arg: number, argc: number): void {
  rank(engine, arg, argc, true);
}

function rank(engine: Engine, arg: number, argc: number, reverse: boolean): void {
  const withScore = argc > 3;
  if (argc > 4) {
    wrongArity(engine, reverse ? 'zrevrank' : 'zrank');
    return;
  }
  if (withScore && !isWord(engine, arg + 3, WORD_WITHSCORE)) {
    syntaxError(engine);
    return;
  }
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  const { reply } = engine;
  const { sortedSets } = engine.values;
  const place = ref === 0 ? 0 : findMember(engine, arg + 2);
  if (place === 0) {
    if (withScore) reply.nilArray();
    else reply.nil();
    return;
  }
  const upwards = sortedSets.rankAt(place);
  if (withScore) reply.array(2);
  reply.integer(reverse ? sortedSets.size - 1 - upwards : upwards);
  if (withScore) reply.double(sortedSets.scoreAt(place));
}

export function zcount(engine: Engine, arg: number, _argc: number): void {
  countWithin(engine, arg, BY_SCORE);
}

export function zlexcount(engine: Engine, arg: number, _argc: number): void {
  countWithin(engine, arg, BY_LEX);
}

function countWithin(engine: Engine, arg: number, by: number): void {
  if (!bounds.parse(engine, by, arg + 2, arg + 3)) return;
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref !== 0) bounds.resolve(engine, engine.values.sortedSets, false);
  engine.reply.integer(ref === 0 ? 0 : bounds.to - bounds.from);
}
