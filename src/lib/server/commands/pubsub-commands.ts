/**
 * SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB. To subscribe or unsubscribe is answered once for each name, by a push in
 * RESP3, and even after CLIENT REPLY OFF.
 */
import type { Engine, Handler } from '../../engine/engine.ts';
import { globMatches } from '../../engine/glob.ts';
import type { ServerContext } from '../context.ts';
import type { Space } from '../pubsub.ts';
import { unmuted } from '../pushes.ts';
import type { Session } from '../session.ts';
import { bulkLatin1, container } from './container.ts';

const PUBSUB_HELP = [
  'CHANNELS [<pattern>]',
  "    Return the currently active channels matching a <pattern> (default: '*').",
  'NUMPAT',
  '    Return number of subscriptions to patterns.',
  'NUMSUB [<channel> ...]',
  '    Return the number of subscribers for the specified channels, excluding',
  '    pattern subscriptions(default: no channels).',
  'SHARDCHANNELS [<pattern>]',
  "    Return the currently active shard level channels matching a <pattern> (default: '*').",
  'SHARDNUMSUB [<shardchannel> ...]',
  '    Return the number of subscribers for the specified shard level channel(s)',
];

export function pubsubHandlers(context: ServerContext): Record<string, Handler> {
  const { pubsub } = context;
  return {
    subscribe: subscriber(context, 'channels', 'subscribe'),
    psubscribe: subscriber(context, 'patterns', 'psubscribe'),
    ssubscribe: subscriber(context, 'shards', 'ssubscribe'),
    unsubscribe: unsubscriber(context, 'channels', 'unsubscribe'),
    punsubscribe: unsubscriber(context, 'patterns', 'punsubscribe'),
    sunsubscribe: unsubscriber(context, 'shards', 'sunsubscribe'),
    publish: (engine, arg) => {
      const receivers = pubsub.listening ? pubsub.publish(nameAt(engine, arg + 1), bytesAt(engine, arg + 2)) : 0;
      engine.reply.integer(receivers);
    },
    spublish: (engine, arg) => {
      const receivers =
        pubsub.shards.size > 0 ? pubsub.publishToShard(nameAt(engine, arg + 1), bytesAt(engine, arg + 2)) : 0;
      engine.reply.integer(receivers);
    },
    pubsub: container('pubsub', PUBSUB_HELP, {
      channels: (engine, arg, argc) => sayNames(engine, arg, argc, pubsub.channels.keys()),
      shardchannels: (engine, arg, argc) => sayNames(engine, arg, argc, pubsub.shards.keys()),
      numpat: (engine) => engine.reply.integer(pubsub.patterns.size),
      numsub: (engine, arg, argc) => sayCounts(engine, arg, argc, pubsub.channels),
      shardnumsub: (engine, arg, argc) => sayCounts(engine, arg, argc, pubsub.shards),
    }),
  };
}

/** Argument `i` as a name: latin1, whole. */
function nameAt(engine: Engine, i: number): string {
  return engine.memory.latin1(engine.argOffset[i], engine.argLength[i]);
}

function bytesAt(engine: Engine, i: number): Uint8Array {
  return engine.memory.u8.subarray(engine.argOffset[i], engine.argOffset[i] + engine.argLength[i]);
}

function subscriber(context: ServerContext, space: Space, word: string): Handler {
  return (engine, arg, argc) => {
    const session = engine.client as Session;
    unmuted(engine, () => {
      for (let i = arg + 1; i < arg + argc; i++) {
        const name = nameAt(engine, i);
        context.pubsub.subscribe(session, space, name);
        confirm(engine, session, space, word, name);
      }
    });
  };
}

/** Without names: from all, in the order in which they were subscribed to; from none is answered, too. */
function unsubscriber(context: ServerContext, space: Space, word: string): Handler {
  return (engine, arg, argc) => {
    const session = engine.client as Session;
    const names: string[] = argc === 1 ? [...(session.subscriptions?.[space] ?? [])] : [];
    for (let i = arg + 1; i < arg + argc; i++) names.push(nameAt(engine, i));
    unmuted(engine, () => {
      for (const name of names) {
        context.pubsub.unsubscribe(session, space, name);
        confirm(engine, session, space, word, name);
      }
      if (names.length === 0) confirm(engine, session, space, word, null);
    });
  };
}

function confirm(engine: Engine, session: Session, space: Space, word: string, name: string | null): void {
  const { reply } = engine;
  reply.push(3);
  reply.bulkText(word);
  if (name === null) reply.nil();
  else bulkLatin1(engine, name);
  reply.integer(session.subscriptions?.count(space) ?? 0);
}

/** PUBSUB CHANNELS [pattern] */
function sayNames(engine: Engine, arg: number, argc: number, names: Iterable<string>): void {
  if (argc > 3) {
    const subcommand = engine.text(arg + 1);
    engine.reply.error(`ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try PUBSUB HELP.`);
    return;
  }
  const found: Buffer[] = [];
  const pattern = argc === 3 ? bytesAt(engine, arg + 2) : null;
  for (const name of names) {
    const bytes = Buffer.from(name, 'latin1');
    if (pattern === null || globMatches(pattern, 0, pattern.length, bytes, 0, bytes.length)) found.push(bytes);
  }
  engine.reply.array(found.length);
  for (const bytes of found) engine.reply.bulkBytes(bytes);
}

/** PUBSUB NUMSUB channel … */
function sayCounts(engine: Engine, arg: number, argc: number, channels: ReadonlyMap<string, Set<Session>>): void {
  engine.reply.array(2 * (argc - 2));
  for (let i = arg + 2; i < arg + argc; i++) {
    const name = nameAt(engine, i);
    bulkLatin1(engine, name);
    engine.reply.integer(channels.get(name)?.size ?? 0);
  }
}
