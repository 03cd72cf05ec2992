/**
 * A session turns the bytes of one connection into commands in the shard's batch.
 *
 *   segment ─▶ ┌─────────────┬─────────┐      complete commands stay where they lie: the batch points into the segment
 *              │ cmd cmd cmd │ cm…     │      the incomplete tail moves to the query buffer
 *              └─────────────┴─────────┘
 *                              query buffer ─▶ takes just the bytes that complete its command; the rest is parsed in place
 *
 * `Sessions` is the StreamHandler of every transport. A command that may change how later bytes are to be understood, or
 * whether they may run at all (a barrier: AUTH, HELLO, CLIENT, QUIT …), is executed before parsing goes on. A script holds its
 * client, and is run at the end of the turn.
 */
import { CLIENT_CLOSE_AFTER_REPLY, CLIENT_CLOSING, CLIENT_PAUSED, type Client } from '../engine/client.ts';
import type { Stream, StreamHandler } from '../link/stream.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { BATCH_COMMANDS, type CommandBatch } from '../resp/batch.ts';
import { COMMAND, INCOMPLETE, PartialCommand, PROTOCOL_ERROR, RequestParser } from '../resp/parser.ts';
import type { ServerContext } from './context.ts';
import type { Dispatcher } from './dispatch.ts';
import { ScriptQueue } from './script-queue.ts';
import { Session } from './session.ts';

/** A query buffer larger than this is given back as soon as it is empty. */
const KEEP_BUFFER_BYTES = 16_384;
/** What a blocked client may send ahead; more waits behind the window. Up to there it is noticed when its peer goes away. */
const HELD_BYTES = 1 << 20;
/** Room taken ahead of what has arrived, for a large argument that was announced. */
const GROWTH = 4;

export class Sessions implements StreamHandler {
  readonly parser: RequestParser;
  private readonly memory: PacketMemory;
  private readonly batch: CommandBatch;
  private readonly context: ServerContext;
  private readonly dispatcher: Dispatcher;
  private readonly scripts: ScriptQueue;
  /** The client whose script runs: what is its own stays until it is done, even when its connection is gone. */
  private running: Session | null = null;
  private nextId = 1;

  constructor(memory: PacketMemory, batch: CommandBatch, context: ServerContext, dispatcher: Dispatcher) {
    this.memory = memory;
    this.batch = batch;
    this.context = context;
    this.dispatcher = dispatcher;
    this.parser = new RequestParser(memory, batch);
    this.scripts = new ScriptQueue(context.engine);
  }

  onOpen(stream: Stream): void {
    const context = this.context;
    context.stats.connectionsReceived++;
    const nowMs = context.engine.nowMs;
    if (context.clients.size >= context.config.maxClients) {
      context.stats.connectionsRejected++;
      this.sayAndEnd(stream, '-ERR max number of clients reached\r\n');
      return;
    }
    const session = new Session(this.nextId++, stream, nowMs, !context.authRequired());
    stream.owner = session;
    // A reply that is longer than the client's limit ends there, not when it is complete.
    stream.queue.mayGrow = (queuedBytes) => !context.outputLimitReached(session, queuedBytes);
    context.clients.add(session);
  }

  onData(stream: Stream, offset: number, length: number): void {
    const session = stream.owner as Session | null;
    if (session === null || (session.flags & (CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY)) !== 0) return;
    session.bytesIn += length;
    const { stats } = this.context;
    stats.netInputBytes += length;
    stats.reads++;
    const end = offset + length;
    let start = offset;
    if (session.queryLength > 0 || session.held) start = this.feedQuery(session, offset, end);
    if (start < end) {
      start = this.parse(session, start, end);
      if (start < end) this.keep(session, start, end);
    }
    // Bytes outside the frames of this burst may be reused as soon as this returns.
    if (offset >= this.memory.extents.start) this.execute();
  }

