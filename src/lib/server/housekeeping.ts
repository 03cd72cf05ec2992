/**
 * The memory's housekeeping between turns: defragmentation when it is worth while, eviction that could not be finished in the
 * time of one command, clients that hold more than maxmemory-clients.
 *
 *   active-defrag-threshold-lower … upper     part of the data that sparse slabs waste, %
 *   active-defrag-cycle-min … max             part of the time that goes into it, %, in between linearly
 */

import { CLIENT_NO_EVICT, type Client } from '../engine/client.ts';
import { Defragmenter } from '../store/defragmenter.ts';
import { clientMemoryBytes } from './clients.ts';
import type { ServerContext } from './context.ts';

/** A further pass is worth while when the last one gave back so much of the waste, or when so much was added since. */
const LAST_GAVE_BACK = 0.25;
const ADDED_SINCE = 1.2;

export class Housekeeping {
  readonly defragmenter: Defragmenter;
  /** Percent of the time that the running pass may take; 0 when there is none. */
  defragPercent = 0;
  /** Microseconds spent in all passes. */
  defragUs = 0;
  private idleBefore = 0;
  private idleAfter = 0;
  private readonly context: ServerContext;
  private untilUs = 0;
  private readonly expired: () => boolean;

  constructor(context: ServerContext) {
    const { arena, databases, values, clock } = context.engine;
    this.context = context;
    this.defragmenter = new Defragmenter(arena, databases, values.kinds);
    this.expired = () => clock.nowUs() >= this.untilUs;
  }

  /** At each cron: begins a pass if that pays, and sets how much time it gets. */
  cron(): void {
    const { config, engine } = this.context;
    this.evictClients();
    engine.memory.purge();
    if (!config.isYes('activedefrag')) {
      this.defragPercent = 0;
      return;
    }
    const idle = engine.arena.idleBytes;
    const percent = (idle * 100) / Math.max(1, engine.arena.usedBytes);
    const lower = config.number('active-defrag-threshold-lower');
    if (!this.defragmenter.running) {
      this.defragPercent = 0;
      if (idle < config.number('active-defrag-ignore-bytes') || percent < lower || !this.worthwhile(idle)) return;
      this.idleBefore = idle;
      this.defragmenter.start();
    }
    const upper = config.number('active-defrag-threshold-upper');
    const least = config.number('active-defrag-cycle-min');
    const most = config.number('active-defrag-cycle-max');
    const share = Math.min(1, Math.max(0, (percent - lower) / Math.max(1, upper - lower)));
    this.defragPercent = least + share * Math.max(0, most - least);
  }

  /** Once in a millisecond: a step of what is under way. */
  step(): void {
    const { engine } = this.context;
    if (engine.evictor.unfinished) engine.evictor.makeRoom(engine);
    if (this.defragPercent > 0 && this.defragmenter.running) this.defragment(this.defragPercent * 10);
  }

  private defragment(budgetUs: number): void {
    const { clock, arena } = this.context.engine;
    const startUs = clock.nowUs();
    this.untilUs = startUs + budgetUs;
    this.defragmenter.step(this.expired);
    const us = clock.nowUs() - startUs;
    this.defragUs += us;
    this.context.noteLatency('active-defrag-cycle', us);
    if (!this.defragmenter.running) this.idleAfter = arena.idleBytes;
  }

  private worthwhile(idle: number): boolean {
    if (this.idleBefore === 0) return true;
    return this.idleAfter < this.idleBefore * (1 - LAST_GAVE_BACK) || idle > this.idleAfter * ADDED_SINCE;
  }

  /** maxmemory-clients: those that hold most are closed, until the others are within the limit. */
  private evictClients(): void {
    const { clients, config, hooks, stats } = this.context;
    const limit = config.maxClientsBytes;
    if (limit === 0) return;
    const evictable: Client[] = [];
    let bytes = 0;
    for (const client of clients.all()) {
      if ((client.flags & CLIENT_NO_EVICT) !== 0) continue;
      bytes += clientMemoryBytes(client);
      evictable.push(client);
    }
    if (bytes <= limit) return;
    evictable.sort((a, b) => clientMemoryBytes(b) - clientMemoryBytes(a));
    for (const client of evictable) {
      if (bytes <= limit) break;
      bytes -= clientMemoryBytes(client);
      stats.evictedClients++;
      this.context.log('notice', `Evicting client: id=${client.id} addr=${client.stream.remoteAddress()}`);
      hooks.killClient(client);
    }
  }
}
