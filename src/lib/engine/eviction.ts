/**
 * Eviction: when the data takes more than maxmemory, keys go until it doesn't, chosen as maxmemory-policy says.
 *
 *   lru, lfu   a few keys are drawn at random, and the worst seen so far are kept in a pool: best candidate first out
 *   random     a key at random
 *   ttl        the key that expires next: the timing wheel knows it, nothing is drawn
 *
 *   draw ─▶ score ─▶ │ 9 │ 31 │ 77 │ 120 │ ─▶ the last, if its key is still there     (redis.io/docs/reference/eviction)
 *
 * What an access leaves in a record's 19 bits is, for lru, the second of the access, and for lfu a logarithmic counter and
 * the minute when it was last halved (Morris's counter; Redis's lfu-log-factor and lfu-decay-time):
 *
 *   lru │ second 19 │         lfu │ minute 11 │ counter 8 │
 */
import { Keyspace } from '../store/keyspace.ts';
import { ACCESS_MASK } from '../store/record.ts';
import type { ExpiryOwner } from '../store/wheel.ts';
import type { Engine } from './engine.ts';
import { tell } from './keys.ts';

/** The room that commands need is there. */
export const EVICT_OK = 0;
/** There is more to evict, and the time for it was over: commands go on meanwhile. */
export const EVICT_RUNNING = 1;
/** Nothing can be evicted. */
export const EVICT_FAILED = 2;

const POOL_SIZE = 16;
/** With few keys that expire, so many draws for each that is wanted. */
const DRAWS_PER_SAMPLE = 16;
/** Keys evicted between two looks at the clock. */
const KEYS_PER_LOOK = 16;
/** Elements freed at a time of a large value that was evicted. */
const REAP_ELEMENTS = 1024;

const LFU_COUNTER_BITS = 8;
const LFU_COUNTER_MASK = 255;
const LFU_MINUTE_MASK = ACCESS_MASK >> LFU_COUNTER_BITS;
/** The counter of a new key: so that it is not the first to go. */
const LFU_INITIAL = 5;
const MS_PER_MINUTE = 60_000;

export class Evictor {
  /** maxmemory, bytes; Infinity when there is no limit. */
  limitBytes = Number.POSITIVE_INFINITY;
  /** maxmemory-policy, taken apart. */
  allKeys = false;
  lru = false;
  lfu = false;
  ttl = false;
  enabled = false;
  samples = 5;
  lfuLogFactor = 10;
  lfuDecayMinutes = 1;
  /** Most microseconds of one eviction (maxmemory-eviction-tenacity). */
  budgetUs = 500;
  /** The last eviction ended by its time: the shard goes on with it between turns. */
  unfinished = false;
  private poolSize = 0;
  private readonly poolScore = new Float64Array(POOL_SIZE);
  private readonly poolRef = new Int32Array(POOL_SIZE);
  private readonly poolHash = new Int32Array(POOL_SIZE);
  private readonly poolDatabase = new Int32Array(POOL_SIZE);

  /** Takes up maxmemory-policy. */
  setPolicy(name: string): void {
    this.enabled = name !== 'noeviction';
    this.allKeys = name.startsWith('allkeys');
    this.lru = name.endsWith('lru');
    this.lfu = name.endsWith('lfu');
    this.ttl = name.endsWith('ttl');
    this.poolSize = 0;
  }

  /** maxmemory-eviction-tenacity, 0…100, as a time: 0.5 ms at 10, then 15 % more for each, and no end at 100. */
  setTenacity(tenacity: number): void {
    if (tenacity <= 10) this.budgetUs = 50 * tenacity;
    else this.budgetUs = tenacity < 100 ? 500 * 1.15 ** (tenacity - 10) : Number.POSITIVE_INFINITY;
  }

  // ── accesses ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What a record that is made now gets as its access. */
  newStamp(nowMs: number): number {
    if (!this.lfu) return (nowMs / 1000) & ACCESS_MASK;
    return (minuteOf(nowMs) << LFU_COUNTER_BITS) | LFU_INITIAL;
  }

  /** What an access now makes of a record's access bits, for lfu. */
  accessed(engine: Engine, bits: number): number {
    let counter = this.decayed(bits, engine.nowMs);
    if (counter < LFU_COUNTER_MASK) {
      const base = counter > LFU_INITIAL ? counter - LFU_INITIAL : 0;
      if (engine.random.float() * (base * this.lfuLogFactor + 1) < 1) counter++;
    }
    return (minuteOf(engine.nowMs) << LFU_COUNTER_BITS) | counter;
  }

  /** The lfu counter of a record's access bits, less what time took away. */
  decayed(bits: number, nowMs: number): number {
    const counter = bits & LFU_COUNTER_MASK;
    if (this.lfuDecayMinutes === 0) return counter;
    const minutes = (minuteOf(nowMs) - (bits >>> LFU_COUNTER_BITS)) & LFU_MINUTE_MASK;
    return Math.max(0, counter - Math.floor(minutes / this.lfuDecayMinutes));
  }

  /** Access bits of a key with this counter (RESTORE … FREQ). */
  lfuBits(counter: number, nowMs: number): number {
    return (minuteOf(nowMs) << LFU_COUNTER_BITS) | (counter & LFU_COUNTER_MASK);
  }

