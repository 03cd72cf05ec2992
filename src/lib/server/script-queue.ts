/**
 * Scripts that clients have asked for and that wait for the end of the turn. A script may run for so long that turns of the loop
 * are taken inside it (interruption.ts), so it is run when nothing of a burst is in use any more: its arguments are copied to
 * here, and what its client sent behind it waits in the query buffer.
 *
 *   commands │ done │ runs │ waits │ waits │      each session knows the place of its own; there is one at most
 *                             ▲ next
 */
import type { Engine } from '../engine/engine.ts';
import { KeptCommands } from './kept-commands.ts';
import type { Session } from './session.ts';

export class ScriptQueue {
  readonly commands: KeptCommands;
  /** Scripts that wait, and those that run. */
  count = 0;
  private readonly owners: Session[] = [];
  private next = 0;

  constructor(engine: Engine) {
    this.commands = new KeptCommands(engine.memory);
  }

  /** Puts the command at `arg` at the end. False when there is no memory for its arguments. */
  add(engine: Engine, session: Session, id: number, hash: number, arg: number, argc: number): boolean {
    if (!this.commands.add(engine, id, hash, arg, argc)) return false;
    session.script = this.owners.length;
    this.owners.push(session);
    this.count++;
    return true;
  }

  /** The client whose turn it is; null when none waits. */
  first(): Session | null {
    const { owners } = this;
    for (; this.next < owners.length; this.next++) {
      if (owners[this.next].script === this.next) return owners[this.next]; // else it was run before its turn
    }
    return null;
  }

  /** One that ran is done with. When all are, their memory is used again. */
  done(): void {
    if (--this.count > 0) return;
    this.commands.clear();
    this.owners.length = 0;
    this.next = 0;
  }
}