  onEnd(stream: Stream): void {
    const session = stream.owner as Session | null;
    if (session === null) return;
    session.peerEnded = true;
    if (session.waiting !== null) {
      this.kill(session); // nobody is there to be served
      return;
    }
    if (session.held) return; // what waits is still answered; the stream ends afterwards
    this.execute();
    this.context.disengage(session);
    stream.end();
  }

  onDrain(stream: Stream): void {
    stream.wantsDrain = false;
  }

  onClose(stream: Stream): void {
    const session = stream.owner as Session | null;
    if (session !== null) this.detach(session);
  }

  /** The client is gone: nothing that it sent is executed any more. */
  private detach(session: Session): void {
    session.flags |= CLIENT_CLOSING; // its commands in the batch are skipped
    if (session === this.running) return; // detached when its script is done
    this.execute();
    this.freeQuery(session);
    session.stream.owner = null;
    this.context.forget(session);
  }

  /**
   * Executes what arrived, then the scripts, and what clients had sent that were blocked and have been served: they go on after
   * all others, in the order in which they were served.
   */
  flush(): void {
    this.execute();
    const { blocked, tracking } = this.context;
    if (this.scripts.count > 0 || blocked.released.length > 0) this.runRest();
    if (this.context.interrupted === null) tracking.broadcast();
  }

  private runRest(): void {
    const { scripts } = this;
    const { released } = this.context.blocked;
    for (;;) {
      const scripted = scripts.first();
      if (scripted !== null) {
        this.runScript(scripted);
        this.resume(scripted);
        continue;
      }
      const session = released.shift();
      if (session === undefined) return;
      if (session.waiting === null) this.resume(session);
    }
  }

  /** Runs the script that the client waits for. No bytes of the burst, nor of its query buffer, may be in use. */
  private runScript(session: Session): void {
    const { scripts, running } = this;
    const place = session.script;
    session.script = -1;
    if (session.stream.owner === session) {
      this.running = session;
      this.dispatcher.executeKept(session, scripts.commands, place);
      this.running = running;
      if ((session.flags & CLIENT_CLOSING) !== 0 && session.stream.owner === session) this.detach(session);
    }
    scripts.done();
  }

  /** Executes what is in the batch. */
  private execute(): void {
    if (this.batch.count > 0 && !this.dispatcher.executing) this.dispatcher.execute();
  }

  /** The client may go on (CLIENT UNPAUSE, a blocking command answered, its script run). */
  resume(session: Session): void {
    if (session.stream.owner !== session) return;
    session.held = false;
    session.flags &= ~CLIENT_PAUSED;
    if (session.queryLength > 0) this.parseQuery(session);
    if (session.held || session.stream.owner !== session) return;
    session.stream.resumeRead();
    if (!session.peerEnded) return;
    this.context.disengage(session);
    session.stream.end();
  }

  /** Goes through the query buffer; more may come into it while a script runs. */
  private parseQuery(session: Session): void {
    let done = 0;
    while (done < session.queryLength && !session.held) {
      const start = session.queryOffset;
      const end = start + session.queryLength;
      const next = this.parse(session, start + done, end);
      done = next - start;
      if (next < end && !session.held) this.remember(session, next);
      this.execute();
      if (session.script < 0) break;
      this.runScript(session);
      session.held = false;
    }
    this.dropQuery(session, done);
  }

  /** Ends a client's connection: politely, or by a reset when it holds more than it may. */
  kill(client: Client): void {
    const { stream } = client;
    if (stream.owner === null) return;
    client.flags |= CLIENT_CLOSING;
    if (stream.queue.overflowed || this.context.outputLimitReached(client, stream.queue.totalBytes)) stream.abort();
    else {
      this.detach(stream.owner as Session);
      stream.end();
    }
  }

  /** The server stops: what was executed is answered, what still comes is not, so that the last reply has an end behind it. */
  finish(session: Session): void {
    session.flags |= CLIENT_CLOSE_AFTER_REPLY;
    this.context.disengage(session);
    session.stream.end();
  }

