/**
 * Ctrl-C, twice: the first (or a SIGTERM) asks the command to stop, which then prints its summary; the second ends the
 * process at once with 130. Work that must be undone in any case is registered with `onAbort`: it runs synchronously
 * before that end.
 */
import { EXIT_INTERRUPTED } from './exit-codes.ts';

export class Interrupt {
  private readonly controller = new AbortController();
  private readonly undo = new Set<() => void>();
  private readonly listener = (): void => this.interrupted();

  constructor() {
    process.on('SIGINT', this.listener);
    process.on('SIGTERM', this.listener);
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get stopped(): boolean {
    return this.controller.signal.aborted;
  }

  /** Returns the function that takes the registration back. */
  onAbort(undo: () => void): () => void {
    this.undo.add(undo);
    return () => this.undo.delete(undo);
  }

  /** Gives the signals back to the process. */
  dispose(): void {
    process.off('SIGINT', this.listener);
    process.off('SIGTERM', this.listener);
  }

  private interrupted(): void {
    if (!this.controller.signal.aborted) {
      this.controller.abort();
      return;
    }
    for (const undo of this.undo) undo();
    process.exit(EXIT_INTERRUPTED);
  }
}
