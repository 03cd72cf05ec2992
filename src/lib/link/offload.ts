/**
 * What a network card does for TCP, in software and on copies of frames: completing a checksum that was left partial, and
 * cutting a super-segment into frames of one MSS. The simulated wire and the capture writer use it; no real link does.
 */

const TCP_HEADER_BYTES = 20;
const TCP_SEQUENCE = 4;
const TCP_DATA_OFFSET = 12;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;
const FIN = 0x01;
const PSH = 0x08;
const CWR = 0x80;
const PROTOCOL_UDP = 17;

/** One's-complement sum of big-endian words (RFC 1071), folded to 16 bits. */
function wordSum(bytes: Uint8Array, from: number, to: number, initial: number): number {
  let total = initial;
  for (let i = from; i < to; i += 2) total += (bytes[i] << 8) | (i + 1 < to ? bytes[i + 1] : 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 65_536);
  return total;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** Where the IPv4 header of an Ethernet frame begins: 14, or 18 behind one 802.1Q tag; -1 when it carries none. */
export function ipv4OffsetOf(frame: Uint8Array): number {
  if (frame.length < 34) return -1;
  const type = get16(frame, 12);
  if (type === 0x0800) return 14;
  return type === 0x8100 && get16(frame, 16) === 0x0800 && frame.length >= 38 ? 18 : -1;
}

/** Folded, uncomplemented sum of the pseudo-header for the L4 bytes from `l4Offset` to the frame's end. */
export function pseudoHeaderSum(frame: Uint8Array, l4Offset: number): number {
  const ip = ipv4OffsetOf(frame);
  return wordSum(frame, ip + 12, ip + 20, frame[ip + 9] + (frame.length - l4Offset));
}

/** Where the L4 checksum of this IPv4 frame lies. */
export function l4ChecksumOffset(frame: Uint8Array, l4Offset: number): number {
  return l4Offset + (frame[ipv4OffsetOf(frame) + 9] === PROTOCOL_UDP ? UDP_CHECKSUM : TCP_CHECKSUM);
}

/** Replaces whatever the L4 checksum field holds by the checksum. In place. */
export function completeChecksum(frame: Uint8Array, l4Offset: number): void {
  const at = l4ChecksumOffset(frame, l4Offset);
  put16(frame, at, 0);
  put16(frame, at, ~wordSum(frame, l4Offset, frame.length, pseudoHeaderSum(frame, l4Offset)) & 0xffff);
}

/**
 * Cuts one TCP frame into frames of `mss` payload bytes, each with its own sequence number, identification, length and
 * checksums; FIN and PSH stay on the last, CWR on the first (as virtio and every card do it).
 */
export function segmentFrame(frame: Uint8Array, l4Offset: number, mss: number): Uint8Array[] {
  const ip = ipv4OffsetOf(frame);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const payloadOffset = l4Offset + Math.max(TCP_HEADER_BYTES, (frame[l4Offset + TCP_DATA_OFFSET] >> 4) << 2);
  const sequence = view.getUint32(l4Offset + TCP_SEQUENCE);
  const identification = get16(frame, ip + 4);
  const frames: Uint8Array[] = [];
  for (let at = payloadOffset, index = 0; at < frame.length || index === 0; at += mss, index++) {
    const payload = frame.subarray(at, Math.min(at + mss, frame.length));
    const cut = new Uint8Array(payloadOffset + payload.length);
    cut.set(frame.subarray(0, payloadOffset));
    cut.set(payload, payloadOffset);
    new DataView(cut.buffer).setUint32(l4Offset + TCP_SEQUENCE, sequence + (at - payloadOffset));
    const isLast = at + payload.length >= frame.length;
    if (!isLast) cut[l4Offset + TCP_FLAGS] &= ~(FIN | PSH);
    if (index > 0) cut[l4Offset + TCP_FLAGS] &= ~CWR;
    put16(cut, ip + 2, cut.length - ip);
    put16(cut, ip + 4, identification + index);
    put16(cut, ip + 10, 0);
    put16(cut, ip + 10, ~wordSum(cut, ip, l4Offset, 0) & 0xffff);
    completeChecksum(cut, l4Offset);
    frames.push(cut);
  }
  return frames;
}
