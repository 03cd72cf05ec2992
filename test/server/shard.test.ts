import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONTROL_STOP, CONTROL_WORDS, Shard, STOP_GRACEFUL, STOP_NOW } from '../../src/lib/server/shard.ts';
import type { Transport } from '../../src/lib/server/transport.ts';
import { type PeerStream, request, World } from './peer.ts';

const TURN_US = 20;
const MANY_TURNS = 200_000;

/** A transport on which a turn takes 20 µs of virtual time, and sleep as long as it was asked for. */
class ScriptedTransport implements Transport {
  private readonly world: World;
  private readonly onTurn: (turn: number) => boolean;
  turns = 0;

  constructor(world: World, onTurn: (turn: number) => boolean) {
    this.world = world;
    this.onTurn = onTurn;
  }

  turn(): boolean {
    if (++this.turns > MANY_TURNS) throw new Error(`the loop still runs after ${MANY_TURNS} turns`);
    this.world.clock.advance(TURN_US);
    return this.onTurn(this.turns);
  }
  turnInside(): boolean {
    return this.turn();
  }
  pending(): boolean {
    return false;
  }
  nextDeadlineUs(): number {
    return Number.POSITIVE_INFINITY;
  }
  wait(_wakeFd: number, timeoutUs: number): void {
    this.world.clock.advance(timeoutUs);
  }
  stopListening(): void {}
  openStreams(): number {
    return 0;
  }
  unfinishedStreams(): number {
    return 0;
  }
  close(): void {}
}

let world: World;
let peer: PeerStream;
let control: Int32Array;
beforeEach(() => {
  world = new World();
  peer = world.connect();
  control = new Int32Array(CONTROL_WORDS);
});
afterEach(() => peer.close());

/** Runs a shard on a transport that says after each turn whether something arrived. */
function run(onTurn: (turn: number) => boolean): void {
  const transport = new ScriptedTransport(world, onTurn);
  const { context, dispatcher, sessions } = world.core;
  new Shard({
    index: 0,
    clock: world.clock,
    context,
    dispatcher,
    sessions,
    transport,
    control,
    wakeFd: -1,
    spinUs: 0,
    recorder: null,
  }).run();
}

function store(count: number, ttlMs: number): void {
  const deadline = String(world.clock.wallMs() + ttlMs);
  for (let i = 0; i < count; i++) peer.send(request('SET', `key:${i}`, 'v', 'PXAT', deadline));
  peer.received();
}

describe('the loop of a shard', () => {
  it('stops when it is told to, however much arrives', () => {
    let turns = 0;
    run((turn) => {
      turns = turn;
      if (turn === 10) control[CONTROL_STOP] = STOP_GRACEFUL;
      return true;
    });
    expect(turns).toBeLessThan(20);
  });

  it('removes keys that expire together while it is idle, without sleeping in between', () => {
    const { databases } = world.core.engine;
    store(20_000, 500);
    const fromMs = world.clock.wallMs();
    run(() => {
      if (databases[0].size === 0) control[CONTROL_STOP] = STOP_NOW;
      return false;
    });
    expect(world.clock.wallMs() - fromMs).toBeGreaterThanOrEqual(500);
    expect(world.clock.wallMs() - fromMs).toBeLessThan(1500);
    expect(world.core.engine.stats.expiredKeys).toBe(20_000);
  });

  it('removes them under load, too, a few in each turn', () => {
    const { databases } = world.core.engine;
    store(20_000, 500);
    let most = 0;
    let before = databases[0].size;
    run(() => {
      most = Math.max(most, before - databases[0].size);
      before = databases[0].size;
      if (before === 0) control[CONTROL_STOP] = STOP_NOW;
      return true;
    });
    expect(most).toBeLessThanOrEqual(512);
    expect(world.clock.wallMs() - world.clock.epochMs).toBeLessThan(1000);
  });

  it('gives back the memory of a cleared database while it is idle', () => {
    const { arena, databases } = world.core.engine;
    const empty = arena.usedBytes;
    store(20_000, 3_600_000);
    const full = arena.usedBytes;
    databases[0].clear();
    const fromMs = world.clock.wallMs();
    run(() => {
      if (arena.usedBytes - empty < (full - empty) / 10) control[CONTROL_STOP] = STOP_NOW;
      return false;
    });
    expect(world.clock.wallMs() - fromMs).toBeLessThan(500);
  });

  it('answers a client that waits when its time is over, and sleeps until then', () => {
    peer.send(request('BLPOP', 'k', '0.123'));
    const other = world.connect();
    other.send(request('BLPOP', 'k', '0'));
    const fromMs = world.clock.wallMs();
    let turns = 0;
    let reply = '';
    run(() => {
      world.sessions.flush(); // as every transport does
      turns++;
      reply += peer.received();
      if (reply !== '') control[CONTROL_STOP] = STOP_NOW;
      return false;
    });
    expect(reply).toBe('*-1\r\n');
    expect(world.clock.wallMs() - fromMs).toBeGreaterThanOrEqual(123);
    expect(world.clock.wallMs() - fromMs).toBeLessThan(126);
    expect(turns).toBeLessThan(20);
    expect(other.received()).toBe('');
    other.close();
  });

  it('serves who waits for a key that went by its own time', () => {
    const other = world.connect();
    other.send(request('XGROUP', 'CREATE', 'k', 'g', '$', 'MKSTREAM'));
    other.send(request('PEXPIRE', 'k', '50'));
    peer.send(request('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 'k', '>'));
    let reply = '';
    run(() => {
      world.sessions.flush();
      reply += peer.received();
      if (reply !== '' || world.clock.wallMs() - world.clock.epochMs > 5000) control[CONTROL_STOP] = STOP_NOW;
      return false;
    });
    expect(reply).toMatch(/^-NOGROUP /);
    other.close();
  });
});
