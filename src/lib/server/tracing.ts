/**
 * What the main thread does for tracing: the ring that the shard's recorder writes into, the file of --trace, and the socket
 * that `tcp-trace --attach` connects to. While nobody listens, the stack is not observed and nothing is written.
 */
import { systemClock } from '../clock.ts';
import { traceInto } from '../trace/file-trace.ts';
import { Hub } from '../trace/hub.ts';
import { ringMemory } from '../trace/ring.ts';
import { TraceSocket } from '../trace/trace-socket.ts';
import { formatIpv4 } from '../wire/address.ts';
import type { Logger } from './log.ts';
import { runFolder } from './loopback.ts';
import { type Plan, PlanError } from './plan.ts';
import { CONTROL_TRACE } from './shard.ts';

export interface TracingOptions {
  readonly traceFile: string;
  readonly traceSocket: string;
}

const wallUs = (): number => systemClock.wallMs() * 1000;

export class Tracing {
  readonly ring = ringMemory();
  private readonly hub: Hub;
  private readonly closing: (() => void)[] = [];

  private constructor(control: Int32Array) {
    this.hub = new Hub(this.ring, control, CONTROL_TRACE, wallUs);
  }

  /** Opens what was asked for; throws when that can't be. A socket that was not asked for is only offered if it can be. */
  static async open(options: TracingOptions, plan: Plan, control: Int32Array, logger: Logger): Promise<Tracing> {
    const tracing = new Tracing(control);
    if (options.traceFile !== '') {
      const trace = traceInto(options.traceFile, (error) => {
        tracing.hub.remove(trace.listener);
        logger.log('warning', `--trace ${options.traceFile} ends here: ${error.message}`);
      });
      tracing.hub.add(trace.listener);
      tracing.closing.push(trace.end);
    }
    await tracing.offer(options.traceSocket, plan, logger);
    return tracing;
  }

  /** Hands out the last records and writes what is left. */
  close(): void {
    this.hub.close();
    for (const close of this.closing) close();
  }

  private async offer(asked: string, plan: Plan, logger: Logger): Promise<void> {
    const path = asked === '' ? `${runFolder()}/trace-${plan.port}.sock` : asked;
    const hello = { address: formatIpv4(plan.address), port: plan.port, pid: process.pid };
    try {
      const socket = await TraceSocket.open(path, this.hub, hello, wallUs);
      this.closing.push(() => socket.close());
      logger.log('debug', `attach with: rtcp tcp-trace --attach ${path}`);
    } catch (error) {
      const { message } = error as Error;
      if (asked !== '') throw new PlanError(`--trace-socket: ${message}`, 'name another path');
      logger.log('debug', `no trace socket at ${path}: ${message}`);
    }
  }
}
