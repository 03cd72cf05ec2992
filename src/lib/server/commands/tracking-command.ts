/** CLIENT TRACKING, TRACKINGINFO, CACHING and GETREDIR. */
import { integerArgument, syntaxError } from '../../engine/arguments.ts';
import {
  CLIENT_TRACKING,
  CLIENT_TRACKING_BCAST,
  CLIENT_TRACKING_BROKEN_REDIR,
  CLIENT_TRACKING_CACHING,
  CLIENT_TRACKING_NOLOOP,
  CLIENT_TRACKING_OPTIN,
  CLIENT_TRACKING_OPTOUT,
} from '../../engine/client.ts';
import type { Engine, Handler } from '../../engine/engine.ts';
import type { ServerContext } from '../context.ts';
import type { Session } from '../session.ts';
import { overlap } from '../tracking.ts';
import { bulkLatin1 } from './container.ts';

const NOT_TRACKING =
  'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled';
const OTHER_BCAST =
  "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a " +
  'different mode.';
const OTHER_OPT =
  "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a " +
  'different mode.';
/** Of so many prefixes the first that clashes is looked for; after them any that does is named. */
const MAX_SEARCHED = 100;
const NO_OVERLAP = 'Prefixes for a single client must not overlap.';

export function trackingHandlers(context: ServerContext): Record<string, Handler> {
  return {
    tracking: (engine, arg, argc) => tracking(context, engine, arg, argc),
    trackinginfo,
    caching,
    getredir: (engine) => {
      const { flags, redirect } = engine.client as Session;
      engine.reply.integer((flags & CLIENT_TRACKING) === 0 ? -1 : redirect);
    },
  };
}

interface Options {
  flags: number;
  redirect: number;
  prefixes: string[];
}

/** CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP] */
function tracking(context: ServerContext, engine: Engine, arg: number, argc: number): void {
  const session = engine.client as Session;
  const options = parseOptions(context, engine, arg, argc);
  if (options === null) return;
  const mode = engine.text(arg + 2).toLowerCase();
  if (mode === 'on') {
    const error = refusal(session, options);
    if (error !== null) {
      engine.reply.error(error);
      return;
    }
    context.tracking.enable(session, options.flags, options.redirect, options.prefixes);
  } else if (mode === 'off') context.tracking.disable(session);
  else {
    syntaxError(engine);
    return;
  }
  engine.reply.ok();
}

const MODES: Readonly<Record<string, number>> = {
  bcast: CLIENT_TRACKING_BCAST,
  optin: CLIENT_TRACKING_OPTIN,
  optout: CLIENT_TRACKING_OPTOUT,
  noloop: CLIENT_TRACKING_NOLOOP,
};

/** The options behind ON or OFF; null when they are wrong: the error has been written. */
function parseOptions(context: ServerContext, engine: Engine, arg: number, argc: number): Options | null {
  const options: Options = { flags: 0, redirect: 0, prefixes: [] };
  for (let i = arg + 3; i < arg + argc; i++) {
    const word = engine.text(i).toLowerCase();
    const more = i + 1 < arg + argc;
    if (word === 'redirect' && more) {
      i++;
      if (options.redirect !== 0) {
        engine.reply.error('ERR A client can only redirect to a single other client');
        return null;
      }
      options.redirect = integerArgument(engine, i);
      if (Number.isNaN(options.redirect)) return null;
      if (context.clients.get(options.redirect) === undefined) {
        engine.reply.error('ERR The client ID you want redirect to does not exist');
        return null;
      }
    } else if (word === 'prefix' && more) {
      i++;
      options.prefixes.push(engine.memory.latin1(engine.argOffset[i], engine.argLength[i]));
    } else if (Object.hasOwn(MODES, word)) options.flags |= MODES[word];
    else {
      syntaxError(engine);
      return null;
    }
  }
  return options;
}

