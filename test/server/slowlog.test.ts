/** SLOWLOG against a redis-server that logs everything: the same entries with the same trimming. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Parsed, parseReply, RedisPeer } from '../engine/redis-peer.ts';
import { type PeerStream, request, World } from './peer.ts';

let redis: RedisPeer;
beforeAll(async () => {
  redis = await RedisPeer.start('--slowlog-log-slower-than', '0', '--slowlog-max-len', '6');
});
afterAll(async () => {
  await redis.stop();
});

const COMMANDS = [
  ['SLOWLOG', 'RESET'],
  ['CONFIG', 'SET', 'slowlog-max-len', '50'],
  ['SET', 'k', 'x'.repeat(128)],
  ['SET', 'k', `${'x'.repeat(127)}yz`],
  ['SET', 'k', 'x'.repeat(5000)],
  ['MSET', ...Array.from({ length: 31 }, (_, i) => `${i}`).slice(1)],
  ['DEL', ...Array.from({ length: 31 }, (_, i) => `${i}`)],
  ['DEL', ...Array.from({ length: 32 }, (_, i) => `${i}`)],
  ['DEL', ...Array.from({ length: 100 }, (_, i) => `${i}`)],
  ['AUTH', 'secret'],
  ['AUTH', 'default', 'secret'],
  ['HELLO', '2', 'AUTH', 'default', 'secret', 'SETNAME', 'me'],
  ['CONFIG', 'SET', 'masterauth', 'secret', 'timeout', '0'],
  ['CONFIG', 'SET', 'timeout', 'x'],
  ['GET'],
  ['NOSUCH'],
  ['PING'],
];

/** Arguments and client name of each entry, and the ids from the first one on. */
function entries(reply: Parsed): { words: Parsed; name: Parsed; id: number }[] {
  const all = (reply as Parsed[]).map((entry) => ({
    words: entry[3],
    name: entry[5],
    id: Number(String(entry[0]).slice(1)),
  }));
  const lowest = Math.min(...all.map((entry) => entry.id));
  return all.map((entry) => ({ ...entry, id: entry.id - lowest }));
}

function ask(peer: PeerStream, ...words: string[]): Parsed {
  peer.send(request(...words));
  return parseReply(Buffer.from(peer.received(), 'latin1'));
}

it('keeps what redis-server keeps of commands, newest first', async () => {
  const world = new World();
  world.setting('slowlog-log-slower-than', '0');
  world.setting('slowlog-max-len', '6');
  const peer = world.connect();
  for (const command of COMMANDS) ask(peer, ...command);
  const theirs = await redis.run([...COMMANDS, ['SLOWLOG', 'GET', '-1'], ['SLOWLOG', 'GET']]);
  const [all, some] = theirs.slice(-2).map((reply) => parseReply(reply));
  const ours = ask(peer, 'SLOWLOG', 'GET', '-1');
  expect(entries(ours)).toEqual(entries(all));
  expect(entries(ask(peer, 'SLOWLOG', 'GET')).length).toBe(entries(some).length);
  expect(ask(peer, 'SLOWLOG', 'GET', '0')).toEqual([]);
  const [, timeSeconds, micros, , address] = (ours as Parsed[])[0];
  expect([timeSeconds, micros, address]).toEqual([':1700000000', ':0', '$192.0.2.1:40000']);
  peer.close();
});

it('is as long as slowlog-max-len says, from now on', () => {
  const world = new World();
  world.setting('slowlog-log-slower-than', '0');
  const peer = world.connect();
  for (let i = 0; i < 200; i++) ask(peer, 'PING');
  expect(ask(peer, 'SLOWLOG', 'LEN')).toBe(':128');
  ask(peer, 'CONFIG', 'SET', 'slowlog-max-len', '3');
  expect(ask(peer, 'SLOWLOG', 'LEN')).toBe(':3');
  ask(peer, 'CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
  ask(peer, 'SLOWLOG', 'RESET');
  ask(peer, 'PING');
  expect(ask(peer, 'SLOWLOG', 'LEN')).toBe(':0');
  peer.close();
});
