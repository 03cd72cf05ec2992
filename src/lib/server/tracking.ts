/**
 * Client-side caching: which keys clients may have kept a copy of, and telling them when those change.
 *
 *   default   a read command ──▶ key ─▶ ids of the clients that read it; a change tells them once and forgets the key
 *   BCAST     prefix ─▶ clients; the keys below it that changed in a turn are told together at its end
 *
 * Keys are meant in all databases. Told is by a push (RESP3), or through another client (REDIRECT): by a push, or in RESP2
 * by a message of the channel __redis__:invalidate. When the table has more keys than tracking-table-max-keys, the oldest
 * go, and their readers are told as if they had changed.
 */
import {
  CLIENT_MULTI,
  CLIENT_PUBSUB,
  CLIENT_TRACKING,
  CLIENT_TRACKING_BCAST,
  CLIENT_TRACKING_BROKEN_REDIR,
  CLIENT_TRACKING_CACHING,
  CLIENT_TRACKING_NOLOOP,
  CLIENT_TRACKING_OPTIN,
  CLIENT_TRACKING_OPTOUT,
} from '../engine/client.ts';
import { findKeys } from '../engine/command-keys.ts';
import { COMMAND_PUBSUB, COMMAND_READONLY, commands, findCommand } from '../engine/command-table.ts';
import type { Engine } from '../engine/engine.ts';
import type { Keyspace } from '../store/keyspace.ts';
import type { ServerContext } from './context.ts';
import { INTEREST_TRACKING } from './interest.ts';
import { ANY_DATABASE, type KeyEntry, KeyIndex } from './key-index.ts';
import type { Session } from './session.ts';

/** What a client asked for by CLIENT TRACKING ON. */
const MODES = CLIENT_TRACKING_BCAST | CLIENT_TRACKING_OPTIN | CLIENT_TRACKING_OPTOUT | CLIENT_TRACKING_NOLOOP;
const ALL_FLAGS = CLIENT_TRACKING | MODES | CLIENT_TRACKING_CACHING | CLIENT_TRACKING_BROKEN_REDIR;
/** Scripts that only read: what they read is tracked by the commands inside them. */
const READING_SCRIPTS = ['eval_ro', 'evalsha_ro', 'fcall_ro'];
const CLIENT_COMMAND = findCommand('client')?.id;
const PLACES = 64;

interface Prefix {
  readonly name: string;
  readonly clients: Set<Session>;
  /** Keys that changed in this turn, each with the client that changed it last. */
  changed: Map<string, Session | null>;
}

/** The ids of the clients that have read a key: nearly always one. */
type Readers = number | Set<number>;

/** False when it is among them already. */
function addReader(entry: KeyEntry<Readers>, id: number): boolean {
  const { value } = entry;
  if (typeof value === 'number') {
    if (value === id) return false;
    entry.value = new Set([value, id]);
    return true;
  }
  if (value.has(id)) return false;
  value.add(id);
  return true;
}

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const keyArray = (keys: readonly string[]): string => `*${keys.length}\r\n${keys.map(bulk).join('')}`;
const CHANNEL = '__redis__:invalidate';

export class Tracking {
  /** Clients that track. */
  clientCount = 0;
  /** Pairs of key and reader in the table. */
  itemCount = 0;
  private readonly engine: Engine;
  private readonly context: ServerContext;
  private readonly table = new KeyIndex<Readers>();
  private readonly prefixes = new Map<string, Prefix>();
  /** Prefixes below which something changed in this turn. */
  private dirty = new Set<Prefix>();
  private places = new Int32Array(PLACES);
  private access = new Int32Array(PLACES);
  /** By command id: its keys are remembered. */
  private readonly reads: Uint8Array;

  constructor(engine: Engine, context: ServerContext) {
    this.engine = engine;
    this.context = context;
    this.reads = Uint8Array.from(commands, ({ spec, flags, subcommands }) => {
      const some = flags | [...subcommands.values()].reduce((all, subcommand) => all | subcommand.flags, 0);
      return (some & COMMAND_READONLY) !== 0 && (flags & COMMAND_PUBSUB) === 0 && !READING_SCRIPTS.includes(spec.name)
        ? 1
        : 0;
    });
  }

