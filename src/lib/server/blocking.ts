/**
 * Clients that wait for keys. A client's command is kept, its session held; when one of its keys changes, the command is run
 * again once the command that changed the key (a whole transaction or script) is done.
 *
 *   key ──▶ clients that wait for it, in the order in which they came
 *   keyChanged ──▶ ready keys, in the order in which they changed ──serve──▶ each of their clients runs its command again:
 *                                              it is answered, or blocks once more and keeps its place and its deadline
 */

import type { Blocker, BlockRequest, TimeoutAnswer } from '../engine/blocking.ts';
import { CLIENT_BLOCKED, CLIENT_REPLY_SKIP } from '../engine/client.ts';
import type { Engine } from '../engine/engine.ts';
import { isExpired } from '../engine/keys.ts';
import type { Reply } from '../resp/reply.ts';
import type { Keyspace } from '../store/keyspace.ts';
import type { ServerContext } from './context.ts';
import { Deadlines } from './deadlines.ts';
import { INTEREST_BLOCKED, INTEREST_READY } from './interest.ts';
import { KeptCommands } from './kept-commands.ts';
import { type KeyEntry, KeyIndex } from './key-index.ts';
import type { Session } from './session.ts';

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

/** Who waits for a key. */
interface Queue {
  /** In the order in which they came. */
  readonly clients: Set<Waiting>;
  /** How many of them wake on any change. */
  anyChange: number;
  /** The key is in the list of those to be looked at. */
  ready: boolean;
}

/** What a blocked client waits for. */
export interface Waiting {
  readonly session: Session;
  readonly command: KeptCommands;
  readonly keys: KeyEntry<Queue>[];
  readonly type: number;
  readonly anyChange: boolean;
  /** Infinity: for ever. */
  readonly deadlineMs: number;
  readonly onTimeout: TimeoutAnswer;
  heapIndex: number;
}

export class BlockedClients implements Blocker {
  /** Sessions that are no longer blocked, and whose further commands wait to be run. */
  readonly released: Session[] = [];
  /** Blocked clients. */
  count = 0;
  private readonly engine: Engine;
  private readonly context: ServerContext;
  private readonly index = new KeyIndex<Queue>();
  private readonly deadlines = new Deadlines<Waiting>();
  private ready: KeyEntry<Queue>[] = [];
  private serving = false;
  /** The client whose command is being run again, and whether it blocked again. */
  private again: Waiting | null = null;
  private blockedAgain = false;

  constructor(engine: Engine, context: ServerContext) {
    this.engine = engine;
    this.context = context;
  }

  /** Keys that somebody waits for. */
  get keyCount(): number {
    return this.index.size;
  }

  /** Keys of which somebody wants to know any change. */
  get anyChangeKeyCount(): number {
    let count = 0;
    for (const entry of this.index.entries()) if (entry.value.anyChange > 0) count++;
    return count;
  }

  get deadlineCount(): number {
    return this.deadlines.size;
  }

  /** When the next client's time is over: ms since 1970, or Infinity. */
  get nextDeadlineMs(): number {
    return this.deadlines.nextMs;
  }

