/**
 * Parsed commands waiting to be executed together: offsets and lengths into packet memory, no strings, no objects for each
 * command. All connections of a burst fill one batch, so that hashing and touching the keys of 32 commands overlaps their
 * cache misses.
 *
 *   command i ──▶ first[i], argc[i] ──▶ argOffset[first … first+argc), argLength[…]
 *                 id[i]  hash[i]  owner[i]
 */
export const BATCH_COMMANDS = 32;
const INITIAL_ARGS = 4096;

export class CommandBatch {
  /** Commands in the batch. */
  count = 0;
  /** Arguments of all of them. */
  args = 0;
  /** Arguments below this are those of a command that is interrupted (server/interruption.ts): they stay. */
  base = 0;
  argOffset = new Int32Array(INITIAL_ARGS);
  argLength = new Int32Array(INITIAL_ARGS);
  readonly first = new Int32Array(BATCH_COMMANDS + 1);
  readonly argc = new Int32Array(BATCH_COMMANDS + 1);
  /** Command id (its place in the command table), -1 when there is no such command. */
  readonly id = new Int32Array(BATCH_COMMANDS + 1);
  /** Hash of the first key, when the command has one. */
  readonly hash = new Int32Array(BATCH_COMMANDS + 1);
  /** The session that each command came from. */
  readonly owner: unknown[] = new Array(BATCH_COMMANDS + 1).fill(null);

  /** Makes room for `n` arguments in all. */
  grow(n: number): void {
    let size = this.argOffset.length;
    while (size < n) size *= 2;
    const offsets = new Int32Array(size);
    const lengths = new Int32Array(size);
    offsets.set(this.argOffset);
    lengths.set(this.argLength);
    this.argOffset = offsets;
    this.argLength = lengths;
  }

  clear(): void {
    this.count = 0;
    this.args = this.base;
    if (this.argOffset.length > 16 * INITIAL_ARGS && this.base === 0) {
      this.argOffset = new Int32Array(INITIAL_ARGS);
      this.argLength = new Int32Array(INITIAL_ARGS);
    }
  }
}
