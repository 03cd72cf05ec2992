/**
 * The slow log: the last commands that took longer than slowlog-log-slower-than, newest first. Arguments are trimmed when
 * they are taken (32 of them, 128 bytes of each), so an entry's size is bounded whatever the command was.
 */

export const MAX_ARGUMENTS = 32;
export const MAX_ARGUMENT_BYTES = 128;

export interface SlowlogEntry {
  readonly id: number;
  readonly timeSeconds: number;
  readonly micros: number;
  /** latin1: one character is one byte. */
  readonly args: readonly string[];
  readonly address: string;
  readonly clientName: string;
}

/** A command that was slow. */
export interface SlowCommand {
  readonly nowMs: number;
  readonly micros: number;
  readonly argc: number;
  /** The i-th argument as latin1; asked only for those that are kept. */
  argument(i: number): string;
  readonly address: string;
  readonly clientName: string;
  /** Entries that the log may have. */
  readonly maxLength: number;
}

export class Slowlog {
  /** Newest first. */
  readonly entries: SlowlogEntry[] = [];
  private nextId = 0;

  add(command: SlowCommand): void {
    this.entries.unshift({
      id: this.nextId++,
      timeSeconds: Math.floor(command.nowMs / 1000),
      micros: command.micros,
      args: trimmed(command),
      address: command.address,
      clientName: command.clientName,
    });
    this.trim(command.maxLength);
  }

  trim(maxLength: number): void {
    if (this.entries.length > maxLength) this.entries.length = maxLength;
  }

  reset(): void {
    this.entries.length = 0;
  }
}

function trimmed(command: SlowCommand): string[] {
  const { argc } = command;
  const kept = argc > MAX_ARGUMENTS ? MAX_ARGUMENTS - 1 : argc;
  const args: string[] = [];
  for (let i = 0; i < kept; i++) {
    const text = command.argument(i);
    const more = text.length - MAX_ARGUMENT_BYTES;
    args.push(more > 0 ? `${text.slice(0, MAX_ARGUMENT_BYTES)}... (${more} more bytes)` : text);
  }
  if (kept < argc) args.push(`... (${argc - kept} more arguments)`);
  return args;
}
