/**
 * What the runner and its processes say to each other: JSON lines, commands on stdin, answers on stdout.
 *
 *   runner ── Transfer, as 'listen' to one end, then as 'connect' to the other ──▶ ends ── Ready, Outcome ──▶ runner
 *   runner ── Conditions ──▶ relay ── RelayReport (of the conditions before) ──▶ runner
 *
 * A stream's content is known to both sides, so that whatever part of it arrived can be checked.
 */
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Random } from '../../../src/lib/random.ts';

export type EndKind = 'kernel' | 'rtcp';

/** One connection that carries bytes one way. */
export interface Transfer {
  readonly role: 'listen' | 'connect';
  readonly side: 'send' | 'receive';
  readonly port: number;
  /** The listening end's address, for the end that connects. */
  readonly address: string;
  readonly bytes: number;
  /** The receiver resets the connection when it took longer: what arrived until then counts. */
  readonly limitSeconds: number;
}

/** The end listens: the other one may connect. */
export interface Ready {
  readonly kind: 'ready';
}

export interface Outcome {
  readonly kind: 'outcome';
  readonly side: 'send' | 'receive';
  /** `complete`: the peer ended its direction; `limit`: the time was over; `broken`: anything else. */
  readonly end: 'complete' | 'limit' | 'broken';
  readonly bytes: number;
  /** Of what arrived, in hexadecimal; empty for the sender. */
  readonly sha256: string;
  /** From the first byte to the last. */
  readonly elapsedUs: number;
  /** What is left behind when the connection is gone, by name, each of which should be 0. */
  readonly leftovers: Readonly<Record<string, number>>;
  /** Counters of the stack since it started, where there is one. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface RelayConditions {
  /** Probability for each packet. */
  readonly loss: number;
  readonly delayUs: number;
  /** Of the narrow line in each direction; 0: none. */
  readonly bitsPerSecond: number;
  readonly queueBytes: number;
  readonly seed: number;
}

/** Both directions together, since the conditions were set. */
export interface RelayReport {
  readonly kind: 'relay';
  readonly packets: number;
  readonly lost: number;
  /** The narrow line's queue was full: part of the conditions. */
  readonly queueFull: number;
  /** The relay's own room was full, or the kernel dropped a frame: not part of the conditions, and should be 0. */
  readonly overrun: number;
}

/** Calls `take` with each command; ends the process when stdin ends, so that nothing outlives its runner. */
export function onCommand<T>(take: (command: T) => void): void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => take(JSON.parse(line)));
  lines.on('close', () => process.exit(0));
}

export function answer(message: Ready | Outcome | RelayReport): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/** One turn of the Node event loop: commands are read there. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The content is this block over and over; its length is no multiple of anything that a stack works with. */
export const CONTENT_BLOCK = ((): Buffer => {
  const block = Buffer.alloc(1_000_003);
  const random = new Random(20);
  for (let i = 0; i < block.length; i++) block[i] = random.int32() >>> 24;
  return block;
})();

/** The SHA-256 of a stream's first `bytes`. */
export function contentSha256(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= CONTENT_BLOCK.length) {
    hash.update(left < CONTENT_BLOCK.length ? CONTENT_BLOCK.subarray(0, left) : CONTENT_BLOCK);
  }
  return hash.digest('hex');
}
