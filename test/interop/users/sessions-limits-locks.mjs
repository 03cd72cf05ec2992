// connect-redis, rate-limiter-flexible and redlock as they are: node sessions-limits-locks.mjs HOST PORT. Prints JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisStore } from 'connect-redis';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { createClient } from 'redis';
import Redlock from 'redlock';

const [host, portText] = process.argv.slice(2);
const port = Number(portText);

async function sessions() {
  const client = createClient({ socket: { host, port } });
  await client.connect();
  const store = new RedisStore({ client, prefix: 'sess:', ttl: 100 });
  const call = (method, ...args) =>
    new Promise((resolve, reject) =>
      store[method](...args, (error, value) => (error ? reject(error) : resolve(value))),
    );
  for (let i = 0; i < 250; i++) await call('set', `s${i}`, { user: i, cookie: { originalMaxAge: 60_000 } });
  const result = {
    length: await call('length'),
    one: await call('get', 's17'),
    ids: (await call('ids')).length,
    all: (await call('all')).length,
    touched: await call('touch', 's17', { cookie: {} }).then(() => client.ttl('sess:s17')),
  };
  await call('destroy', 's17');
  result.gone = (await call('get', 's17')) ?? null;
  await call('clear');
  result.cleared = await call('length');
  await client.close();
  return result;
}

async function limits() {
  const redis = new Redis({ host, port });
  const limiter = new RateLimiterRedis({ storeClient: redis, points: 5, duration: 1, blockDuration: 2 });
  const outcomes = [];
  for (let i = 0; i < 8; i++) {
    outcomes.push(
      await limiter.consume('user').then(
        (r) => r.remainingPoints,
        (r) => (r instanceof Error ? String(r) : 'no'),
      ),
    );
  }
  const blocked = await limiter.get('user');
  const outcome = {
    outcomes,
    blocked: blocked.msBeforeNext > 1000,
    penalty: (await limiter.penalty('other', 3)).consumedPoints,
  };
  await redis.quit();
  return outcome;
}

async function locks() {
  const redis = new Redis({ host, port });
  const redlock = new Redlock([redis], { retryCount: 50, retryDelay: 10, retryJitter: 5 });
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      const lock = await redlock.lock('locks:one', 2000);
      most = Math.max(most, ++inside);
      await sleep(5);
      inside--;
      await lock.unlock();
    }),
  );
  const held = await redlock.lock('locks:two', 1000);
  const extended = await held.extend(5000);
  const refused = await new Redlock([redis], { retryCount: 1 }).lock('locks:two', 100).then(
    () => 'taken',
    (error) => error.name,
  );
  const left = await redis.pttl('locks:two');
  await extended.unlock();
  const free = await redis.exists('locks:two');
  await redis.quit();
  return { most, refused, extended: left > 4000, free };
}

console.log(JSON.stringify({ sessions: await sessions(), limits: await limits(), locks: await locks() }));
process.exit(0);
