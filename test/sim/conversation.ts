/**
 * One conversation: an application at each end of a connection, which speaks and reads as its plan says and checks what it is
 * told. Whatever the network does, a stream brings each byte once and in order, or its end is reported for what it is.
 *
 *   Side (client) ── connect ──▶ stack … wire … stack ── Acceptor.onOpen ──▶ Side (server)
 */
import {
  CLOSE_ABORTED,
  CLOSE_NORMAL,
  CLOSE_REFUSED,
  CLOSE_RESET,
  CLOSE_TIMEOUT,
  type Stream,
  type StreamHandler,
} from '../../src/lib/link/stream.ts';
import type { Agenda } from './agenda.ts';
import { MAX_PIECE_BYTES } from './content.ts';
import type { Hardship } from './hardship.ts';
import type { Host } from './host.ts';
import type { ConversationPlan, SidePlan } from './plan.ts';
import { Violation } from './violation.ts';

/** An application fills the queue up to here, then waits for onDrain. */
const QUEUE_LIMIT_BYTES = 100_000;
const REASON_NAMES: Record<number, string> = {
  [CLOSE_NORMAL]: 'normal',
  [CLOSE_RESET]: 'reset',
  [CLOSE_TIMEOUT]: 'timeout',
  [CLOSE_ABORTED]: 'aborted',
  [CLOSE_REFUSED]: 'refused',
};

/** What a side needs of its world. */
export interface Surroundings {
  readonly agenda: Agenda;
  /** Everybody is to come to an end. */
  readonly closing: boolean;
  nowUs(): number;
  log(text: string): void;
}

export class Conversation {
  readonly plan: ConversationPlan;
  readonly hardship: Hardship;
  readonly client: Side;
  /** Null until a connection is accepted. */
  server: Side | null = null;
  private readonly world: Surroundings;

  constructor(plan: ConversationPlan, world: Surroundings, clientHost: Host, hardship: Hardship) {
    this.plan = plan;
    this.world = world;
    this.hardship = hardship;
    this.client = new Side(this, plan.clientSide, 2 * plan.id, clientHost, world);
  }

  /**
   * A connection was accepted; again, if the server that accepted it the first time is gone. Null when it is nobody's: an
   * acknowledgment with a SYN cookie in it came once more, after the connection was over (RFC 4987 §3.6: nothing remembers it).
   */
  accepted(host: Host): Side | null {
    if (this.server !== null && !this.server.gone) {
      if (this.server.stream === null && host.tcp.config.synCookies !== 'off') return null;
      throw new Violation('accepted twice', `conversation ${this.plan.id} on host ${host.index}`);
    }
    this.server = new Side(this, this.plan.serverSide, 2 * this.plan.id + 1, host, this.world);
    return this.server;
  }

  peerOf(side: Side): Side | null {
    return side === this.client ? this.server : this.client;
  }

  get isOver(): boolean {
    const isOver = (side: Side | null): boolean => side === null || side.stream === null;
    return isOver(this.client) && isOver(this.server);
  }
}

export class Side implements StreamHandler {
  /** While it is open, or opening. */
  stream: Stream | null = null;
  /** Its stack died. */
  gone = false;
  opened = false;
  written = 0;
  received = 0;
  ended = false;
  sawEnd = false;
  gaveUp = false;
  /** CLOSE_* once it is closed, −1 before. */
  reason = -1;
  openedUs = 0;
  closedUs = 0;
  readonly host: Host;
  readonly plan: SidePlan;
  private readonly conversation: Conversation;
  private readonly streamId: number;
  private readonly world: Surroundings;
  private thinking = false;
  private thought = false;
  private unpaused = 0;

  constructor(conversation: Conversation, plan: SidePlan, streamId: number, host: Host, world: Surroundings) {
    this.conversation = conversation;
    this.plan = plan;
    this.streamId = streamId;
    this.host = host;
    this.world = world;
  }

  get name(): string {
    return `conversation ${this.streamId >> 1} ${(this.streamId & 1) === 0 ? 'client' : 'server'}`;
  }

  // ---- what the stack says