  // ── eviction ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Evicts until the data takes no more than maxmemory, for at most `budgetUs`. EVICT_*. */
  makeRoom(engine: Engine): number {
    this.unfinished = false;
    const { arena, clock } = engine;
    const startUs = clock.nowUs();
    for (let evicted = 0; arena.usedBytes > this.limitBytes; evicted++) {
      if (!this.reap(engine) && !(this.enabled && this.evictOne(engine))) return EVICT_FAILED;
      if (evicted % KEYS_PER_LOOK === KEYS_PER_LOOK - 1 && clock.nowUs() - startUs > this.budgetUs) {
        this.unfinished = true;
        return EVICT_RUNNING;
      }
    }
    return EVICT_OK;
  }

  /** Frees a part of what was removed already: it counts as long as it is there. False when there is nothing. */
  private reap(engine: Engine): boolean {
    const { reaper } = engine.values;
    if (reaper.pending > 0) {
      reaper.step(REAP_ELEMENTS);
      return true;
    }
    return engine.databases.some((db) => db.freeStep(REAP_ELEMENTS));
  }

  private evictOne(engine: Engine): boolean {
    if (this.ttl) return this.evictSoonest(engine);
    if (this.lru || this.lfu) return this.evictFromPool(engine);
    return this.evictRandom(engine);
  }

  private evictSoonest(engine: Engine): boolean {
    const ref = engine.wheel.soonest(isDatabase);
    const db = engine.databases.find((each) => ref !== 0 && each.owns(ref));
    if (db !== undefined) this.evict(engine, db, ref);
    return db !== undefined;
  }

  private evictRandom(engine: Engine): boolean {
    const { databases, random } = engine;
    const first = random.below(databases.length);
    for (let i = 0; i < databases.length; i++) {
      const db = databases[(first + i) % databases.length];
      const ref = this.draw(engine, db);
      if (ref === 0) continue;
      this.evict(engine, db, ref);
      return true;
    }
    return false;
  }

  private evictFromPool(engine: Engine): boolean {
    const { databases } = engine;
    for (let d = 0; d < databases.length; d++) {
      const db = databases[d];
      if ((this.allKeys ? db.size : db.expires) === 0) continue;
      for (let i = 0; i < this.samples; i++) {
        const ref = this.draw(engine, db);
        if (ref !== 0) this.offer(this.score(engine, db, ref), d, ref, db.hashOf(ref));
      }
    }
    while (this.poolSize > 0) {
      const last = --this.poolSize;
      const db = databases[this.poolDatabase[last]];
      const ref = this.poolRef[last];
      if (!db.holds(ref, this.poolHash[last]) || (!this.allKeys && db.expiry(ref) < 0)) continue;
      this.evict(engine, db, ref);
      return true;
    }
    return false;
  }

  /** A key at random that may be evicted; 0 when none was found. */
  private draw(engine: Engine, db: Keyspace): number {
    if (this.allKeys) return db.randomRef(engine.random);
    if (db.expires === 0) return 0;
    for (let i = 0; i < DRAWS_PER_SAMPLE; i++) {
      const ref = db.randomRef(engine.random);
      if (db.expiry(ref) >= 0) return ref;
    }
    return engine.wheel.soonest((owner) => owner === db); // few keys expire: one of them
  }

  /** The higher, the sooner the key should go. */
  private score(engine: Engine, db: Keyspace, ref: number): number {
    const bits = db.lru(ref);
    if (this.lfu) return LFU_COUNTER_MASK - this.decayed(bits, engine.nowMs);
    return (engine.nowMs / 1000 - bits) & ACCESS_MASK;
  }

  /** Enters a key in the pool, in the order of scores; when it is full, the lowest falls out. */
  private offer(score: number, database: number, ref: number, hash: number): void {
    for (let i = 0; i < this.poolSize; i++) if (this.poolRef[i] === ref) return;
    let at = this.poolSize;
    while (at > 0 && this.poolScore[at - 1] > score) at--;
    if (this.poolSize < POOL_SIZE) {
      this.shift(at, at + 1, this.poolSize - at);
      this.poolSize++;
    } else {
      if (at === 0) return;
      at--;
      this.shift(1, 0, at);
    }
    this.poolScore[at] = score;
    this.poolRef[at] = ref;
    this.poolHash[at] = hash;
    this.poolDatabase[at] = database;
  }

  private shift(from: number, to: number, n: number): void {
    this.poolScore.copyWithin(to, from, from + n);
    this.poolRef.copyWithin(to, from, from + n);
    this.poolHash.copyWithin(to, from, from + n);
    this.poolDatabase.copyWithin(to, from, from + n);
  }

  private evict(engine: Engine, db: Keyspace, ref: number): void {
    engine.stats.evictedKeys++;
    tell(engine, db, 'evicted', ref);
    db.remove(ref);
  }
}

/** Other things than keys hang in the wheel, too. */
function isDatabase(owner: ExpiryOwner): boolean {
  return owner instanceof Keyspace;
}

function minuteOf(nowMs: number): number {
  return Math.floor(nowMs / MS_PER_MINUTE) & LFU_MINUTE_MASK;
}