/** Why the options don't go together, or not with what the client has on already; null when they do. */
function refusal(session: Session, { flags, prefixes }: Options): string | null {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const had = (flag: number): boolean => (session.flags & flag) !== 0;
  const bcast = has(CLIENT_TRACKING_BCAST);
  if (!bcast && prefixes.length > 0) return 'ERR PREFIX option requires BCAST mode to be enabled';
  if (had(CLIENT_TRACKING) && bcast !== had(CLIENT_TRACKING_BCAST)) return OTHER_BCAST;
  if (bcast && has(CLIENT_TRACKING_OPTIN | CLIENT_TRACKING_OPTOUT)) {
    return 'ERR OPTIN and OPTOUT are not compatible with BCAST';
  }
  if (has(CLIENT_TRACKING_OPTIN) && has(CLIENT_TRACKING_OPTOUT)) {
    return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  }
  if (has(CLIENT_TRACKING_OPTIN) && had(CLIENT_TRACKING_OPTOUT)) return OTHER_OPT;
  if (has(CLIENT_TRACKING_OPTOUT) && had(CLIENT_TRACKING_OPTIN)) return OTHER_OPT;
  return bcast ? collision(session, prefixes) : null;
}

/** Two prefixes of which one begins with the other, in words; null when there are none. */
function collision(session: Session, prefixes: readonly string[]): string | null {
  // Sorted, a prefix stands right before what begins with it.
  const sorted = [...session.prefixes, ...prefixes].sort();
  const clash = sorted.find((prefix, i) => i > 0 && prefix.startsWith(sorted[i - 1]));
  if (clash === undefined) return null;
  for (const [i, prefix] of prefixes.entries()) {
    for (const existing of session.prefixes) {
      if (overlap(prefix, existing)) {
        return `ERR Prefix '${prefix}' overlaps with an existing prefix '${existing}'. ${NO_OVERLAP}`;
      }
    }
    const other = prefixes.find((each, k) => k > i && overlap(prefix, each));
    if (other !== undefined) {
      return `ERR Prefix '${prefix}' overlaps with another provided prefix '${other}'. ${NO_OVERLAP}`;
    }
    if (i === MAX_SEARCHED) return `ERR Prefix '${clash}' overlaps with another provided prefix. ${NO_OVERLAP}`;
  }
  return null;
}

/** CLIENT CACHING YES|NO: about the next command. */
function caching(engine: Engine, arg: number): void {
  const { client, reply } = engine;
  const mode = engine.text(arg + 2).toLowerCase();
  if ((client.flags & CLIENT_TRACKING) === 0) reply.error(NOT_TRACKING);
  else if (mode === 'yes' && (client.flags & CLIENT_TRACKING_OPTIN) === 0) {
    reply.error('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.');
  } else if (mode === 'no' && (client.flags & CLIENT_TRACKING_OPTOUT) === 0) {
    reply.error('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.');
  } else if (mode !== 'yes' && mode !== 'no') syntaxError(engine);
  else {
    client.flags |= CLIENT_TRACKING_CACHING;
    reply.ok();
  }
}

function trackinginfo(engine: Engine): void {
  const { flags, redirect, prefixes } = engine.client as Session;
  const { reply } = engine;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const given = has(CLIENT_TRACKING_CACHING);
  const words = [has(CLIENT_TRACKING) ? 'on' : 'off'];
  if (has(CLIENT_TRACKING_BCAST)) words.push('bcast');
  if (has(CLIENT_TRACKING_OPTIN)) words.push('optin', ...(given ? ['caching-yes'] : []));
  if (has(CLIENT_TRACKING_OPTOUT)) words.push('optout', ...(given ? ['caching-no'] : []));
  if (has(CLIENT_TRACKING_NOLOOP)) words.push('noloop');
  if (has(CLIENT_TRACKING_BROKEN_REDIR)) words.push('broken_redirect');
  reply.map(3);
  reply.bulkText('flags');
  reply.set(words.length);
  for (const word of words) reply.bulkText(word);
  reply.bulkText('redirect');
  reply.integer(has(CLIENT_TRACKING) ? redirect : -1);
  reply.bulkText('prefixes');
  reply.array(prefixes.size);
  for (const prefix of [...prefixes].sort()) bulkLatin1(engine, prefix);
}
