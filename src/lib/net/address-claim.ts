/**
 * Taking an IPv4 address, and keeping it (RFC 5227).
 *
 *   start ─wait 0…1 s─▶ probe ×3, 1…2 s apart ─2 s of silence─▶ owned: announce ×2, 2 s apart
 *                          │ somebody has it                       │ conflict: defend once in 10 s
 *                          ▼                                       ▼ again within 10 s
 *                        lost ◀──────────────────────────────────lost (§2.4 b)
 *
 * An address may also be owned at once, without probing: an operator who configures a server expects that.
 */
import type { Random } from '../random.ts';

// RFC 5227 §1.1
export const PROBE_WAIT_US = 1_000_000;
export const PROBE_NUM = 3;
export const PROBE_MIN_US = 1_000_000;
export const PROBE_MAX_US = 2_000_000;
export const ANNOUNCE_WAIT_US = 2_000_000;
export const ANNOUNCE_NUM = 2;
export const ANNOUNCE_INTERVAL_US = 2_000_000;
export const DEFEND_INTERVAL_US = 10_000_000;

/** States of the claim. */
export const CLAIM_OWNED = 0;
export const CLAIM_PROBING = 1;
export const CLAIM_LOST = 2;

export interface ClaimTransport {
  /** An ARP probe: a request for our address with an empty sender address. */
  arpProbe(): void;
  /** An ARP announcement: a request for our address from our address. */
  arpAnnounce(): void;
  claimChanged(state: number): void;
}

export class AddressClaim {
  state = CLAIM_OWNED;
  deadlineUs = Infinity;
  /** Conflicts that we answered by an announcement. */
  defended = 0;
  private probesLeft = 0;
  private announcementsLeft = 0;
  private lastConflictUs = -Infinity;
  private lastDefenceUs = -Infinity;
  private readonly transport: ClaimTransport;
  private readonly random: Random;
  /** True: §2.4 (c), the address is never given up, and defended at most once in 10 s. */
  private readonly insist: boolean;

  constructor(transport: ClaimTransport, random: Random, insist: boolean) {
    this.transport = transport;
    this.random = random;
    this.insist = insist;
  }

  /** Asks the link first; the address is usable when `state` becomes CLAIM_OWNED, after 4 to 7 seconds. */
  probe(nowUs: number): void {
    this.enter(CLAIM_PROBING);
    this.probesLeft = PROBE_NUM;
    this.announcementsLeft = 0;
    this.deadlineUs = nowUs + this.random.below(PROBE_WAIT_US);
  }

  /** Takes the address without asking, and tells the link now and once more. */
  announce(nowUs: number): void {
    this.enter(CLAIM_OWNED);
    this.announcementsLeft = ANNOUNCE_NUM;
    this.deadlineUs = nowUs;
  }

  run(nowUs: number): void {
    if (nowUs < this.deadlineUs) return;
    this.deadlineUs = Infinity;
    if (this.state === CLAIM_PROBING) this.probeStep(nowUs);
    else if (this.announcementsLeft > 0) this.announceStep(nowUs);
  }

  /** Another host has our address (a packet from it), or probes for it while we do. */
  conflict(nowUs: number): void {
    if (this.state === CLAIM_LOST) return;
    if (this.state === CLAIM_PROBING) {
      this.lose(); // §2.1.1
      return;
    }
    const again = nowUs - this.lastConflictUs < DEFEND_INTERVAL_US;
    this.lastConflictUs = nowUs;
    if (again && !this.insist) {
      this.lose(); // §2.4 (b)
      return;
    }
    if (nowUs - this.lastDefenceUs < DEFEND_INTERVAL_US) return;
    this.lastDefenceUs = nowUs;
    this.defended++;
    this.transport.arpAnnounce();
  }

  private probeStep(nowUs: number): void {
    if (this.probesLeft === 0) {
      this.announce(nowUs);
      this.run(nowUs);
      return;
    }
    this.transport.arpProbe();
    this.probesLeft--;
    const pauseUs =
      this.probesLeft > 0 ? PROBE_MIN_US + this.random.below(PROBE_MAX_US - PROBE_MIN_US) : ANNOUNCE_WAIT_US;
    this.deadlineUs = nowUs + pauseUs;
  }

  private announceStep(nowUs: number): void {
    this.transport.arpAnnounce();
    this.announcementsLeft--;
    if (this.announcementsLeft > 0) this.deadlineUs = nowUs + ANNOUNCE_INTERVAL_US;
  }

  private lose(): void {
    this.deadlineUs = Infinity;
    this.enter(CLAIM_LOST);
  }

  private enter(state: number): void {
    if (this.state === state) return;
    this.state = state;
    this.transport.claimChanged(state);
  }
}
