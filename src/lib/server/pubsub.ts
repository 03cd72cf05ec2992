/**
 * Channels and who listens to them: by name, by pattern, and by name in the space of sharded channels. Names are latin1
 * strings, one character for one byte.
 *
 *   publish(channel) ─▶ channels[channel] ─▶ each subscriber   message
 *                    └▶ patterns, tried in turn ─▶ each subscriber   pmessage
 *
 * A message is encoded once for all subscribers; RESP2 and RESP3 differ in its first byte.
 */
import { CLIENT_PUBSUB } from '../engine/client.ts';
import { globMatches } from '../engine/glob.ts';
import type { Pushes } from './pushes.ts';
import type { Session } from './session.ts';

/** The three spaces of names, with the words that their replies begin with. */
export type Space = 'channels' | 'patterns' | 'shards';

/** What a client is subscribed to, in the order in which it did so. */
export class Subscriptions {
  readonly channels = new Set<string>();
  readonly patterns = new Set<string>();
  readonly shards = new Set<string>();

  /** What subscribing and unsubscribing answer: sharded channels are counted by themselves. */
  count(space: Space): number {
    return space === 'shards' ? this.shards.size : this.channels.size + this.patterns.size;
  }

  get total(): number {
    return this.channels.size + this.patterns.size + this.shards.size;
  }
}

const ARRAY = 42;
const PUSH = 62;

/** The strings as one reply: an array for RESP2, a push for RESP3. */
function encode(mark: number, parts: readonly Uint8Array[]): Buffer {
  const pieces: Uint8Array[] = [Buffer.from(`${String.fromCharCode(mark)}${parts.length}\r\n`)];
  for (const part of parts) pieces.push(Buffer.from(`$${part.length}\r\n`), part, CRLF);
  return Buffer.concat(pieces);
}

const CRLF = Buffer.from('\r\n');
const MESSAGE = Buffer.from('message');
const PATTERN_MESSAGE = Buffer.from('pmessage');
const SHARD_MESSAGE = Buffer.from('smessage');

export class PubSub {
  readonly channels = new Map<string, Set<Session>>();
  readonly patterns = new Map<string, Set<Session>>();
  readonly shards = new Map<string, Set<Session>>();
  private readonly pushes: Pushes;

  constructor(pushes: Pushes) {
    this.pushes = pushes;
  }

  /** Somebody might get a message. */
  get listening(): boolean {
    return this.channels.size > 0 || this.patterns.size > 0;
  }

  subscribe(session: Session, space: Space, name: string): void {
    session.subscriptions ??= new Subscriptions();
    session.subscriptions[space].add(name);
    session.flags |= CLIENT_PUBSUB;
    const listeners = this[space].get(name);
    if (listeners === undefined) this[space].set(name, new Set([session]));
    else listeners.add(session);
  }

  unsubscribe(session: Session, space: Space, name: string): void {
    const { subscriptions } = session;
    if (subscriptions === null || !subscriptions[space].delete(name)) return;
    const listeners = this[space].get(name);
    listeners?.delete(session);
    if (listeners?.size === 0) this[space].delete(name);
    if (subscriptions.total > 0) return;
    session.subscriptions = null;
    session.flags &= ~CLIENT_PUBSUB;
  }

  /** RESET, or the connection is gone. */
  forget(session: Session): void {
    const { subscriptions } = session;
    if (subscriptions === null) return;
    for (const space of ['channels', 'patterns', 'shards'] as const) {
      for (const name of subscriptions[space]) this.unsubscribe(session, space, name);
    }
  }

  /** Sends the message to those who listen to the channel, and to a pattern that matches it; returns how many got it. */
  publish(name: string, payload: Uint8Array): number {
    const channel = Buffer.from(name, 'latin1');
    let receivers = 0;
    const listeners = this.channels.get(name);
    if (listeners !== undefined) receivers += this.deliver(listeners, [MESSAGE, channel, payload]);
    for (const [text, subscribers] of this.patterns) {
      const pattern = Buffer.from(text, 'latin1');
      if (!globMatches(pattern, 0, pattern.length, channel, 0, channel.length)) continue;
      receivers += this.deliver(subscribers, [PATTERN_MESSAGE, pattern, channel, payload]);
    }
    return receivers;
  }

  /** As publish, to those who listen to a sharded channel. */
  publishToShard(name: string, payload: Uint8Array): number {
    const listeners = this.shards.get(name);
    return listeners === undefined ? 0 : this.deliver(listeners, [SHARD_MESSAGE, Buffer.from(name, 'latin1'), payload]);
  }

  private deliver(listeners: ReadonlySet<Session>, parts: readonly Uint8Array[]): number {
    const { size } = listeners;
    let array: Buffer | null = null;
    let push: Buffer | null = null;
    for (const session of listeners) {
      if (session.protocol === 2) {
        array ??= encode(ARRAY, parts);
        this.pushes.send(session, array);
      } else {
        push ??= encode(PUSH, parts);
        this.pushes.send(session, push);
      }
    }
    return size;
  }
}