  get keyCount(): number {
    return this.table.size;
  }

  get prefixCount(): number {
    return this.prefixes.size;
  }

  /** Changes are to be reported here. */
  get listening(): boolean {
    return this.table.size > 0 || this.prefixes.size > 0;
  }

  // ── who tracks ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** CLIENT TRACKING ON: `flags` of CLIENT_TRACKING_*; `redirect`: the id of another client, or 0. */
  enable(session: Session, flags: number, redirect: number, prefixes: readonly string[]): void {
    if ((session.flags & CLIENT_TRACKING) === 0) this.clientCount++;
    session.flags = (session.flags & ~(MODES | CLIENT_TRACKING_BROKEN_REDIR)) | CLIENT_TRACKING | flags;
    session.redirect = redirect;
    if ((flags & CLIENT_TRACKING_BCAST) !== 0) {
      for (const prefix of prefixes.length === 0 ? [''] : prefixes) {
        const known = this.prefixes.get(prefix);
        if (known === undefined)
          this.prefixes.set(prefix, { name: prefix, clients: new Set([session]), changed: new Map() });
        else known.clients.add(session);
        session.prefixes.add(prefix);
      }
    }
    this.refresh();
  }

  /** CLIENT TRACKING OFF, RESET, or the connection is gone. */
  disable(session: Session): void {
    if ((session.flags & CLIENT_TRACKING) === 0) return;
    session.flags &= ~ALL_FLAGS;
    session.redirect = 0;
    for (const name of session.prefixes) {
      const prefix = this.prefixes.get(name) as Prefix;
      prefix.clients.delete(session);
      if (prefix.clients.size > 0) continue;
      this.prefixes.delete(name);
      this.dirty.delete(prefix);
    }
    session.prefixes.clear();
    this.clientCount--;
    if (this.clientCount === 0) this.clearTable();
    this.refresh();
  }

  private refresh(): void {
    if (this.clientCount > 0) this.context.interest |= INTEREST_TRACKING;
    else this.context.interest &= ~INTEREST_TRACKING;
    this.context.keyEvents.refresh();
  }

  private clearTable(): void {
    this.table.clear();
    this.itemCount = 0;
  }

  // ── what they read ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** The command at `arg` of `engine.client` has run. */
  afterCommand(id: number, arg: number, argc: number): void {
    const session = this.engine.client as Session;
    const { flags } = session;
    if ((flags & CLIENT_TRACKING) === 0) return;
    const given = (flags & CLIENT_TRACKING_CACHING) !== 0;
    const wanted = (flags & CLIENT_TRACKING_OPTIN) !== 0 ? given : (flags & CLIENT_TRACKING_OPTOUT) === 0 || !given;
    if (wanted && (flags & CLIENT_TRACKING_BCAST) === 0 && this.reads[id] === 1) this.remember(session, id, arg, argc);
    // CLIENT CACHING is about the next command, or the transaction that begins there.
    if (given && (session.flags & CLIENT_MULTI) === 0 && id !== CLIENT_COMMAND) {
      session.flags &= ~CLIENT_TRACKING_CACHING;
    }
  }

  private remember(session: Session, id: number, arg: number, argc: number): void {
    const { engine, table } = this;
    if ((this.context.commandAt(id, arg, argc).flags & COMMAND_READONLY) === 0) return;
    if (this.places.length < argc) {
      this.places = new Int32Array(2 * argc);
      this.access = new Int32Array(2 * argc);
    }
    const { places } = this;
    const found = findKeys(engine, id, arg, argc, places, this.access);
    for (let k = 0; k < found; k++) {
      const offset = engine.argOffset[places[k]];
      const length = engine.argLength[places[k]];
      const hash = engine.db.hash(offset, length);
      const entry = table.ofBytes(engine.memory, offset, length, hash, ANY_DATABASE);
      if (entry === null) table.add(engine.memory, offset, length, hash, ANY_DATABASE, session.id);
      else if (!addReader(entry, session.id)) continue;
      this.itemCount++;
    }
    if (found === 0) return;
    this.shrink();
    this.context.keyEvents.refresh();
  }

