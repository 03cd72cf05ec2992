/**
 * The retransmission timeout (RFC 6298): smoothed round-trip time and its variation, in microseconds, scaled so that the
 * gains of 1/8 and 1/4 are shifts. Samples obey Karn's rule: a range that was retransmitted is never timed, unless the
 * timestamps option tells the copies apart (RFC 7323 §4).
 */
export class RoundTrip {
  /** SRTT × 8; 0 before the first sample. */
  srtt8Us = 0;
  /** RTTVAR × 4. */
  rttvar4Us = 0;
  /** The timeout before backoff. */
  baseRtoUs: number;
  /** Times that the timer expired since the last progress: the timeout doubles with each. */
  backoff = 0;
  readonly minRtoUs: number;
  readonly maxRtoUs: number;

  constructor(initialRtoUs: number, minRtoUs: number, maxRtoUs: number) {
    this.baseRtoUs = initialRtoUs;
    this.minRtoUs = minRtoUs;
    this.maxRtoUs = maxRtoUs;
  }

  /** Smoothed round-trip time in µs; 0 before the first sample. */
  get srttUs(): number {
    return this.srtt8Us >> 3;
  }

  /** Takes a measured round trip in µs (RFC 6298 §2.2, §2.3). */
  sample(measuredUs: number): void {
    // 134 s × 8 stays within 31 bits; a longer round trip tells nothing more.
    const rttUs = measuredUs < 1 ? 1 : measuredUs > 134_000_000 ? 134_000_000 : measuredUs;
    if (this.srtt8Us === 0) {
      this.srtt8Us = rttUs << 3;
      this.rttvar4Us = rttUs << 1;
    } else {
      const error = rttUs - (this.srtt8Us >> 3);
      this.rttvar4Us += (error < 0 ? -error : error) - (this.rttvar4Us >> 2);
      this.srtt8Us += error;
    }
    // §2.3: RTO = SRTT + max(G, 4·RTTVAR); the clock's granularity G is below a µs. §2.4, §2.5: bounds.
    const rtoUs = (this.srtt8Us >> 3) + this.rttvar4Us;
    this.baseRtoUs = rtoUs < this.minRtoUs ? this.minRtoUs : rtoUs > this.maxRtoUs ? this.maxRtoUs : rtoUs;
    this.backoff = 0;
  }

  /** The timeout now, backed off (RFC 6298 §5.5). */
  get rtoUs(): number {
    if (this.backoff === 0) return this.baseRtoUs;
    const rtoUs = this.baseRtoUs * 2 ** (this.backoff > 16 ? 16 : this.backoff);
    return rtoUs > this.maxRtoUs ? this.maxRtoUs : rtoUs;
  }
}
