/**
 * A harness and a redis-server that are given the same commands: replies and counts of changes must be the same. `except` says
 * which commands may answer otherwise (their replies are then not compared, but everything else is).
 *
 *   commands ─┬─▶ harness ──▶ replies, dirty ────────┐
 *             └─▶ redis ────▶ replies, INFO ─────────┴─▶ the same
 */
import { expect } from 'vitest';
import { TYPE_STRING } from '../../src/lib/engine/keys.ts';
import { stringEncoding } from '../../src/lib/engine/string/value.ts';
import { Harness } from './harness.ts';
import type { Word } from './random-commands.ts';
import { parseReply, type RedisPeer } from './redis-peer.ts';

type Except = (command: Word[], ours: string, theirs: string) => boolean;

export class Beside {
  readonly harness: Harness;
  private readonly redis: RedisPeer;
  private readonly where: string;
  private readonly except: Except;

  private constructor(redis: RedisPeer, harness: Harness, where: string, except: Except) {
    this.redis = redis;
    this.harness = harness;
    this.where = where;
    this.except = except;
  }

  /** Both begin empty. */
  static async start(redis: RedisPeer, seed: number, protocol: number, except: Except = () => false): Promise<Beside> {
    const harness = new Harness({ seed });
    harness.engine.nowMs = Date.now();
    harness.client.protocol = protocol;
    await redis.run([['FLUSHALL'], ['HELLO', String(protocol)], ['SELECT', '0'], ['CONFIG', 'RESETSTAT']]);
    const where = `seed ${seed}, RESP${protocol}, replay with RTCP_TEST_SEED`;
    return new Beside(redis, harness, where, except);
  }

  /** Gives both the commands and compares what comes of each. */
  async compare(commands: Word[][]): Promise<void> {
    const before = await this.changes();
    const { stats } = this.harness.engine;
    const dirty = stats.dirty;
    const theirs = await this.redis.run(commands);
    commands.forEach((command, i) => {
      const ours = this.harness.text(...command);
      const other = theirs[i].toString('latin1');
      if (ours === other || this.except(command, ours, other)) return;
      expect.fail(
        `${this.where}: ${shown(command)}\nours   ${JSON.stringify(ours)}\ntheirs ${JSON.stringify(other)}\n` +
          `before ${commands
            .slice(Math.max(0, i - 5), i)
            .map(shown)
            .join('\n       ')}`,
      );
    });
    const where = `${this.where}: changes of ${commands.length > 9 ? commands.length : commands.map(shown)}`;
    expect([where, stats.dirty - dirty]).toEqual([where, (await this.changes()) - before]);
  }

  /** rdb_changes_since_last_save */
  private async changes(): Promise<number> {
    const [info] = await this.redis.run([['INFO', 'persistence']]);
    return Number(/rdb_changes_since_last_save:(\d+)/.exec(info.toString('latin1'))?.[1]);
  }

  /** OBJECT ENCODING of every string key. */
  async compareEncodings(): Promise<void> {
    const { engine } = this.harness;
    const names = Array.from(parseReply(this.harness.run('KEYS', '*')), (key) =>
      Buffer.from(String(key).slice(1), 'latin1'),
    );
    const theirs = await this.redis.run(names.map((name) => ['OBJECT', 'ENCODING', name]));
    names.forEach((name, i) => {
      this.harness.run('EXISTS', name);
      const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
      const ref = engine.db.find(offset, length, engine.db.hash(offset, length));
      if (engine.db.type(ref) !== TYPE_STRING) return;
      const key = `${this.where}: ${name.toString('latin1')}`;
      expect([key, stringEncoding(engine, ref)]).toEqual([key, String(parseReply(theirs[i])).slice(1)]);
    });
  }

  /** Both sides get a list under the key: ours is a record of that type, whose value nobody looks at. */
  async makeList(key: string): Promise<void> {
    await this.redis.run([
      ['DEL', key],
      ['RPUSH', key, 'x'],
    ]);
    this.harness.run('SET', key, 'x');
    const { engine } = this.harness;
    const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
    engine.db.setType(engine.db.find(offset, length, engine.db.hash(offset, length)), 1);
  }
}

function shown(command: Word[]): string {
  return JSON.stringify(
    command.map((word) =>
      Buffer.from(word as string)
        .toString('latin1')
        .slice(0, 60),
    ),
  );
}
