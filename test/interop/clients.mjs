// Real clients against a server: node clients.mjs HOST PORT. Prints one JSON object; run by the lab tests inside a namespace.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { Redis } from 'ioredis';
import { createClient } from 'redis';

const [host, portText] = process.argv.slice(2);
const port = Number(portText);
const SIZES = [0, 1, 1460, 65_536, 64 * 1024 * 1024];
const CONNECTIONS = 1000;
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const pattern = (n) => {
  const bytes = Buffer.allocUnsafe(n);
  for (let i = 0; i < n; i++) bytes[i] = (i * 2654435761) >>> 13;
  return bytes;
};

async function withIoredis() {
  const redis = new Redis({ host, port, lazyConnect: true, maxRetriesPerRequest: 1 });
  await redis.connect();
  const values = {};
  for (const size of SIZES) {
    const value = pattern(size);
    await redis.set(`io:${size}`, value);
    const back = await redis.getBuffer(`io:${size}`);
    values[size] = back !== null && back.length === size && hash(back) === hash(value);
    await redis.del(`io:${size}`);
  }
  const counted = await Promise.all(Array.from({ length: 2000 }, () => redis.incr('io:counter')));
  const pipeline = redis.pipeline();
  for (let i = 0; i < 500; i++) pipeline.set(`io:p${i}`, i).get(`io:p${i}`);
  const results = await pipeline.exec();
  const ordered = results.every(([error, reply], i) => error === null && reply === (i % 2 ? String(i >> 1) : 'OK'));
  await redis.quit();
  return { values, counter: counted.at(-1), ordered };
}

async function withNodeRedis() {
  const client = createClient({ socket: { host, port }, RESP: 3 });
  await client.connect();
  await client.set('node:key', 'wert', { EX: 100 });
  const result = {
    get: await client.get('node:key'),
    ttl: await client.ttl('node:key'),
    info: (await client.info('server')).includes('redis_version:7.2.4'),
  };
  const keys = [];
  for await (const batch of client.scanIterator({ MATCH: 'io:p*', COUNT: 100 })) keys.push(...batch);
  result.scanned = new Set(keys).size;
  await client.close();
  return result;
}

async function withManyConnections() {
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = net.connect(port, host);
      await once(socket, 'connect');
      return socket;
    }),
  );
  const answers = await Promise.all(
    sockets.map(async (socket, i) => {
      socket.write(`*2\r\n$4\r\nECHO\r\n$${String(i).length}\r\n${i}\r\n`);
      let text = '';
      while (!text.endsWith(`${i}\r\n`)) text += (await once(socket, 'data'))[0].toString();
      return text === `$${String(i).length}\r\n${i}\r\n`;
    }),
  );
  for (const socket of sockets) socket.destroy();
  return answers.filter(Boolean).length;
}

console.log(
  JSON.stringify({
    ioredis: await withIoredis(),
    nodeRedis: await withNodeRedis(),
    connections: await withManyConnections(),
  }),
);
