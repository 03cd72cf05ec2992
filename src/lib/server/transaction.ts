/**
 * The commands that a client has queued since MULTI, in memory that it owns, and what EXEC has to know of them as a whole.
 */
import { CLIENT_DIRTY_CAS, CLIENT_DIRTY_EXEC, CLIENT_MULTI } from '../engine/client.ts';
import type { Engine } from '../engine/engine.ts';
import { KeptCommands } from './kept-commands.ts';
import type { Session } from './session.ts';

/** What a queued command takes beside its arguments, roughly: the limit on a client's requests counts it. */
const COMMAND_BYTES = 64;

export class Transaction {
  readonly commands: KeptCommands;
  /** The flags of all its commands together (COMMAND_*). */
  flags = 0;
  /** There are scripts among its commands. */
  runsScripts = false;

  constructor(engine: Engine) {
    this.commands = new KeptCommands(engine.memory);
  }

  /** What it takes, in the terms of client-query-buffer-limit. */
  get bytes(): number {
    return this.commands.bytes + this.commands.count * COMMAND_BYTES;
  }
}

export function beginTransaction(engine: Engine, session: Session): void {
  session.transaction = new Transaction(engine);
  session.flags |= CLIENT_MULTI;
}

/** The client is outside a transaction again; what it had queued is forgotten. */
export function endTransaction(session: Session): void {
  session.transaction?.commands.release();
  session.transaction = null;
  session.flags &= ~(CLIENT_MULTI | CLIENT_DIRTY_CAS | CLIENT_DIRTY_EXEC);
}
