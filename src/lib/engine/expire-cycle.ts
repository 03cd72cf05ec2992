/**
 * What the timing wheel reports: keys whose time is over and that nobody asks for, and hashes of which that is true of fields.
 *
 *   wheel ─▶ index of a database, record ─▶ the key goes
 *         └▶ TIMERS_INDEX, timer         ─▶ some of the hash's fields go, and the timer is put in again
 */
import { TIMERS_INDEX } from '../store/hashes.ts';
import type { Engine } from './engine.ts';
import { expireFieldsOf } from './hash/deadlines.ts';
import { expire } from './keys.ts';

/**
 * Removes what is over, touching at most about `budget` records and slots of the wheel; true when work is left.
 */
export function expireCycle(engine: Engine, nowMs: number, budget: number): boolean {
  engine.onExpire ??= (index, ref) => {
    if (index === TIMERS_INDEX) expireFieldsOf(engine, ref);
    else expire(engine, engine.databases[index], ref);
  };
  return engine.wheel.advance(nowMs - 1, budget, engine.onExpire); // a key lives through its last millisecond
}
