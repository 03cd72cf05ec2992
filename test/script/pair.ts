/**
 * This server's core beside a redis-server: both get the same commands, and the bytes of the replies must be the same.
 */
import { expect } from 'vitest';
import { RedisPeer, replyEnd } from '../engine/redis-peer.ts';
import { type PeerStream, request, World } from '../server/peer.ts';

export type Word = string | Buffer;

export class ScriptPair {
  readonly world = new World();
  readonly ours: PeerStream;
  readonly redis: RedisPeer;

  private constructor(redis: RedisPeer) {
    this.redis = redis;
    this.ours = this.world.connect();
  }

  static async start(): Promise<ScriptPair> {
    return new ScriptPair(await RedisPeer.start('--enable-debug-command', 'yes'));
  }

  /** Our reply, as latin1. */
  run(...words: Word[]): string {
    this.ours.send(request(...words));
    return this.ours.received();
  }

  /** Both replies must be one and the same. Returns it. */
  async same(...words: Word[]): Promise<string> {
    const [theirs] = await this.redis.run([words]);
    const ours = this.run(...words);
    expect([words.map(String), ours]).toEqual([words.map(String), theirs.toString('latin1')]);
    return ours;
  }

  /** As `same`, for many scripts without arguments, by EVAL. */
  async sameScripts(scripts: readonly string[]): Promise<void> {
    const theirs = await this.redis.run(scripts.map((script) => ['EVAL', script, '0']));
    const differences: string[] = [];
    scripts.forEach((script, i) => {
      const ours = this.run('EVAL', script, '0');
      const other = theirs[i].toString('latin1');
      if (ours !== other)
        differences.push(`${script}\n  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(other)}`);
    });
    expect(differences.join('\n')).toBe('');
  }

  async both(...commands: Word[][]): Promise<void> {
    for (const command of commands) await this.same(...command);
  }

  async protocol(version: 2 | 3): Promise<void> {
    await this.redis.run([['HELLO', String(version)]]);
    this.run('HELLO', String(version));
  }

  async stop(): Promise<void> {
    await this.redis.stop();
  }
}

/** Replies, one after the other. */
export function replies(text: string): string[] {
  const bytes = Buffer.from(text, 'latin1');
  const found: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = replyEnd(bytes, at);
    if (end < 0) throw new Error('incomplete reply');
    found.push(bytes.toString('latin1', at, end));
    at = end;
  }
  return found;
}
