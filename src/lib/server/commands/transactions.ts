/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH. That a command of a client in a transaction is queued, the command runner sees to
 * (../run-command.ts); EXEC runs the queue through it.
 */
import { CLIENT_DIRTY_CAS, CLIENT_DIRTY_EXEC, CLIENT_MULTI } from '../../engine/client.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import type { Session } from '../session.ts';
import { beginTransaction, endTransaction, type Transaction } from '../transaction.ts';

export function transactionHandlers(context: ServerContext): Record<string, Handler> {
  return {
    multi,
    exec: (engine) => exec(context, engine),
    discard: (engine) => discard(context, engine),
    watch: (engine, arg, argc) => watch(context, engine, arg, argc),
    unwatch: (engine) => {
      const session = engine.client as Session;
      context.watches.unwatchAll(session);
      session.flags &= ~CLIENT_DIRTY_CAS;
      context.keyEvents.refresh();
      engine.reply.ok();
    },
  };
}

function multi(engine: Engine): void {
  const session = engine.client as Session;
  if ((session.flags & CLIENT_MULTI) !== 0) {
    engine.reply.error('ERR MULTI calls can not be nested');
    return;
  }
  beginTransaction(engine, session);
  engine.reply.ok();
}

function exec(context: ServerContext, engine: Engine): void {
  const session = engine.client as Session;
  const { transaction } = session;
  if (transaction === null) {
    engine.reply.error('ERR EXEC without MULTI');
    return;
  }
  const { flags } = session;
  if ((flags & CLIENT_DIRTY_EXEC) !== 0) {
    engine.reply.error('EXECABORT Transaction discarded because of previous errors.');
  } else if ((flags & CLIENT_DIRTY_CAS) !== 0 || context.watches.anyExpired(session)) engine.reply.nilArray();
  else runAll(context, engine, session, transaction);
  leaveTransaction(context, session);
}

/** Runs the queue: nobody else's command comes between, and nobody who waits is served before its end. */
function runAll(context: ServerContext, engine: Engine, session: Session, transaction: Transaction): void {
  const { runner } = context;
  if (runner === null) return;
  const { commands } = transaction;
  context.watches.unwatchAll(session); // what it watches is not to be looked for in its own changes
  context.keyEvents.refresh();
  engine.reply.array(commands.count);
  context.nesting++;
  for (let i = 0; i < commands.count; i++) {
    const arg = commands.place(engine, i);
    runner.callTimed(commands.ids[i], arg, commands.argc(i), commands.hashes[i]);
    commands.unplace(engine, arg);
  }
  context.nesting--;
}

function discard(context: ServerContext, engine: Engine): void {
  const session = engine.client as Session;
  if (session.transaction === null) {
    engine.reply.error('ERR DISCARD without MULTI');
    return;
  }
  leaveTransaction(context, session);
  engine.reply.ok();
}

/** The client is outside a transaction, and watches nothing. */
export function leaveTransaction(context: ServerContext, session: Session): void {
  endTransaction(session);
  context.watches.unwatchAll(session);
  context.keyEvents.refresh();
}

function watch(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const session = engine.client as Session;
  if ((session.flags & CLIENT_MULTI) !== 0) {
    engine.reply.error('ERR WATCH inside MULTI is not allowed');
    return;
  }
  // One that has failed already needs to watch nothing more.
  if ((session.flags & CLIENT_DIRTY_CAS) === 0) {
    for (let i = arg + 1; i < arg + argc; i++) context.watches.watch(session, i);
    context.keyEvents.refresh();
  }
  engine.reply.ok();
}
