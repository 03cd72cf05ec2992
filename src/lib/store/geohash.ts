/**
 * Places on earth as 52-bit numbers, which a sorted set keeps as scores: near places have near numbers, most of the time.
 *
 *   longitude ─▶ 26 bits ─┐                                 a prefix of 2·step bits is a box; points in it have scores
 *   latitude  ─▶ 26 bits ─┴▶ …x₂y₂x₁y₁x₀y₀ (interleaved)    from prefix·2^(52-2·step) up to the next prefix's
 *
 * Bit for bit what Redis keeps. Latitudes end where Mercator's projection of the earth is a square (EPSG:900913). Distances
 * are great circles on a sphere (haversine).
 */

export const LONGITUDE_MAX = 180;
export const LATITUDE_MAX = 85.05112878;
/** Bits of each coordinate in a score. */
export const MAX_STEP = 26;

const EARTH_RADIUS_M = 6_372_797.560856;
/** Half of the equator in Mercator's projection. */
const MERCATOR_MAX_M = 20_037_726.37;
const DEGREE = Math.PI / 180;
const TWO_32 = 4_294_967_296;

const radians = (degrees: number): number => degrees * DEGREE;
const degrees = (radians: number): number => radians / DEGREE;

// ── coordinates and bits ───────────────────────────────────────────────────────────────────────────────────────────────

/** The cell of a coordinate in [-max, max] when there are 2^step of them; the largest coordinate is one cell beyond. */
export function cellOf(coordinate: number, max: number, step: number): number {
  return Math.trunc(((coordinate + max) / (max + max)) * 2 ** step);
}

/** The lower edge of a cell. */
function edgeOf(cell: number, max: number, step: number): number {
  return -max + (cell / 2 ** step) * (max + max);
}

/** The bits of 0 ≤ n < 2^16, each in the place of an even one. */
function spread(n: number): number {
  let bits = n;
  bits = (bits | (bits << 8)) & 0x00ff_00ff;
  bits = (bits | (bits << 4)) & 0x0f0f_0f0f;
  bits = (bits | (bits << 2)) & 0x3333_3333;
  return (bits | (bits << 1)) & 0x5555_5555;
}

/** The even bits of a word, together. */
function gather(word: number): number {
  let bits = word & 0x5555_5555;
  bits = (bits | (bits >>> 1)) & 0x3333_3333;
  bits = (bits | (bits >>> 2)) & 0x0f0f_0f0f;
  bits = (bits | (bits >>> 4)) & 0x00ff_00ff;
  return (bits | (bits >>> 8)) & 0xffff;
}

/** Cells of longitude (odd bits) and latitude (even bits) as one number, below 2^54. */
export function interleave(x: number, y: number): number {
  const low = spread(y & 0xffff) | (spread(x & 0xffff) << 1);
  const high = spread(y >>> 16) | (spread(x >>> 16) << 1);
  return (high >>> 0) * TWO_32 + (low >>> 0);
}

/** The score of a place. */
export function encode(longitude: number, latitude: number): number {
  return interleave(cellOf(longitude, LONGITUDE_MAX, MAX_STEP), cellOf(latitude, LATITUDE_MAX, MAX_STEP));
}

const INT64_MIN = -(2 ** 63);

/** The place of a score: the middle of its cell. */
export class Place {
  longitude = 0;
  latitude = 0;

  decode(score: number): void {
    // What has no 64 bits below is the lowest number that has, as x86-64 converts doubles.
    const whole = score < INT64_MIN ? INT64_MIN : Math.trunc(score);
    const low = whole | 0;
    const high = Math.floor(whole / TWO_32) | 0;
    const x = gather(low >>> 1) + gather(high >>> 1) * 65_536;
    const y = gather(low) + gather(high) * 65_536;
    this.longitude = middleOf(x, LONGITUDE_MAX);
    this.latitude = middleOf(y, LATITUDE_MAX);
  }
}

function middleOf(cell: number, max: number): number {
  const middle = (edgeOf(cell, max, MAX_STEP) + edgeOf(cell + 1, max, MAX_STEP)) / 2;
  return Math.max(-max, Math.min(max, middle));
}

// ── distances ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function distanceOfLatitudes(a: number, b: number): number {
  return EARTH_RADIUS_M * Math.abs(radians(b) - radians(a));
}

/** Metres between two places. */
export function distance(longitudeA: number, latitudeA: number, longitudeB: number, latitudeB: number): number {
  const v = Math.sin((radians(longitudeB) - radians(longitudeA)) / 2);
  if (v === 0) return distanceOfLatitudes(latitudeA, latitudeB);
  const a = radians(latitudeA);
  const b = radians(latitudeB);
  const u = Math.sin((b - a) / 2);
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(u * u + Math.cos(a) * Math.cos(b) * v * v));
}

// ── searching ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A search: a circle or a box around a place; lengths in metres. */
export class Area {
  longitude = 0;
  latitude = 0;
  isBox = false;
  radius = 0;
  width = 0;
  height = 0;

  /** Metres from the middle to a place; -1 when the place is outside. */
  distanceWithin(longitude: number, latitude: number): number {
    if (this.isBox) {
      if (distanceOfLatitudes(latitude, this.latitude) > this.height / 2) return -1;
      if (distance(longitude, latitude, this.longitude, latitude) > this.width / 2) return -1;
    }
    const metres = distance(this.longitude, this.latitude, longitude, latitude);
    return this.isBox || metres <= this.radius ? metres : -1;
  }
}

