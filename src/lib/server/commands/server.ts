/** What the server says of itself in a word or two, and how it is told to stop. INFO has files of its own (../info.ts). */
import { syntaxError } from '../../engine/arguments.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import { infoText } from '../info.ts';
import { monitor } from './client-state.ts';
import { lolwut } from './lolwut.ts';

const US_PER_SECOND = 1_000_000;

export function serverHandlers(context: ServerContext): Record<string, Handler> {
  return {
    time: (engine) => time(context, engine),
    lastsave: (engine) => engine.reply.integer(Math.floor(context.startedMs / 1000)),
    role,
    info: (engine, arg, argc) => info(context, engine, arg, argc),
    monitor: (engine) => monitor(context, engine),
    shutdown: (engine, arg, argc) => shutdown(context, engine, arg, argc),
    lolwut,
  };
}

function time(context: ServerContext, engine: Engine): void {
  const nowUs = context.wallClock.nowUs();
  const seconds = Math.floor(nowUs / US_PER_SECOND);
  engine.reply.array(2);
  engine.reply.bulkText(String(seconds));
  engine.reply.bulkText(String(Math.floor(nowUs - seconds * US_PER_SECOND)));
}

/** A master at offset 0 that nobody replicates. */
function role(engine: Engine): void {
  engine.reply.array(3);
  engine.reply.bulkText('master');
  engine.reply.integer(0);
  engine.reply.array(0);
}

function info(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const sections: string[] = [];
  for (let i = 1; i < argc; i++) sections.push(engine.text(arg + i).toLowerCase());
  engine.reply.verbatim('txt', infoText(context, sections));
}

/** SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]: not answered when it succeeds. */
function shutdown(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const given = new Set<string>();
  for (let i = 1; i < argc; i++) given.add(engine.text(arg + i).toLowerCase());
  const known = ['save', 'nosave', 'now', 'force', 'abort'];
  const contradiction = given.has('save') && given.has('nosave');
  if ([...given].some((word) => !known.includes(word)) || contradiction || (given.has('abort') && argc > 2)) {
    syntaxError(engine);
    return;
  }
  if (given.has('abort')) {
    if (context.hooks.abortShutdown()) engine.reply.ok();
    else engine.reply.error('ERR No shutdown in progress.');
    return;
  }
  if (context.interrupted !== null && !given.has('nosave')) {
    engine.reply.error(context.scripting.busyError as string);
    return;
  }
  if (given.has('save') && !given.has('force')) {
    context.log(
      'warning',
      'SHUTDOWN SAVE was asked for, but there is no persistence: SHUTDOWN NOSAVE stops the server',
    );
    engine.reply.error('ERR Errors trying to SHUTDOWN. Check logs.');
    return;
  }
  context.log('warning', 'User requested shutdown...');
  context.hooks.requestShutdown({ now: given.has('now'), force: given.has('force') });
}
