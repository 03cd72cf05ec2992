/**
 * CRC-64 as Redis ends DUMP payloads and RDB files with: the polynomial that Andrew Jones found, bits reflected, begins with 0.
 *
 *   reflected polynomial   0x95ac9329ac4bc9b5            check("123456789") = 0xe9c6d914c4b8d9ca
 *
 * The register is two 32-bit halves. Eight bytes are taken at a time by eight tables ("slicing by 8", Kounavis and Berry,
 * 2005): table k is what a byte becomes after k more zero bytes.
 */
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0;
const POLYNOMIAL_HIGH = 0x95ac9329 | 0;

/** Table k begins at 256·k. */
const tableLow = new Int32Array(8 * 256);
const tableHigh = new Int32Array(8 * 256);

for (let byte = 0; byte < 256; byte++) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit++) {
    const odd = (low & 1) !== 0;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd) {
      low ^= POLYNOMIAL_LOW;
      high ^= POLYNOMIAL_HIGH;
    }
  }
  tableLow[byte] = low;
  tableHigh[byte] = high;
}
for (let i = 256; i < tableLow.length; i++) {
  const low = tableLow[i - 256];
  const high = tableHigh[i - 256];
  tableLow[i] = ((low >>> 8) | (high << 24)) ^ tableLow[low & 0xff];
  tableHigh[i] = (high >>> 8) ^ tableHigh[low & 0xff];
}

export class Crc64 {
  /** The CRC of all bytes so far, in two 32-bit words. */
  low = 0;
  high = 0;

  reset(): void {
    this.low = 0;
    this.high = 0;
  }

  /** Takes bytes [start, end). */
  update(bytes: Uint8Array, start: number, end: number): void {
    let { low, high } = this;
    let at = start;
    for (const last = end - 7; at < last; at += 8) {
      const a = 1792 + ((low ^ bytes[at]) & 0xff);
      const b = 1536 + (((low >>> 8) ^ bytes[at + 1]) & 0xff);
      const c = 1280 + (((low >>> 16) ^ bytes[at + 2]) & 0xff);
      const d = 1024 + ((low >>> 24) ^ bytes[at + 3]);
      const e = 768 + ((high ^ bytes[at + 4]) & 0xff);
      const f = 512 + (((high >>> 8) ^ bytes[at + 5]) & 0xff);
      const g = 256 + (((high >>> 16) ^ bytes[at + 6]) & 0xff);
      const h = (high >>> 24) ^ bytes[at + 7];
      low =
        tableLow[a] ^ tableLow[b] ^ tableLow[c] ^ tableLow[d] ^ tableLow[e] ^ tableLow[f] ^ tableLow[g] ^ tableLow[h];
      high =
        tableHigh[a] ^
        tableHigh[b] ^
        tableHigh[c] ^
        tableHigh[d] ^
        tableHigh[e] ^
        tableHigh[f] ^
        tableHigh[g] ^
        tableHigh[h];
    }
    for (; at < end; at++) {
      const index = (low ^ bytes[at]) & 0xff;
      low = ((low >>> 8) | (high << 24)) ^ tableLow[index];
      high = (high >>> 8) ^ tableHigh[index];
    }
    this.low = low;
    this.high = high;
  }
}
