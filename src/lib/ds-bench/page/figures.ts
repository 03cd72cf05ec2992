/** How the page writes figures, and which colour a contender has. */
import { colour } from '../../page/scripts/elements.ts';

const NANOSECONDS: readonly [number, string][] = [
  [1e9, 's'],
  [1e6, 'ms'],
  [1e3, 'µs'],
  [1, 'ns'],
];

/** Three figures and a unit; a dash for what is not known. */
export function nanoseconds(ns: number | null): string {
  if (ns === null || Number.isNaN(ns)) return '–';
  const [scale, unit] = NANOSECONDS.find(([least]) => ns >= least) ?? [1, 'ns'];
  const value = ns / scale;
  return `${value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2)} ${unit}`;
}

export function byteCount(bytes: number | null): string {
  return bytes === null ? '–' : `${bytes >= 100 ? bytes.toFixed(0) : bytes.toFixed(1)} B`;
}

/** The style sheet's name for the colour of the contender in this place; rtcp is in place 0. */
export function colourName(place: number): string {
  return place === 0 ? 'rtcp' : `other-${(place - 1) % 4}`;
}

export function colourOf(place: number): string {
  return colour(colourName(place));
}
