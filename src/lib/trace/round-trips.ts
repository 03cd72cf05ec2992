/**
 * Round trips as the wire shows them: from a segment to the first acknowledgment of all of it. What was sent twice gives no
 * sample, because nobody can tell which copy was acknowledged (Karn, RFC 6298 §3).
 *
 *   waiting │ end₀ t₀ │ end₁ t₁ │ end₂ t₂ │ …     ascending by end; an ACK takes those at its left
 */
import { atMost, greaterThan, lessThan } from '../tcp/sequence.ts';

/** A sender whose acknowledgments are not in the capture would otherwise collect without end. */
const MAX_WAITING = 1024;

interface Sent {
  readonly seq: number;
  readonly end: number;
  readonly tUs: number;
  again: boolean;
}

export class RoundTrips {
  private waiting: Sent[] = [];

  /** New bytes (or a SYN or FIN) up to `end`, exclusive. */
  sent(seq: number, end: number, tUs: number): void {
    if (this.waiting.length < MAX_WAITING) this.waiting.push({ seq, end, tUs, again: false });
  }

  sentAgain(seq: number, end: number): void {
    for (const sent of this.waiting) if (lessThan(seq, sent.end) && greaterThan(end, sent.seq)) sent.again = true;
  }

  /** Microseconds from the newest segment that `ack` completes, or null. */
  acknowledged(ack: number, tUs: number): number | null {
    let done = 0;
    while (done < this.waiting.length && atMost(this.waiting[done].end, ack)) done++;
    if (done === 0) return null;
    const newest = this.waiting[done - 1];
    this.waiting = done === this.waiting.length ? [] : this.waiting.slice(done);
    return newest.again ? null : tUs - newest.tUs;
  }
}