  // ── blocking ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  block(request: BlockRequest): boolean {
    const { engine, context } = this;
    if (this.again !== null && this.again.session === engine.client) {
      this.blockedAgain = true;
      context.interest |= INTEREST_BLOCKED;
      return true;
    }
    const { runner } = context;
    if (runner === null || context.nesting > 0) return false;
    const session = engine.client as Session;
    const command = new KeptCommands(engine.memory);
    if (!command.add(engine, session.lastCommand, engine.keyHash, runner.arg, runner.argc)) return false;
    for (const { argument, text } of request.replacements ?? []) {
      if (command.replace(argument - runner.arg, text)) continue;
      command.release();
      return false;
    }
    const waiting: Waiting = {
      session,
      command,
      keys: [],
      type: request.type,
      anyChange: request.anyChange === true,
      deadlineMs: request.deadlineMs === 0 ? Number.POSITIVE_INFINITY : request.deadlineMs,
      onTimeout: request.onTimeout,
      heapIndex: -1,
    };
    for (const key of request.keys) this.enqueue(waiting, key);
    if (request.deadlineMs !== 0) this.deadlines.add(waiting);
    session.waiting = waiting;
    session.flags |= CLIENT_BLOCKED;
    session.held = true;
    this.count++;
    context.interest |= INTEREST_BLOCKED;
    context.keyEvents.refresh();
    return true;
  }

  private enqueue(waiting: Waiting, key: number): void {
    const { engine, index } = this;
    const offset = engine.argOffset[key];
    const length = engine.argLength[key];
    const hash = engine.db.hash(offset, length);
    const database = engine.db.index;
    const entry =
      index.ofBytes(engine.memory, offset, length, hash, database) ??
      index.add(engine.memory, offset, length, hash, database, { clients: new Set(), anyChange: 0, ready: false });
    const queue = entry.value;
    if (queue.clients.has(waiting)) return; // the same key twice
    queue.clients.add(waiting);
    if (waiting.anyChange) queue.anyChange++;
    waiting.keys.push(entry);
  }

  /** The client waits no longer: answered, or gone. What else it sent is run when the session is resumed. */
  private unblock(waiting: Waiting): void {
    const { session } = waiting;
    for (const entry of waiting.keys) {
      const queue = entry.value;
      queue.clients.delete(waiting);
      if (waiting.anyChange) queue.anyChange--;
      if (queue.clients.size === 0) this.index.remove(entry);
    }
    this.deadlines.remove(waiting);
    waiting.command.release();
    session.waiting = null;
    session.flags &= ~CLIENT_BLOCKED;
    this.count--;
    this.context.keyEvents.refresh();
  }

  private release(waiting: Waiting): void {
    const { session } = waiting;
    this.unblock(waiting);
    session.flags &= ~CLIENT_REPLY_SKIP; // this was the reply to leave out
    this.released.push(session);
  }

  /** The connection is gone. */
  forget(session: Session): void {
    if (session.waiting !== null) this.unblock(session.waiting);
  }

  // ── waking ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  keyChanged(db: Keyspace, ref: number, hash: number): void {
    const entry = this.index.ofRecord(this.engine.arena, db, ref, hash, db.index);
    if (entry !== null) this.markReady(entry);
  }

  /** All keys of a database may be others now. */
  databaseChanged(database: number): void {
    for (const entry of this.index.entries()) if (entry.database === database) this.markReady(entry);
  }

  private markReady(entry: KeyEntry<Queue>): void {
    if (entry.value.ready) return;
    entry.value.ready = true;
    this.ready.push(entry);
    this.context.interest |= INTEREST_READY;
  }

  /** Serves the clients of the keys that changed, and of those that change thereby. Not while a command runs. */
  serve(): void {
    if (this.serving) return;
    this.serving = true;
    const { context } = this;
    while (this.ready.length > 0) {
      const ready = this.ready;
      this.ready = [];
      for (const entry of ready) {
        entry.value.ready = false;
        this.serveKey(entry);
      }
    }
    context.interest &= ~INTEREST_READY;
    this.serving = false;
  }

  /** Those who wait for a key, in turn, until it is gone. Nobody joins them meanwhile; who blocks again has kept his place. */
  private serveKey(entry: KeyEntry<Queue>): void {
    const { engine } = this;
    const queue = entry.value;
    const db = engine.databases[entry.database];
    for (const waiting of queue.clients) {
      const ref = entry.find(engine.databases);
      if (ref === 0 && queue.anyChange === 0) return;
      const suits = ref !== 0 && db.type(ref) === waiting.type && !isExpired(engine, db, ref);
      if (suits || waiting.anyChange) this.runAgain(waiting);
    }
  }

  private runAgain(waiting: Waiting): void {
    const { runner } = this.context;
    if (runner === null) return;
    this.again = waiting;
    this.blockedAgain = false;
    runner.runKept(waiting.session, waiting.command);
    this.again = null;
    if (!this.blockedAgain && waiting.session.waiting === waiting) this.release(waiting);
  }

  // ── giving up ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Answers the clients whose time is over. */
  expire(nowMs: number): void {
    for (let waiting = this.deadlines.pop(nowMs); waiting !== null; waiting = this.deadlines.pop(nowMs)) {
      this.giveUp(waiting, null);
    }
  }

  /** CLIENT UNBLOCK: the client is answered as if its time were over, or with an error. False when it isn't blocked. */
  unblockClient(session: Session, byError: boolean): boolean {
    if (session.waiting === null) return false;
    this.giveUp(session.waiting, byError ? UNBLOCKED : null);
    return true;
  }

  private giveUp(waiting: Waiting, error: string | null): void {
    const { session, command } = waiting;
    this.context.runner?.answerKept(session, command, error, (reply) => answerTimeout(reply, waiting.onTimeout));
    if (session.waiting === waiting) this.release(waiting);
  }
}

function answerTimeout(reply: Reply, answer: TimeoutAnswer): void {
  if (answer === 'nil') reply.nil();
  else if (answer === 'nilArray') reply.nilArray();
  else if (answer === 'zero') reply.integer(0);
  else {
    reply.array(2);
    reply.integer(0);
    reply.integer(0);
  }
}