  /** Holds the client back: its bytes wait in the query buffer and then behind the window. */
  hold(session: Session): void {
    session.held = true;
    session.stream.pauseRead();
  }

  /** Gives back query buffers that idle clients keep. */
  trim(session: Session): void {
    if (session.queryLength === 0 && session.queryOffset !== 0) this.freeQuery(session);
  }

  /**
   * Parses [start, end) into the batch, executing when it is full or at a barrier; returns the first byte not consumed: of
   * an incomplete command, or of what a held client may not run yet; `end` when the connection is to close.
   */
  private parse(session: Session, start: number, end: number): number {
    const parser = this.parser;
    let p = start;
    while (p < end) {
      const status = parser.decode(p, end, session.authenticated);
      if (status === COMMAND) {
        const next = parser.next;
        if (!this.add(session)) return (session.flags & CLIENT_PAUSED) !== 0 ? p : end;
        p = next;
        if (session.held) return p;
      } else if (status === INCOMPLETE) return p;
      else if (status === PROTOCOL_ERROR) {
        this.refuse(session, parser.errorText);
        return end;
      } else p = parser.next;
    }
    return p;
  }

  /** Takes the command just parsed into the batch. False when nothing more of this connection may run now. */
  private add(session: Session): boolean {
    const batch = this.batch;
    const i = batch.count;
    const id = this.dispatcher.identify(i);
    if (this.context.pausedUntilMs !== 0 && this.context.interrupted === null && this.dispatcher.paused(session, i)) {
      this.hold(session);
      session.flags |= CLIENT_PAUSED;
      return false;
    }
    batch.owner[i] = session;
    batch.args = batch.first[i] + batch.argc[i];
    batch.count = i + 1;
    if (this.dispatcher.isBarrier(id) || batch.count === BATCH_COMMANDS) {
      if (this.dispatcher.runsScripts(session, id) && this.context.interrupted === null) return this.putOff(session, i);
      this.execute();
      return (session.flags & (CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY)) === 0;
    }
    return true;
  }

  /** Takes the script in place `i` out of the batch again, to be run at the end of the turn; its client waits. */
  private putOff(session: Session, i: number): boolean {
    const { batch, context } = this;
    const { engine } = context;
    const first = batch.first[i];
    batch.count = i;
    batch.args = first;
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    session.held = true;
    if (this.scripts.add(engine, session, batch.id[i], batch.hash[i], first, batch.argc[i])) return true;
    context.log('warning', `Closing client: no memory for the arguments of its script, id=${session.id}`);
    session.stream.abort();
    return false;
  }

  /**
   * Completes the command in the query buffer with bytes of [start, end) and executes it; returns the first byte that it
   * didn't need. While the client is held, everything waits in the query buffer.
   */
  private feedQuery(session: Session, start: number, end: number): number {
    let p = start;
    if (session.held && session.queryLength > HELD_BYTES) session.stream.pauseRead();
    while (p < end && (session.queryLength > 0 || session.held)) {
      const partial = session.incomplete ? session.partial : null;
      const missing = partial === null ? end - p : partial.leastBytes - session.queryLength;
      const n = missing < end - p ? missing : end - p;
      if (!this.appendQuery(session, p, p + n)) return end;
      p += n;
      if (partial === null || session.queryLength < partial.needBytes) continue;
      if (!this.completeQuery(session, partial)) return end;
    }
    return p;
  }

  /** Parses the command in the query buffer again, now that more of it is there. False when the connection is to close. */
  private completeQuery(session: Session, partial: PartialCommand): boolean {
    const start = session.queryOffset;
    const parser = this.parser;
    const status = parser.continueDecode(partial, start, start + session.queryLength, session.authenticated);
    if (status === INCOMPLETE) {
      parser.save(partial, start);
      return true;
    }
    session.incomplete = false;
    if (status === PROTOCOL_ERROR) {
      this.refuse(session, parser.errorText);
      return false;
    }
    if (status === COMMAND && !this.add(session)) return session.held;
    this.execute(); // the buffer is reused for the next incomplete command
    this.dropQuery(session, session.queryLength);
    return true;
  }

