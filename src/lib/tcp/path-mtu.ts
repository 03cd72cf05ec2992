/**
 * The largest datagram of a path (RFC 1191): lowered when a router says that one did not fit, or when full segments seem to
 * vanish without a word (a black hole, RFC 2923 §2.1), and raised to the link's again after ten minutes, in case the path changed.
 *
 *   link.mtu ── fragmentation needed ──▶ pathMtu ── 10 minutes ──▶ link.mtu
 *      └── 3 timeouts ──▶ 1064 ── 3 more ──▶ 576 ── 3 more: it was not the size ──▶ link.mtu
 */
import type { Connection } from './connection.ts';
import { resendAll } from './loss/recovery.ts';
import { updateMss } from './opening/handshake.ts';
import { ESTABLISHED } from './state.ts';
import { armPathMtu, TIMER_PATH_MTU } from './timers.ts';

/** RFC 791: every link carries this much. */
const MIN_MTU = 68;
/** RFC 1191 §7.1: the sizes of links that there are, for routers that do not say. */
const PLATEAUS = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, MIN_MTU];
/** What passes nearly everywhere, and what every host takes (RFC 9293 §3.7.1: an MSS of 536). */
const BLACK_HOLE_MTUS = [1_064, 576];

/**
 * A datagram of ours of `quotedBytes` did not fit; `nextHopMtu` is what the router says that would, if it says. False when it
 * tells nothing new.
 */
export function fragmentationNeeded(c: Connection, nextHopMtu: number, quotedBytes: number): boolean {
  const stack = c.stack;
  const told = nextHopMtu >= MIN_MTU ? nextHopMtu : plateauBelow(quotedBytes);
  const mtu = Math.max(told, stack.config.minPathMtu);
  if (mtu >= pathMtu(c)) return false;
  const before = c.mss;
  c.pathMtu = mtu;
  c.blackHoleMtu = 0;
  stack.counters.pathMtuLowered++;
  updateMss(c);
  armPathMtu(c);
  // RFC 1191 §6.5: resent at once, and not as a sign of congestion.
  if (c.state >= ESTABLISHED && c.mss < before) resendAll(c, 'path-mtu');
  return true;
}

/** The retransmission timer expired for the `retries`th time in a row. */
export function suspectBlackHole(c: Connection): void {
  const stack = c.stack;
  // Where full segments have arrived, it is loss that is likely: the path would have had to change.
  const patience = stack.config.blackHoleTimeouts * (c.carriedMss >= c.mss ? 2 : 1);
  if (patience === 0 || c.retries % patience !== 0 || c.flightBytes < c.mss) return;
  const next = BLACK_HOLE_MTUS.find((mtu) => mtu < Math.min(pathMtu(c), c.peerMss + 40));
  if (next === undefined) {
    if (c.blackHoleMtu !== 0) restore(c); // smaller ones get lost as well
    return;
  }
  if (c.blackHoleMtu === 0) c.mtuBeforeBlackHole = c.pathMtu;
  c.blackHoleMtu = next;
  c.pathMtu = next;
  stack.counters.blackHolesSuspected++;
  updateMss(c);
  armPathMtu(c);
}

/** The timer of `armPathMtu`: the next full segments try the link's size again (RFC 1191 §6.3). */
export function pathMtuTimeout(c: Connection): void {
  c.armed &= ~TIMER_PATH_MTU;
  c.mtuBeforeBlackHole = 0;
  restore(c);
}

function restore(c: Connection): void {
  c.pathMtu = c.mtuBeforeBlackHole;
  c.blackHoleMtu = 0;
  c.stack.counters.pathMtuRaised++;
  updateMss(c);
}

/** Largest datagram of the connection's path, as far as is known. */
function pathMtu(c: Connection): number {
  const linkMtu = c.stack.link.mtu;
  return c.pathMtu !== 0 && c.pathMtu < linkMtu ? c.pathMtu : linkMtu;
}

/** The largest usual size that is smaller than the datagram that did not fit. */
function plateauBelow(bytes: number): number {
  for (const plateau of PLATEAUS) if (plateau < bytes) return plateau;
  return MIN_MTU;
}
