/**
 * The process of one subject: told what to measure by its command line, it answers with one line of JSON. Started by run.ts.
 */
import { widenInlining } from '../server/jit.ts';
import { measureRedis } from './against-redis.ts';
import { COMMAND_PLANS } from './command-plans.ts';
import { type Measured, measure } from './measure.ts';
import { STRUCTURES } from './structures.ts';
import type { SubjectRequest, SubjectResult } from './subject.ts';

/** Elements of the run that only warms the compiler up. */
const WARM_UP_SIZE = 20_000;

async function measureSubject({ structure, contender, workload }: SubjectRequest): Promise<SubjectResult> {
  const maker = STRUCTURES[structure]?.makers[contender];
  if (maker === undefined) throw new Error(`there is no ${contender} for ${structure}`);
  if (workload.size > WARM_UP_SIZE) {
    for (const operation of maker({ ...workload, size: WARM_UP_SIZE }).operations) await measure(operation);
  }
  const subject = maker(workload);
  const operations: Measured[] = [];
  let bytesPerElement = subject.bytesAfter === '' ? subject.bytesPerElement() : null;
  let extras: Record<string, number[]> = {};
  for (const operation of subject.operations) {
    operations.push(await measure(operation));
    if (operation.name !== subject.bytesAfter) continue;
    bytesPerElement = subject.bytesPerElement();
    extras = subject.extras?.() ?? {};
  }
  return { structure, contender, operations, bytesPerElement, extras };
}

widenInlining();
const request: SubjectRequest = JSON.parse(process.argv[2]);
const { structure, contender, workload, redisServer } = request;
const result =
  contender === 'redis'
    ? await measureRedis(structure, COMMAND_PLANS[structure](workload), redisServer)
    : await measureSubject(request);
process.stdout.write(`${JSON.stringify(result)}\n`);
