/**
 * The retransmission timeout (RFC 6298): smoothed round-trip time and its variation, in microseconds, scaled so that the
 * gains of 1/8 and 1/4 are shifts. Samples obey Karn's rule: a range that was retransmitted is never timed, unless the
 * timestamps option tells the copies apart (RFC 7323 §4).
 */
/** Linux's tcp_min_rtt_wlen. */
const MIN_WINDOW_SECONDS = 300;

export class RoundTrip {
  /** SRTT × 8; 0 before the first sample. */
  srtt8Us = 0;
  /** RTTVAR × 4. */
  rttvar4Us = 0;
  /** The timeout before backoff. */
  baseRtoUs: number;
  /** Times that the timer expired since the last progress: the timeout doubles with each. */
  backoff = 0;
  /** Least round trip of the last minutes, for RACK (RFC 8985 §6.2 step 1). */
  minUs = 0x7fff_ffff;
  readonly minRtoUs: number;
  readonly maxRtoUs: number;
  private minSeconds = -1;
  /** Least value of 4·RTTVAR: Linux's way to keep the timeout away from the round trip, however long that is. */
  private readonly minVariationUs: number;
  /** Added to the timeout, whatever its backoff; not to the first before there is a sample. */
  private readonly slopUs: number;

  /** `floorOnVariance`: minRtoUs bounds the variation, so that RTO = SRTT + max(minRto, 4·RTTVAR). */
  constructor(initialRtoUs: number, minRtoUs: number, maxRtoUs: number, floorOnVariance = false, slopUs = 0) {
    this.baseRtoUs = initialRtoUs;
    this.minRtoUs = minRtoUs;
    this.maxRtoUs = maxRtoUs;
    this.minVariationUs = floorOnVariance ? minRtoUs : 0;
    this.slopUs = slopUs;
  }

  /** Smoothed round-trip time in µs; 0 before the first sample. */
  get srttUs(): number {
    return this.srtt8Us >> 3;
  }

  /** Takes a measured round trip in µs (RFC 6298 §2.2, §2.3). */
  sample(measuredUs: number): void {
    // 134 s × 8 stays within 31 bits; a longer round trip tells nothing more.
    const rttUs = measuredUs < 1 ? 1 : measuredUs > 134_000_000 ? 134_000_000 : measuredUs;
    if (rttUs < this.minUs) this.minUs = rttUs;
    if (this.srtt8Us === 0) {
      this.srtt8Us = rttUs << 3;
      this.rttvar4Us = rttUs << 1;
    } else {
      const error = rttUs - (this.srtt8Us >> 3);
      this.rttvar4Us += (error < 0 ? -error : error) - (this.rttvar4Us >> 2);
      this.srtt8Us += error;
    }
    // §2.3: RTO = SRTT + max(G, 4·RTTVAR); the clock's granularity G is below a µs. §2.4, §2.5: bounds.
    const variationUs = this.rttvar4Us;
    const rtoUs = (this.srtt8Us >> 3) + (variationUs < this.minVariationUs ? this.minVariationUs : variationUs);
    const boundUs = rtoUs < this.minRtoUs ? this.minRtoUs : rtoUs > this.maxRtoUs ? this.maxRtoUs : rtoUs;
    this.baseRtoUs = (boundUs + this.slopUs) | 0;
    this.backoff = 0;
  }

  /** Called now and then with the time in seconds: what is older than minutes says nothing of the path as it is. */
  ageMinimum(nowSeconds: number): void {
    if (this.minSeconds >= 0 && nowSeconds - this.minSeconds <= MIN_WINDOW_SECONDS) return;
    if (this.minSeconds >= 0) this.minUs = this.srttUs;
    this.minSeconds = nowSeconds;
  }

  /** The timeout now, backed off (RFC 6298 §5.5). */
  get rtoUs(): number {
    if (this.backoff === 0) return this.baseRtoUs;
    const plainUs = this.srtt8Us === 0 ? this.baseRtoUs : this.baseRtoUs - this.slopUs;
    const rtoUs = plainUs * 2 ** (this.backoff > 16 ? 16 : this.backoff) + this.slopUs;
    return rtoUs > this.maxRtoUs ? this.maxRtoUs : rtoUs;
  }
}
