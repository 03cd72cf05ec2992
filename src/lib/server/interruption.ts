/**
 * Others are served while a script runs: it is interrupted between two of its instructions, and what belongs to the command
 * that it is (or that it is inside of) is put aside and back again.
 *
 *   script … hook ─▶ │ aside: client, database, reply, arguments │ a turn: commands of others, refused or not │ back │ … script
 *
 * Its arguments stay where they are, in the batch below `base`; its reply goes on where it was, unless its client has left.
 */
import { CLIENT_CLOSING } from '../engine/client.ts';
import type { ServerContext } from './context.ts';
import type { Dispatcher } from './dispatch.ts';

/** Does `work` (a turn of the loop) inside the command that runs. */
export function interrupt(context: ServerContext, dispatcher: Dispatcher, work: () => void): void {
  const { engine, runner } = context;
  if (runner === null || runner.current === null || context.interrupted !== null) return;
  const { batch, reply, client, db, keyHash, nowMs } = engine;
  const { current, arg, argc } = runner;
  const { protocol, unheard, errors, lastError } = reply;
  const { nesting, scripts } = context;
  const { args, base } = batch;
  const { executing } = dispatcher;
  reply.finish();
  batch.base = args;
  context.interrupted = current;
  engine.nowMs = engine.clock.wallMs();
  context.nesting = 0;
  context.scripts = 0;
  dispatcher.executing = false;
  work();
  dispatcher.executing = executing;
  context.scripts = scripts;
  context.nesting = nesting;
  context.interrupted = null;
  batch.base = base;
  batch.args = args;
  engine.argOffset = batch.argOffset;
  engine.argLength = batch.argLength;
  engine.client = client;
  engine.db = db;
  engine.keyHash = keyHash;
  engine.nowMs = nowMs; // for a script, time stands still
  runner.current = current;
  runner.arg = arg;
  runner.argc = argc;
  reply.errors = errors;
  reply.lastError = lastError;
  reply.begin(current.stream.queue, protocol, unheard || (current.flags & CLIENT_CLOSING) !== 0);
}
