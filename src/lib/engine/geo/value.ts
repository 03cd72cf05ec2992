/** What geo commands have in common: coordinates and units in arguments, and places and distances in replies. */
import { LATITUDE_MAX, LONGITUDE_MAX, Place } from '../../store/geohash.ts';
import { isWord, optionWord } from '../arguments.ts';
import { doubleArgument, formatFixed } from '../double.ts';
import type { Engine } from '../engine.ts';

const UNITS: readonly [Uint8Array, number][] = [
  [optionWord('M'), 1],
  [optionWord('KM'), 1000],
  [optionWord('FT'), 0.3048],
  [optionWord('MI'), 1609.34],
];
const DISTANCE_DECIMALS = 4;
const COORDINATE_DECIMALS = 17;

/** What was read or decoded last. */
export const place = new Place();

/** Reads arguments `i` and `i` + 1 into `place`. False when they are no coordinates: the error has been written. */
export function coordinateArguments(engine: Engine, i: number): boolean {
  const longitude = doubleArgument(engine, i);
  if (Number.isNaN(longitude)) return false;
  const latitude = doubleArgument(engine, i + 1);
  if (Number.isNaN(latitude)) return false;
  if (Math.abs(longitude) > LONGITUDE_MAX || Math.abs(latitude) > LATITUDE_MAX) {
    const pair = `${formatFixed(longitude, 6)},${formatFixed(latitude, 6)}`;
    engine.reply.error(`ERR invalid longitude,latitude pair ${pair}`);
    return false;
  }
  place.longitude = longitude;
  place.latitude = latitude;
  return true;
}

/** Metres of the unit in argument `i`; -1 when it is none: the error has been written. */
export function unitArgument(engine: Engine, i: number): number {
  for (const [word, metres] of UNITS) if (isWord(engine, i, word)) return metres;
  engine.reply.error('ERR unsupported unit provided. please use M, KM, FT, MI');
  return -1;
}

/** Answers with a distance, which is in the client's unit. */
export function replyDistance(engine: Engine, distance: number): void {
  // As redis-server 7.2 does it: scaled, and rounded to an even whole number.
  const scaled = distance * 10 ** DISTANCE_DECIMALS;
  engine.reply.bulkText(
    scaled < Number.MAX_SAFE_INTEGER ? wholeTenThousandths(roundHalfEven(scaled)) : formatFixed(distance, 4),
  );
}

function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

function wholeTenThousandths(n: number): string {
  const digits = String(n).padStart(DISTANCE_DECIMALS + 1, '0');
  return `${digits.slice(0, -DISTANCE_DECIMALS)}.${digits.slice(-DISTANCE_DECIMALS)}`;
}

/** Answers with longitude and latitude of a place. */
export function replyPlace(engine: Engine, at: Place): void {
  engine.reply.array(2);
  replyCoordinate(engine, at.longitude);
  replyCoordinate(engine, at.latitude);
}

function replyCoordinate(engine: Engine, coordinate: number): void {
  const text = formatFixed(coordinate, COORDINATE_DECIMALS).replace(/\.?0+$/, '');
  engine.reply.doubleText(text === '-0' || text === '' ? '0' : text);
}
