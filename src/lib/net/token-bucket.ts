/** A rate limit: `perSecond` on average, up to `burst` at once. Time is given with each request. */
export class TokenBucket {
  private tokens: number;
  private filledUs = 0;
  private readonly perUs: number;
  private readonly burst: number;

  constructor(perSecond: number, burst: number) {
    this.perUs = perSecond / 1e6;
    this.burst = burst;
    this.tokens = burst;
  }

  /** True when one more is within the limit. */
  take(nowUs: number): boolean {
    if (nowUs > this.filledUs) {
      this.tokens = Math.min(this.burst, this.tokens + (nowUs - this.filledUs) * this.perUs);
      this.filledUs = nowUs;
    }
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
