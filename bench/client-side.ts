/**
 * The peers of a benchmark: connections of one client, and the frames that they send. A frame is Ethernet, IPv4 and TCP with a
 * timestamps option, 66 bytes, then payload; it is written into a receive slot of the link, its checksums declared verified.
 */
import { RX_CHECKSUM_VALID } from '../src/lib/link/link.ts';
import type { HotLink } from './hot-link.ts';

export const HEADER_BYTES = 66;
export const SERVER_ADDRESS = 0xc000_0202 | 0;
const CLIENT_ADDRESS = 0xc000_0201 | 0;
const FIRST_PORT = 20_000;

export class ClientSide {
  /** By connection: what its next frame says. */
  readonly sequence: Int32Array;
  readonly acknowledgment: Int32Array;
  private readonly link: HotLink;

  constructor(link: HotLink, connections: number) {
    this.link = link;
    this.sequence = new Int32Array(connections).fill(1000);
    this.acknowledgment = new Int32Array(connections);
  }

  /** Writes a frame of connection `i`, with room for `payload` bytes, into receive slot `slot`. */
  writeFrame(slot: number, i: number, bits: number, payload: number): void {
    const { link } = this;
    const { dv, u8 } = link.memory;
    const f = link.slot(slot);
    u8.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0], f);
    dv.setUint16(f + 16, HEADER_BYTES - 14 + payload);
    dv.setUint32(f + 18, 0x4000);
    u8[f + 22] = 64;
    u8[f + 23] = 6;
    dv.setInt32(f + 26, CLIENT_ADDRESS);
    dv.setInt32(f + 30, SERVER_ADDRESS);
    dv.setUint16(f + 34, FIRST_PORT + i);
    dv.setUint16(f + 36, 6379);
    dv.setInt32(f + 38, this.sequence[i]);
    dv.setInt32(f + 42, this.acknowledgment[i]);
    dv.setUint16(f + 46, 0x8000 | bits);
    dv.setUint16(f + 48, 0xffff);
    dv.setUint32(f + 54, 0x0101_080a);
    dv.setUint32(f + 58, 1);
    link.rxOffset[slot] = f;
    link.rxLength[slot] = HEADER_BYTES + payload;
    link.rxFlags[slot] = RX_CHECKSUM_VALID;
  }
}
