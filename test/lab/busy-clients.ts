/**
 * Several clients of a server while a script runs for too long. Prints, as JSON, what each of them was answered: the same for
 * every server that does as redis-server does.
 *
 *   node busy-clients.ts HOST PORT
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { replyEnd } from '../engine/redis-peer.ts';
import { request } from '../server/peer.ts';

const PATIENCE_MS = 10_000;
const POLL_MS = 20;
const FOR_EVER = 'while true do end';
const host = process.argv[2];
const port = Number(process.argv[3]);

class BusyClient {
  private readonly socket: Socket;
  private data = Buffer.alloc(0);
  private closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.data = Buffer.concat([this.data, chunk]);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(): Promise<BusyClient> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return new BusyClient(socket);
  }

  /** Sends commands in one piece. */
  send(...commands: string[][]): void {
    this.socket.write(Buffer.concat(commands.map((words) => request(...words))));
  }

  /** The next reply; `<closed>` when there is none. */
  async reply(): Promise<string> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const end = this.data.length === 0 ? -1 : replyEnd(this.data, 0);
      if (end > 0) {
        const text = this.data.toString('latin1', 0, end);
        this.data = this.data.subarray(end);
        return text;
      }
      if (this.closed) return '<closed>';
      if (Date.now() > until) return '<nothing>';
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async ask(...words: string[]): Promise<string> {
    this.send(words);
    return await this.reply();
  }

  leave(): void {
    this.socket.destroy();
  }
}

const transcript: string[] = [];
const note = (what: string, ...replies: string[]): void => void transcript.push(`${what}: ${replies.join(' ')}`);

/** Asks until the server says that it is busy. */
async function untilBusy(client: BusyClient): Promise<void> {
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; ) {
    if ((await client.ask('PING')).startsWith('-BUSY')) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  note('never busy');
}

const REFUSED_OR_NOT = [
  ...['PING', 'GET k', 'GET', 'NOSUCH x', 'INFO', 'TIME', 'CLIENT ID', 'CONFIG GET save', 'SUBSCRIBE c', 'SELECT 1'],
  ...['SCRIPT FLUSH', 'SCRIPT NOSUCH', 'SCRIPT EXISTS x', 'EVAL x 0', 'EVALSHA x 0', 'FUNCTION LIST', 'FUNCTION STATS'],
  ...['FUNCTION KILL', 'SHUTDOWN', 'SHUTDOWN SAVE', 'SHUTDOWN NONSENSE', 'WATCH k', 'UNWATCH', 'EXEC', 'DISCARD'],
  ...['AUTH x', 'BLPOP k 0', 'MONITOR', 'COMMAND COUNT', 'RESET'],
];

/** A script that is killed: what everybody is told meanwhile, and what comes after it. */
async function killed(clients: BusyClient[]): Promise<void> {
  const [first, second, third, subscriber, blocked] = clients;
  note('subscriber', await subscriber.ask('SUBSCRIBE', 'c'));
  blocked.send(['BLPOP', 'nothing', '0.05']);
  first.send(
    ['SET', 'k', '1'],
    ['EVAL', FOR_EVER, '0'],
    ['INCR', 'k'],
    ['EVAL', 'return ARGV[1]', '0', 'x'],
    ['GET', 'k'],
  );
  await untilBusy(second);
  for (const words of REFUSED_OR_NOT) note(words, await second.ask(...words.split(' ')));
  note('subscriber', await subscriber.ask('GET', 'k'), await subscriber.ask('PING'), await subscriber.ask('RESET'));
  third.send(['MULTI'], ['SET', 'a', 'b'], ['EXEC'], ['MULTI'], ['UNWATCH'], ['DISCARD'], ['PING']);
  for (let i = 0; i < 7; i++) note('transaction', await third.reply());
  const late = await BusyClient.open();
  note('who comes late', await late.ask('GET', 'k'), await late.ask('SCRIPT', 'KILL'));
  for (let i = 0; i < 5; i++) note('its client', await first.reply());
  note('blocked', await blocked.reply());
  note('the others', await second.ask('PING'), await third.ask('GET', 'k'), await late.ask('SCRIPT', 'KILL'));
  late.leave();
}

/** A function, as it is killed. */
async function functions([first, second]: BusyClient[]): Promise<void> {
  const code = `#!lua name=lib\nredis.register_function('f', function(keys, args) ${FOR_EVER} end)`;
  note('load', await second.ask('FUNCTION', 'LOAD', 'REPLACE', code));
  first.send(['FCALL', 'f', '1', 'key', 'argument'], ['PING']);
  await untilBusy(second);
  note('PING', await second.ask('PING'));
  note('stats', (await second.ask('FUNCTION', 'STATS')).replace(/(?<=duration_ms\r\n:)\d+/, 'N'));
  note('kill', await second.ask('SCRIPT', 'KILL'), await second.ask('FUNCTION', 'KILL'));
  note('after it', await first.reply(), await first.reply());
  note('kill', await second.ask('FUNCTION', 'KILL'));
}

/** A script inside a transaction. */
async function inTransaction([first, second]: BusyClient[]): Promise<void> {
  first.send(['MULTI'], ['SET', 't', '1'], ['EVAL', FOR_EVER, '0'], ['INCR', 't'], ['EXEC'], ['GET', 't']);
  await untilBusy(second);
  note('GET', await second.ask('GET', 't'));
  note('kill', await second.ask('SCRIPT', 'KILL'));
  for (let i = 0; i < 6; i++) note('its client', await first.reply());
}

/** Whose script runs leaves; the server goes on, and remembers nothing of it. */
async function vanishing([, second]: BusyClient[]): Promise<void> {
  for (const transaction of [false, true]) {
    const before = await second.ask('DBSIZE');
    const first = await BusyClient.open();
    const script = ['EVAL', `${FOR_EVER} redis.call('set','never','x')`, '0'];
    if (transaction) first.send(['MULTI'], script, ['SET', 'k', 'still run'], ['EXEC'], ['SET', 'never', 'x']);
    else first.send(script, ['SET', 'never', 'x']);
    await untilBusy(second);
    first.leave();
    note('still', await second.ask('GET', 'k'), await second.ask('SCRIPT', 'KILL'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    note('gone', before, await second.ask('DBSIZE'), await second.ask('GET', 'k'));
    note('clients', String((await second.ask('INFO', 'clients')).match(/connected_clients:\d+/)?.[0]));
  }
}

/** One that has written can't be killed; the server can be stopped. */
async function unkillable([first, second, third]: BusyClient[]): Promise<void> {
  first.send(['EVAL', `redis.call('set','w','1') ${FOR_EVER}`, '0']);
  await untilBusy(second);
  note('kill', await second.ask('SCRIPT', 'KILL'), await second.ask('FUNCTION', 'KILL'), await third.ask('GET', 'w'));
  note('shutdown', await second.ask('SHUTDOWN'), await second.ask('SHUTDOWN', 'NOSAVE'));
  note('closed', await third.reply());
}

const clients: BusyClient[] = [];
for (let i = 0; i < 5; i++) clients.push(await BusyClient.open());
note('threshold', await clients[0].ask('CONFIG', 'SET', 'busy-reply-threshold', '60'));
for (const scene of [killed, functions, inTransaction, vanishing, unkillable]) {
  note(scene.name);
  await scene(clients);
}
for (const client of clients) client.leave();
process.stdout.write(JSON.stringify(transcript));
