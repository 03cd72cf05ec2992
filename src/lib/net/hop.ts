/**
 * The next hop of a datagram: where on the link a frame goes. A connection looks its hop up once and keeps it; `version`
 * says when a header made from it is out of date.
 *
 *   none ─request─▶ incomplete ─reply─▶ reachable ─60 s─▶ probe ─reply─▶ reachable
 *                       │                   │ unused         │ 3 unanswered
 *                       ▼ 3 unanswered      ▼                ▼
 *                     failed              stale          incomplete
 */
import type { IpAddress } from '../wire/address.ts';
import { NO_VLAN } from '../wire/ethernet.ts';

/** Nothing known, nothing asked. */
export const HOP_NONE = 0;
/** Asked by broadcast, not answered yet. */
export const HOP_INCOMPLETE = 1;
/** Confirmed within the reachable time. */
export const HOP_REACHABLE = 2;
/** Its address is known but not confirmed lately: used all the same, confirmed if it is used. */
export const HOP_STALE = 3;
/** Being asked by unicast whether it is still there; usable. */
export const HOP_PROBE = 4;
/** Did not answer. `Interface.resolve` asks again. */
export const HOP_FAILED = 5;
/** Learned from a frame and never asked for by ARP: takeover mode, loopback, peers behind no known gateway. */
export const HOP_FIXED = 6;

export class Hop {
  /** IPv4 address of the neighbour (the gateway's, for peers beyond it). */
  readonly address: IpAddress;
  /** The hardware address: first two bytes, last four (signed). Meaningful when `resolved`. */
  macHigh16 = 0;
  macLow32 = 0;
  /** The 802.1Q tag (16-bit TCI) that frames to it carry, or NO_VLAN. */
  vlan = NO_VLAN;
  /** Frames can be sent to it. */
  resolved = false;
  /** It was asked for and did not answer. */
  failed = false;
  /** Goes up whenever the hardware address or tag changes: a header template made before is out of date. */
  version = 0;
  /** Senders set it when they send: a hop that is used is confirmed again when its time is over, an idle one just gets stale. */
  used = false;
  /** When a transport last saw that what goes there arrives: as good as an answer (RFC 1122 §2.3.2.1, RFC 4861 §7.3.1). */
  progressUs = -Infinity;

  // The neighbour cache's own.
  state = HOP_NONE;
  deadlineUs = Infinity;
  attempts = 0;
  requestedUs = -Infinity;
  /** A frame of the control pool that waits for the hardware address (RFC 1122 §2.3.2.2); 0 is none. */
  pendingBuffer = 0;
  /** Bytes of the IPv4 datagram in it, at its payload. */
  pendingLength = 0;

  constructor(address: IpAddress) {
    this.address = address;
  }

  /** Takes over an address and tag. */
  setMac(high16: number, low32: number, vlan: number): void {
    if (!this.resolved || high16 !== this.macHigh16 || low32 !== this.macLow32 || vlan !== this.vlan) {
      this.macHigh16 = high16;
      this.macLow32 = low32;
      this.vlan = vlan;
      this.version = (this.version + 1) | 0;
    }
    this.resolved = true;
    this.failed = false;
  }
}

/** Told when a hop becomes usable, or gives up. */
export interface HopListener {
  onResolved(hop: Hop): void;
  unreachable(hop: Hop): void;
}
