/**
 * How often an attacker can make us answer (RFC 5961 §7): challenge ACKs have a budget for each connection, and a shared one;
 * resets to strangers have a shared one. The size of these is random in every second, so that nobody can count what others used
 * of it: whether a forged segment has met a connection (Cao et al., USENIX Security 2016).
 */
import type { Random } from '../random.ts';
import type { Connection } from './connection.ts';

/** Between half of `limit` and one and a half times as many in a second. */
export class SecondBudget {
  private readonly limit: number;
  private readonly random: Random;
  private left = 0;
  private second = -1;

  constructor(limit: number, random: Random) {
    this.limit = limit;
    this.random = random;
  }

  /** Takes one of this second's; false when there is none left. */
  take(nowSeconds: number): boolean {
    if (nowSeconds !== this.second) {
      this.second = nowSeconds;
      this.left = (this.limit >> 1) + this.random.below(this.limit + 1);
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
