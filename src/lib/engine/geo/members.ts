/** GEOADD, GEOPOS, GEOHASH, GEODIST: members with places. */
import { distance, encode, geohashText, Place } from '../../store/geohash.ts';
import { isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { addMembers, scoresFor } from '../zset/add.ts';
import { findMember, openToRead } from '../zset/value.ts';
import { coordinateArguments, place, replyDistance, replyPlace, unitArgument } from './value.ts';

const WORD_NX = optionWord('NX');
const WORD_XX = optionWord('XX');
const WORD_CH = optionWord('CH');

const other = new Place();

export function geoadd(engine: Engine, arg: number, argc: number): void {
  const end = arg + argc;
  let first = arg + 2;
  let nx = false;
  let xx = false;
  let ch = false;
  for (; first < end; first++) {
    if (isWord(engine, first, WORD_NX)) nx = true;
    else if (isWord(engine, first, WORD_XX)) xx = true;
    else if (isWord(engine, first, WORD_CH)) ch = true;
    else break;
  }
  const members = Math.floor((end - first) / 3);
  if (members === 0 || (end - first) % 3 !== 0 || (nx && xx)) {
    syntaxError(engine);
    return;
  }
  const scores = scoresFor(members);
  for (let k = 0; k < members; k++) {
    if (!coordinateArguments(engine, first + 3 * k)) return;
    scores[k] = encode(place.longitude, place.latitude);
  }
  addMembers(engine, arg, first + 2, 3, members, nx, xx, ch);
}

export function geopos(engine: Engine, arg: number, argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.array(argc - 2);
  for (let i = arg + 2; i < arg + argc; i++) {
    if (ref !== 0 && placeOf(engine, i, place)) replyPlace(engine, place);
    else engine.reply.nilArray();
  }
}

/** Decodes the place of the member in argument `i`; false when there is none. */
export function placeOf(engine: Engine, i: number, into: Place): boolean {
  const at = findMember(engine, i);
  if (at === 0) return false;
  into.decode(engine.values.sortedSets.scoreAt(at));
  return true;
}

export function geohash(engine: Engine, arg: number, argc: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  engine.reply.array(argc - 2);
  for (let i = arg + 2; i < arg + argc; i++) {
    if (ref !== 0 && placeOf(engine, i, place)) engine.reply.bulkText(geohashText(place.longitude, place.latitude));
    else engine.reply.nil();
  }
}

/** GEODIST key member1 member2 [unit] */
export function geodist(engine: Engine, arg: number, argc: number): void {
  if (argc > 5) {
    syntaxError(engine);
    return;
  }
  const metres = argc === 5 ? unitArgument(engine, arg + 4) : 1;
  if (metres < 0) return;
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0 || !placeOf(engine, arg + 2, place) || !placeOf(engine, arg + 3, other)) {
    engine.reply.nil();
    return;
  }
  replyDistance(engine, distance(place.longitude, place.latitude, other.longitude, other.latitude) / metres);
}
