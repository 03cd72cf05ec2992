/** HRANDFIELD key [count [WITHVALUES]]: fields chosen at random, all different or (count below 0) maybe the same again. */
import { isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { emitDistinct, emitRepeated, randomCountArgument, replyManyHeader } from '../sample.ts';
import { openToRead, replyField, replyFieldAndValue } from './value.ts';

const WORD_WITHVALUES = optionWord('WITHVALUES');
const HALF_INT64 = (2n ** 63n - 1n) / 2n;

export function hrandfield(engine: Engine, arg: number, argc: number): void {
  if (argc > 2) {
    several(engine, arg, argc);
    return;
  }
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0 || engine.values.hashes.size === 0) engine.reply.nil();
  else replyField(engine, engine.values.hashes.random(engine.random));
}

function several(engine: Engine, arg: number, argc: number): void {
  const count = randomCountArgument(engine, arg + 2);
  if (count === null) return;
  const withValues = argc === 4;
  if (argc > 4 || (withValues && !isWord(engine, arg + 3, WORD_WITHVALUES))) {
    syntaxError(engine);
    return;
  }
  if (withValues && (count > HALF_INT64 || count < -HALF_INT64)) {
    engine.reply.error('ERR value is out of range');
    return;
  }
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0 || count === 0n || engine.values.hashes.size === 0) {
    engine.reply.array(0);
    return;
  }
  const { hashes } = engine.values;
  const size = hashes.size;
  const replied = count < 0n ? -count : count < BigInt(size) ? count : BigInt(size);
  const flat = withValues && engine.reply.protocol === 2;
  replyManyHeader(engine, flat ? replied * 2n : replied);
  const emit = !withValues ? replyField : flat ? replyFieldAndValue : replyPair;
  if (count < 0n) emitRepeated(engine, hashes, Number(replied), emit);
  else emitDistinct(engine, hashes, Number(replied), emit);
}

function replyPair(engine: Engine, place: number): void {
  engine.reply.array(2);
  replyFieldAndValue(engine, place);
}
