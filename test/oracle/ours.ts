/**
 * Our side of the oracle: a whole server core in this process (sessions, transactions, pub/sub, blocking, scripts), without a
 * transport. Its clock stands still but when it is set to the real one.
 */
import { expireCycle } from '../../src/lib/engine/expire-cycle.ts';
import type { Session } from '../../src/lib/server/session.ts';
import { type PeerStream, World } from '../server/peer.ts';
import { splitValues } from './value.ts';

const RECLAIM = 4096;
const DEFRAGMENT_STEPS = 20;

/** A command as a client sends it: one character for each byte. */
export function encode(words: readonly string[]): string {
  let bytes = `*${words.length}\r\n`;
  for (const word of words) bytes += `$${word.length}\r\n${word}\r\n`;
  return bytes;
}

export class Ours {
  readonly world = new World();
  readonly clients: PeerStream[] = [];
  control: PeerStream;

  constructor() {
    this.control = this.world.connect();
    this.setClock();
  }

  /** New connections, in place of those that are there. */
  reconnect(clients: number): void {
    for (const peer of [...this.clients.splice(0), this.control]) peer.close();
    this.control = this.world.connect();
    for (let i = 0; i < clients; i++) this.clients.push(this.world.connect());
  }

  /** Runs one command; the values that its client was sent. */
  run(peer: PeerStream, words: readonly string[]): string[] {
    peer.send(encode(words));
    return this.take(peer);
  }

  /** What a client was sent since it was last asked. */
  take(peer: PeerStream): string[] {
    const received = peer.received();
    if (received === '') return [];
    const { values, used } = splitValues(received);
    if (used !== received.length) values.push(`incomplete: ${received.slice(used)}`);
    return values;
  }

  blocked(peer: PeerStream): boolean {
    const session = peer.owner as Session | null;
    return session !== null && session.waiting !== null;
  }

  idOf(peer: PeerStream): string {
    return String((peer.owner as Session | null)?.id ?? 0);
  }

  /** A part of a pass: what is stored moves while commands go on. */
  private defragment(): void {
    const { defragmenter } = this.world.core.context.housekeeping;
    if (!defragmenter.running) defragmenter.start();
    let steps = DEFRAGMENT_STEPS;
    defragmenter.step(() => --steps < 0);
  }

  /** Now is the real now; what is due is done, as the shard's loop does it. */
  setClock(): void {
    const { clock, core } = this.world;
    const aheadUs = (Date.now() - clock.wallMs()) * 1000;
    if (aheadUs > 0) clock.advance(aheadUs);
    const { engine, context } = core;
    engine.nowMs = clock.wallMs();
    context.housekeeping.step();
    if (engine.activeExpire) expireCycle(engine, engine.nowMs, RECLAIM);
    engine.values.reaper.step(RECLAIM);
    for (const database of engine.databases) database.freeStep(RECLAIM);
    this.defragment();
    if (context.blocked.count === 0) return;
    context.blocked.serve();
    context.blocked.expire(engine.nowMs);
    core.sessions.flush();
  }
}
