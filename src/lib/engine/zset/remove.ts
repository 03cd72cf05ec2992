/** ZREM and ZREMRANGEBYRANK, -SCORE, -LEX: removing members. */
import type { Engine } from '../engine.ts';
import { BY_LEX, BY_RANK, BY_SCORE, bounds } from './bounds.ts';
import { findMember, membersRemoved, openToChange } from './value.ts';

export function zrem(engine: Engine, arg: number, argc: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  let removed = 0;
  if (ref !== 0) {
    const { sortedSets } = engine.values;
    for (let i = arg + 2; i < arg + argc && sortedSets.size > 0; i++) {
      const place = findMember(engine, i);
      if (place === 0) continue;
      sortedSets.remove(place);
      removed++;
    }
  }
  if (removed > 0) membersRemoved(engine, 'zrem', removed);
  engine.reply.integer(removed);
}

export function zremrangebyrank(engine: Engine, arg: number, _argc: number): void {
  removeWithin(engine, arg, BY_RANK, 'zremrangebyrank');
}

export function zremrangebyscore(engine: Engine, arg: number, _argc: number): void {
  removeWithin(engine, arg, BY_SCORE, 'zremrangebyscore');
}

export function zremrangebylex(engine: Engine, arg: number, _argc: number): void {
  removeWithin(engine, arg, BY_LEX, 'zremrangebylex');
}

function removeWithin(engine: Engine, arg: number, by: number, event: string): void {
  if (!bounds.parse(engine, by, arg + 2, arg + 3)) return;
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  let removed = 0;
  if (ref !== 0) {
    const { sortedSets } = engine.values;
    bounds.resolve(engine, sortedSets, false);
    removed = bounds.to - bounds.from;
    sortedSets.removeRange(bounds.from, removed);
  }
  if (removed > 0) membersRemoved(engine, event, removed);
  engine.reply.integer(removed);
}
