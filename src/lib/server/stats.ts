/**
 * What a shard counts: plain fields and typed arrays that the dispatcher and the sessions change in place, and that INFO
 * reads. Rates ("instantaneous_…") come from a ring of the last 16 samples, one each 100 ms, as redis-server does it.
 */
import { type Command, commands } from '../engine/command-table.ts';
import { LatencyHistogram } from './latency.ts';

const SAMPLES = 16;
export const SAMPLE_MS = 100;

/** The rate of a counter over the last 1.6 seconds. */
class Rate {
  private readonly perSecond = new Float64Array(SAMPLES);
  private next = 0;
  private last = 0;

  sample(counter: number, elapsedMs: number): void {
    this.perSecond[this.next] = elapsedMs > 0 ? ((counter - this.last) * 1000) / elapsedMs : 0;
    this.next = (this.next + 1) % SAMPLES;
    this.last = counter;
  }

  /** The counter was set back to zero. */
  restart(): void {
    this.last = 0;
    this.perSecond.fill(0);
  }

  get value(): number {
    let sum = 0;
    for (const sample of this.perSecond) sum += sample;
    return sum / SAMPLES;
  }
}

export class ServerStats {
  connectionsReceived = 0;
  connectionsRejected = 0;
  netInputBytes = 0;
  /** As of the last sample. */
  netOutputBytes = 0;
  /** What the writers had written when the counting began. */
  netOutputBase = 0;
  protocolErrors = 0;
  /** Reads that brought bytes, and flushes that had some to send. */
  reads = 0;
  writes = 0;
  /** Clients closed because they didn't take their replies. */
  outputLimitDisconnections = 0;
  queryLimitDisconnections = 0;
  /** Turns of the loop that had work, and the microseconds spent in them and in commands. */
  turns = 0;
  turnsUs = 0;
  commandsUs = 0;
  errorReplies = 0;
  aclDeniedAuth = 0;
  memoryPeakBytes = 0;
  /** Closed by maxmemory-clients. */
  evictedClients = 0;
  /** Microseconds that commands waited for evictions. */
  evictionExceededUs = 0;
  readonly commandRate = new Rate();
  readonly inputRate = new Rate();
  readonly outputRate = new Rate();
  readonly turnRate = new Rate();
  private sampledMs = 0;

  /** Takes a sample if it is time to. */
  sample(nowMs: number, commandsProcessed: number): void {
    const elapsedMs = nowMs - this.sampledMs;
    if (elapsedMs >= 0 && elapsedMs < SAMPLE_MS) return;
    const spanMs = this.sampledMs === 0 ? 0 : elapsedMs;
    this.sampledMs = nowMs;
    this.commandRate.sample(commandsProcessed, spanMs);
    this.inputRate.sample(this.netInputBytes, spanMs);
    this.outputRate.sample(this.netOutputBytes, spanMs);
    this.turnRate.sample(this.turns, spanMs);
  }

  /** CONFIG RESETSTAT. */
  reset(): void {
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.evictedClients = 0;
    this.evictionExceededUs = 0;
    this.netInputBytes = 0;
    this.netOutputBytes = 0;
    this.protocolErrors = 0;
    this.reads = 0;
    this.writes = 0;
    this.outputLimitDisconnections = 0;
    this.queryLimitDisconnections = 0;
    this.turns = 0;
    this.turnsUs = 0;
    this.commandsUs = 0;
    this.errorReplies = 0;
    this.aclDeniedAuth = 0;
    this.commandRate.restart();
    this.inputRate.restart();
    this.outputRate.restart();
    this.turnRate.restart();
  }
}

/** Calls, time and failures of every command and subcommand, in typed arrays by slot: a command's id, or slotOf(). */
export class CommandStats {
  /** `get`, `config|get` … by slot. */
  readonly names: readonly string[];
  readonly calls: Float64Array;
  readonly micros: Float64Array;
  /** Refused before execution (arity, NOAUTH, OOM …), and answered with an error. */
  readonly rejected: Float64Array;
  readonly failed: Float64Array;
  private readonly latencies: (LatencyHistogram | null)[];
  private readonly slots = new Map<Command, number>();

  constructor() {
    const all = [...commands, ...commands.flatMap((command) => [...command.subcommands.values()])];
    all.forEach((command, slot) => void this.slots.set(command, slot));
    this.names = all.map((command) => command.fullName);
    this.calls = new Float64Array(all.length);
    this.micros = new Float64Array(all.length);
    this.rejected = new Float64Array(all.length);
    this.failed = new Float64Array(all.length);
    this.latencies = new Array<LatencyHistogram | null>(all.length).fill(null);
  }

  /** Where a subcommand counts. */
  slotOf(command: Command): number {
    return this.slots.get(command) as number;
  }

  /** Adds to the latency distribution of a slot (INFO latencystats). */
  recordLatency(slot: number, nanos: number, times = 1): void {
    let latency = this.latencies[slot];
    if (latency === null) {
      latency = new LatencyHistogram();
      this.latencies[slot] = latency;
    }
    latency.record(nanos, times);
  }

  latency(slot: number): LatencyHistogram | null {
    return this.latencies[slot];
  }

  reset(): void {
    this.calls.fill(0);
    this.micros.fill(0);
    this.rejected.fill(0);
    this.failed.fill(0);
    this.latencies.fill(null);
  }
}

/** Different error codes counted at most: clients can make them up (DEBUG ERROR, scripts). */
const MAX_ERROR_CODES = 128;

/** Error replies by their code, the first word. */
export class ErrorStats {
  readonly counts = new Map<string, number>();

  record(reply: string): void {
    const end = reply.indexOf(' ');
    const code = end < 0 ? reply : reply.slice(0, end);
    const count = this.counts.get(code);
    if (count !== undefined) this.counts.set(code, count + 1);
    else if (this.counts.size < MAX_ERROR_CODES) this.counts.set(code, 1);
  }

  reset(): void {
    this.counts.clear();
  }
}
