/**
 * What goes wrong on a wire, decided frame by frame by a seeded generator: loss (single and in bursts), delay, jitter,
 * duplication, reordering, bit errors, a narrow line with a short queue that may mark instead of drop. The same seed and the
 * same frames give the same fate.
 *
 *   Bursts follow Gilbert and Elliott: a good state and a bad one, each with its own loss.
 *     good ──burstEnter──▶ bad (loses burstLoss of its frames) ──burstLeave──▶ good
 */
import type { Random } from '../random.ts';

/** Rates are probabilities 0…1 for each frame. Everything is 0 (perfect) by default. */
export interface Conditions {
  readonly loss?: number;
  /** Probability to enter, and to leave, a burst; and the loss within (1 by default). */
  readonly burstEnter?: number;
  readonly burstLeave?: number;
  readonly burstLoss?: number;
  readonly delayUs?: number;
  /** Up to so much more delay, uniformly. Keeps the order. */
  readonly jitterUs?: number;
  readonly duplicate?: number;
  /** Frames that are overtaken: they take `reorderUs` (1 ms by default) longer. */
  readonly reorder?: number;
  readonly reorderUs?: number;
  /** Frames in which one bit behind the Ethernet header is inverted (one, so that every checksum can see it). */
  readonly corrupt?: number;
  /** Line rate; 0 is unlimited. */
  readonly bitsPerSecond?: number;
  /** Bytes that wait for the line at most; more are dropped. */
  readonly queueBytes?: number;
  /** Waiting bytes from which on the queue marks frames that allow it instead of waiting until it drops (RFC 3168 §5). */
  readonly markBytes?: number;
  /** Nothing gets through: the cable is out. */
  readonly down?: boolean;
}

/** One copy of a frame: when it arrives, which bit of it is wrong (-1: none), whether a queue marked it. */
export interface Fate {
  dueUs: number;
  corruptBit: number;
  marked: boolean;
}

const PERFECT: Required<Conditions> = {
  loss: 0,
  burstEnter: 0,
  burstLeave: 1,
  burstLoss: 1,
  delayUs: 0,
  jitterUs: 0,
  duplicate: 0,
  reorder: 0,
  reorderUs: 1000,
  corrupt: 0,
  bitsPerSecond: 0,
  queueBytes: Infinity,
  markBytes: Infinity,
  down: false,
};

export class Impairment {
  lost = 0;
  queueFull = 0;
  duplicated = 0;
  reordered = 0;
  corrupted = 0;
  marked = 0;
  private full: Required<Conditions>;
  private inBurst = false;
  private lineFreeUs = 0;
  private lastDueUs = 0;
  private readonly random: Random;
  /** What `decide` returns, and the two copies that can be in it. */
  private readonly fates: Fate[] = [];
  private readonly first: Fate = { dueUs: 0, corruptBit: -1, marked: false };
  private readonly second: Fate = { dueUs: 0, corruptBit: -1, marked: false };

  constructor(conditions: Conditions, random: Random) {
    this.full = { ...PERFECT, ...conditions };
    this.random = random;
  }

  get conditions(): Conditions {
    return this.full;
  }

  set conditions(conditions: Conditions) {
    this.full = { ...PERFECT, ...conditions };
  }

  /**
   * The fate of a frame of `bytes` that is sent now: no copy when it is lost, several when it is duplicated. Valid until the
   * next call.
   */
  decide(bytes: number, nowUs: number): readonly Fate[] {
    const { duplicate, bitsPerSecond, queueBytes, markBytes, down } = this.full;
    const fates = this.fates;
    fates.length = 0;
    let leavesUs = nowUs;
    let marked = false;
    if (bitsPerSecond > 0) {
      const waitingBytes = (Math.max(0, this.lineFreeUs - nowUs) * bitsPerSecond) / 8e6;
      if (waitingBytes + bytes > queueBytes) {
        this.queueFull++;
        return fates;
      }
      marked = waitingBytes >= markBytes;
      leavesUs = Math.max(nowUs, this.lineFreeUs) + (bytes * 8e6) / bitsPerSecond;
      this.lineFreeUs = leavesUs;
    }
    if (down || this.isLost()) {
      this.lost++;
      return fates;
    }
    if (marked) this.marked++;
    fates.push(this.travel(this.first, bytes, leavesUs, marked));
    if (this.chance(duplicate)) {
      this.duplicated++;
      fates.push(this.travel(this.second, bytes, leavesUs, marked));
    }
    return fates;
  }

  private travel(fate: Fate, bytes: number, leavesUs: number, marked: boolean): Fate {
    const { delayUs, jitterUs, reorder, reorderUs, corrupt } = this.full;
    let dueUs = Math.ceil(leavesUs + delayUs + (jitterUs > 0 ? this.random.below(jitterUs + 1) : 0));
    if (this.chance(reorder)) {
      this.reordered++;
      dueUs += reorderUs;
    } else {
      dueUs = Math.max(dueUs, this.lastDueUs);
      this.lastDueUs = dueUs;
    }
    let corruptBit = -1;
    if (this.chance(corrupt) && bytes > 14) {
      this.corrupted++;
      corruptBit = 14 * 8 + this.random.below((bytes - 14) * 8);
    }
    fate.dueUs = dueUs;
    fate.corruptBit = corruptBit;
    fate.marked = marked;
    return fate;
  }

  private isLost(): boolean {
    const { loss, burstEnter, burstLeave, burstLoss } = this.full;
    if (burstEnter > 0) {
      this.inBurst = this.inBurst ? !this.chance(burstLeave) : this.chance(burstEnter);
      if (this.inBurst && this.chance(burstLoss)) return true;
    }
    return this.chance(loss);
  }

  private chance(probability: number): boolean {
    return probability > 0 && this.random.float() < probability;
  }
}
