/**
 * What a link has opened so far, to be undone in reverse order: when a later step of its opening fails, and when it closes.
 *
 *   open: socket ─▶ program ─▶ attach ─▶ map ✗          release: attach ◀─ program ◀─ socket
 */
import { closeFd } from './wait.ts';

export class Resources {
  private undo: (() => void)[] = [];

  /** Adds a step to undo. */
  add(undo: () => void): void {
    this.undo.push(undo);
  }

  /** Adds a descriptor to close, and passes it on. */
  fd(fd: number): number {
    this.undo.push(() => closeFd(fd));
    return fd;
  }

  /** Undoes everything, last first. Idempotent. */
  release(): void {
    for (let undo = this.undo.pop(); undo !== undefined; undo = this.undo.pop()) undo();
  }

  /** Runs `open`; what it added is released again when it throws. */
  static opening<T>(open: (resources: Resources) => T): T {
    const resources = new Resources();
    try {
      return open(resources);
    } catch (error) {
      resources.release();
      throw error;
    }
  }
}
