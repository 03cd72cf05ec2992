/**
 * Keyspace notifications: what happened to keys, as messages of channels (notify-keyspace-events).
 *
 *   K   __keyspace@<db>__:<key>    event        of every event of a class that is on
 *   E   __keyevent@<db>__:<event>  key
 *
 * Nothing is made of an event unless its class is on and somebody listens to any channel at all.
 */
import type { Keyspace } from '../store/keyspace.ts';
import type { PubSub } from './pubsub.ts';

/** The classes by their letters: a bit for each. */
const LETTERS = 'KEg$lshzxetdmn';
const bit = (letter: string): number => 1 << LETTERS.indexOf(letter);
const KEYSPACE = bit('K');
const KEYEVENT = bit('E');
const MISS = bit('m');
const NEW = bit('n');
/** What `A` stands for. */
const ALL = 'g$lshzxetd';

/** Events by the letter of their class. */
const EVENTS: Readonly<Record<string, string>> = {
  g: 'del rename_from rename_to move_from move_to copy_to restore expire persist',
  $: 'set setrange incrby incrbyfloat append setbit pfadd',
  l: 'lpush rpush linsert lset lrem ltrim lpop rpop sortstore',
  s: 'sadd srem spop sinterstore sunionstore sdiffstore',
  h: 'hset hdel hincrby hincrbyfloat hexpire hexpired hpersist',
  z:
    'zadd zincr zrem zremrangebyscore zremrangebyrank zremrangebylex zpopmin zpopmax zunionstore zinterstore zdiffstore ' +
    'zrangestore geosearchstore georadiusstore',
  t:
    'xadd xdel xtrim xsetid xgroup-create xgroup-setid xgroup-destroy xgroup-createconsumer xgroup-delconsumer xack ' +
    'xclaim xautoclaim',
  x: 'expired',
  e: 'evicted',
};

const classOfEvent = new Map<string, number>();
for (const [letter, events] of Object.entries(EVENTS)) {
  for (const event of events.split(' ')) classOfEvent.set(event, bit(letter));
}

/** True for the names that keys.ts may report. */
export function isEvent(name: string): boolean {
  return classOfEvent.has(name);
}

export class Notifications {
  private readonly pubsub: PubSub;
  private classes = 0;

  constructor(pubsub: PubSub) {
    this.pubsub = pubsub;
  }

  /** @param text the value of notify-keyspace-events */
  configure(text: string): void {
    this.classes = 0;
    for (const letter of text.replace('A', ALL)) this.classes |= bit(letter);
    if ((this.classes & (KEYSPACE | KEYEVENT)) === 0) this.classes = 0;
  }

  get on(): boolean {
    return this.classes !== 0;
  }

  /** Somebody may want to know of keys that were looked for in vain. */
  get missesWanted(): boolean {
    return (this.classes & MISS) !== 0;
  }

  /** Is the event of interest to anybody? Asked before the key's name is taken. */
  wants(event: string): boolean {
    const wanted = this.classes & (classOfEvent.get(event) ?? 0);
    return wanted !== 0 && this.pubsub.listening;
  }

  keyChanged(event: string, db: Keyspace, key: Uint8Array): void {
    this.notify(event, db.index, key);
  }

  keyAdded(db: Keyspace, key: Uint8Array): void {
    this.notify('new', db.index, key);
  }

  get additionsWanted(): boolean {
    return (this.classes & NEW) !== 0 && this.pubsub.listening;
  }

  keyMissed(db: Keyspace, key: Uint8Array): void {
    if (this.pubsub.listening) this.notify('keymiss', db.index, key);
  }

  private notify(event: string, database: number, key: Uint8Array): void {
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    if ((this.classes & KEYSPACE) !== 0) {
      this.pubsub.publish(`__keyspace@${database}__:${name}`, Buffer.from(event));
    }
    if ((this.classes & KEYEVENT) !== 0) this.pubsub.publish(`__keyevent@${database}__:${event}`, key);
  }
}