  onOpen(stream: Stream): void {
    if (this.opened || this.gone || this.reason >= 0) throw new Violation('opened twice', this.name);
    this.opened = true;
    this.stream = stream;
    this.openedUs ||= this.world.nowUs();
    stream.wantsDrain = true;
    this.world.log(`${this.name} open ${stream.localAddress()} ${stream.remoteAddress()}`);
    if (this.world.closing) this.comeToAnEnd();
    else this.speak();
  }

  onData(_stream: Stream, offset: number, length: number): void {
    this.expectLive('onData');
    const said = this.streamId ^ 1;
    if (this.sawEnd) throw new Violation('bytes after the end', `${this.name}: ${length}`);
    if (!this.host.content.matches(said, this.received, offset, length)) {
      throw new Violation('wrong bytes', `${this.name}: somewhere in ${length} from ${this.received} on`);
    }
    this.received += length;
    this.readSlowly(length);
    if (!this.giveUpWhenDue()) this.speak();
  }

  onEnd(_stream: Stream): void {
    this.expectLive('onEnd');
    if (this.sawEnd) throw new Violation('ended twice', this.name);
    this.sawEnd = true;
    this.expectAll('the end was reported');
    this.world.log(`${this.name} read the end after ${this.received}`);
    if (this.written === this.plan.bytes && this.plan.afterwards !== 'end') this.end();
    else this.speak();
  }

  onDrain(_stream: Stream): void {
    this.expectLive('onDrain');
    this.speak();
  }

  onClose(_stream: Stream, reason: number): void {
    this.expectLive('onClose');
    this.stream = null;
    this.reason = reason;
    this.closedUs = this.world.nowUs();
    this.world.log(`${this.name} closed: ${REASON_NAMES[reason]}, wrote ${this.written}, read ${this.received}`);
    this.expectReasonable(reason);
  }

  // ---- what the world says

  /** Its host died. */
  vanish(): void {
    this.gone = true;
    this.stream = null;
    this.closedUs = this.world.nowUs();
  }

  /** Stops waiting for anything: reads on, says no more than it has said, ends. */
  comeToAnEnd(): void {
    if (this.stream === null) return;
    this.stream.resumeRead();
    this.end();
  }

  giveUp(): void {
    if (this.stream === null) return;
    this.gaveUp = true;
    this.world.log(`${this.name} gives up`);
    this.stream.abort();
  }

  // ---- what it does

  private speak(): void {
    const { plan, stream } = this;
    while (stream !== null && stream === this.stream && !this.ended && this.opened) {
      if (this.written >= plan.bytes) {
        if (plan.afterwards === 'end' || (plan.afterwards === 'end-after-peer' && this.sawEnd)) this.end();
        return;
      }
      if (stream.queue.totalBytes >= QUEUE_LIMIT_BYTES || this.mustWait()) return;
      this.write(stream, Math.min(plan.chunkBytes, plan.bytes - this.written, MAX_PIECE_BYTES));
      if (this.giveUpWhenDue()) return;
    }
  }

  private write(stream: Stream, n: number): void {
    const { content } = this.host;
    this.thought = false;
    if (!stream.queue.append(content.at(this.streamId, this.written), n)) {
      this.giveUp(); // no memory: its owner closes it
      return;
    }
    this.written += n;
    stream.requestFlush();
    this.host.dueUs = Math.min(this.host.dueUs, this.world.nowUs());
  }

  /** For the peer's part of the dialogue, unless it speaks no more; then for a thought. */
  private mustWait(): boolean {
    const { plan, conversation } = this;
    const peer = this === conversation.client ? conversation.plan.serverSide : conversation.plan.clientSide;
    if (plan.dialogue && !this.sawEnd) {
      const turn = Math.floor(this.written / plan.chunkBytes) + (this === conversation.client ? 0 : 1);
      if (this.received < Math.min(peer.bytes, turn * peer.chunkBytes)) return true;
    }
    if (plan.thinkUs === 0 || this.thought) return false;
    if (!this.thinking) {
      this.thinking = true;
      // Always the same time for the same thought, and never twice the same in a row.
      const share = (((this.written + this.streamId) * 0x9e37_79b1) >>> 0) / 2 ** 32;
      this.world.agenda.at(this.world.nowUs() + Math.ceil(plan.thinkUs * share), () => {
        this.thinking = false;
        this.thought = true;
        this.speak();
      });
    }
    return true;
  }