  /** The bytes of [start, end) are the beginning of a command (or wait for a held client): they move to the query buffer. */
  private keep(session: Session, start: number, end: number): void {
    if ((session.flags & (CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY)) !== 0) return;
    if (session.held) {
      this.appendQuery(session, start, end);
      return;
    }
    this.remember(session, start);
    this.appendQuery(session, start, end);
  }

  /** Keeps what the parser learned of the incomplete command at `start`. */
  private remember(session: Session, start: number): void {
    session.partial ??= new PartialCommand();
    session.partial.done = 0;
    this.parser.save(session.partial, start);
    session.incomplete = true;
  }

  private appendQuery(session: Session, start: number, end: number): boolean {
    const length = session.queryLength;
    const need = length + end - start;
    if (need > this.context.config.queryBufferLimit) {
      this.context.log('warning', `Closing client that reached max query buffer length: id=${session.id}`);
      this.context.stats.queryLimitDisconnections++;
      session.stream.abort();
      return false;
    }
    if (need > session.queryCapacity && !this.growQuery(session, need)) {
      this.context.log('warning', `Closing client: no memory for ${need} bytes of its query, id=${session.id}`);
      session.stream.abort();
      return false;
    }
    this.memory.copy(session.queryOffset + length, start, end - start);
    session.queryLength = need;
    session.queryBytes = need;
    if (need > session.queryPeakBytes) session.queryPeakBytes = need;
    return true;
  }

  /**
   * A larger query buffer: as large as the argument that was announced, but never more than a few times what has arrived, so
   * that an announcement alone takes no memory.
   */
  private growQuery(session: Session, need: number): boolean {
    const announced = session.incomplete && session.partial !== null ? session.partial.needBytes : need;
    const capacity = Math.max(need, Math.min(announced, need * GROWTH), KEEP_BUFFER_BYTES);
    const offset = this.memory.extents.alloc(capacity + 64);
    if (offset === 0) return false;
    if (session.queryOffset !== 0) {
      this.memory.copy(offset, session.queryOffset, session.queryLength);
      this.memory.extents.free(session.queryOffset, session.queryCapacity + 64);
    }
    session.queryOffset = offset;
    session.queryCapacity = capacity;
    return true;
  }

  /** Removes the first `done` bytes of the query buffer: they were executed. */
  private dropQuery(session: Session, done: number): void {
    if (session.queryOffset === 0) return; // closed meanwhile
    const rest = session.queryLength - done;
    if (rest > 0) this.memory.copy(session.queryOffset, session.queryOffset + done, rest);
    session.queryLength = rest;
    session.queryBytes = rest;
    if (rest === 0 && session.queryCapacity > KEEP_BUFFER_BYTES) this.freeQuery(session);
  }

  private freeQuery(session: Session): void {
    if (session.queryOffset !== 0) this.memory.extents.free(session.queryOffset, session.queryCapacity + 64);
    session.queryOffset = 0;
    session.queryCapacity = 0;
    session.queryLength = 0;
    session.incomplete = false;
    session.queryBytes = 0;
  }

  /** A protocol error: everything before it is answered, then the error, then the end. */
  private refuse(session: Session, text: string): void {
    this.execute();
    session.flags |= CLIENT_CLOSE_AFTER_REPLY;
    this.context.stats.protocolErrors++;
    this.context.disengage(session);
    this.sayAndEnd(session.stream, `-ERR ${text}\r\n`);
  }

  private sayAndEnd(stream: Stream, line: string): void {
    const bytes = Buffer.from(line);
    const at = stream.queue.open(bytes.length);
    if (at !== 0) {
      this.memory.u8.set(bytes, at);
      stream.queue.commit(bytes.length);
      stream.requestFlush();
    }
    stream.end();
  }
}
