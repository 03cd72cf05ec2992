// ioredis over all data types: node ioredis.mjs HOST PORT. Prints what every call answered as JSON.
import { Redis } from 'ioredis';

const [host, port] = process.argv.slice(2);
const redis = new Redis({ host, port: Number(port) });
const other = new Redis({ host, port: Number(port) });
const answers = {};
const note = async (name, promise) => {
  answers[name] = await promise.catch((error) => `error: ${error.message}`);
};
await redis.flushall();

await note('rpush', redis.rpush('list', 'a', 'b', 'c', 'd'));
await note('lrange', redis.lrange('list', 0, -1));
await note('lpos', redis.lpos('list', 'c'));
await note('lmove', redis.lmove('list', 'list2', 'LEFT', 'RIGHT'));
await note('linsert', redis.linsert('list', 'BEFORE', 'c', 'x'));
await note('hset', redis.hset('hash', { name: 'Ada', born: '1815', ratio: '1.5' }));
await note('hgetall', redis.hgetall('hash'));
await note('hincrbyfloat', redis.hincrbyfloat('hash', 'ratio', 0.25));
await note('sadd', redis.sadd('set', 1, 2, 3, 4));
await note(
  'sinter',
  redis.sadd('set2', 2, 3, 9).then(() => redis.sinter('set', 'set2').then((all) => all.sort())),
);
await note('zadd', redis.zadd('zset', 1, 'one', 2, 'two', 3.5, 'three'));
await note('zrange', redis.zrange('zset', 0, -1, 'WITHSCORES'));
await note('zrangebyscore', redis.zrangebyscore('zset', '(1', '+inf', 'LIMIT', 0, 1));
await note('zrank', redis.zrank('zset', 'three'));
await note('geoadd', redis.geoadd('geo', 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania'));
await note('geosearch', redis.geosearch('geo', 'FROMLONLAT', 15, 37, 'BYRADIUS', 200, 'km', 'ASC', 'WITHDIST'));
await note('pfadd', redis.pfadd('hll', ...Array.from({ length: 1000 }, (_, i) => `e${i}`)));
await note('pfcount', redis.pfcount('hll'));
await note('setbit', redis.setbit('bits', 1000, 1));
await note('bitfield', redis.bitfield('bits', 'INCRBY', 'u8', 0, 200, 'OVERFLOW', 'SAT', 'INCRBY', 'u8', 0, 100));
await note('xadd', redis.xadd('stream', '5-1', 'field', 'value', 'k', 'v'));
await note('xgroup', redis.xgroup('CREATE', 'stream', 'g', '0'));
await note('xreadgroup', redis.xreadgroup('GROUP', 'g', 'c', 'COUNT', 10, 'STREAMS', 'stream', '>'));
await note(
  'xpending',
  redis.xpending('stream', 'g', '-', '+', 10).then(([[id, consumer, , times]]) => [id, consumer, times]),
);
await note('xack', redis.xack('stream', 'g', '5-1'));
await note(
  'multi',
  redis
    .multi()
    .set('t', '1')
    .incr('t')
    .lpush('t', 'x')
    .get('t')
    .exec()
    .then((all) => all.map(([error, value]) => error?.message ?? value)),
);
await note(
  'watch',
  (async () => {
    await redis.watch('w');
    await other.set('w', 'changed');
    return redis.multi().set('w', 'mine').exec();
  })(),
);
redis.defineCommand('double', { numberOfKeys: 1, lua: 'local v = redis.call("get", KEYS[1]) return v * ARGV[1]' });
await note(
  'script',
  redis.set('n', 21).then(() => redis.double('n', 2)),
);
await note('blpop', Promise.all([redis.blpop('queue', 5), other.rpush('queue', 'job')]));
await note('blpop timeout', redis.blpop('nothing', 0.05));
await note(
  'pubsub',
  (async () => {
    const messages = [];
    await other.subscribe('news');
    await other.psubscribe('n*');
    other.on('message', (channel, text) => messages.push(['message', channel, text]));
    other.on('pmessage', (pattern, channel, text) => messages.push(['pmessage', pattern, channel, text]));
    const receivers = await redis.publish('news', 'hello');
    while (messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await other.unsubscribe('news');
    await other.punsubscribe('n*');
    return { receivers, messages: messages.sort() };
  })(),
);
await note('sort', redis.sort('set', 'DESC', 'LIMIT', 0, 2));
await note(
  'dump',
  redis
    .dumpBuffer('n')
    .then((payload) => redis.restore('copy', 0, payload))
    .then(() => redis.get('copy')),
);
await note('object', redis.object('ENCODING', 'hash'));
await note('wrong type', redis.lpush('hash', 'x'));
const found = [];
for await (const keys of redis.scanStream({ match: '*', count: 5 })) found.push(...keys);
answers.scan = [...new Set(found)].sort();
console.log(JSON.stringify(answers));
process.exit(0);
