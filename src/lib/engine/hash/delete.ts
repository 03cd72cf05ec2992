/** HDEL: removing fields. The key goes with its last field. */
import type { Engine } from '../engine.ts';
import { fieldsRemoved, findField, openToChange } from './value.ts';

export function hdel(engine: Engine, arg: number, argc: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const removed = ref === 0 ? 0 : removeFields(engine, arg + 2, arg + argc);
  if (removed > 0) {
    engine.stats.dirty += removed - 1;
    fieldsRemoved(engine, 'hdel');
  }
  engine.reply.integer(removed);
}

function removeFields(engine: Engine, from: number, end: number): number {
  const { hashes } = engine.values;
  let removed = 0;
  for (let i = from; i < end && hashes.size > 0; i++) {
    const place = findField(engine, i);
    if (place === 0) continue;
    hashes.remove(place);
    removed++;
  }
  return removed;
}
