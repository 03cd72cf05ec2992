// BullMQ as it is: node bullmq.mjs HOST PORT. Queues with retries, priorities and delays, a rate limit, repeated jobs, and a flow of
// parents and children; prints what happened as JSON.
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';

const [host, port] = process.argv.slice(2);
const connection = { host, port: Number(port) };
const JOBS = 100;

/** Resolves when `done` says so, looked at every 20 ms; after 20 s it does not. */
async function until(what, done) {
  for (let waited = 0; waited < 20_000; waited += 20) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within 20 s: ${what}`);
}

async function queues() {
  const queue = new Queue('work', { connection });
  const events = new QueueEvents('work', { connection });
  await events.waitUntilReady();
  let completedEvents = 0;
  events.on('completed', () => completedEvents++);
  const attempts = new Map();
  await queue.pause();
  await queue.addBulk(Array.from({ length: JOBS }, (_, i) => ({ name: 'job', data: { i }, opts: { attempts: 3 } })));
  const worker = new Worker(
    'work',
    async (job) => {
      const tries = (attempts.get(job.id) ?? 0) + 1;
      attempts.set(job.id, tries);
      if (job.data.i % 10 === 3 && tries < 2) throw new Error('once more');
      if (job.data.i === 50) throw new Error('never');
      await job.updateProgress(50);
      return job.data.i * 2;
    },
    { connection, concurrency: 5 },
  );
  worker.on('error', () => {});
  await queue.resume();
  await until('all jobs done', async () => {
    const counts = await queue.getJobCounts('completed', 'failed');
    return counts.completed + counts.failed === JOBS;
  });
  await until('all events seen', () => completedEvents >= JOBS - 1);
  const job = await queue.getJob('7');
  const result = {
    counts: await queue.getJobCounts(),
    retried: [...attempts.values()].filter((tries) => tries === 2).length,
    value: job?.returnvalue,
    progress: job?.progress,
    completedEvents,
  };
  await worker.close();
  await events.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return result;
}

/** One at a time, the more urgent first; those without a priority before all. */
async function priorities() {
  const queue = new Queue('ranked', { connection });
  const order = [];
  await queue.pause();
  for (const [name, priority] of [
    ['low', 10],
    ['high', 1],
    ['middle', 5],
    ['none', 0],
  ])
    await queue.add(name, {}, { priority });
  const worker = new Worker('ranked', async (job) => order.push(job.name), { connection, concurrency: 1 });
  await queue.resume();
  await until('ranked jobs', () => order.length === 4);
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return order;
}

async function delayed() {
  const queue = new Queue('later', { connection });
  const startedMs = Date.now();
  const done = [];
  const worker = new Worker('later', async (job) => done.push([job.name, Date.now() - startedMs]), { connection });
  await queue.add('300', {}, { delay: 300 });
  await queue.add('100', {}, { delay: 100 });
  await queue.upsertJobScheduler('tick', { every: 150, limit: 3 }, { name: 'tick', data: {} });
  await until(
    'delayed and repeated jobs',
    () => done.filter(([name]) => name === 'tick').length >= 3 && done.length >= 5,
  );
  const plain = done.filter(([name]) => name !== 'tick');
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return { order: plain.map(([name]) => name), inTime: plain.every(([name, ms]) => ms >= Number(name) - 20) };
}

async function limited() {
  const queue = new Queue('slow', { connection });
  const started = [];
  await queue.addBulk(Array.from({ length: 12 }, (_, i) => ({ name: 'j', data: { i } })));
  const worker = new Worker('slow', async () => started.push(Date.now()), {
    connection,
    limiter: { max: 4, duration: 300 },
    concurrency: 12,
  });
  await until('limited jobs', () => started.length === 12);
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return { jobs: started.length, limited: started.at(-1) - started[0] >= 500 };
}

async function flows() {
  const flow = new FlowProducer({ connection });
  const seen = [];
  const worker = new Worker(
    'flow',
    async (job) => {
      seen.push(job.name);
      if (job.name !== 'parent') return job.data.n;
      const children = await job.getChildrenValues();
      return Object.values(children).reduce((sum, n) => sum + n, 0);
    },
    { connection },
  );
  const tree = await flow.add({
    name: 'parent',
    queueName: 'flow',
    children: Array.from({ length: 5 }, (_, n) => ({ name: 'child', queueName: 'flow', data: { n } })),
  });
  await until('the flow', async () => (await tree.job.getState()) === 'completed');
  const queue = new Queue('flow', { connection });
  const parent = await queue.getJob(tree.job.id);
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  await flow.close();
  return { last: seen.at(-1), children: seen.filter((name) => name === 'child').length, sum: parent?.returnvalue };
}

const result = {
  queues: await queues(),
  priorities: await priorities(),
  delayed: await delayed(),
  limited: await limited(),
  flows: await flows(),
};
console.log(JSON.stringify(result));
process.exit(0);
