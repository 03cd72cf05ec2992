/**
 * A distribution of latencies with bounded relative error: log-linear buckets, 32 for each power of two, so that a percentile
 * is at most 1/32 off. Recording is a shift, a clz and an increment.
 *
 *   nanos < 64: one bucket each │ 64…127: 32 buckets │ 128…255: 32 │ … │ up to 2^31 (2.1 s): 32
 */
const SUB_BITS = 5;
const SUB_BUCKETS = 1 << SUB_BITS;
const BUCKETS = (31 - SUB_BITS + 1) * SUB_BUCKETS;
const MAX_NANOS = 0x7fff_ffff;

export class LatencyHistogram {
  count = 0;
  private readonly buckets = new Uint32Array(BUCKETS);

  record(nanos: number, times = 1): void {
    const n = nanos > MAX_NANOS ? MAX_NANOS : nanos | 0;
    const shift = Math.max(0, 31 - Math.clz32(n) - SUB_BITS);
    this.buckets[shift * SUB_BUCKETS + (n >>> shift)] += times;
    this.count += times;
  }

  /** How many values are at most `nanos`, as far as the buckets can tell. */
  countUpTo(nanos: number): number {
    let seen = 0;
    for (let i = 0; i < BUCKETS && upperBound(i) <= nanos; i++) seen += this.buckets[i];
    return seen;
  }

  /** Nanoseconds that `percent` of the recorded values don't exceed; 0 when nothing was recorded. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.count));
    let seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.buckets[i];
      if (this.buckets[i] > 0 && seen >= wanted) return upperBound(i);
    }
    return 0;
  }
}

/** Largest value of a bucket. */
function upperBound(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return bucket;
  const shift = (bucket >> SUB_BITS) - 1;
  const low = (bucket - shift * SUB_BUCKETS) * 2 ** shift;
  return low + 2 ** shift - 1;
}
