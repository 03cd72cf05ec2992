/** ZRANDMEMBER key [count [WITHSCORES]]: members chosen at random, all different or (count below 0) maybe the same again. */
import { isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { emitDistinct, emitRepeated, randomCountArgument, replyManyHeader } from '../sample.ts';
import { openToRead, replyMember, replyPair } from './value.ts';

const WORD_WITHSCORES = optionWord('WITHSCORES');
const HALF_INT64 = (2n ** 63n - 1n) / 2n;

export function zrandmember(engine: Engine, arg: number, argc: number): void {
  if (argc > 2) {
    several(engine, arg, argc);
    return;
  }
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0) engine.reply.nil();
  else emitMember(engine, engine.values.sortedSets.random(engine.random));
}

function several(engine: Engine, arg: number, argc: number): void {
  const count = randomCountArgument(engine, arg + 2);
  if (count === null) return;
  const withScores = argc === 4;
  if (argc > 4 || (withScores && !isWord(engine, arg + 3, WORD_WITHSCORES))) {
    syntaxError(engine);
    return;
  }
  if (withScores && (count > HALF_INT64 || count < -HALF_INT64)) {
    engine.reply.error('ERR value is out of range');
    return;
  }
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0 || count === 0n) {
    engine.reply.array(0);
    return;
  }
  const { sortedSets } = engine.values;
  const size = sortedSets.size;
  const replied = count < 0n ? -count : count < BigInt(size) ? count : BigInt(size);
  const flat = withScores && engine.reply.protocol === 2;
  replyManyHeader(engine, flat ? replied * 2n : replied);
  const emit = !withScores ? emitMember : flat ? emitFlatPair : emitPair;
  if (count < 0n) emitRepeated(engine, sortedSets, Number(replied), emit);
  else emitDistinct(engine, sortedSets, Number(replied), emit);
}

function emitMember(engine: Engine, place: number): void {
  engine.values.sortedSets.loadAt(place);
  replyMember(engine, engine.values.sortedSets);
}

function emitFlatPair(engine: Engine, place: number): void {
  engine.values.sortedSets.loadAt(place);
  replyPair(engine, engine.values.sortedSets, false);
}

function emitPair(engine: Engine, place: number): void {
  engine.values.sortedSets.loadAt(place);
  replyPair(engine, engine.values.sortedSets, true);
}
