// node-redis in RESP3 over all data types: node node-redis.mjs HOST PORT. Prints what every call answered as JSON.
import { createClient, defineScript } from 'redis';

const [host, port] = process.argv.slice(2);
const square = defineScript({
  SCRIPT: 'local n = redis.call("INCRBY", KEYS[1], ARGV[1]) return n * n',
  NUMBER_OF_KEYS: 1,
  parseCommand(parser, key, by) {
    parser.pushKey(key);
    parser.push(String(by));
  },
  transformReply: (reply) => reply,
});
const options = { socket: { host, port: Number(port) }, RESP: 3, scripts: { square } };
const client = createClient(options);
const other = client.duplicate();
await Promise.all([client.connect(), other.connect()]);
await client.flushAll();
const answers = {};
const note = async (name, call) => {
  try {
    answers[name] = await call();
  } catch (error) {
    answers[name] = `error: ${error.message}`;
  }
};

await note('hSet', () => client.hSet('hash', { a: '1', b: '2' }));
await note('hGetAll', async () => ({ ...(await client.hGetAll('hash')) }));
await note('lists', async () => [
  await client.rPush('l', ['1', '2', '3']),
  await client.lRange('l', 0, -1),
  await client.lPop('l'),
]);
await note('sets', async () => [
  await client.sAdd('s', ['x', 'y']),
  (await client.sMembers('s')).sort(),
  await client.sIsMember('s', 'x'),
]);
await note('zAdd', () =>
  client.zAdd('z', [
    { score: 1.5, value: 'a' },
    { score: 2, value: 'b' },
  ]),
);
await note('zRangeWithScores', () => client.zRangeWithScores('z', 0, -1));
await note('zScore', () => client.zScore('z', 'a'));
await note('zIncrBy', () => client.zIncrBy('z', 1, 'b'));
await note('xAdd', () => client.xAdd('x', '1-1', { k: 'v' }));
await note('xRange', () => client.xRange('x', '-', '+'));
await note('xRead', () => client.xRead({ key: 'x', id: '0' }, { COUNT: 1 }));
await note('multi', () => client.multi().set('m', '1').incr('m').exec());
await note('script', () => client.square('n', 7));
await note('brpop', async () => {
  const waiting = client.brPop('q', 5);
  await other.lPush('q', 'job');
  return waiting;
});
await note('geo', async () => {
  await client.geoAdd('g', { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' });
  return client.geoSearch('g', { longitude: 15, latitude: 37 }, { radius: 200, unit: 'km' });
});
await note('pubsub', async () => {
  const messages = [];
  const subscriber = client.duplicate();
  await subscriber.connect();
  await subscriber.subscribe('c', (text, channel) => messages.push([channel, text]));
  await subscriber.pSubscribe('*', (text, channel) => messages.push(['*', channel, text]));
  await client.publish('c', 'hi');
  while (messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await subscriber.close();
  return messages.sort();
});
await note('function', async () => {
  await client.functionLoad(
    '#!lua name=mine\nredis.register_function("twice", function(keys, args) return args[1] * 2 end)',
    { REPLACE: true },
  );
  return client.fCall('twice', { keys: [], arguments: ['21'] });
});
await note('tracking', async () => {
  const invalidated = [];
  const cached = createClient({ ...options, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } });
  await cached.connect();
  await client.set('cached', '1');
  const first = await cached.get('cached');
  await client.set('cached', '2');
  for (let i = 0; i < 200 && (await cached.get('cached')) !== '2'; i++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await cached.get('cached');
  await cached.close();
  return { first, second, invalidated };
});
await note('wrong type', () => client.lPush('hash', 'x'));
const keys = [];
for await (const batch of client.scanIterator({ COUNT: 3 })) keys.push(...batch);
answers.keys = [...new Set(keys)].sort();
console.log(JSON.stringify(answers));
process.exit(0);