/** The boxes that a search looks into: the one of its middle and up to eight around it, as prefixes. */
export class Boxes {
  /** Bits of each coordinate. */
  step = 0;
  /** Cells, in the order in which they are searched: the middle, n, s, e, w, ne, nw, se, sw. */
  readonly x = new Float64Array(9);
  readonly y = new Float64Array(9);
  /** 1 for a box that can't have anything. */
  readonly useless = new Uint8Array(9);
  private minLongitude = 0;
  private maxLongitude = 0;
  private minLatitude = 0;
  private maxLatitude = 0;

  /** The prefix of box i. */
  bits(i: number): number {
    return interleave(this.x[i], this.y[i]);
  }

  cover(area: Area): void {
    this.bound(area);
    const radius = area.isBox ? Math.sqrt((area.width / 2) ** 2 + (area.height / 2) ** 2) : area.radius;
    this.place(area, stepFor(radius, area.latitude));
    if (this.step > 1 && this.isTooSmall()) this.place(area, this.step - 1);
    this.useless.fill(0);
    if (this.step >= 2) this.leaveOut();
  }

  /** The smallest and largest coordinates of the area. */
  private bound(area: Area): void {
    const height = area.isBox ? area.height / 2 : area.radius;
    const width = area.isBox ? area.width / 2 : area.radius;
    const latitudes = degrees(height / EARTH_RADIUS_M);
    // The edge nearer to a pole is the longer one in degrees.
    const edge = area.latitude < 0 ? area.latitude - latitudes : area.latitude + latitudes;
    const longitudes = degrees(width / EARTH_RADIUS_M / Math.cos(radians(edge)));
    this.minLongitude = area.longitude - longitudes;
    this.maxLongitude = area.longitude + longitudes;
    this.minLatitude = area.latitude - latitudes;
    this.maxLatitude = area.latitude + latitudes;
  }

  /** The box of the middle and those around it, around the world. */
  private place(area: Area, step: number): void {
    const x = cellOf(area.longitude, LONGITUDE_MAX, step);
    const y = cellOf(area.latitude, LATITUDE_MAX, step);
    this.step = step;
    for (let i = 0; i < 9; i++) {
      this.x[i] = DX[i] === 0 ? x : moved(x, DX[i], step);
      this.y[i] = DY[i] === 0 ? y : moved(y, DY[i], step);
    }
  }

  /** The area reaches beyond a neighbour. */
  private isTooSmall(): boolean {
    const { step } = this;
    return (
      edgeOf(this.y[1] + 1, LATITUDE_MAX, step) < this.maxLatitude ||
      edgeOf(this.y[2], LATITUDE_MAX, step) > this.minLatitude ||
      edgeOf(this.x[3] + 1, LONGITUDE_MAX, step) < this.maxLongitude ||
      edgeOf(this.x[4], LONGITUDE_MAX, step) > this.minLongitude
    );
  }

  /** The area does not reach the middle box's edge, nor what is beyond it. */
  private leaveOut(): void {
    const { step } = this;
    const north = edgeOf(this.y[0] + 1, LATITUDE_MAX, step) > this.maxLatitude;
    const south = edgeOf(this.y[0], LATITUDE_MAX, step) < this.minLatitude;
    const east = edgeOf(this.x[0] + 1, LONGITUDE_MAX, step) > this.maxLongitude;
    const west = edgeOf(this.x[0], LONGITUDE_MAX, step) < this.minLongitude;
    for (let i = 1; i < 9; i++) {
      const out = (north && DY[i] > 0) || (south && DY[i] < 0) || (east && DX[i] > 0) || (west && DX[i] < 0);
      if (out) this.useless[i] = 1;
    }
  }
}

const DX = [0, 0, 0, 1, -1, 1, -1, 1, -1];
const DY = [0, 1, -1, 0, 0, 1, 1, -1, -1];

function moved(cell: number, by: number, step: number): number {
  return (cell + by) & (2 ** step - 1);
}

/** Bits of a box's coordinates so that nine of them cover a radius. */
function stepFor(radiusM: number, latitude: number): number {
  if (radiusM === 0) return MAX_STEP;
  let step = -1;
  for (let range = radiusM; range < MERCATOR_MAX_M; range *= 2) step++;
  const fromEquator = Math.abs(latitude);
  if (fromEquator > 66) step--; // towards the poles a degree of longitude is short
  if (fromEquator > 80) step--;
  return Math.max(1, Math.min(MAX_STEP, step));
}

// ── text ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

const ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz';

/** The geohash as geohash.org writes it, of which latitudes go from -90 to 90: ten digits, and one that is always 0. */
export function geohashText(longitude: number, latitude: number): string {
  const bits = BigInt(interleave(cellOf(longitude, LONGITUDE_MAX, MAX_STEP), cellOf(latitude, 90, MAX_STEP)));
  let text = '';
  for (let shift = 47n; shift >= 2n; shift -= 5n) text += ALPHABET[Number((bits >> shift) & 31n)];
  return `${text}0`;
}
