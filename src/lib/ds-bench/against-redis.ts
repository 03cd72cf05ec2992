/**
 * A data type of redis-server's: the same commands, pipelined, so that its in-command time is what it can do, and its own
 * COMMANDSTATS and LATENCYSTATS as the measure. Its quantiles are whole microseconds, for that is what it counts in.
 */
import type { CommandPlan, CommandStep } from './command-plans.ts';
import type { Measured } from './measure.ts';
import { RedisServer } from './redis-server.ts';
import type { SubjectResult } from './subject.ts';

const PIPELINE = 1000;

export async function measureRedis(structure: string, plan: CommandPlan, program: string): Promise<SubjectResult> {
  const redis = await RedisServer.start(program);
  try {
    const emptyBytes = Number(await redis.info('memory', 'used_memory'));
    const operations: Measured[] = [];
    let bytesPerElement: number | null = null;
    for (const step of plan.steps) {
      operations.push(await measureStep(redis, step));
      if (step.name !== plan.full) continue;
      const bytes =
        plan.key === null
          ? Number(await redis.info('memory', 'used_memory')) - emptyBytes
          : Number(await redis.text('MEMORY', 'USAGE', plan.key, 'SAMPLES', '0'));
      bytesPerElement = bytes / step.count;
    }
    return { structure, contender: 'redis', operations, bytesPerElement, extras: {} };
  } finally {
    redis.stop();
  }
}

async function measureStep(redis: RedisServer, step: CommandStep): Promise<Measured> {
  await redis.ask([['CONFIG', 'RESETSTAT']]);
  for (let i = 0; i < step.count; i += PIPELINE) {
    const n = Math.min(PIPELINE, step.count - i);
    await redis.ask(Array.from({ length: n }, (_, k) => step.words(i + k)));
  }
  const stats = await redis.info('commandstats', `cmdstat_${step.command}`);
  const latency = await redis.info('latencystats', `latency_percentiles_usec_${step.command}`);
  const field = (text: string, name: string): number =>
    Number(new RegExp(`${name}=([\\d.]+)`).exec(text)?.[1] ?? Number.NaN);
  return {
    name: step.name,
    count: step.count,
    meanNs: (field(stats, 'usec') * 1000) / field(stats, 'calls'),
    p50Ns: field(latency, 'p50') * 1000,
    p99Ns: field(latency, 'p99') * 1000,
    p999Ns: field(latency, 'p99\\.9') * 1000,
    maxNs: Number.NaN,
    worstBatchUs: Number.NaN,
    gcCount: 0,
    gcMs: 0,
    gcMaxMs: 0,
    curveNs: [],
  };
}
