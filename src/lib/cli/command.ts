/**
 * The base of every command: parses, hands an Output and an Interrupt to the work, and turns whatever was thrown into two
 * lines (or one JSON document) and an exit code. A command returns its result; with --json that is what is printed.
 */
import { Command } from '@oclif/core';
import { ExitError } from '@oclif/core/errors';
import type { FlagInput } from '@oclif/core/interfaces';
import { CommandError, toCommandError, UsageError } from './command-error.ts';
import { Interrupt } from './interrupt.ts';
import { nearest } from './nearest.ts';
import { Output } from './output.ts';
import { errorDocument } from './unknown-command.ts';

export abstract class RtcpCommand extends Command {
  static override enableJsonFlag = true;
  private outputOnce: Output | null = null;
  private interruptOnce: Interrupt | null = null;

  /** Takes the signals over from when it is first asked for. */
  protected get interrupt(): Interrupt {
    this.interruptOnce ??= new Interrupt();
    return this.interruptOnce;
  }

  protected get output(): Output {
    this.outputOnce ??= new Output(this.jsonEnabled());
    return this.outputOnce;
  }

  protected override async catch(thrown: Error): Promise<void> {
    if (thrown instanceof ExitError) throw thrown; // --help and --version end so
    const error = this.parsed ? toCommandError(thrown) : this.usageError(thrown);
    this.parsed = true; // it tried: no warning of oclif's about that
    process.exitCode = error.exitCode;
    if (this.jsonEnabled()) {
      this.logJson(errorDocument(error));
      return;
    }
    this.output.note(`${this.config.bin} ${this.id}: ${error.message}`);
    this.output.note(`mend: ${error.mend}`);
    if (process.env.RTCP_DEBUG !== undefined) this.output.note(thrown.stack ?? '');
  }

  protected override async finally(): Promise<void> {
    this.interruptOnce?.dispose();
  }

  /** Ends with this status unless something fails later. */
  protected exitWith(code: number): void {
    process.exitCode = code;
  }

  /** oclif says it in several lines, some with its own hints: keep the first that names the cause. */
  private usageError(error: Error): CommandError {
    if (error instanceof CommandError) return error;
    const lines = error.message
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('See more help'));
    const parsing = /^Parsing --(\S+)/.exec(lines[0] ?? '');
    const cause = parsing === null ? lines.join(' ') : `--${parsing[1]}: ${lines.slice(1).join(' ')}`;
    return new UsageError(cause, this.mendFor(cause));
  }

  private mendFor(cause: string): string {
    const unknown = /^Nonexistent flags?: --([\w-]+)/.exec(cause);
    const help = `${this.config.bin} ${this.id} --help`;
    if (unknown === null) return help;
    const flags: FlagInput = this.ctor.flags ?? {};
    const near = nearest(unknown[1], Object.keys(flags));
    return near === null ? help : `--${near} is near to it; all flags: ${help}`;
  }
}