  /** Forgets the oldest keys of a table that has too many. */
  private shrink(): void {
    const limit = this.context.config.trackingTableMaxKeys;
    if (limit === 0) return;
    for (let { oldest } = this.table; oldest !== null && this.table.size > limit; oldest = this.table.oldest) {
      this.invalidate(oldest);
    }
  }

  // ── what changes ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param hash the hash of the record's key */
  keyChanged(db: Keyspace, ref: number, hash: number, key: Uint8Array): void {
    if (this.prefixes.size > 0) this.keepForBroadcast(key);
    const entry = this.table.ofRecord(this.engine.arena, db, ref, hash, ANY_DATABASE);
    if (entry !== null) this.invalidate(entry);
  }

  private invalidate(entry: KeyEntry<Readers>): void {
    const { context, table } = this;
    const { name, value } = entry;
    const readers = typeof value === 'number' ? [value] : [...value];
    table.remove(entry);
    this.itemCount -= readers.length;
    for (const id of readers) {
      const session = context.clients.get(id) as Session | undefined;
      if (session === undefined || (session.flags & CLIENT_TRACKING) === 0) continue;
      if ((session.flags & CLIENT_TRACKING_BCAST) !== 0) continue; // it tracks in another mode by now
      if ((session.flags & CLIENT_TRACKING_NOLOOP) !== 0 && session === context.runner?.current) continue;
      this.tell(session, keyArray([name]));
    }
  }

  private keepForBroadcast(key: Uint8Array): void {
    const name = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    for (const [text, prefix] of this.prefixes) {
      if (!name.startsWith(text)) continue;
      prefix.changed.set(name, this.context.runner?.current ?? null);
      this.dirty.add(prefix);
    }
  }

  /** At the end of a turn: tells the clients of each prefix what changed below it. */
  broadcast(): void {
    if (this.dirty.size === 0) return;
    const dirty = [...this.dirty].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.dirty = new Set();
    for (const prefix of dirty) {
      const { changed } = prefix;
      prefix.changed = new Map();
      const names = [...changed.keys()].sort();
      const all = keyArray(names);
      for (const session of prefix.clients) {
        if ((session.flags & CLIENT_TRACKING_NOLOOP) === 0) this.tell(session, all);
        else {
          const others = names.filter((name) => changed.get(name) !== session);
          if (others.length > 0) this.tell(session, keyArray(others));
        }
      }
    }
  }

  /** Databases were emptied: whatever a client has kept is worth nothing any more. */
  flushed(): void {
    if (this.clientCount === 0) return;
    for (const client of this.context.clients.all()) {
      if ((client.flags & CLIENT_TRACKING) === 0) continue;
      this.tell(client as Session, client.protocol === 2 ? '$-1\r\n' : '_\r\n');
    }
    this.clearTable();
  }

  /** `keys`: an array of names, or null, as a reply. */
  private tell(session: Session, keys: string): void {
    const { context } = this;
    let target = session;
    if (session.redirect !== 0) {
      const other = context.clients.get(session.redirect) as Session | undefined;
      if (other === undefined) {
        session.flags |= CLIENT_TRACKING_BROKEN_REDIR;
        if (session.protocol > 2) this.push(session, `>2\r\n${bulk('tracking-redir-broken')}:${session.redirect}\r\n`);
        return;
      }
      target = other;
    }
    if (target.protocol > 2) this.push(target, `>2\r\n${bulk('invalidate')}${keys}`);
    else if (session.redirect !== 0 && (target.flags & CLIENT_PUBSUB) !== 0) {
      this.push(target, `*3\r\n${bulk('message')}${bulk(CHANNEL)}${keys}`);
    } // in RESP2 there is no other way
  }

  private push(session: Session, text: string): void {
    this.context.pushes.send(session, Buffer.from(text, 'latin1'));
  }
}

/** True when one of the strings begins with the other. */
export function overlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}