  private readSlowly(length: number): void {
    const { plan, stream } = this;
    if (plan.pauseEveryBytes === 0 || this.world.closing) return;
    this.unpaused += length;
    if (this.unpaused < plan.pauseEveryBytes) return;
    this.unpaused = 0;
    stream?.pauseRead();
    this.world.agenda.at(this.world.nowUs() + plan.pauseUs, () => {
      this.stream?.resumeRead();
      this.host.dueUs = Math.min(this.host.dueUs, this.world.nowUs());
    });
  }

  private giveUpWhenDue(): boolean {
    const limit = this.plan.abortAfterBytes;
    if (limit === 0 || Math.max(this.written, this.received) < limit || this.stream === null) return false;
    this.giveUp();
    return true;
  }

  private end(): void {
    if (this.ended || this.stream === null) return;
    this.ended = true;
    this.world.log(`${this.name} ends after ${this.written}`);
    this.stream.end();
    this.host.dueUs = Math.min(this.host.dueUs, this.world.nowUs());
  }

  // ---- what it insists on

  private expectLive(event: string): void {
    if (this.gone || this.reason >= 0) throw new Violation('after the end', `${this.name}: ${event}`);
  }

  /** The peer has ended its direction, and everything that it said is here. */
  private expectAll(because: string): void {
    const peer = this.conversation.peerOf(this);
    if (peer?.ended && this.received === peer.written) return;
    const said = peer === null ? 'nothing' : `${peer.written}${peer.ended ? '' : ' so far'}`;
    throw new Violation('bytes are missing', `${because}, but ${this.name} has ${this.received} of ${said}`);
  }

  private expectReasonable(reason: number): void {
    const { conversation, name } = this;
    const peer = conversation.peerOf(this);
    const { hardship } = conversation;
    if (this.gaveUp) return;
    if (reason === CLOSE_NORMAL) {
      this.expectAll('closed normally');
      if (!this.ended || !this.sawEnd) throw new Violation('closed normally, but not ended', name);
      if (peer?.gaveUp && !peer.gone && peer.received < this.written) {
        throw new Violation('closed normally, though bytes were lost', `${name}: ${peer.received} of ${this.written}`);
      }
      return;
    }
    if (reason === CLOSE_ABORTED) {
      if ((this.ended && !this.opened) || hardship.resets) return;
      throw new Violation('aborted by nobody', name);
    }
    if (reason === CLOSE_TIMEOUT) {
      if (!(this.opened ? hardship.timeouts : hardship.noOpening))
        throw new Violation('timeout without a reason', name);
      return;
    }
    const failed = peer !== null && (peer.gaveUp || peer.gone || peer.reason > CLOSE_NORMAL);
    if (!failed && !hardship.resets) throw new Violation(`${REASON_NAMES[reason]} without a reason`, name);
  }
}

/** What listens on a host: finds the conversation that a connection belongs to, and hands everything on to its side. */
export class Acceptor implements StreamHandler {
  private readonly find: (stream: Stream) => Side | null;

  /** `find` answers null when a connection is nobody's: it is refused. */
  constructor(find: (stream: Stream) => Side | null) {
    this.find = find;
  }

  onOpen(stream: Stream): void {
    const side = this.find(stream);
    stream.owner = side;
    if (side === null) {
      stream.abort();
      return;
    }
    side.onOpen(stream);
    stream.resumeRead(); // it was paused while it waited to be accepted
  }

  onData(stream: Stream, offset: number, length: number): void {
    sideOf(stream)?.onData(stream, offset, length);
  }

  onEnd(stream: Stream): void {
    sideOf(stream)?.onEnd(stream);
  }

  onDrain(stream: Stream): void {
    sideOf(stream)?.onDrain(stream);
  }

  onClose(stream: Stream, reason: number): void {
    sideOf(stream)?.onClose(stream, reason);
  }
}

function sideOf(stream: Stream): Side | null {
  return stream.owner as Side | null;
}
