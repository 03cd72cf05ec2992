/**
 * Random choices by which worlds are drawn. Each part of a plan has a generator of its own, made from the world's seed and the
 * part's name, so that a new choice in one part leaves the others as they were.
 */
import { Random } from '../../src/lib/random.ts';

export class Draw {
  private readonly random: Random;

  constructor(seed: number, part: string) {
    let mixed = seed | 0;
    for (const letter of part) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x0100_0193);
    this.random = new Random(mixed);
  }

  chance(probability: number): boolean {
    return this.random.float() < probability;
  }

  /** An integer in [least, most], each as likely. */
  between(least: number, most: number): number {
    return least + this.random.below(most - least + 1);
  }

  /** An integer in [least, most], each order of magnitude as likely; `least` is above 0. */
  magnitude(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.random.float());
  }

  /** A number in [least, most), each order of magnitude as likely. */
  rate(least: number, most: number): number {
    return least * (most / least) ** this.random.float();
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)];
  }

  int32(): number {
    return this.random.int32();
  }
}
