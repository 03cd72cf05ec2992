/**
 * Messages that nobody asked for in the command at hand: of channels, of keys that changed, of keys that were cached. They are
 * encoded once and appended to the send queue of each client that is to have them.
 *
 *   send ──▶ another client's queue, at once
 *       └──▶ the client whose command runs: behind that command's reply (after EXEC, behind the whole transaction's)
 */
import { CLIENT_CLOSING, CLIENT_REPLY_OFF, CLIENT_REPLY_SKIP } from '../engine/client.ts';
import type { Engine } from '../engine/engine.ts';
import { Reply } from '../resp/reply.ts';
import type { ServerContext } from './context.ts';
import { INTEREST_PUSHES } from './interest.ts';
import type { Session } from './session.ts';

export class Pushes {
  private readonly engine: Engine;
  private readonly context: ServerContext;
  private readonly writer: Reply;
  /** For the client whose command runs. */
  private pending: Uint8Array[] = [];

  constructor(engine: Engine, context: ServerContext) {
    this.engine = engine;
    this.context = context;
    this.writer = new Reply(engine.memory);
  }

  get bytesWritten(): number {
    return this.writer.bytesWritten;
  }

  /** `bytes`: a whole reply, in the client's protocol. CLIENT REPLY OFF does not keep it from the client. */
  send(session: Session, bytes: Uint8Array): void {
    const { context, writer } = this;
    if (session === context.runner?.current || session === context.interrupted) {
      this.pending.push(bytes);
      context.interest |= INTEREST_PUSHES;
      return;
    }
    const { queue } = session.stream;
    writer.begin(queue, session.protocol, false);
    writer.raw(bytes);
    writer.finish();
    session.stream.requestFlush();
    if (queue.overflowed || context.outputLimitReached(session, queue.totalBytes)) context.closeForOutput(session);
  }

  /** The command of the client that is at work is done: now it gets what it was to have. */
  flush(): void {
    const { context, engine } = this;
    context.interest &= ~INTEREST_PUSHES;
    const { pending } = this;
    this.pending = [];
    if ((engine.client.flags & CLIENT_CLOSING) !== 0) return;
    unmuted(engine, () => {
      for (const bytes of pending) engine.reply.raw(bytes);
    });
  }
}

/** What `write` writes for the client whose command runs is sent even after CLIENT REPLY OFF or SKIP. */
export function unmuted(engine: Engine, write: () => void): void {
  const muted = (engine.client.flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP)) !== 0;
  if (muted) engine.reply.mute(false);
  write();
  if (muted) engine.reply.mute(true);
}
