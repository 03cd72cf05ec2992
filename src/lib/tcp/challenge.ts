/**
 * How often an attacker can make us answer (RFC 5961 §7): challenge ACKs have a budget for each connection, and a shared one
 * whose size is random in every second, so that nobody can count what others used of it (Cao et al., USENIX Security 2016).
 */
import type { Random } from '../random.ts';
import type { Connection } from './connection.ts';

/** So many in a second; with `jitter`, between half as many and one and a half times as many. */
export class SecondBudget {
  private readonly limit: number;
  private readonly jitter: Random | null;
  private left: number;
  private second = -1;

  constructor(limit: number, jitter: Random | null) {
    this.limit = limit;
    this.jitter = jitter;
    this.left = limit;
  }

  /** Takes one of this second's; false when there is none left. */
  take(nowSeconds: number): boolean {
    if (nowSeconds !== this.second) {
      this.second = nowSeconds;
      this.left = this.jitter === null ? this.limit : (this.limit >> 1) + this.jitter.below(this.limit + 1);
    }
    if (this.left === 0) return false;
    this.left--;
    return true;
  }
}

export class ChallengeThrottle {
  private readonly limit: number;
  private readonly windowUs: number;
  private readonly shared: SecondBudget;

  constructor(limit: number, windowMs: number, limitPerSecond: number, random: Random) {
    this.limit = limit;
    this.windowUs = windowMs * 1000;
    this.shared = new SecondBudget(limitPerSecond, random);
  }

  /** True when this connection may send a challenge ACK now, which is then counted. Times are the stack's clock. */
  take(connection: Connection, clockUs: number, nowSeconds: number): boolean {
    const elapsedUs = (clockUs - connection.challengeSinceUs) | 0;
    if (connection.challenges === 0 || elapsedUs < 0 || elapsedUs >= this.windowUs) {
      connection.challengeSinceUs = clockUs;
      connection.challenges = 0;
    }
    if (connection.challenges >= this.limit || !this.shared.take(nowSeconds)) return false;
    connection.challenges++;
    return true;
  }
}
