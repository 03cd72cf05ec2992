/**
 * CRC-16/XMODEM (polynomial 0x1021, most significant bit first, begins with 0), and the hash slot that a Redis cluster gives a
 * key: 14 bits of the CRC of its hash tag, the part between the first `{` and the next `}`, or of all of it without one.
 *
 *   user:{42}:name   ─▶  crc16("42") & 16383
 *   {}x, a{b         ─▶  crc16 of the whole key: no tag, or an empty one
 */
const POLYNOMIAL = 0x1021;
export const SLOTS = 16_384;
const OPEN = 123;
const CLOSE = 125;

const table = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : POLYNOMIAL);
  table[byte] = crc;
}

export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at++) crc = ((crc << 8) & 0xffff) ^ table[(crc >>> 8) ^ bytes[at]];
  return crc;
}

/** The slot, 0 to 16383, of the key in bytes [start, end). */
export function keySlot(bytes: Uint8Array, start: number, end: number): number {
  let open = start;
  while (open < end && bytes[open] !== OPEN) open++;
  let close = open + 1;
  while (close < end && bytes[close] !== CLOSE) close++;
  const tagged = close < end && close > open + 1;
  return (tagged ? crc16(bytes, open + 1, close) : crc16(bytes, start, end)) & (SLOTS - 1);
}
