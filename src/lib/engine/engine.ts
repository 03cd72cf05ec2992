/**
 * What a command handler works with: the arguments (offsets into packet memory), the keyspaces, the reply writer, the client
 * and the time. One Engine for each shard; the dispatcher points it at the client and command at hand and calls the handler.
 *
 *   handler(engine, arg, argc):   arguments arg … arg+argc-1 of the batch; argument `arg` is the command's name
 *
 * Handlers allocate nothing for each command on their common path, never throw on what a client sent, and answer by
 * `engine.reply`. All changes to keys go through keys.ts.
 */
import type { Clock } from '../clock.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Random } from '../random.ts';
import type { CommandBatch } from '../resp/batch.ts';
import type { Reply } from '../resp/reply.ts';
import type { Arena } from '../store/arena.ts';
import type { Keyspace } from '../store/keyspace.ts';
import { RefList } from '../store/table.ts';
import type { ExpiryWheel } from '../store/wheel.ts';
import { type Blocker, neverBlocks } from './blocking.ts';
import type { Client } from './client.ts';
import { Evictor } from './eviction.ts';
import { RdbSettings } from './rdb/settings.ts';
import { Values } from './values.ts';

/** A string of 512 MB would exceed what JavaScript allows. */
const MAX_TEXT_BYTES = 1 << 20;

export type Handler = (engine: Engine, arg: number, argc: number) => void;

export interface EngineParts {
  memory: PacketMemory;
  batch: CommandBatch;
  reply: Reply;
  arena: Arena;
  databases: Keyspace[];
  wheel: ExpiryWheel;
  clock: Clock;
  random: Random;
}

/**
 * Whoever wants to know of every change to a key: keyspace events, client tracking, the AOF. `event` is the name that
 * keyspace events give it, UNTOLD when they don't; `ref` is the key's record, before it goes for `del` and `expired`, after the
 * change otherwise.
 */
export interface KeyListener {
  keyChanged(event: string, db: Keyspace, ref: number): void;
  /** A key was made that wasn't there; the event of the command that did it follows. */
  keyAdded?(db: Keyspace, ref: number): void;
  /** A command that reads found no key: its name is argument `i`. */
  keyMissed?(db: Keyspace, i: number): void;
}

/** Counters that INFO shows; one object for each shard, changed in place. */
export class EngineStats {
  keyspaceHits = 0;
  keyspaceMisses = 0;
  expiredKeys = 0;
  evictedKeys = 0;
  commandsProcessed = 0;
  /** Changes since the last save (rdb_changes_since_last_save). */
  dirty = 0;
}

export class Engine {
  readonly memory: PacketMemory;
  readonly batch: CommandBatch;
  readonly reply: Reply;
  readonly arena: Arena;
  readonly databases: Keyspace[];
  readonly wheel: ExpiryWheel;
  readonly clock: Clock;
  readonly random: Random;
  /** The types of values beside strings. */
  readonly values: Values;
  readonly stats = new EngineStats();
  /** The client whose command runs. Set by the dispatcher. */
  client: Client;
  /** Its database. Set by the dispatcher; SELECT and SWAPDB change it. */
  db: Keyspace;
  /** Hash of the command's first key (the batch computed it). */
  keyHash = 0;
  /** Wall clock for this turn of the loop, ms since 1970: what expiry compares with. */
  nowMs = 0;
  /** maxmemory and its policy. */
  readonly evictor = new Evictor();
  /** What a new record and (but for lfu) an access leave in a record. Set by the dispatcher for each batch. */
  accessClock = 0;
  /** Argument offsets and lengths of the batch (the arrays may be replaced when it grows: the dispatcher refreshes these). */
  argOffset: Int32Array;
  argLength: Int32Array;
  /** DEBUG SET-ACTIVE-EXPIRE */
  activeExpire = true;
  /** Longest string that a command may make (proto-max-bulk-len). */
  maxStringBytes = 512 * 1024 * 1024;
  /** Longest sparse HyperLogLog (hll-sparse-max-bytes). */
  hllSparseMaxBytes = 3000;
  /** How DUMP writes and RESTORE reads. */
  readonly rdb = new RdbSettings();
  /** Told of every change to a key; null when nobody listens. */
  keyListener: KeyListener | null = null;
  /** Keeps clients waiting for keys; see blocking.ts. */
  blocker: Blocker = neverBlocks;
  /** Refs that SCAN and KEYS found, between finding and answering. */
  readonly refs = new RefList();
  /** The wheel's report of a record whose time is over; see expire-cycle.ts. */
  onExpire: ((keyspaceIndex: number, ref: number) => void) | null = null;

  constructor(parts: EngineParts, nobody: Client) {
    this.memory = parts.memory;
    this.batch = parts.batch;
    this.reply = parts.reply;
    this.arena = parts.arena;
    this.databases = parts.databases;
    this.values = new Values(parts.arena, parts.databases, parts.wheel, parts.random);
    for (const db of parts.databases) db.releaseValue = (ref) => this.values.release(db, ref);
    this.wheel = parts.wheel;
    this.clock = parts.clock;
    this.random = parts.random;
    this.client = nobody;
    this.db = parts.databases[0];
    this.argOffset = parts.batch.argOffset;
    this.argLength = parts.batch.argLength;
  }

  /** Argument `i` as a latin1 string, its first MiB at most: what is longer names nothing. Cold paths only. */
  text(i: number): string {
    return this.memory.latin1(this.argOffset[i], Math.min(this.argLength[i], MAX_TEXT_BYTES));
  }
}
